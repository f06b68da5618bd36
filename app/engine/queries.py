"""Lists for those who watch processes: instances, incidents, versions, history, jobs, awaited messages.

Each takes a constant number of statements, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine import projection, state
from app.engine.models import (
    OPEN_STATES,
    Deployment,
    HistoryEntry,
    Incident,
    InstanceState,
    Job,
    ProcessInstance,
    TaskState,
    UserTask,
)

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

Item = TypeVar("Item")
# A select of whatever columns.
Query = TypeVar("Query", bound=sa.Select)  # type: ignore[type-arg]

MAXIMUM_PAGE = 200


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """One page of a list; ``page`` counts from 1, ``total`` counts the rows of all pages."""

    items: list[Item]
    total: int
    page: int
    page_size: int


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """An instance in a list, with the version that it runs and what it waits for people to do."""

    instance: ProcessInstance
    version: int
    name: str
    open_tasks: list[UserTask]
    incidents: list[Incident]


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident in a list, with the instance that it stopped."""

    incident: Incident
    instance: ProcessInstance


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a process, and how many instances of it have not ended."""

    deployment: Deployment
    open_instances: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message that an instance waits for, and the element that waits."""

    name: str
    element_id: str
    element_name: str


INSTANCE_SORTS: dict[str, Any] = {
    "startedAt": ProcessInstance.started_at,
    "endedAt": ProcessInstance.ended_at,
    "businessKey": ProcessInstance.business_key,
    "state": ProcessInstance.state,
}
INCIDENT_SORTS: dict[str, Any] = {
    "createdAt": Incident.created_at,
    "attempts": Incident.attempts,
    "elementId": Incident.element_id,
}


def list_instances(
    session: Session,
    *,
    process: str | None = None,
    version: int | None = None,
    states: Collection[str] | None = None,
    element: str | None = None,
    reasons: Collection[str] | None = None,
    business_key: str | None = None,
    subject_type: str | None = None,
    subject_id: int | None = None,
    machine_id: int | None = None,
    department_id: int | None = None,
    started_from: datetime | None = None,
    started_until: datetime | None = None,
    started_by: int | None = None,
    only: sa.ColumnElement[bool] | None = None,
    q: str = "",
    sort: str = "-startedAt",
    page: int = 1,
    page_size: int = 25,
) -> Listed[InstanceRow]:
    """Instances, with their open user tasks and incidents.

    ``element`` is one where somebody has to do a task or a step has failed; ``reasons`` are those for
    which they are stuck (:class:`app.engine.monitor.obstacles.Reason`); ``machine_id`` and
    ``department_id`` are those of its tasks, open or done. ``started_until`` is not in the range itself.
    ``only`` is one more condition, such as what somebody may see. ``q`` is looked for in the business key.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    columns = {
        ProcessInstance.key: process,
        ProcessInstance.business_key: business_key,
        ProcessInstance.subject_type: subject_type,
        ProcessInstance.subject_id: subject_id,
        ProcessInstance.started_by: started_by,
        Deployment.version: version,
    }
    conditions += [column == value for column, value in columns.items() if value is not None]
    if states:
        conditions.append(ProcessInstance.state.in_(states))
    if element is not None:
        conditions.append(_stands_at(element))
    if reasons:
        conditions.append(_is_stuck(reasons))
    if machine_id is not None:
        conditions.append(_has_task(UserTask.machine_id == machine_id))
    if department_id is not None:
        conditions.append(_has_task(UserTask.department_id == department_id))
    if started_from is not None:
        conditions.append(ProcessInstance.started_at >= started_from)
    if started_until is not None:
        conditions.append(ProcessInstance.started_at < started_until)
    if only is not None:
        conditions.append(only)
    conditions += [ProcessInstance.business_key.icontains(word, autoescape=True) for word in q.split()]
    query = (
        sa.select(ProcessInstance, Deployment.version, Deployment.name)
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .where(*conditions)
    )
    total = session.scalar(
        sa.select(sa.func.count(ProcessInstance.id))
        .join(Deployment, Deployment.id == ProcessInstance.deployment_id)
        .where(*conditions)
    )
    rows = session.execute(_sorted(query, INSTANCE_SORTS, sort, ProcessInstance.id, page, page_size)).all()
    ids = [row[0].id for row in rows]
    tasks, incidents = _by_instance(session, ids)
    items = [
        InstanceRow(instance, version, name, tasks.get(instance.id, []), incidents.get(instance.id, []))
        for instance, version, name in rows
    ]
    return Listed(items, total or 0, page, page_size)


def instance_row(session: Session, instance: ProcessInstance) -> InstanceRow:
    """One instance as lists show it."""
    deployment = session.get_one(Deployment, instance.deployment_id)
    tasks, incidents = _by_instance(session, [instance.id])
    return InstanceRow(
        instance,
        deployment.version,
        deployment.name,
        tasks.get(instance.id, []),
        incidents.get(instance.id, []),
    )


def _has_task(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return ProcessInstance.id.in_(sa.select(UserTask.instance_id).where(condition))


def _stands_at(element: str) -> sa.ColumnElement[bool]:
    task = sa.select(UserTask.instance_id).where(
        UserTask.element_id == element, UserTask.state == TaskState.OPEN
    )
    failed = sa.select(Incident.instance_id).where(
        Incident.element_id == element, Incident.resolved_at.is_(None)
    )
    return sa.or_(ProcessInstance.id.in_(task), ProcessInstance.id.in_(failed))


def _is_stuck(reasons: Collection[str]) -> sa.ColumnElement[bool]:
    # Imported here: the monitor's lists are made of those of this module.
    from app.engine.monitor.filters import Filters, is_stuck
    from app.engine.monitor.obstacles import Reason

    return is_stuck(Filters(reasons=tuple(Reason(reason) for reason in reasons)))


def _by_instance(
    session: Session, ids: Sequence[int]
) -> tuple[dict[int, list[UserTask]], dict[int, list[Incident]]]:
    tasks: dict[int, list[UserTask]] = {}
    incidents: dict[int, list[Incident]] = {}
    if ids:
        opened = sa.select(UserTask).where(UserTask.instance_id.in_(ids), UserTask.state == TaskState.OPEN)
        for task in session.scalars(opened.order_by(UserTask.id)):
            tasks.setdefault(task.instance_id, []).append(task)
        failed = sa.select(Incident).where(Incident.instance_id.in_(ids), Incident.resolved_at.is_(None))
        for incident in session.scalars(failed.order_by(Incident.id)):
            incidents.setdefault(incident.instance_id, []).append(incident)
    return tasks, incidents


def _sorted(query: Query, sorts: dict[str, Any], sort: str, last: Any, page: int, page_size: int) -> Query:
    """A page of a query; equal rows in the order of ``last``, so that no page repeats another's."""
    column = sorts[sort.removeprefix("-")]
    order = (column.desc(), last.desc()) if sort.startswith("-") else (column, last)
    size = min(max(1, page_size), MAXIMUM_PAGE)
    return query.order_by(*order).limit(size).offset((max(1, page) - 1) * size)


def listed(
    session: Session,
    query: sa.Select[Any],
    sorts: dict[str, Any],
    sort: str,
    last: Any,
    page: int,
    page_size: int,
) -> Listed[Any]:
    """A page of a query over one class, and how many rows it has in all."""
    total = session.scalar(sa.select(sa.func.count()).select_from(query.with_only_columns(last).subquery()))
    rows = session.scalars(_sorted(query, sorts, sort, last, page, page_size))
    return Listed(list(rows), total or 0, page, page_size)


def list_incidents(
    session: Session,
    *,
    resolved: bool | None = False,
    process: str | None = None,
    instance_id: int | None = None,
    element: str | None = None,
    q: str = "",
    sort: str = "-createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Listed[IncidentRow]:
    """Incidents: open ones, resolved ones, or both (None). ``q`` is looked for in message, step and key."""
    conditions: list[sa.ColumnElement[bool]] = []
    if resolved is not None:
        conditions.append(Incident.resolved_at.is_not(None) if resolved else Incident.resolved_at.is_(None))
    columns = {
        ProcessInstance.key: process,
        Incident.instance_id: instance_id,
        Incident.element_id: element,
    }
    conditions += [column == value for column, value in columns.items() if value is not None]
    searched = (Incident.message, Incident.element_name, ProcessInstance.business_key)
    conditions += [
        sa.or_(*(column.icontains(word, autoescape=True) for column in searched)) for word in q.split()
    ]
    joined = ProcessInstance.id == Incident.instance_id
    query = sa.select(Incident, ProcessInstance).join(ProcessInstance, joined).where(*conditions)
    total = session.scalar(
        sa.select(sa.func.count(Incident.id)).join(ProcessInstance, joined).where(*conditions)
    )
    rows = session.execute(_sorted(query, INCIDENT_SORTS, sort, Incident.id, page, page_size))
    items = [IncidentRow(incident, instance) for incident, instance in rows]
    return Listed(items, total or 0, page, page_size)


def list_versions(session: Session, key: str, *, page: int = 1, page_size: int = 25) -> Listed[VersionRow]:
    """The versions of a process, newest first."""
    running = (
        sa.select(ProcessInstance.deployment_id, sa.func.count(ProcessInstance.id).label("number"))
        .where(ProcessInstance.key == key, ProcessInstance.state.in_(OPEN_STATES))
        .group_by(ProcessInstance.deployment_id)
        .subquery()
    )
    query = (
        sa.select(Deployment, sa.func.coalesce(running.c.number, 0))
        .outerjoin(running, running.c.deployment_id == Deployment.id)
        .where(Deployment.key == key)
    )
    total = session.scalar(sa.select(sa.func.count(Deployment.id)).where(Deployment.key == key))
    rows = session.execute(
        _sorted(query, {"version": Deployment.version}, "-version", Deployment.id, page, page_size)
    )
    return Listed(
        [VersionRow(deployment, number) for deployment, number in rows], total or 0, page, page_size
    )


def version_row(session: Session, deployment: Deployment) -> VersionRow:
    """One version as lists show it."""
    query = sa.select(sa.func.count(ProcessInstance.id)).where(
        ProcessInstance.deployment_id == deployment.id, ProcessInstance.state.in_(OPEN_STATES)
    )
    return VersionRow(deployment, session.scalar(query) or 0)


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A deployed process: its newest version, how many there are, and how many instances run in any."""

    deployment: Deployment
    versions: int
    open_instances: int
    open_incidents: int


def list_processes(session: Session) -> list[ProcessRow]:
    """All deployed processes, by name."""
    newest = (
        sa.select(
            Deployment.key,
            sa.func.max(Deployment.version).label("version"),
            sa.func.count(Deployment.id).label("versions"),
        )
        .group_by(Deployment.key)
        .subquery()
    )
    running = (
        sa.select(
            ProcessInstance.key,
            sa.func.count(ProcessInstance.id).label("number"),
            sa.func.sum(sa.case((ProcessInstance.state == InstanceState.INCIDENT, 1), else_=0)).label(
                "stuck"
            ),
        )
        .where(ProcessInstance.state.in_(OPEN_STATES))
        .group_by(ProcessInstance.key)
        .subquery()
    )
    query = (
        sa.select(
            Deployment,
            newest.c.versions,
            sa.func.coalesce(running.c.number, 0),
            sa.func.coalesce(running.c.stuck, 0),
        )
        .join(newest, sa.and_(Deployment.key == newest.c.key, Deployment.version == newest.c.version))
        .outerjoin(running, running.c.key == Deployment.key)
        .order_by(Deployment.name, Deployment.key)
    )
    return [ProcessRow(row[0], row[1], row[2], int(row[3])) for row in session.execute(query)]


def list_history(
    session: Session,
    instance_id: int,
    *,
    kinds: Collection[str] | None = None,
    element: str | None = None,
    sort: str = "at",
    page: int = 1,
    page_size: int = 25,
) -> Listed[HistoryEntry]:
    """What happened in an instance, oldest first (``at``) or newest first (``-at``)."""
    conditions = [HistoryEntry.instance_id == instance_id]
    if kinds:
        conditions.append(HistoryEntry.kind.in_(kinds))
    if element is not None:
        conditions.append(HistoryEntry.element_id == element)
    # Entries are only ever added: their ids are in the order of time.
    query = sa.select(HistoryEntry).where(*conditions)
    return listed(session, query, {"at": HistoryEntry.id}, sort, HistoryEntry.id, page, page_size)


def jobs_of(session: Session, instance_id: int, *, page: int = 1, page_size: int = 25) -> Listed[Job]:
    """What an instance has had done outside itself: messages, retries; newest first."""
    query = sa.select(Job).where(Job.instance_id == instance_id)
    return listed(session, query, {"id": Job.id}, "-id", Job.id, page, page_size)


def awaited_messages(engine: ProcessEngine, session: Session, instance_id: int) -> list[Awaited]:
    """The messages that an open instance waits for now, by its stored state."""
    instance = session.scalar(
        sa.select(ProcessInstance).where(ProcessInstance.id == instance_id).options(*projection.WITH_STATE)
    )
    if instance is None or instance.state not in OPEN_STATES or not instance.engine_state:
        return []
    elements = engine.definition(session, instance.deployment_id).diagram.elements
    trees = [instance.engine_state["tree"], *instance.engine_state.get("subprocesses", {}).values()]
    waiting = [
        elements[entry[2]]
        for tree in trees
        for entry in tree["tasks"]
        if entry[3] in state.STANDING and entry[2] in elements
    ]
    found = [Awaited(e.message, e.id, e.label) for e in waiting if e.message and e.type in LISTENING]
    return list(dict.fromkeys(found))


LISTENING = ("boundaryEvent", "intermediateCatchEvent", "receiveTask")
