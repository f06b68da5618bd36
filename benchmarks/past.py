"""A factory with years behind it: the instances of the demonstration, written many times over.

Each copy is a whole one, with its tasks, history, awaited events and engine state, begun at a time of its
own; so what a page reads of them is what it reads of real ones. Copies share their originals' records.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import Base
from app.engine.models import (
    OPEN_STATES,
    EventWait,
    HistoryEntry,
    InstanceState,
    ProcessInstance,
    UserTask,
)

BATCH = 5000  # rows in one INSERT
DAYS_OF_ENDED = 180
DAYS_OF_OPEN = 20
# What is copied with an instance, and the columns that are moved in time.
KINDS: tuple[tuple[type[Base], tuple[str, ...]], ...] = (
    (UserTask, ("due_at", "urgency", "created_at", "completed_at")),
    (EventWait, ("due_at", "since", "ended_at")),
    (HistoryEntry, ("at",)),
)
TIMES = ("started_at", "ended_at", "next_due_at")


@dataclass(slots=True)
class Original:
    """An instance of the demonstration with the rows that belong to it."""

    instance: dict[str, Any]
    rows: dict[type[Base], list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def open_tasks(self) -> int:
        return sum(row["state"] == "open" for row in self.rows[UserTask])


def multiply(
    session: Session, *, instances: int, open_tasks: int, history: int, seed: int = 1
) -> dict[str, int]:
    """Write copies until there are so many instances, open tasks and history rows; answers what was written.

    Some of the open ones are late, as their originals are: their times are moved with them.
    """
    chance = random.Random(seed)
    found = list(_originals(session))
    ended = [each for each in found if each.instance["ended_at"] is not None]
    waiting = [each for each in found if each.open_tasks]
    going = list(_enough(waiting, open_tasks))
    per_instance = max(1, history // instances)
    chosen = [*going, *islice(cycle(ended), max(0, instances - len(going)))]
    numbers = {model: _highest(session, model) for model in (ProcessInstance, *(m for m, _ in KINDS))}
    pending: dict[type[Base], list[dict[str, Any]]] = {ProcessInstance: []}
    written: dict[str, int] = {}

    def write(*, at_least: int) -> None:
        for model in (ProcessInstance, *(m for m, _ in KINDS)):
            rows = pending.get(model, [])
            if len(rows) >= at_least:
                session.execute(sa.insert(model.__table__), rows)
                written[model.__tablename__] = written.get(model.__tablename__, 0) + len(rows)
                rows.clear()

    for original in chosen:
        days = DAYS_OF_OPEN if original.instance["ended_at"] is None else DAYS_OF_ENDED
        shift = -timedelta(seconds=chance.uniform(0, days * 86_400))
        for model, row in _copy(original, shift, numbers, per_instance):
            pending.setdefault(model, []).append(row)
        if len(pending.get(HistoryEntry, [])) >= BATCH:
            write(at_least=1)
    write(at_least=1)
    return written


def _originals(session: Session) -> Iterator[Original]:
    rows: dict[type[Base], dict[int, list[dict[str, Any]]]] = {}
    for model, _ in KINDS:
        by_instance: dict[int, list[dict[str, Any]]] = {}
        for row in session.execute(sa.select(model.__table__)).mappings():
            by_instance.setdefault(row["instance_id"], []).append(dict(row))
        rows[model] = by_instance
    for instance in session.execute(sa.select(ProcessInstance.__table__)).mappings():
        if instance["state"] == InstanceState.INCIDENT:
            continue  # incidents are not copied
        if instance["state"] in OPEN_STATES or instance["ended_at"] is not None:
            yield Original(
                dict(instance), {model: found.get(instance["id"], []) for model, found in rows.items()}
            )


def _enough(originals: list[Original], open_tasks: int) -> Iterator[Original]:
    left = open_tasks
    for original in cycle(originals):
        if left <= 0:
            return
        left -= original.open_tasks
        yield original


def _highest(session: Session, model: Any) -> int:
    return session.scalar(sa.select(sa.func.coalesce(sa.func.max(model.id), 0))) or 0


def _copy(
    original: Original, shift: timedelta, numbers: dict[type[Base], int], history: int
) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    now = clock.now()
    numbers[ProcessInstance] += 1
    number = numbers[ProcessInstance]
    instance = {
        **original.instance,
        "id": number,
        "business_key": f"{original.instance['business_key'][:12]}-{number}",
        **_moved(original.instance, TIMES, shift),
    }
    if instance["next_due_at"] is not None and instance["next_due_at"] < now:
        instance["next_due_at"] = now + timedelta(days=30)
    renamed = {row["engine_task"]: uuid4().hex for row in _with_tokens(original)}
    instance["engine_state"] = _renamed(original.instance["engine_state"], renamed)
    yield ProcessInstance, instance
    for model, times in KINDS:
        for row in _rows(model, original.rows[model], history):
            numbers[model] += 1
            copy = {**row, "id": numbers[model], "instance_id": number, **_moved(row, times, shift)}
            if "engine_task" in copy:
                copy["engine_task"] = renamed[copy["engine_task"]]
            if "business_key" in copy:
                copy["business_key"] = instance["business_key"]
            yield model, copy


def _with_tokens(original: Original) -> Iterator[dict[str, Any]]:
    return (row for rows in original.rows.values() for row in rows if "engine_task" in row)


def _renamed(state: Any, names: dict[str, str]) -> Any:
    """The engine's state with other names of its tokens, as the rows of tasks and events have them."""
    text = json.dumps(state)
    for old, new in names.items():
        text = text.replace(old, new)
    return json.loads(text)


def _rows(model: type[Base], rows: list[dict[str, Any]], history: int) -> Iterable[dict[str, Any]]:
    """As many as there are; of history as many as an instance is to have."""
    return islice(cycle(rows), history) if model is HistoryEntry and rows else rows


def _moved(row: dict[str, Any], times: tuple[str, ...], shift: timedelta) -> dict[str, datetime | None]:
    return {name: None if row[name] is None else row[name] + shift for name in times}
