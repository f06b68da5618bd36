"""How long steps and whole instances took, day by day: gathered once, then only added up.

A day's figures are made anew from what ended on it for as long as the day, or the one before, is not
over; so nothing is counted twice or lost, whenever and by whomever it is done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app import clock
from app.database import unit_of_work
from app.engine.models import (
    Deployment,
    EventWait,
    InstanceState,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.monitor import marks, sketch
from app.engine.monitor.models import Mark, StepStatistic

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.jobs import SessionFactory

NAME = "statistics"
WHOLE = ""  # the element that stands for an instance from start to end
EVERY = timedelta(minutes=1)
DAYS_AT_ONCE = 31
# A task is unusually long when it takes longer than nine in ten of its kind did, if there were enough.
TYPICAL_DAYS, TYPICAL_SHARE, TYPICAL_MINIMUM = 90, 0.9, 20


@dataclass(slots=True)
class Figures:
    """What is known of the steps that ended in a period. Durations are seconds; shares are 0 to 1."""

    number: int = 0
    seconds: int = 0
    with_due: int = 0
    on_time: int = 0
    repeated: int = 0
    counts: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, row: Any) -> None:
        """Add up what is in a bucket."""
        self.number += int(row.number)
        self.seconds += int(row.seconds)
        self.with_due += int(row.with_due)
        self.on_time += int(row.on_time)
        self.repeated += int(row.repeated)
        self.counts[row.bucket] += int(row.number)

    def quantile(self, share: float) -> float | None:
        return sketch.quantile(self.counts, share)

    @property
    def median(self) -> float | None:
        return self.quantile(0.5)

    @property
    def p90(self) -> float | None:
        return self.quantile(0.9)

    @property
    def mean(self) -> float | None:
        return self.seconds / self.number if self.number else None

    @property
    def on_time_share(self) -> float | None:
        """Of the steps that had a due time, those done by then."""
        return self.on_time / self.with_due if self.with_due else None

    @property
    def rework_share(self) -> float | None:
        """Of all, those that had been done in the same instance before."""
        return self.repeated / self.number if self.number else None


# -- reading -------------------------------------------------------------------------------------


def by_element(
    session: Session, key: str, since: date, until: date, *, deployment_ids: Iterable[int] | None = None
) -> dict[str, Figures]:
    """The figures of a process by element id, of all versions or of some; ``WHOLE`` is the instance.

    ``since`` and ``until`` are days of the site, both included.
    """
    conditions = [Deployment.key == key, *_between(since, until)]
    if deployment_ids is not None:
        conditions.append(StepStatistic.deployment_id.in_(list(deployment_ids)))
    found: dict[str, Figures] = {}
    for row in session.execute(_summed(StepStatistic.element_id).where(*conditions)):
        found.setdefault(row.element_id, Figures()).add(row)
    return found


def by_process(session: Session, since: date, until: date) -> dict[str, tuple[Figures, Figures]]:
    """For each process key the figures of its instances, and of all its steps together."""
    whole = sa.case((StepStatistic.element_id == WHOLE, 1), else_=0).label("whole")
    found: dict[str, tuple[Figures, Figures]] = {}
    for row in session.execute(_summed(Deployment.key, whole).where(*_between(since, until))):
        instances, steps = found.setdefault(row.key, (Figures(), Figures()))
        (instances if row.whole else steps).add(row)
    return found


def by_week(session: Session, since: date, until: date, *, key: str | None = None) -> dict[date, Figures]:
    """The figures of whole instances by the Monday of the week in which they ended, weeks without any too."""
    found = {
        monday: Figures()
        for monday in (
            _monday(since) + timedelta(weeks=n)
            for n in range((_monday(until) - _monday(since)).days // 7 + 1)
        )
    }
    conditions = [StepStatistic.element_id == WHOLE, *_between(since, until)]
    if key is not None:
        conditions.append(Deployment.key == key)
    for row in session.execute(_summed(StepStatistic.day).where(*conditions)):
        found[_monday(row.day)].add(row)
    return found


def by_process_and_week(session: Session, since: date, until: date) -> dict[str, dict[date, Figures]]:
    """The figures of whole instances by process key and Monday; weeks in which none ended are left out."""
    found: dict[str, dict[date, Figures]] = {}
    whole = [StepStatistic.element_id == WHOLE, *_between(since, until)]
    for row in session.execute(_summed(Deployment.key, StepStatistic.day).where(*whole)):
        found.setdefault(row.key, {}).setdefault(_monday(row.day), Figures()).add(row)
    return found


def typical(session: Session, today: date) -> dict[tuple[str, str], float]:
    """The seconds that nine in ten took no longer than, for steps done at least 20 times in 90 days."""
    since = today - timedelta(days=TYPICAL_DAYS)
    figures: dict[tuple[str, str], Figures] = {}
    query = _summed(Deployment.key, StepStatistic.element_id)
    for row in session.execute(query.where(StepStatistic.element_id != WHOLE, *_between(since, today))):
        figures.setdefault((row.key, row.element_id), Figures()).add(row)
    return {
        name: each.quantile(TYPICAL_SHARE) or 0.0
        for name, each in figures.items()
        if each.number >= TYPICAL_MINIMUM
    }


def _summed(*columns: Any) -> sa.Select[Any]:
    """Buckets added up by the given columns."""
    table = StepStatistic
    sums = [
        sa.func.sum(getattr(table, name)).label(name)
        for name in ("number", "seconds", "with_due", "on_time", "repeated")
    ]
    return (
        sa.select(*columns, table.bucket, *sums)
        .join(Deployment, Deployment.id == table.deployment_id)
        .group_by(*columns, table.bucket)
    )


def _between(since: date, until: date) -> list[sa.ColumnElement[bool]]:
    return [StepStatistic.day >= since, StepStatistic.day <= until]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


# -- gathering -----------------------------------------------------------------------------------


def today(engine: ProcessEngine, session: Session) -> date:
    """The site's day."""
    return clock.now().astimezone(_zone(engine, session)).date()


def keep_up(engine: ProcessEngine, sessions: SessionFactory) -> bool:
    """Gather the figures of today, yesterday and whatever days were missed, unless that was just done.

    Answers whether anything was gathered. Any number of processes may call it at any time.
    """
    with sessions() as session:
        mark = session.get(Mark, NAME)
        if mark is not None and marks.is_fresh(mark, EVERY):
            return False
        zone = _zone(engine, session)
        now = clock.now()
        last = now.astimezone(zone).date()
        first = _first_day(session, mark, zone)
        if first is None or first > last:
            first = last
        last = min(last, first + timedelta(days=DAYS_AT_ONCE - 1))
        seen = mark.at if mark is not None else None
        days = {
            first + timedelta(days=n): gather(session, first + timedelta(days=n), zone)
            for n in range((last - first).days + 1)
        }
        session.rollback()
        with unit_of_work(session):
            mark = marks.take(session, NAME, seen)
            if mark is None:
                return False
            session.execute(sa.delete(StepStatistic).where(*_between(first, last)))
            rows = [row for day in days.values() for row in day]
            if rows:
                session.execute(sa.insert(StepStatistic), rows)
            caught_up = last >= now.astimezone(zone).date()
            mark.day = last
            # What is far behind goes on at the next look.
            mark.at = now if caught_up else now - EVERY
    return True


def _first_day(session: Session, mark: Mark | None, zone: ZoneInfo) -> date | None:
    if mark is not None and mark.day is not None:
        return mark.day - timedelta(days=1)
    columns = (UserTask.completed_at, ProcessInstance.ended_at, EventWait.ended_at)
    ends = [session.scalar(sa.select(sa.func.min(column))) for column in columns]
    known = [end for end in ends if end is not None]
    return min(known).astimezone(zone).date() if known else None


def gather(session: Session, day: date, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The rows of one day, from what ended on it."""
    begin = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(), zone)
    figures: dict[tuple[int, str, int], Figures] = defaultdict(Figures)

    def note(row: Any, element_id: str, *, due: datetime | None = None, repeated: bool = False) -> None:
        seconds = max(0.0, (row.ended - row.began).total_seconds())
        each = figures[row.deployment_id, element_id, sketch.bucket(seconds)]
        each.number += 1
        each.seconds += round(seconds)
        each.with_due += due is not None
        each.on_time += due is not None and row.ended <= due
        each.repeated += repeated

    for row in session.execute(_tasks_done(begin, end)):
        note(row, row.element_id, due=row.due_at, repeated=bool(row.repeated))
    for row in session.execute(_events_over(begin, end)):
        note(row, row.element_id)
    for row in session.execute(_instances_over(begin, end)):
        note(row, WHOLE)
    return [
        {
            "day": day,
            "deployment_id": deployment_id,
            "element_id": element_id,
            "bucket": bucket,
            "number": each.number,
            "seconds": each.seconds,
            "with_due": each.with_due,
            "on_time": each.on_time,
            "repeated": each.repeated,
        }
        for (deployment_id, element_id, bucket), each in figures.items()
    ]


def _tasks_done(begin: datetime, end: datetime) -> sa.Executable:
    earlier = aliased(UserTask)
    before = (
        sa.select(earlier.id)
        .where(
            earlier.instance_id == UserTask.instance_id,
            earlier.element_id == UserTask.element_id,
            earlier.state == TaskState.COMPLETED,
            earlier.id < UserTask.id,
        )
        .exists()
    )
    return (
        sa.select(
            ProcessInstance.deployment_id,
            UserTask.element_id,
            UserTask.created_at.label("began"),
            UserTask.completed_at.label("ended"),
            UserTask.due_at,
            before.label("repeated"),
        )
        .join(ProcessInstance, ProcessInstance.id == UserTask.instance_id)
        .where(
            UserTask.completed_at >= begin,
            UserTask.completed_at < end,
            UserTask.state == TaskState.COMPLETED,
        )
    )


def _events_over(begin: datetime, end: datetime) -> sa.Executable:
    return (
        sa.select(
            ProcessInstance.deployment_id,
            EventWait.element_id,
            EventWait.since.label("began"),
            EventWait.ended_at.label("ended"),
        )
        .join(ProcessInstance, ProcessInstance.id == EventWait.instance_id)
        .where(
            EventWait.ended_at >= begin,
            EventWait.ended_at < end,
            ProcessInstance.state != InstanceState.CANCELLED,
        )
    )


def _instances_over(begin: datetime, end: datetime) -> sa.Executable:
    return sa.select(
        ProcessInstance.deployment_id,
        ProcessInstance.started_at.label("began"),
        ProcessInstance.ended_at.label("ended"),
    ).where(
        ProcessInstance.ended_at >= begin,
        ProcessInstance.ended_at < end,
        ProcessInstance.state == InstanceState.COMPLETED,
    )


def _zone(engine: ProcessEngine, session: Session) -> ZoneInfo:
    return ZoneInfo(engine.bindings.time_zone(session))
