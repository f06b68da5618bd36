"""Days, weeks and months in the site's time zone, also where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.analytics.calendar import buckets, place_of

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def test_the_day_on_which_clocks_go_forward_has_23_hours():
    (day,) = buckets(at(2026, 3, 29, 1), at(2026, 3, 29, 2), "day", BERLIN)
    assert day.first == date(2026, 3, 29)
    assert day.end - day.start == timedelta(hours=23)


def test_weeks_begin_on_monday():
    found = buckets(at(2026, 3, 1, 12), at(2026, 3, 2, 12), "week", BERLIN)
    assert [bucket.first for bucket in found] == [date(2026, 2, 23), date(2026, 3, 2)]


def test_months():
    found = buckets(at(2026, 1, 31, 23, 30), at(2026, 4, 1), "month", BERLIN)
    # In Berlin it is February already, and April has begun when the period ends.
    assert [bucket.first for bucket in found] == [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]


def test_a_period_that_ends_at_midnight_does_not_touch_the_next_day():
    assert len(buckets(at(2026, 3, 1), at(2026, 3, 3), "day", ZoneInfo("UTC"))) == 2


def test_unknown_steps_are_refused():
    with pytest.raises(ValueError):
        buckets(at(2026, 3, 1), at(2026, 3, 3), "hour", BERLIN)


@given(
    zone=ZONES,
    since=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    hours=st.integers(1, 24 * 200),
    step=st.sampled_from(["day", "week", "month"]),
    place=st.floats(0, 1, exclude_max=True),
)
def test_every_moment_is_in_the_step_whose_date_it_bears(zone, since, hours, step, place):
    until = since + timedelta(hours=hours)
    found = buckets(since, until, step, ZoneInfo(zone))
    assert found[0].start <= since and found[-1].start < until <= found[-1].end
    assert all(one.end == other.start for one, other in pairwise(found))
    moment = since + (until - since) * place
    bucket = found[place_of(found, moment)]
    local = moment.astimezone(ZoneInfo(zone)).date()
    first = {"day": local, "week": local - timedelta(days=local.weekday()), "month": local.replace(day=1)}[
        step
    ]
    assert bucket.first == first
