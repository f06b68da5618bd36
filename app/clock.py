"""The one place that knows what time it is, so that tests and scenarios can say so instead.

Machines of one site must agree on the time, and their clocks may be wrong or be set while they run. So a
process goes by a stopwatch from its first look at the clock of the database (:func:`compare`), which it
believes where the two differ. Until then, and with SQLite for ever, the time is that of the machine.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

log = logging.getLogger(__name__)

# Machines that differ by less agree: each keeps its own time.
TOLERANCE = timedelta(seconds=2)

_source: ContextVar[Callable[[], datetime] | None] = ContextVar("clock_source", default=None)
_agreed: tuple[datetime, float] | None = None  # a time, and what the stopwatch showed then


def now() -> datetime:
    """The current time, aware and in UTC."""
    source = _source.get()
    return _time_of_the_site() if source is None else source()


def stopwatch() -> float:
    """Seconds that only ever grow, also while the machine sleeps, whatever is done to its clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def wrong_by() -> timedelta:
    """How much the clock of this machine is ahead of the site's."""
    return datetime.now(UTC) - _time_of_the_site()


def compare(read: Callable[[], datetime]) -> None:
    """Look at the clock that counts for the site: ``read`` answers its time (aware, UTC)."""
    global _agreed
    began = stopwatch()
    there = read()
    ended = stopwatch()
    there += timedelta(seconds=(ended - began) / 2)
    here = _time_of_the_site()
    differs = there - here
    if abs(differs) > TOLERANCE + timedelta(seconds=ended - began):
        log.warning(
            "the clock here differs from the database's by %.1f s: the database's counts",
            differs.total_seconds(),
        )
        _agreed = (there, ended)
    elif _agreed is None:
        _agreed = (here, stopwatch())


def _time_of_the_site() -> datetime:
    if _agreed is None:
        return datetime.now(UTC)
    at, showed = _agreed
    return at + timedelta(seconds=stopwatch() - showed)


@contextmanager
def use(source: Callable[[], datetime]) -> Iterator[None]:
    """Read the time from ``source`` (aware, UTC) inside the block, in this thread or task only."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


class ManualClock:
    """A clock that moves only when told to: ``with clock.use(ManualClock(start)) ...``."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware time")
        self.time = start.astimezone(UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **delta: float) -> datetime:
        """Move forward by ``timedelta(**delta)`` and answer the new time."""
        self.time += timedelta(**delta)
        return self.time
