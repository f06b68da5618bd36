"""MTBF, MTTR and availability of machines.

The terms are those of EN 13306:2017 (up state, down state, failure, fault, mean operating time between
failures, mean time to restoration), the estimates those of ISO 14224:2016, annex C:

- *required time*: the part of the period in which the machine was in use. Machines are taken to be
  required around the clock; there is no shift calendar.
- *down time*: the part of it in which a downtime of the machine is recorded. Downtimes that overlap
  count once; one that is still open counts until now.
- *up time* = required time - down time
- *failure*: the event in which a machine that was up stopped for a maintenance request that was not
  cancelled. Rework on the same request is not another failure, and a machine that is already down for
  a failure cannot fail again.
- *time to restoration*: the down time of requests that were not cancelled
- **MTBF** = up time / number of failures
- **MTTR** = time to restoration / number of failures
- **availability** = up time / (up time + down time)

Without a failure in the period there is no MTBF and no MTTR, without required time no availability:
they are None. What began before the period counts as down time within it, not as a failure of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.analytics import intervals, machines, stops
from app.domain.analytics.instants import Instant, instant_of
from app.domain.analytics.machines import MachineName
from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import Stop


@dataclass(frozen=True)
class Reliability:
    """How reliable a machine, or several together, were. Durations are exact; the means are minutes."""

    failures: int
    required: timedelta
    down: timedelta
    restoration: timedelta

    @property
    def up(self) -> timedelta:
        return self.required - self.down

    @property
    def required_minutes(self) -> int:
        return intervals.minutes(self.required)

    @property
    def up_minutes(self) -> int:
        return intervals.minutes(self.up)

    @property
    def down_minutes(self) -> int:
        return intervals.minutes(self.down)

    @property
    def restoration_minutes(self) -> int:
        return intervals.minutes(self.restoration)

    @property
    def mtbf_minutes(self) -> int | None:
        """Mean operating time between failures: up time / failures."""
        return intervals.minutes(self.up / self.failures) if self.failures else None

    @property
    def mttr_minutes(self) -> int | None:
        """Mean time to restoration: time to restoration / failures."""
        return intervals.minutes(self.restoration / self.failures) if self.failures else None

    @property
    def availability(self) -> float | None:
        """The share of the required time in which the machine was up, from 0 to 1."""
        return self.up / self.required if self.required else None


@dataclass(frozen=True)
class MachineReliability:
    """How reliable one machine was."""

    machine: MachineName
    figures: Reliability


@dataclass(frozen=True)
class ReliabilityAnalysis:
    """All machines together (times and failures added up), and each by itself, by name."""

    overall: Reliability
    machines: tuple[MachineReliability, ...]


def reliability(session: Session, scope: Scope) -> ReliabilityAnalysis:
    """MTBF, MTTR and availability of the scope's machines, as the module says. Three statements."""
    observed = machines.observed(session, scope, scope.zone_on_the_wall(session))
    stopped = dict(stops.by_machine(session, scope))
    found = tuple(
        MachineReliability(item.machine, measure(stopped.get(item.machine.id, ()), item.since, item.until))
        for item in observed
    )
    return ReliabilityAnalysis(added_up(item.figures for item in found), found)


def measure(stopped: Sequence[Stop], since: datetime, until: datetime) -> Reliability:
    """The figures of one machine from its downtimes, in the order in which they began."""
    begin, finish = instant_of(since), instant_of(until)
    down, restoration = [], []
    failures = 0
    down_until: Instant | None = None
    for start, end, is_first, is_failure in stopped:
        part = intervals.clipped(start, end, begin, finish)
        if part is not None:
            down.append(part)
        if not is_failure:
            continue
        if part is not None:
            restoration.append(part)
        was_up = down_until is None or start > down_until
        if is_first and was_up and begin <= start < finish:
            failures += 1
        down_until = end if down_until is None else max(down_until, end)
    return Reliability(
        failures=failures,
        required=until - since,
        down=intervals.total(intervals.merged(down)),
        restoration=intervals.total(intervals.merged(restoration)),
    )


def added_up(parts: Iterable[Reliability]) -> Reliability:
    """Several machines as one: what is known of each is added, and the means follow from the sums."""
    failures, required, down, restoration = 0, timedelta(), timedelta(), timedelta()
    for part in parts:
        failures += part.failures
        required += part.required
        down += part.down
        restoration += part.restoration
    return Reliability(failures, required, down, restoration)
