"""The calendar of preventive work: what is planned, what is open, and what was done, by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.machines import Machine, MachineStatus
from app.domain.preventive import recurrence
from app.domain.preventive.models import JobStatus, PreventiveJob, PreventiveLog, PreventiveTask
from app.domain.queries.filters import equal

MOST_PLANS = 2000  # that a month looks at
PLANNED = "PLANNED"


@dataclass(frozen=True, slots=True)
class Planned:
    """Something on a day of the calendar. ``job_id`` is empty while no job is open for it."""

    day: date
    title: str
    machine: str
    task_id: int
    job_id: int | None
    status: str


def between(
    session: Session,
    first: date,
    last: date,
    *,
    machine_id: int | None = None,
    department_id: int | None = None,
    technician_id: int | None = None,
) -> list[Planned]:
    """What is on the days from ``first`` to ``last``, by day and machine; three statements.

    Due dates that no job was opened for yet are reckoned from each plan's next one.
    """
    filters = (
        (PreventiveTask.machine_id, machine_id),
        (Machine.department_id, department_id),
        (PreventiveTask.technician_id, technician_id),
    )
    found = [*_jobs(session, first, last, filters), *_logs(session, first, last, filters)]
    columns: list[Any] = [
        PreventiveTask.id,
        PreventiveTask.title,
        PreventiveTask.rrule,
        PreventiveTask.next_job_on,
        Machine.name,
    ]
    query = (
        sa.select(*columns)
        .join(PreventiveTask.machine)
        .where(
            PreventiveTask.active,
            PreventiveTask.next_job_on <= last,
            Machine.status != MachineStatus.DECOMMISSIONED,
        )
        .order_by(PreventiveTask.id)
        .limit(MOST_PLANS)
    )  # fmt: skip
    known = {(each.task_id, each.day) for each in found}
    for task_id, title, rule, next_on, machine in session.execute(equal(query, *filters)):
        days = [next_on] if rule is None else recurrence.between(rule, next_on, max(first, next_on), last)
        found += [
            Planned(day, title, machine, task_id, None, PLANNED)
            for day in days
            if first <= day and (task_id, day) not in known
        ]
    return sorted(found, key=lambda each: (each.day, each.machine, each.title))


def _jobs(session: Session, first: date, last: date, filters: tuple[tuple[Any, Any], ...]) -> list[Planned]:
    columns: list[Any] = [
        PreventiveJob.due_on,
        PreventiveTask.title,
        Machine.name,
        PreventiveTask.id,
        PreventiveJob.id,
        PreventiveJob.status,
    ]
    query = (
        sa.select(*columns)
        .join(PreventiveJob.task)
        .join(PreventiveTask.machine)
        .where(PreventiveJob.due_on.between(first, last), PreventiveJob.status != JobStatus.CANCELLED)
    )  # fmt: skip
    return [Planned(*row) for row in session.execute(equal(query, *filters))]


def _logs(session: Session, first: date, last: date, filters: tuple[tuple[Any, Any], ...]) -> list[Planned]:
    """Due dates that were dealt with without a job: those skipped as missed, and those of older times."""
    opened = sa.exists().where(
        PreventiveJob.task_id == PreventiveLog.task_id, PreventiveJob.due_on == PreventiveLog.due_on
    )
    columns: list[Any] = [
        PreventiveLog.due_on,
        PreventiveTask.title,
        Machine.name,
        PreventiveTask.id,
        sa.literal(None),
        PreventiveLog.outcome,
    ]
    query = (
        sa.select(*columns)
        .join(PreventiveLog.task)
        .join(PreventiveTask.machine)
        .where(PreventiveLog.due_on.between(first, last), ~opened)
    )  # fmt: skip
    return [Planned(*row) for row in session.execute(equal(query, *filters))]
