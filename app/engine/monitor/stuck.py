"""The list of what is stuck: which, why, for how long, with whom; the most urgent first.

It is read from what the last survey found. What is over by now is left out, though the next survey has
not taken it off yet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.engine.models import Deployment, ProcessInstance, UserTask
from app.engine.monitor import survey
from app.engine.monitor.filters import Filters, of_stuck, still_so
from app.engine.monitor.keyset import Slice, cut
from app.engine.monitor.models import Obstacle
from app.engine.monitor.obstacles import TIMER_GRACE, Reason
from app.engine.monitor.words import SHORT, Words, explain
from app.engine.queries import Listed, Query

__all__ = [
    "SHORT", "Age", "Filters", "Group", "Pile", "Place", "Stuck", "Words",
    "age", "by_process", "explain", "groups", "listing", "of_instances", "page", "piles", "places",
]  # fmt: skip

URGENCY = (Obstacle.rank, Obstacle.since, Obstacle.id)
# A survey is due every half minute: after four of them nobody makes any.
SILENCE = TIMER_GRACE


@dataclass(frozen=True, slots=True)
class Stuck:
    """An obstacle, the instance that it stops, and the open task that it is about, if it is about one."""

    obstacle: Obstacle
    instance: ProcessInstance
    task: UserTask | None

    @property
    def reason(self) -> Reason:
        return Reason(self.obstacle.reason)


@dataclass(frozen=True, slots=True)
class Group:
    """How many instances of a process are stuck at one element for one reason, with one of them."""

    process_key: str
    reason: Reason
    element_id: str
    element_name: str
    instances: int
    since: datetime
    sample: Stuck


@dataclass(frozen=True, slots=True)
class Place:
    """What an instance is about, as its newest task has it."""

    title: str
    machine_id: int | None
    department_id: int | None


@dataclass(frozen=True, slots=True)
class Age:
    """When the last survey was, and whether that is so long ago that nobody surveys any more."""

    at: datetime | None
    is_old: bool


def age(session: Session) -> Age:
    """How old what these functions tell is."""
    at = survey.last(session)
    return Age(at, at is None or clock.now() - at > SILENCE)


def listing(
    session: Session, filters: Filters, *, size: int = 25, before: str = "", after: str = ""
) -> Slice[Stuck]:
    """Part of the list, before or after another part (see :func:`app.engine.monitor.keyset.cut`)."""
    query = sa.select(Obstacle, ProcessInstance, UserTask)
    found = cut(
        session, _joined(query, filters, in_order=True), URGENCY, size=size, before=before, after=after
    )
    return Slice([Stuck(*row[:3]) for row in found.items], found.before, found.after)


def page(session: Session, filters: Filters, *, page: int = 1, page_size: int = 25) -> Listed[Stuck]:
    """A page of the list by its number, and how long the list is."""
    query = _joined(sa.select(Obstacle, ProcessInstance, UserTask), filters, in_order=True)
    total = session.scalar(_joined(sa.select(sa.func.count(Obstacle.id)), filters)) or 0
    rows = session.execute(query.order_by(*URGENCY).limit(page_size).offset((page - 1) * page_size))
    return Listed([Stuck(*row) for row in rows], total, page, page_size)


class Pile(NamedTuple):
    """How many instances of a process are stuck at one element for one reason, since when the longest."""

    process_key: str
    rank: int
    reason: str
    element_id: str
    element_name: str
    instances: int
    since: datetime
    first_id: int


def piles(session: Session, filters: Filters | None = None) -> list[Pile]:
    """What is stuck, counted by process, element and reason; the most urgent first.

    One statement for all that an overview says: it takes a database long to look whether each is still so.
    """
    columns = (Obstacle.process_key, Obstacle.rank, Obstacle.reason, Obstacle.element_id)
    since, first_id = sa.func.min(Obstacle.since), sa.func.min(Obstacle.id)
    counted = sa.func.count(Obstacle.instance_id.distinct())
    query = sa.select(*columns, sa.func.max(Obstacle.element_name), counted, since, first_id)
    grouped = _joined(query, filters or Filters()).group_by(*columns)
    return [Pile(*row) for row in session.execute(grouped.order_by(Obstacle.rank, since, first_id))]


def by_process(found: Iterable[Pile]) -> dict[str, dict[Reason, int]]:
    """How many instances of each process are stuck, by reason; the most urgent reason first.

    One that is stuck at two elements for the same reason counts at each.
    """
    numbers: dict[str, dict[Reason, int]] = {}
    for pile in found:
        reasons = numbers.setdefault(pile.process_key, {})
        reasons[Reason(pile.reason)] = reasons.get(Reason(pile.reason), 0) + pile.instances
    return numbers


def groups(session: Session, found: Iterable[Pile], *, limit: int = 10) -> list[Group]:
    """The first piles with one instance of each: three hundred late tasks of a step are one line."""
    chosen = list(islice(found, limit))
    samples = _by_id(session, [pile.first_id for pile in chosen])
    return [
        Group(
            process_key=pile.process_key,
            reason=Reason(pile.reason),
            element_id=pile.element_id,
            element_name=pile.element_name,
            instances=pile.instances,
            since=pile.since,
            sample=samples[pile.first_id],
        )
        for pile in chosen
        if pile.first_id in samples
    ]


def of_instances(session: Session, ids: Collection[int]) -> dict[int, list[Stuck]]:
    """What keeps each of these instances from going on, the most urgent first."""
    found: dict[int, list[Stuck]] = {}
    if ids:
        query = _tables(sa.select(Obstacle, ProcessInstance, UserTask)).where(
            Obstacle.instance_id.in_(ids), *still_so(Obstacle, UserTask)
        )
        for row in session.execute(query.order_by(*URGENCY)):
            found.setdefault(row[0].instance_id, []).append(Stuck(*row))
    return found


def places(session: Session, ids: Collection[int]) -> dict[int, Place]:
    """What instances are about, by their ids; those that never had a task are left out."""
    if not ids:
        return {}
    newest = (
        sa.select(sa.func.max(UserTask.id))
        .where(UserTask.instance_id.in_(ids))
        .group_by(UserTask.instance_id)
    )
    columns = (UserTask.instance_id, UserTask.title, UserTask.machine_id, UserTask.department_id)
    rows = session.execute(sa.select(*columns).where(UserTask.id.in_(newest)))
    return {row[0]: Place(*row[1:]) for row in rows}


def _by_id(session: Session, ids: Sequence[int]) -> dict[int, Stuck]:
    if not ids:
        return {}
    query = _tables(sa.select(Obstacle, ProcessInstance, UserTask)).where(Obstacle.id.in_(ids))
    return {row[0].id: Stuck(*row) for row in session.execute(query)}


def _joined(query: Query, filters: Filters, *, in_order: bool = False) -> Query:
    joined = _tables(query)
    if filters.version is not None:
        joined = joined.join(Deployment, Deployment.id == ProcessInstance.deployment_id)
    return joined.where(*of_stuck(filters, in_order=in_order))


def _tables(query: Query) -> Query:
    return (
        query.select_from(Obstacle)
        .join(ProcessInstance, ProcessInstance.id == Obstacle.instance_id)
        .outerjoin(UserTask, UserTask.id == Obstacle.task_id)
    )
