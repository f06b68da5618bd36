"""Times from a start to an end, and how long several of them last together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

Interval = tuple[datetime, datetime]

MINUTE = timedelta(minutes=1)


def clipped(start: datetime, end: datetime, since: datetime, until: datetime) -> Interval | None:
    """The part of a time that lies between ``since`` and ``until``, or None when none of it does.

    What ended in the instant in which it started happened nevertheless, if that was in the period.
    """
    happened_within = since <= start < until
    if max(start, since) >= until or (end <= since and not happened_within):
        return None
    return max(start, since), max(min(end, until), max(start, since))


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times in order, with those that overlap or touch made one."""
    result: list[Interval] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def total(intervals: Iterable[Interval]) -> timedelta:
    """How long these times last together; they must not overlap."""
    return sum((end - start for start, end in intervals), timedelta())


def minutes(duration: timedelta) -> int:
    """A duration in whole minutes, half a minute rounded up."""
    return (duration + MINUTE / 2) // MINUTE
