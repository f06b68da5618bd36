"""When a task is due next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import settings
from app.domain.preventive import recurrence
from app.domain.preventive.models import JobStatus, PreventiveJob, PreventiveLog, PreventiveTask

AT_ONCE = 500  # tasks that one statement asks about


def site_date(session: Session, moment: datetime | None = None) -> date:
    """The date on the factory's wall at a moment, now unless given."""
    return (moment or clock.now()).astimezone(settings.site(session).zone).date()


@dataclass(frozen=True, slots=True)
class Standing:
    """Which due dates of a task a job is open for, the oldest first, and the latest that was dealt with."""

    open: tuple[date, ...] = ()
    logged: date | None = None


def standings(session: Session, task_ids: Iterable[int]) -> dict[int, Standing]:
    """How tasks stand, by their ids; one that nothing is open of and nothing was done of is left out."""
    ids, found_open, logged = sorted(task_ids), defaultdict[int, list[date]](list), dict[int, date]()
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        open_jobs = sa.select(PreventiveJob.task_id, PreventiveJob.due_on).where(
            PreventiveJob.task_id.in_(some), PreventiveJob.status == JobStatus.OPEN
        )
        for task_id, day in session.execute(open_jobs.order_by(PreventiveJob.due_on)):
            found_open[task_id].append(day)
        latest = sa.select(PreventiveLog.task_id, sa.func.max(PreventiveLog.due_on)).where(
            PreventiveLog.task_id.in_(some)
        )
        logged.update((row[0], row[1]) for row in session.execute(latest.group_by(PreventiveLog.task_id)))
    return {
        task_id: Standing(tuple(found_open[task_id]), logged.get(task_id))
        for task_id in found_open.keys() | logged.keys()
    }


def standing_of(session: Session, task: PreventiveTask) -> Standing:
    """How a saved task stands."""
    return Standing(tuple(open_due_dates(session, task)), last_logged(session, task))


def last_logged(session: Session, task: PreventiveTask) -> date | None:
    """The latest due date of a task that was dealt with."""
    query = sa.select(sa.func.max(PreventiveLog.due_on)).where(PreventiveLog.task_id == task.id)
    return session.scalar(query)


def start(task: PreventiveTask, standing: Standing, reading: Decimal | None, *, not_before: date) -> None:
    """Set the next due date of a task that is new, has another rule, or is in use again.

    ``reading`` is the machine's latest, in hours. Due dates that were dealt with do not come again, and
    for those that a job is open for no second one is opened.
    """
    if standing.logged is not None:
        not_before = max(not_before, standing.logged + timedelta(days=1))
    if task.rrule is not None:
        day = recurrence.first_on_or_after(task.rrule, task.starts_on, not_before)
        while day is not None and day in standing.open:
            day = recurrence.next_after(task.rrule, task.starts_on, day)
        task.next_job_on = day
        settle_with(task, standing.open)
    else:
        task.next_job_on = None
        settle_with(task, standing.open)
        reach(task, reading, not_before)


def advance(session: Session, task: PreventiveTask, done: date, reading: Decimal | None) -> None:
    """Move a task on after one of its due dates was dealt with.

    A calendar task goes on by its calendar, however late it was; a meter task counts from ``reading``.
    """
    if task.meter_interval is not None:
        task.last_meter_reading = reading
        task.next_job_on = None
    elif task.next_job_on is not None and task.next_job_on == done:
        _next_job(session, task, done)
    settle(session, task)


def opened(session: Session, task: PreventiveTask, day: date) -> None:
    """A job was opened for a due date: the next one is opened for the date after it."""
    if task.meter_interval is not None:
        task.next_job_on = None
    elif task.next_job_on is not None and task.next_job_on <= day:
        _next_job(session, task, day)
    settle(session, task)


def _next_job(session: Session, task: PreventiveTask, after: date) -> None:
    """The first due date after ``after`` that is neither open nor dealt with."""
    rule = task.rrule or ""
    taken = {
        *open_due_dates(session, task),
        *session.scalars(
            sa.select(PreventiveLog.due_on).where(
                PreventiveLog.task_id == task.id, PreventiveLog.due_on > after
            )
        ),
    }
    day = recurrence.next_after(rule, task.starts_on, after)
    while day is not None and day in taken:
        day = recurrence.next_after(rule, task.starts_on, day)
    task.next_job_on = day


def open_due_dates(session: Session, task: PreventiveTask) -> list[date]:
    """The due dates that a job is open for, the oldest first."""
    query = sa.select(PreventiveJob.due_on).where(
        PreventiveJob.task_id == task.id, PreventiveJob.status == JobStatus.OPEN
    )
    return list(session.scalars(query.order_by(PreventiveJob.due_on)))


def settle(session: Session, task: PreventiveTask) -> None:
    """Bring up to date what follows from the open jobs and ``next_job_on``."""
    settle_with(task, open_due_dates(session, task))


def settle_with(task: PreventiveTask, open_now: Sequence[date]) -> None:
    """The same, where the due dates are known that a job is open for."""
    days = [*open_now[:1], *([task.next_job_on] if task.next_job_on is not None else [])]
    task.next_due_on = min(days, default=None)
    _set_opening(task)


def _set_opening(task: PreventiveTask) -> None:
    day = task.next_job_on
    task.opens_on = None if day is None else day - timedelta(days=task.lead_days or 0)


def reach(task: PreventiveTask, reading: Decimal | None, day: date) -> None:
    """Make a meter task due on ``day`` when the meter has run far enough; a due one stays as it is."""
    if task.meter_interval is None or reading is None:
        return
    if task.last_meter_reading is None:
        task.last_meter_reading = reading  # nobody knows how long ago it was done: count from here
    target = task.next_due_reading
    if task.next_due_on is None and target is not None and reading >= target:
        task.next_due_on = task.next_job_on = max(day, task.starts_on)
        _set_opening(task)
