"""Days, weeks and months as the clock on the factory's wall has them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app.errors import BusinessError

MOST_BUCKETS = 1000


class GroupBy(StrEnum):
    """The steps in which a development is shown."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Bucket:
    """One day, week (it begins on Monday) or month. ``first`` is its first day, ``end`` is not included."""

    first: date
    start: datetime
    end: datetime


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins in a time zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def buckets(since: datetime, until: datetime, group_by: str, zone: ZoneInfo) -> list[Bucket]:
    """The days, weeks or months that a period touches, in order, each in its full length.

    :raises BusinessError: PERIOD_TOO_LONG, when there are more than can be shown
    """
    step = GroupBy(group_by)
    first = _first_day(since.astimezone(zone).date(), step)
    days = [first]
    while midnight(days[-1], zone) < until:
        if len(days) > MOST_BUCKETS:
            message = f"That is more than {MOST_BUCKETS} {step}s; choose longer steps or a shorter period."
            raise BusinessError("PERIOD_TOO_LONG", message, field="groupBy")
        days.append(_next(days[-1], step))
    starts = [midnight(day, zone) for day in days]
    return [Bucket(*bucket) for bucket in zip(days[:-1], starts[:-1], starts[1:], strict=True)]


def place_of(found: Sequence[Bucket], moment: datetime) -> int:
    """The position of the bucket in which a moment of the period lies."""
    return bisect_right(found, moment, key=lambda bucket: bucket.start) - 1


def place_in_database(found: Sequence[Bucket], moment: Any) -> sa.ColumnElement[int]:
    """The same for a column of moments, as an expression that halves what is left with each comparison.

    Without buckets it is 0.
    """

    def among(low: int, high: int) -> sa.ColumnElement[int]:
        if high - low <= 1:
            return sa.literal_column(str(low), sa.Integer())
        middle = (low + high) // 2
        return sa.case((moment < found[middle].start, among(low, middle)), else_=among(middle, high))

    return among(0, len(found))


def _first_day(day: date, step: GroupBy) -> date:
    if step == GroupBy.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == GroupBy.MONTH else day


def _next(day: date, step: GroupBy) -> date:
    if step == GroupBy.MONTH:
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if step == GroupBy.WEEK else 1)
