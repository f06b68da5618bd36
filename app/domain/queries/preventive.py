"""Lists of preventive tasks, their logs, and meter readings."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from app.domain.machines import Machine, MachineStatus
from app.domain.preventive import due
from app.domain.preventive.models import (
    JobStatus,
    MeterReading,
    PreventiveJob,
    PreventiveLog,
    PreventiveTask,
    PreventiveTaskPart,
)
from app.domain.queries.filters import equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by

# What a row of a list shows.
_ROW = (
    joinedload(PreventiveTask.machine).joinedload(Machine.department),
    joinedload(PreventiveTask.technician),
    selectinload(PreventiveTask.parts).joinedload(PreventiveTaskPart.part),
)
TASK_SORTS: Sorts = {
    # Tasks without a due date come last, on every database.
    "nextDueOn": (PreventiveTask.next_due_on.is_(None), PreventiveTask.next_due_on),
    "title": (PreventiveTask.title,),
    "machine": (Machine.name, PreventiveTask.title),
    "lastDoneOn": (PreventiveTask.last_done_on,),
    "startsOn": (PreventiveTask.starts_on,),
    "createdAt": (PreventiveTask.created_at,),
    "updatedAt": (PreventiveTask.updated_at,),
}
JOB_SORTS: Sorts = {
    "dueOn": (PreventiveJob.due_on,),
    "businessKey": (PreventiveJob.business_key,),
    "openedAt": (PreventiveJob.opened_at,),
    "status": (PreventiveJob.status, PreventiveJob.due_on),
    "machine": (Machine.name, PreventiveJob.due_on),
}
LOG_SORTS: Sorts = {
    "dueOn": (PreventiveLog.due_on,),
    "performedAt": (PreventiveLog.performed_at,),
    "minutesSpent": (PreventiveLog.minutes_spent,),
}
READING_SORTS: Sorts = {"readAt": (MeterReading.read_at,)}


def list_tasks(
    session: Session,
    *,
    machine_id: int | None = None,
    department_id: int | None = None,
    technician_id: int | None = None,
    role: str | None = None,
    active: bool | None = None,
    metered: bool | None = None,
    due_until: date | None = None,
    overdue: bool = False,
    in_service: bool = False,
    q: str = "",
    sort: str = "nextDueOn",
    page: int = 1,
    page_size: int = 25,
) -> Page[PreventiveTask]:
    """Preventive tasks that fit all filters given, with machine, technician and parts.

    ``metered`` asks for meter tasks or calendar tasks only; ``overdue`` for active ones that were due before
    today; ``in_service`` leaves out machines that are out of use. ``q`` is looked for in title,
    description, machine name and QR code; ``sort`` is a name of :data:`TASK_SORTS`.
    """
    query = sa.select(PreventiveTask).join(PreventiveTask.machine).options(*_ROW)
    query = equal(
        query,
        (PreventiveTask.machine_id, machine_id),
        (Machine.department_id, department_id),
        (PreventiveTask.technician_id, technician_id),
        (PreventiveTask.role, role),
        (PreventiveTask.active, active),
    )
    if metered is not None:
        query = query.where(PreventiveTask.meter_interval.is_not(None) == metered)
    if due_until is not None:
        query = query.where(PreventiveTask.next_due_on <= due_until)
    if overdue:
        query = query.where(PreventiveTask.active, PreventiveTask.next_due_on < due.site_date(session))
    if overdue or in_service:
        query = query.where(Machine.status != MachineStatus.DECOMMISSIONED)
    if q.strip():
        query = query.where(
            matches(q, PreventiveTask.title, PreventiveTask.description, Machine.name, Machine.qr_code)
        )
    return page_of(session, order_by(query, TASK_SORTS, sort, PreventiveTask.id), page, page_size)


def upcoming(session: Session, until: date, **filters: Any) -> Page[PreventiveTask]:
    """The active tasks due on ``until`` or before, the oldest first; machines out of use need none.

    ``filters`` are those of :func:`list_tasks`.
    """
    return list_tasks(session, active=True, in_service=True, due_until=until, **filters)


def list_jobs(
    session: Session,
    *,
    statuses: Collection[str] = (),
    task_id: int | None = None,
    machine_id: int | None = None,
    department_id: int | None = None,
    technician_id: int | None = None,
    due_from: date | None = None,
    due_until: date | None = None,
    overdue: bool = False,
    q: str = "",
    sort: str = "dueOn",
    page: int = 1,
    page_size: int = 25,
) -> Page[PreventiveJob]:
    """Preventive jobs that fit all filters given, with task, machine and people.

    ``technician_id`` is whom the plan names; ``overdue`` asks for open ones that were due before today.
    ``q`` is looked for in the key, the task's title, machine name and QR code.
    """
    query = (
        sa.select(PreventiveJob)
        .join(PreventiveJob.task)
        .join(PreventiveTask.machine)
        .options(
            contains_eager(PreventiveJob.task)
            .contains_eager(PreventiveTask.machine)
            .joinedload(Machine.department),
            contains_eager(PreventiveJob.task).joinedload(PreventiveTask.technician),
            joinedload(PreventiveJob.ender),
        )
    )
    query = equal(
        query,
        (PreventiveJob.task_id, task_id),
        (PreventiveTask.machine_id, machine_id),
        (Machine.department_id, department_id),
        (PreventiveTask.technician_id, technician_id),
    )
    if statuses:
        query = query.where(PreventiveJob.status.in_(statuses))
    if due_from is not None:
        query = query.where(PreventiveJob.due_on >= due_from)
    if due_until is not None:
        query = query.where(PreventiveJob.due_on <= due_until)
    if overdue:
        query = query.where(
            PreventiveJob.status == JobStatus.OPEN, PreventiveJob.due_on < due.site_date(session)
        )
    if q.strip():
        query = query.where(
            matches(q, PreventiveJob.business_key, PreventiveTask.title, Machine.name, Machine.qr_code)
        )
    return page_of(session, order_by(query, JOB_SORTS, sort, PreventiveJob.id), page, page_size)


def logs_of(
    session: Session,
    task_id: int,
    *,
    outcome: str | None = None,
    q: str = "",
    sort: str = "-dueOn",
    page: int = 1,
    page_size: int = 25,
) -> Page[PreventiveLog]:
    """What became of a task on each of its due dates, with people; the newest first."""
    query = (
        sa.select(PreventiveLog)
        .where(PreventiveLog.task_id == task_id)
        .options(joinedload(PreventiveLog.performer))
    )
    query = equal(query, (PreventiveLog.outcome, outcome))
    if q.strip():
        query = query.where(matches(q, PreventiveLog.notes))
    return page_of(session, order_by(query, LOG_SORTS, sort, PreventiveLog.id), page, page_size)


def readings_of(
    session: Session,
    machine_id: int,
    *,
    q: str = "",
    sort: str = "-readAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[MeterReading]:
    """What the meter of a machine showed, with people; the newest first."""
    query = (
        sa.select(MeterReading)
        .where(MeterReading.machine_id == machine_id)
        .options(joinedload(MeterReading.recorder))
    )
    if q.strip():
        query = query.where(matches(q, MeterReading.note))
    return page_of(session, order_by(query, READING_SORTS, sort, MeterReading.id), page, page_size)
