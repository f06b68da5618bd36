"""What the databases make of times is what Python makes of them, to the microsecond."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import UtcDateTime
from app.domain.analytics.calendar import buckets, place_in_database, place_of
from app.domain.analytics.instants import instant, instant_of
from app.domain.machines import Machine
from tests.factories import make_machine

pytestmark = pytest.mark.databases

# Among them fractions that a clock with three digits would carry into the next second.
MOMENTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999_500, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, 0, 999_999, tzinfo=UTC),
    datetime(2099, 12, 31, 12, 0, 0, 123_456, tzinfo=UTC),
)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment:%Y%m%d-%H%M%S.%f}")
def test_an_instant_is_the_microseconds_since_1970(session: Session, moment: datetime) -> None:
    machine = make_machine(session)
    machine.created_at = moment
    session.flush()
    found = session.scalar(sa.select(instant(Machine.created_at)).where(Machine.id == machine.id))
    assert found == instant_of(moment)
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(found)) == moment


def test_what_has_no_time_has_no_instant(session: Session) -> None:
    assert session.scalar(sa.select(instant(sa.literal(None, UtcDateTime)))) is None


@pytest.mark.parametrize(("step", "count"), [("day", 366), ("week", 53), ("month", 12)])
def test_the_database_finds_the_place_of_a_moment(session: Session, step: str, count: int) -> None:
    year = datetime(2024, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    found = buckets(year, year.replace(year=2025), step, ZoneInfo("Europe/Berlin"))
    assert len(found) == count
    edges = [bucket.start for bucket in found[:: max(1, count // 12)]]
    moments = [
        *edges,
        *(edge + timedelta(microseconds=1) for edge in edges),
        found[-1].end - timedelta(seconds=1),
    ]
    columns = [place_in_database(found, sa.literal(moment, UtcDateTime)) for moment in moments]
    places = [session.scalar(sa.select(column)) for column in columns]
    assert places == [place_of(found, moment) for moment in moments]
    assert found[-1].first.year == 2024 and (step != "day" or found[59].first == date(2024, 2, 29))
