"""The list of what is stuck: which, why, for how long, with whom; the most urgent first.

It is read from what the last survey found. What is over by now is left out, though the next survey has
not taken it off yet.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

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
    "SHORT", "Age", "Filters", "Group", "Place", "Stuck", "Words",
    "age", "by_process", "explain", "groups", "listing", "of_instances", "page", "places",
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


def by_process(session: Session) -> dict[str, dict[Reason, int]]:
    """How many instances of each process are stuck, by reason; the most urgent reason first."""
    columns = (Obstacle.process_key, Obstacle.rank, Obstacle.reason)
    number = sa.func.count(Obstacle.instance_id.distinct())
    query = _joined(sa.select(*columns, number), Filters()).group_by(*columns).order_by(*columns)
    found: dict[str, dict[Reason, int]] = {}
    for key, _, reason, instances in session.execute(query):
        found.setdefault(key, {})[Reason(reason)] = instances
    return found


def groups(session: Session, filters: Filters | None = None, *, limit: int = 10) -> list[Group]:
    """What is stuck, by process, element and reason: three hundred late tasks of a step are one line.

    Those of the most urgent reason come first, then those that have one waiting longest.
    """
    columns = (Obstacle.process_key, Obstacle.rank, Obstacle.reason, Obstacle.element_id)
    since, sample = sa.func.min(Obstacle.since), sa.func.min(Obstacle.id)
    name = sa.func.max(Obstacle.element_name)
    number = sa.func.count(Obstacle.instance_id.distinct())
    query = _joined(sa.select(*columns, name, number, since, sample), filters or Filters())
    ordered = query.group_by(*columns).order_by(Obstacle.rank, since, sample).limit(limit)
    rows = session.execute(ordered).all()
    samples = _by_id(session, [row[7] for row in rows])
    return [
        Group(row[0], Reason(row[2]), row[3], row[4], row[5], row[6], samples[row[7]])
        for row in rows
        if row[7] in samples
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
