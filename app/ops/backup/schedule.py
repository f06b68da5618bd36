"""A process that backs a site up again and again, at fixed hours of the site's day."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from datetime import time as time_of_day

from app import clock

log = logging.getLogger(__name__)

LOOK_EVERY = 30.0  # seconds; short, so that a clock that was set is noticed


def slot(now: datetime, zone: tzinfo, first: time_of_day, every: int) -> datetime:
    """The last time up to ``now`` at which a backup was due: ``first``, and every so many hours after it.

    The hours are those of the site's ``zone``, also on days on which its clocks are changed.
    """
    today = now.astimezone(zone).date()
    times = [
        datetime.combine(day, first, zone) + timedelta(hours=hours)
        for day in (today - timedelta(days=1), today)
        for hours in range(0, 24, every)
    ]
    return max(at for at in times if at <= now)


def keep_going(
    make: Callable[[bool], object],
    last_good: Callable[[], datetime | None],
    *,
    zone: Callable[[], tzinfo],
    first: time_of_day,
    every: int,
    stopping: threading.Event,
    retry: timedelta = timedelta(minutes=15),
) -> None:
    """Call ``make`` whenever a backup is due that has not been made, until ``stopping`` is set.

    What was missed while the process was down is made up for at once, one backup for all of it. ``make`` is
    told whether it is the first of a week, which reads everything. A failure is logged and tried again
    after a while.
    """
    failed_at: datetime | None = None
    while not stopping.is_set():
        now = clock.now()
        try:
            due, last = slot(now, zone(), first, every), last_good()
            if (last is None or last < due) and (failed_at is None or now - failed_at >= retry):
                week = due.astimezone(zone()).isocalendar()[:2]
                make(last is None or last.astimezone(zone()).isocalendar()[:2] != week)
                failed_at = None
        except Exception:
            log.exception("a backup could not be made; it is tried again in %s", retry)
            failed_at = now
        stopping.wait(LOOK_EVERY)
