"""Which backups are kept: all of the last days, then one a day, a week and a month."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any

# How long, and one of which span of time: the first that was made in it.
RULES: tuple[tuple[timedelta, Callable[[datetime], Any]], ...] = (
    (timedelta(days=7), lambda at: at),
    (timedelta(days=30), lambda at: at.date()),
    (timedelta(days=90), lambda at: at.isocalendar()[:2]),
    (timedelta(days=366), lambda at: (at.year, at.month)),
)


def to_keep(times: Iterable[datetime], now: datetime, zone: tzinfo) -> set[datetime]:
    """Those of the backups made at these times that are kept; the newest always is.

    Days, weeks and months are those of the site's ``zone``. That the first of each is the one that is
    kept, and not the last, makes sure that what was once chosen stays chosen.
    """
    ordered = sorted(times)
    kept = set(ordered[-1:])
    for reach, span_of in RULES:
        seen = set()
        for at in ordered:
            span = span_of(at.astimezone(zone))
            if span not in seen and at > now - reach:
                kept.add(at)
            seen.add(span)
    return kept
