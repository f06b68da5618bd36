"""Times from a start to an end, and how long several of them last together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from app.domain.analytics.instants import Instant

Interval = tuple[Instant, Instant]

MINUTE = timedelta(minutes=1)


def clipped(start: Instant, end: Instant, since: Instant, until: Instant) -> Interval | None:
    """The part of a time that lies between ``since`` and ``until``, or None when none of it does.

    What ended in the instant in which it started happened nevertheless, if that was in the period.
    """
    if start < since:
        return (since, min(end, until)) if end > since < until else None
    return (start, max(min(end, until), start)) if start < until else None


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times in order, with those that overlap or touch made one."""
    result: list[Interval] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1]:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def total(intervals: Iterable[Interval]) -> timedelta:
    """How long these times last together; they must not overlap."""
    return timedelta(microseconds=sum(end - start for start, end in intervals))


def longest(intervals: Iterable[Interval]) -> timedelta:
    """How long the longest of these times lasts; there is at least one."""
    return timedelta(microseconds=max(end - start for start, end in intervals))


def minutes(duration: timedelta) -> int:
    """A duration in whole minutes, half a minute rounded up."""
    return (duration + MINUTE / 2) // MINUTE
