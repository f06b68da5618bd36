"""The list of instances that managers look through: filtered, sorted, cut into parts by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.engine.models import Deployment, ProcessInstance, TaskState, UserTask
from app.engine.monitor import stuck
from app.engine.monitor.filters import Filters, of_instances, of_obstacles, of_stuck, still_so
from app.engine.monitor.keyset import Slice, cut
from app.engine.monitor.models import Obstacle
from app.engine.monitor.stuck import URGENCY, Place, Stuck
from app.engine.queries import Query

# More than this many are not counted: nobody reads the number.
COUNTED = 1000
# Most instances that one batch may take.
BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """An instance, the version that it runs, what waits for people in it, and what keeps it from going on."""

    instance: ProcessInstance
    version: int
    name: str
    open_tasks: list[UserTask]
    obstacles: list[Stuck]
    place: Place | None


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the list, by columns of the instance."""

    columns: tuple[Any, ...]
    descending: bool = False


SORTS: Mapping[str, Sort] = {
    "newest": Sort((ProcessInstance.started_at, ProcessInstance.id), descending=True),
    "oldest": Sort((ProcessInstance.started_at, ProcessInstance.id)),
    "ended": Sort((ProcessInstance.ended_at, ProcessInstance.id), descending=True),
    "key": Sort((ProcessInstance.business_key, ProcessInstance.id)),
}
URGENT = "urgent"  # by what keeps them from going on; those that go on are left out


def listing(
    session: Session,
    filters: Filters,
    *,
    sort: str = "newest",
    size: int = 25,
    before: str = "",
    after: str = "",
) -> Slice[Row]:
    """Part of the list, before or after another part (see :func:`app.engine.monitor.keyset.cut`).

    ``sort`` is one of ``SORTS``, or ``URGENT``. Those sorted by their end are those that have ended.
    """
    place: dict[str, Any] = {"size": size, "before": before, "after": after}
    query = sa.select(ProcessInstance, Deployment.version, Deployment.name)
    if sort == URGENT:
        found = cut(session, _most_urgent(query, filters), URGENCY, **place)
    else:
        order = SORTS[sort]
        query = query.join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        if sort == "ended":
            query = query.where(ProcessInstance.ended_at.is_not(None))
        query = query.where(*of_instances(filters))
        found = cut(session, query, order.columns, descending=order.descending, **place)
    return Slice(_rows(session, found.items), found.before, found.after)


def count(session: Session, filters: Filters, *, sort: str = "newest", most: int = COUNTED) -> int:
    """How many instances the list has; ``most + 1`` for more than ``most``."""
    conditions = of_instances(filters)
    if sort == "ended":
        conditions.append(ProcessInstance.ended_at.is_not(None))
    elif sort == URGENT:
        return _count_urgent(session, filters, most)
    some = (
        sa.select(sa.literal(1).label("one"))
        .select_from(ProcessInstance)
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .where(*conditions)
        .limit(most + 1)
    )
    return session.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0


def ids(session: Session, filters: Filters, *, most: int = BATCH) -> list[int]:
    """The ids of all instances that match, the oldest first and at most ``most``: those of a batch."""
    query = (
        sa.select(ProcessInstance.id)
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .where(*of_instances(filters))
    )
    return list(session.scalars(query.order_by(ProcessInstance.id).limit(most)))


def _most_urgent(query: Query, filters: Filters) -> Query:
    """Each stuck instance once, with the most urgent of its obstacles that fit."""
    other, task = aliased(Obstacle), aliased(UserTask)
    sooner = sa.or_(
        other.rank < Obstacle.rank,
        sa.and_(other.rank == Obstacle.rank, other.since < Obstacle.since),
        sa.and_(other.rank == Obstacle.rank, other.since == Obstacle.since, other.id < Obstacle.id),
    )
    fitting = [*still_so(other, task), *of_obstacles(filters, other)]
    if filters.person_id is not None:
        person = filters.person_id
        fitting.append(sa.or_(task.assignee_id == person, ProcessInstance.started_by == person))
    before = (
        sa.select(other.id)
        .outerjoin(task, task.id == other.task_id)
        .where(other.instance_id == Obstacle.instance_id, sooner, *fitting)
        .correlate(Obstacle, ProcessInstance)
    )
    return (
        query.select_from(Obstacle)
        .join(ProcessInstance, ProcessInstance.id == Obstacle.instance_id)
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .outerjoin(UserTask, UserTask.id == Obstacle.task_id)
        .where(*of_stuck(filters, in_order=True), ~before.exists())
    )


def _count_urgent(session: Session, filters: Filters, most: int) -> int:
    some = _most_urgent(sa.select(sa.literal(1).label("one")), filters).limit(most + 1)
    return session.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0


def _rows(session: Session, found: Sequence[Any]) -> list[Row]:
    numbers = [row[0].id for row in found]
    tasks: dict[int, list[UserTask]] = {}
    if numbers:
        query = sa.select(UserTask).where(UserTask.instance_id.in_(numbers), UserTask.state == TaskState.OPEN)
        for task in session.scalars(query.order_by(UserTask.id)):
            tasks.setdefault(task.instance_id, []).append(task)
    obstacles, places = stuck.of_instances(session, numbers), stuck.places(session, numbers)
    return [
        Row(
            row[0], row[1], row[2],
            tasks.get(row[0].id, []), obstacles.get(row[0].id, []), places.get(row[0].id),
        )
        for row in found
    ]  # fmt: skip
