"""Downtime and steps where clocks change: by hand on a day in Berlin, and minute by minute in any zone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.clock import ManualClock, use
from app.domain.analytics.calendar import midnight
from app.domain.analytics.costs import costs
from app.domain.analytics.downtime import downtime
from app.domain.analytics.reliability import reliability
from app.domain.analytics.scope import Scope
from app.domain.downtime import MachineDowntime
from app.domain.requests import MaintenanceRequest
from app.domain.work import MaintenanceWork, WorkStep
from tests.conftest import START
from tests.factories import make_machine

BERLIN = ZoneInfo("Europe/Berlin")


def stand_still(session: Session, machine_id: int, start: datetime, end: datetime, number: int = 1) -> None:
    """A request with one downtime, and ten minutes of work recorded when it began."""
    request = MaintenanceRequest(
        business_key=f"MR-{number}", machine_id=machine_id, status="COMPLETED", problem_description="noise"
    )
    session.add(request)
    session.flush()
    work = MaintenanceWork(maintenance_request_id=request.id, started_at=start, completed_at=end)
    session.add(work)
    session.flush()
    session.add(WorkStep(work_id=work.id, position=1, description="", minutes=10, recorded_at=start))
    session.add(
        MachineDowntime(
            machine_id=machine_id,
            maintenance_request_id=request.id,
            machine_status="DOWN",
            started_at=start,
            ended_at=end,
        )
    )
    session.flush()


@pytest.mark.databases
@pytest.mark.parametrize(
    ("day", "hours", "down"),
    # From half past one until half past three by the clock on the wall, of 23, 25 and 24 hours.
    [(date(2026, 3, 29), 23, 60), (date(2026, 10, 25), 25, 180), (date(2028, 2, 29), 24, 120)],
    ids=["forward", "back", "leap-day"],
)
def test_a_night_in_berlin(session: Session, time: ManualClock, day: date, hours: int, down: int) -> None:
    machine = make_machine(session, created_at=START - timedelta(days=400))
    start = datetime(day.year, day.month, day.day, 1, 30, tzinfo=BERLIN).astimezone(UTC)
    end = datetime(day.year, day.month, day.day, 3, 30, tzinfo=BERLIN).astimezone(UTC)
    stand_still(session, machine.id, start, end)
    time.time = midnight(day + timedelta(days=30), BERLIN)
    whole = Scope(midnight(day, BERLIN), midnight(day + timedelta(days=1), BERLIN), zone=BERLIN)
    assert downtime(session, whole).minutes == down
    figures = reliability(session, whole).overall
    assert figures.required == timedelta(hours=hours)
    assert figures.availability == pytest.approx(1 - down / (hours * 60))
    month = replace(whole, since=midnight(day.replace(day=1), BERLIN), until=time.time)
    found = {step.first: step.minutes for step in downtime(session, month, "day").steps}
    assert found[day] == down and sum(found.values()) == down
    labour = {step.first: step.labour_minutes for step in costs(session, month, "day").steps}
    assert labour[day] == 10 and sum(labour.values()) == 10


# -- minute by minute ----------------------------------------------------------------------------------

# Around the change of clocks, in minutes: one that goes forward or back, by half an hour, and at midnight.
NIGHTS = {
    "Europe/Berlin": datetime(2026, 3, 29, 1, tzinfo=UTC),
    "America/New_York": datetime(2026, 11, 1, 6, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
    "America/Havana": datetime(2026, 3, 8, 5, tzinfo=UTC),
    "Asia/Kolkata": datetime(2028, 2, 29, 18, 30, tzinfo=UTC),
}
SPAN = 40 * 60  # minutes to either side
MINUTES = st.integers(-SPAN, SPAN)
TIMES = st.lists(st.lists(MINUTES, min_size=2, max_size=2, unique=True).map(sorted), max_size=5)


def first_day(moment: datetime, step: str) -> date:
    day = moment.date()
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    zone=st.sampled_from(sorted(NIGHTS)),
    times=TIMES,
    period=st.lists(MINUTES, min_size=2, max_size=2, unique=True).map(sorted),
    step=st.sampled_from(["day", "week", "month"]),
)
def test_steps_are_those_counted_minute_by_minute(strip, zone, times, period, step):
    session, machine_id = strip
    night, wall = NIGHTS[zone], ZoneInfo(zone)

    def moment(number: int) -> datetime:
        return night + timedelta(minutes=number)

    scope = Scope(moment(period[0]), moment(period[1]), zone=wall)
    try:
        for number, (start, end) in enumerate(times):
            stand_still(session, machine_id, moment(start), moment(end), number)
        with use(ManualClock(night + timedelta(days=60))):
            stood = downtime(session, scope, step).steps
            spent = costs(session, scope, step).steps
    finally:
        session.rollback()
    down = {minute for start, end in times for minute in range(start, end)}
    minutes: Counter[date] = Counter()
    stops: Counter[date] = Counter()
    labour: Counter[date] = Counter()
    for minute in range(*period):
        first = first_day(moment(minute).astimezone(wall), step)
        minutes[first] += minute in down
        stops[first] += minute in down and (minute == period[0] or minute - 1 not in down)
        labour[first] += 10 * sum(start == minute for start, _ in times)
    assert [(one.first, one.minutes, one.stops) for one in stood] == [
        (first, minutes[first], stops[first]) for first in sorted(minutes)
    ]
    assert [(one.first, one.labour_minutes) for one in spent] == [
        (first, labour[first]) for first in sorted(minutes)
    ]
