"""Which instances a manager wants to see, as conditions of a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from app.engine.models import Deployment, Incident, InstanceState, ProcessInstance, TaskState, UserTask
from app.engine.monitor.models import Obstacle
from app.engine.monitor.obstacles import Reason

GOING = (InstanceState.RUNNING, InstanceState.INCIDENT)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; what is None or empty is not.

    Without ``states`` and with ``ended`` None, instances in any state. ``ended`` False are those that have
    not. ``reasons`` are those for which an instance is stuck, ``element`` where it stands. ``person_id`` has
    one of its open tasks or started it. ``started_until`` is not in the range itself. ``ids`` are instances
    chosen one by one.
    """

    process: str | None = None
    version: int | None = None
    states: tuple[str, ...] = ()
    ended: bool | None = None
    element: str | None = None
    reasons: tuple[Reason, ...] = ()
    machine_id: int | None = None
    department_id: int | None = None
    person_id: int | None = None
    started_from: datetime | None = None
    started_until: datetime | None = None
    q: str = ""
    ids: tuple[int, ...] | None = None


def of_instances(filters: Filters) -> list[sa.ColumnElement[bool]]:
    """Conditions on instances joined with their deployments."""
    found = _general(filters)
    if filters.person_id is not None:
        mine = sa.select(UserTask.instance_id).where(
            UserTask.state == TaskState.OPEN, UserTask.assignee_id == filters.person_id
        )
        starter = ProcessInstance.started_by == filters.person_id
        found.append(sa.or_(starter, ProcessInstance.id.in_(mine)))
    if filters.reasons:
        found.append(is_stuck(filters))
    elif filters.element is not None:
        found.append(stands_at(filters.element))
    return found


def of_stuck(filters: Filters, *, in_order: bool = False) -> list[sa.ColumnElement[bool]]:
    """Conditions on obstacles joined with their instances, their deployments where a version is asked for,
    and their tasks if they have one. ``in_order`` is for the first few rows in an order of obstacles.
    """
    found = _general(filters)
    if filters.person_id is not None:
        person = filters.person_id
        found.append(sa.or_(UserTask.assignee_id == person, ProcessInstance.started_by == person))
    return [*found, *still_so(Obstacle, UserTask, in_order=in_order), *of_obstacles(filters, Obstacle)]


def of_obstacles(filters: Filters, obstacle: Any) -> list[sa.ColumnElement[bool]]:
    """What of the filters an obstacle itself answers."""
    found: list[sa.ColumnElement[bool]] = []
    if filters.reasons:
        found.append(obstacle.reason.in_([reason.value for reason in filters.reasons]))
    if filters.element is not None:
        found.append(obstacle.element_id == filters.element)
    return found


def still_so(obstacle: Any, task: Any, *, in_order: bool = False) -> list[sa.ColumnElement[bool]]:
    """What was true half a minute ago may be over: a task done, an instance ended, a timer gone off."""
    late = ProcessInstance.next_due_at <= obstacle.since
    # Databases like to begin with all running instances and then sort. No index answers this one.
    state = sa.func.coalesce(ProcessInstance.state, "") if in_order else ProcessInstance.state
    return [
        state.in_(GOING),
        sa.or_(obstacle.task_id.is_(None), task.state == TaskState.OPEN),
        sa.or_(obstacle.reason != Reason.INCIDENT, ProcessInstance.state == InstanceState.INCIDENT),
        sa.or_(obstacle.reason != Reason.TIMER_MISSED, late),
    ]


def is_stuck(filters: Filters) -> sa.ColumnElement[bool]:
    """Instances with an obstacle that fits."""
    obstacle, task = aliased(Obstacle), aliased(UserTask)
    query = (
        sa.select(obstacle.id)
        .outerjoin(task, task.id == obstacle.task_id)
        .where(obstacle.instance_id == ProcessInstance.id, *still_so(obstacle, task))
        .where(*of_obstacles(filters, obstacle))
    )
    return query.correlate(ProcessInstance).exists()


def stands_at(element: str) -> sa.ColumnElement[bool]:
    """Instances where somebody has to do that task, or that step has failed."""
    task = sa.select(UserTask.instance_id).where(
        UserTask.element_id == element, UserTask.state == TaskState.OPEN
    )
    failed = sa.select(Incident.instance_id).where(
        Incident.element_id == element, Incident.resolved_at.is_(None)
    )
    return sa.or_(ProcessInstance.id.in_(task), ProcessInstance.id.in_(failed))


def _general(filters: Filters) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    columns: dict[Any, Any] = {ProcessInstance.key: filters.process, Deployment.version: filters.version}
    found += [column == value for column, value in columns.items() if value is not None]
    if filters.ids is not None:
        found.append(ProcessInstance.id.in_(filters.ids))
    if filters.states:
        found.append(ProcessInstance.state.in_(filters.states))
    if filters.ended is not None:
        over = ProcessInstance.ended_at.is_not(None)
        found.append(over if filters.ended else ProcessInstance.ended_at.is_(None))
    if filters.started_from is not None:
        found.append(ProcessInstance.started_at >= filters.started_from)
    if filters.started_until is not None:
        found.append(ProcessInstance.started_at < filters.started_until)
    for column, value in (
        (UserTask.machine_id, filters.machine_id),
        (UserTask.department_id, filters.department_id),
    ):
        if value is not None:
            found.append(ProcessInstance.id.in_(sa.select(UserTask.instance_id).where(column == value)))
    words = filters.q.split()
    return found + [ProcessInstance.business_key.icontains(word, autoescape=True) for word in words]
