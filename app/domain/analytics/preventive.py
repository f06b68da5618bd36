"""Preventive compliance: whether what is due is done, and in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain.analytics.calendar import midnight
from app.domain.analytics.instants import Instant, instant, instant_of
from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import ROWS_AT_ONCE
from app.domain.machines import Machine, MachineStatus
from app.domain.preventive import recurrence
from app.domain.preventive.models import JobStatus, Outcome, PreventiveJob, PreventiveLog, PreventiveTask


@dataclass(frozen=True)
class PreventiveCompliance:
    """What became of the due dates of a period. ``overdue`` ones are past, and nobody has dealt with them."""

    on_time: int
    late: int
    skipped: int
    overdue: int

    @property
    def due(self) -> int:
        return self.on_time + self.late + self.skipped + self.overdue

    @property
    def compliance(self) -> float | None:
        """The share of the due dates on or before which the task was carried out, from 0 to 1."""
        return self.on_time / self.due if self.due else None


def compliance(session: Session, scope: Scope) -> PreventiveCompliance:
    """What became of each due date in the period, in the site's days. At most six statements.

    A due date is overdue from the day after it on: one whose job is open, and one that passed without a job
    having been opened for it, unless the plan or its machine is out of use. One whose job was called off is
    not due any more. Narrowed to a technician it is about the tasks that are theirs.
    """
    zone = scope.zone_on_the_wall(session)
    first, end = _days(scope, zone)
    today = clock.now().astimezone(zone).date()
    on_time, late, skipped = _dealt_with(session, scope, first, end, zone)
    past = min(end, today)
    overdue = _still_open(session, scope, first, past) + _never_opened(session, scope, first, past)
    return PreventiveCompliance(on_time, late, skipped, overdue)


def _dealt_with(
    session: Session, scope: Scope, first: date, end: date, zone: ZoneInfo
) -> tuple[int, int, int]:
    """How many due dates were kept, kept late, and skipped."""
    on_time = late = skipped = 0
    query = (
        sa.select(PreventiveLog.due_on, instant(PreventiveLog.performed_at), PreventiveLog.outcome)
        .join(PreventiveTask, PreventiveTask.id == PreventiveLog.task_id)
        .join(Machine, Machine.id == PreventiveTask.machine_id)
        .where(PreventiveLog.due_on >= first, PreventiveLog.due_on < end, *_tasks(scope))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    over: dict[date, Instant] = {}  # when each day is
    for due_on, performed_at, outcome in session.connection().execute(query):
        if outcome == Outcome.SKIPPED:
            skipped += 1
            continue
        if due_on not in over:
            over[due_on] = instant_of(midnight(due_on + timedelta(days=1), zone))
        if performed_at < over[due_on]:
            on_time += 1
        else:
            late += 1
    return on_time, late, skipped


def _still_open(session: Session, scope: Scope, first: date, end: date) -> int:
    """How many due dates from one day to another, which is not included, have a job that is open."""
    query = (
        sa.select(sa.func.count())
        .select_from(PreventiveJob)
        .join(PreventiveTask, PreventiveTask.id == PreventiveJob.task_id)
        .join(Machine, Machine.id == PreventiveTask.machine_id)
        .where(PreventiveJob.status == JobStatus.OPEN, *_tasks(scope))
        .where(PreventiveJob.due_on >= first, PreventiveJob.due_on < end)
    )
    return session.scalar(query) or 0


def _never_opened(session: Session, scope: Scope, first: date, end: date) -> int:
    """How many passed without a job, as in an outage: from the first of a plan on all that its rule names."""
    query = (
        sa.select(
            PreventiveTask.id, PreventiveTask.rrule, PreventiveTask.starts_on, PreventiveTask.next_job_on
        )
        .join(Machine, Machine.id == PreventiveTask.machine_id)
        .where(PreventiveTask.active, PreventiveTask.next_job_on < end, *_tasks(scope))
        .where(Machine.status != MachineStatus.DECOMMISSIONED)
    )
    missed: set[tuple[int, date]] = set()
    for task_id, rule, starts_on, begin in session.execute(query):
        if begin is None:
            continue
        days = [begin]
        if rule is not None:
            days = recurrence.between(rule, starts_on, max(begin, first), end - timedelta(days=1))
        missed.update((task_id, day) for day in days if day >= first)
    if not missed:
        return 0
    tasks = {task_id for task_id, _ in missed}
    for model, status in ((PreventiveLog, None), (PreventiveJob, JobStatus.OPEN)):
        known = sa.select(model.task_id, model.due_on).where(model.task_id.in_(tasks), model.due_on >= first)
        known = known if status is None else known.where(PreventiveJob.status == status)
        missed.difference_update((task_id, day) for task_id, day in session.execute(known))
    return len(missed)


def _tasks(scope: Scope) -> list[sa.ColumnElement[bool]]:
    """What must hold for a task and its machine."""
    if scope.technician_id is None:
        return scope.machines()
    return [*scope.machines(), PreventiveTask.technician_id == scope.technician_id]


def _days(scope: Scope, zone: ZoneInfo) -> tuple[date, date]:
    """The first day that begins in the period, and the first that begins after it."""
    days = []
    for moment in (scope.since, scope.until):
        day = moment.astimezone(zone).date()
        days.append(day if midnight(day, zone) >= moment else day + timedelta(days=1))
    return days[0], days[1]
