"""The one place that knows what time it is, so that tests and scenarios can say so instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_source: ContextVar[Callable[[], datetime] | None] = ContextVar("clock_source", default=None)


def now() -> datetime:
    """The current time, aware and in UTC."""
    source = _source.get()
    return datetime.now(UTC) if source is None else source()


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
        from datetime import timedelta

        self.time += timedelta(**delta)
        return self.time
