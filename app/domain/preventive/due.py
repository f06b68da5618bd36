"""When a task is due next."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import settings
from app.domain.preventive import recurrence
from app.domain.preventive.models import PreventiveLog, PreventiveTask


def site_date(session: Session, moment: datetime | None = None) -> date:
    """The date on the factory's wall at a moment, now unless given."""
    return (moment or clock.now()).astimezone(settings.site(session).zone).date()


def last_logged(session: Session, task: PreventiveTask) -> date | None:
    """The latest due date of a task that was dealt with."""
    query = sa.select(sa.func.max(PreventiveLog.due_on)).where(PreventiveLog.task_id == task.id)
    return session.scalar(query)


def start(session: Session, task: PreventiveTask, reading: Decimal | None, *, not_before: date) -> None:
    """Set the next due date of a task that is new, has another rule, or is in use again.

    ``reading`` is the machine's latest, in hours. Due dates that were dealt with do not come again.
    """
    logged = last_logged(session, task) if task.id is not None else None
    if logged is not None:
        not_before = max(not_before, logged + timedelta(days=1))
    if task.rrule is not None:
        task.next_due_on = recurrence.first_on_or_after(task.rrule, task.starts_on, not_before)
    else:
        task.next_due_on = None
        reach(task, reading, not_before)


def advance(session: Session, task: PreventiveTask, done: date, reading: Decimal | None) -> None:
    """Move a task on to the next due date after the one that was dealt with.

    A calendar task goes on by its calendar, however late it was; a meter task counts from ``reading``.
    """
    if task.rrule is not None:
        task.next_due_on = recurrence.next_after(task.rrule, task.starts_on, done)
    else:
        task.last_meter_reading = reading
        task.next_due_on = None


def reach(task: PreventiveTask, reading: Decimal | None, day: date) -> None:
    """Make a meter task due on ``day`` when the meter has run far enough; a due one stays as it is."""
    if task.meter_interval is None or reading is None:
        return
    if task.last_meter_reading is None:
        task.last_meter_reading = reading  # nobody knows how long ago it was done: count from here
    target = task.next_due_reading
    if task.next_due_on is None and target is not None and reading >= target:
        task.next_due_on = max(day, task.starts_on)
