"""Preventive compliance: whether what is due is done, and in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain.analytics.calendar import midnight
from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import ROWS_AT_ONCE
from app.domain.machines import Machine
from app.domain.preventive.models import Outcome, PreventiveLog, PreventiveTask


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
    """The preventive tasks that were due in the period, in the site's days. Three statements.

    Of a task that nobody has dealt with for long only its oldest due date is known. Narrowed to a technician
    it is about the tasks that are theirs.
    """
    zone = scope.zone_on_the_wall(session)
    first, end = _days(scope, zone)
    on_time = late = skipped = 0
    done = (
        sa.select(PreventiveLog.due_on, PreventiveLog.performed_at, PreventiveLog.outcome)
        .join(PreventiveTask, PreventiveTask.id == PreventiveLog.task_id)
        .join(Machine, Machine.id == PreventiveTask.machine_id)
        .where(PreventiveLog.due_on >= first, PreventiveLog.due_on < end, *_tasks(scope))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for due_on, performed_at, outcome in session.execute(done):
        if not Outcome(outcome).performed:
            skipped += 1
        elif performed_at < midnight(due_on + timedelta(days=1), zone):
            on_time += 1
        else:
            late += 1
    today = clock.now().astimezone(zone).date()
    overdue = (
        sa.select(sa.func.count())
        .select_from(PreventiveTask)
        .join(Machine, Machine.id == PreventiveTask.machine_id)
        .where(PreventiveTask.active, PreventiveTask.next_due_on >= first, *_tasks(scope))
        .where(PreventiveTask.next_due_on < min(end, today))
    )
    return PreventiveCompliance(on_time, late, skipped, session.scalar(overdue) or 0)


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
