"""Which backups are kept: all of a week, then one a day for a month, a week for three, a month for a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from app.ops.backup.retention import to_keep

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def every_six_hours(days: int) -> list[datetime]:
    start = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # two in the morning in Berlin
    return [start - timedelta(hours=6 * number) for number in range(days * 4)]


def test_two_years_of_backups() -> None:
    kept = to_keep(every_six_hours(730), NOW, BERLIN)
    last_week = {at for at in kept if at > NOW - timedelta(days=7)}
    assert len(last_week) == 27 or len(last_week) == 28
    month = sorted(at for at in kept - last_week if at > NOW - timedelta(days=30))
    assert len(month) == 23
    assert {at.astimezone(BERLIN).hour for at in month} == {2}
    quarter = sorted(at for at in kept if NOW - timedelta(days=90) < at <= NOW - timedelta(days=30))
    weekly = [at for at in quarter if at.astimezone(BERLIN).weekday() == 0]
    assert len(weekly) == 9
    assert len(quarter) - len(weekly) <= 2  # the first of a month
    year = [at for at in kept if NOW - timedelta(days=366) < at <= NOW - timedelta(days=90)]
    assert {at.astimezone(BERLIN).day for at in year} == {1} and len(year) == 9
    assert not [at for at in kept if at <= NOW - timedelta(days=366)]


def test_the_newest_is_kept_however_old_it_is() -> None:
    old = [NOW - timedelta(days=days) for days in (4000, 3999)]
    assert to_keep(old, NOW, BERLIN) == {old[1]}


def test_nothing_of_nothing() -> None:
    assert to_keep([], NOW, BERLIN) == set()


@given(st.lists(st.integers(0, 24 * 500), min_size=1, max_size=60), st.integers(0, 24 * 400))
def test_what_goes_today_would_not_be_wanted_later(hours: list[int], later: int) -> None:
    """Pruning each day keeps what pruning once at the end would: nothing is let go too early."""
    made = [NOW - timedelta(hours=hour) for hour in hours]
    after = NOW + timedelta(hours=later)
    kept = to_keep(made, NOW, BERLIN)
    assert to_keep(kept, after, BERLIN) == to_keep(made, after, BERLIN)
