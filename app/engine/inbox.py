"""Inboxes: lists of open user tasks, read from their rows by index and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.engine.actors import Actor
from app.engine.models import TaskState, UserTask

SCOPES = ("mine", "group", "all")
SORTS = {
    "urgency": (UserTask.urgency, UserTask.id),
    "due": (UserTask.due_at.is_(None), UserTask.due_at, UserTask.id),
    "newest": (UserTask.created_at.desc(), UserTask.id.desc()),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an inbox, and how many tasks it has altogether."""

    items: list[UserTask]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.page_size))


def list_tasks(
    session: Session,
    actor: Actor,
    *,
    scope: str = "mine",
    process: str | None = None,
    priority: str | None = None,
    overdue: bool = False,
    instance_id: int | None = None,
    q: str | None = None,
    sort: str = "urgency",
    page: int = 1,
    page_size: int = 25,
) -> Page:
    """Open tasks: assigned to the actor (``mine``), free for their group (``group``), or ``all`` in sight.

    The tasks of people the actor stands in for are theirs too. ``q`` searches title, detail, step
    and business key.
    """
    conditions = [UserTask.state == TaskState.OPEN, _scope(actor, scope)]
    if process:
        conditions.append(UserTask.process_key == process)
    if priority:
        conditions.append(UserTask.priority == priority)
    if instance_id is not None:
        conditions.append(UserTask.instance_id == instance_id)
    if overdue:
        conditions.append(UserTask.due_at < clock.now())
    if q and q.strip():
        conditions.append(_matches(q.strip()))
    page, page_size = max(1, page), min(max(1, page_size), 200)
    order = SORTS.get(sort, SORTS["urgency"])
    query = select(UserTask).where(*conditions).order_by(*order)
    items = list(session.scalars(query.limit(page_size).offset((page - 1) * page_size)))
    if page == 1 and len(items) < page_size:
        return Page(items, len(items), page, page_size)
    total = session.scalar(select(func.count(UserTask.id)).where(*conditions)) or 0
    return Page(items, total, page, page_size)


def _scope(actor: Actor, scope: str) -> ColumnElement[bool]:
    if scope == "all":
        return UserTask.state == TaskState.OPEN if actor.oversees else _in_sight(actor)
    if scope == "group":
        return for_group(actor)
    return UserTask.assignee_id.in_([i.user_id for i in actor.identities if i.user_id is not None])


def _in_sight(actor: Actor) -> ColumnElement[bool]:
    """What :func:`app.engine.user_tasks.may_see` shows of open tasks to those who do not oversee the work."""
    found: list[ColumnElement[bool]] = []
    for identity in actor.identities:
        if identity.user_id is not None:
            found.append(UserTask.assignee_id == identity.user_id)
        if identity.role is not None:
            department: ColumnElement[bool] = UserTask.candidate_department_id.is_(None)
            if identity.department_id is not None:
                department = or_(department, UserTask.candidate_department_id == identity.department_id)
            found.append(and_(UserTask.candidate_role == identity.role, department))
            found.append(UserTask.escalation_role == identity.role)
    return or_(*found) if found else UserTask.id.is_(None)


def for_group(actor: Actor) -> ColumnElement[bool]:
    """Tasks that nobody has taken and that the actor may, or that were escalated to their role."""
    claimable: list[ColumnElement[bool]] = []
    for identity in actor.identities:
        if identity.role is None:
            continue
        department: ColumnElement[bool] = UserTask.candidate_department_id.is_(None)
        if identity.department_id is not None:
            department = or_(department, UserTask.candidate_department_id == identity.department_id)
        claimable.append(
            and_(UserTask.candidate_role == identity.role, UserTask.assignee_id.is_(None), department)
        )
        claimable.append(
            and_(
                UserTask.escalation_role == identity.role,
                or_(UserTask.assignee_id.is_(None), UserTask.assignee_id != identity.user_id),
            )
        )
    return or_(*claimable) if claimable else UserTask.id.is_(None)


def _matches(q: str) -> ColumnElement[bool]:
    escaped = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    pattern = f"%{escaped}%"
    columns = (UserTask.title, UserTask.detail, UserTask.name, UserTask.business_key)
    return or_(*(column.ilike(pattern, escape="\\") for column in columns))


# Badges say “999+” from here on; counting further would take every page longer.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers for badges; ``MOST_COUNTED`` stands for as many or more."""

    mine: int
    group: int
    overdue: int


def assigned_count(session: Session, user_id: int) -> int:
    """How many open tasks somebody has taken or been given."""
    query = select(func.count()).select_from(UserTask)
    query = query.where(UserTask.assignee_id == user_id, UserTask.state == TaskState.OPEN)
    return session.scalar(query) or 0


def counts(session: Session, actor: Actor) -> Counts:
    """How many tasks wait for the actor, for their group, and how many of both are overdue."""
    own, group = _scope(actor, "mine"), for_group(actor)

    def count(*conditions: ColumnElement[bool]) -> Any:
        some = select(UserTask.id).where(UserTask.state == TaskState.OPEN, *conditions).limit(MOST_COUNTED)
        return select(func.count()).select_from(some.subquery()).scalar_subquery()

    query: Select[Any] = select(
        count(own), count(group), count(or_(own, group), UserTask.due_at < clock.now())
    )
    mine, free, overdue = session.execute(query).one()
    return Counts(mine, free, overdue)
