"""What happened in an instance, for its page in the Monitor: every step if wanted, with values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine.models import HistoryEntry, HistoryKind
from app.web import story
from app.web.story import Event
from app.web.typed_values import written

SIZE = 40
# What the engine does by itself, step by step.
STEPS = (HistoryKind.ENTERED, HistoryKind.PASSED, HistoryKind.DECIDED)
# What somebody said, told in their own words already.
SAID = ("reason", "note")
LONGEST = 2000


@dataclass(frozen=True)
class Value:
    """A value that an entry tells of; ``before`` is None where it is only set."""

    name: str
    after: str
    before: str | None = None


@dataclass(frozen=True)
class Told:
    """An entry of the history, with the values that it holds."""

    event: Event
    values: list[Value]


@dataclass(frozen=True)
class Part:
    """Some of the history, the newest first; ``older`` is where the next part begins, None at the end."""

    entries: list[Told]
    older: int | None


def part(
    session: Session,
    instance_id: int,
    outcomes: Mapping[tuple[str, str], str],
    *,
    before: int | None = None,
    every_step: bool = False,
    with_values: bool = False,
) -> Part:
    """The newest entries, or those before another one, by its id.

    ``outcomes`` names the outcomes of user tasks by element and value.
    """
    query = sa.select(HistoryEntry).where(HistoryEntry.instance_id == instance_id)
    if not every_step:
        query = query.where(HistoryEntry.kind.not_in(STEPS))
    if before is not None:
        query = query.where(HistoryEntry.id < before)
    rows = list(session.scalars(query.order_by(HistoryEntry.id.desc()).limit(SIZE + 1)))
    found = [Told(_event(entry, outcomes), _values(entry) if with_values else []) for entry in rows[:SIZE]]
    return Part(found, rows[SIZE - 1].id if len(rows) > SIZE else None)


def _event(entry: HistoryEntry, outcomes: Mapping[tuple[str, str], str]) -> Event:
    known = story.of_history([entry], outcomes)
    if known:
        return known[0]
    detail: dict[str, Any] = entry.detail or {}
    name = f"“{entry.element_name}”" if entry.element_name else "the process"
    message = f"“{detail.get('message', '')}”"
    plain = Event(entry.at, "", f"{name}: {entry.kind.replace('_', ' ')}")
    match entry.kind:
        case HistoryKind.ENTERED:
            return replace(plain, what=f"{name} began")
        case HistoryKind.PASSED if detail.get("byHand"):
            return replace(plain, what=f"{name} counts as done, by hand", icon="check")
        case HistoryKind.PASSED | HistoryKind.LEFT:
            return replace(plain, what=f"{name} was done", icon="check")
        case HistoryKind.DECIDED:
            return replace(
                plain, what=f"{name} was decided by {detail.get('decision', 'its table')}", icon="equal"
            )
        case HistoryKind.TIMER:
            return replace(plain, what=f"The timer {name} went off", icon="clock")
        case HistoryKind.MESSAGE_SENT:
            to = ", ".join(key for key in detail.get("to") or () if key)
            whom = f" to {to}" if to else ""
            return replace(plain, what=f"The message {message} was sent{whom}", icon="comment", tone="info")
        case HistoryKind.MESSAGE_RECEIVED:
            sender = f" from {detail['sender']}" if detail.get("sender") else ""
            return replace(
                plain, what=f"The message {message} came{sender}", icon="comment", tone="info",
                who=entry.actor_name if entry.actor_id else "",
            )  # fmt: skip
        case HistoryKind.CANCELLED:
            return replace(plain, what=f"{name} was called off", icon="ban")
    return plain


def _values(entry: HistoryEntry) -> list[Value]:
    detail: dict[str, Any] = entry.detail or {}
    if entry.kind == HistoryKind.VARIABLES:
        before, after = detail.get("before") or {}, detail.get("after") or {}
        return [Value(name, _text(after.get(name)), _text(before.get(name))) for name in after]
    if entry.kind == HistoryKind.DECIDED:
        outputs = detail.get("outputs")
        given = {**(detail.get("inputs") or {}), "result": outputs}
        return [Value(str(name), _text(value)) for name, value in given.items()]
    values = detail.get("values") or detail.get("payload") or {}
    return [Value(str(name), _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    found = "–" if value is None or value == "" else written(value)
    return found if len(found) <= LONGEST else f"{found[:LONGEST]} …"
