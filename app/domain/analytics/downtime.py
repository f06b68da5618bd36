"""How long machines stood still."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from app.domain.analytics import calendar, intervals, machines, stops
from app.domain.analytics.instants import instant_of
from app.domain.analytics.intervals import Interval
from app.domain.analytics.machines import MachineName
from app.domain.analytics.scope import Scope


@dataclass(frozen=True)
class MachineStandstill:
    """One machine's downtime in the period; ``share`` is its part of the downtime of all."""

    machine: MachineName
    stops: int
    minutes: int
    longest_minutes: int
    share: float
    is_down: bool


@dataclass(frozen=True)
class DowntimeStep:
    """The downtime in one day, week or month of the period, and how many stops began in it."""

    first: date
    stops: int
    minutes: int


@dataclass(frozen=True)
class DowntimeAnalysis:
    """Downtime of all machines, of each that had any (most first), and its development."""

    stops: int
    minutes: int
    machines: tuple[MachineStandstill, ...]
    steps: tuple[DowntimeStep, ...]


def downtime(session: Session, scope: Scope, group_by: str | None = None) -> DowntimeAnalysis:
    """Downtime clipped to the period, an open one counted until now.

    A *stop* is an unbroken time without production: downtimes of one machine that overlap or touch are
    one stop and count once. Three statements.

    :raises BusinessError: PERIOD_TOO_LONG
    """
    zone = scope.zone_on_the_wall(session)
    found = calendar.buckets(scope.since, scope.until, group_by, zone) if group_by else []
    names = machines.names(session, scope)
    since, until = instant_of(scope.since), instant_of(scope.known_until)
    times: dict[int, list[Interval]] = {}
    down_now = set()
    for machine_id, stopped in stops.times(session, scope):
        parts = [
            part
            for start, end in stopped
            if (part := intervals.clipped(start, until if end is None else end, since, until))
        ]
        if clipped := intervals.merged(parts):
            times[machine_id] = clipped
        if any(end is None for _, end in stopped):
            down_now.add(machine_id)
    lengths = {machine_id: intervals.total(parts) for machine_id, parts in times.items()}
    total = sum(lengths.values(), timedelta())
    rows = [
        MachineStandstill(
            machine=names[machine_id],
            stops=len(parts),
            minutes=intervals.minutes(lengths[machine_id]),
            longest_minutes=intervals.minutes(intervals.longest(parts)),
            share=lengths[machine_id] / total if total else 0.0,
            is_down=machine_id in down_now,
        )
        for machine_id, parts in times.items()
    ]
    rows.sort(key=lambda row: (-row.minutes, -row.stops, row.machine.name, row.machine.id))
    return DowntimeAnalysis(
        stops=sum(row.stops for row in rows),
        minutes=intervals.minutes(total),
        machines=tuple(rows),
        steps=_steps(found, [part for parts in times.values() for part in parts]),
    )


def _steps(found: list[calendar.Bucket], parts: list[Interval]) -> tuple[DowntimeStep, ...]:
    """The stops of all machines, divided among days, weeks or months."""
    if not found:
        return ()
    starts = [instant_of(bucket.start) for bucket in found]
    ends = [*starts[1:], instant_of(found[-1].end)]
    counts = [0] * len(found)
    lengths = [0] * len(found)
    for start, end in parts:
        place = bisect_right(starts, start) - 1
        counts[place] += 1
        while end > ends[place]:
            lengths[place] += ends[place] - start
            start, place = ends[place], place + 1
        lengths[place] += end - start
    return tuple(
        DowntimeStep(bucket.first, count, intervals.minutes(timedelta(microseconds=length)))
        for bucket, count, length in zip(found, counts, lengths, strict=True)
    )
