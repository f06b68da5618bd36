"""How quickly and how lastingly machines are repaired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.analytics import intervals, machines
from app.domain.analytics.instants import instant
from app.domain.analytics.machines import MachineName
from app.domain.analytics.scope import Scope
from app.domain.downtime import MachineDowntime
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.work import MaintenanceWork, WorkStep


@dataclass(frozen=True)
class RepairTimes:
    """Completed requests of a machine, or of all.

    ``response_minutes`` is the mean time from report to acceptance, ``resolution_minutes`` that from report
    to completion; ``reworked`` counts requests whose repair had to be done again.
    """

    completed: int
    reworked: int
    labour_minutes: int
    response_minutes: int | None
    resolution_minutes: int | None

    @property
    def first_time_share(self) -> float | None:
        """The share of requests that were repaired at the first attempt."""
        return (self.completed - self.reworked) / self.completed if self.completed else None


@dataclass(frozen=True)
class MachineRepairs:
    """The completed requests of one machine."""

    machine: MachineName
    times: RepairTimes


@dataclass(frozen=True)
class RepairAnalysis:
    """All machines together and each that had a completed request, by name."""

    overall: RepairTimes
    machines: tuple[MachineRepairs, ...]


@dataclass
class _Sums:
    """What requests add up to; times are microseconds."""

    completed: int = 0
    accepted: int = 0
    response: int = 0
    resolution: int = 0
    reworked: int = 0
    labour: int = 0

    def add(self, other: _Sums) -> None:
        self.completed += other.completed
        self.accepted += other.accepted
        self.response += other.response
        self.resolution += other.resolution
        self.reworked += other.reworked
        self.labour += other.labour

    def times(self) -> RepairTimes:
        return RepairTimes(
            completed=self.completed,
            reworked=self.reworked,
            labour_minutes=self.labour,
            response_minutes=_mean(self.response, self.accepted),
            resolution_minutes=_mean(self.resolution, self.completed),
        )


def _mean(total: int, count: int) -> int | None:
    return intervals.minutes(timedelta(microseconds=total) / count) if count else None


def repairs(session: Session, scope: Scope) -> RepairAnalysis:
    """The requests completed in the period, with their whole history. Four statements."""
    names = machines.names(session, scope)
    each = _completed(session, scope)
    for machine_id, reworked in session.execute(_reworked(scope)):
        each[machine_id].reworked = reworked
    for machine_id, labour in session.execute(_labour(scope)):
        each[machine_id].labour = int(labour)
    overall = _Sums()
    for sums in each.values():
        overall.add(sums)
    found = (MachineRepairs(name, each[key].times()) for key, name in names.items() if key in each)
    return RepairAnalysis(overall.times(), tuple(found))


def _completed(session: Session, scope: Scope) -> dict[int, _Sums]:
    """How many there were of each machine, and how long they took."""
    reported, accepted = instant(MaintenanceRequest.reported_at), instant(MaintenanceRequest.accepted_at)
    query = _requests(
        scope,
        MaintenanceRequest.machine_id,
        sa.func.count(),
        sa.func.count(MaintenanceRequest.accepted_at),
        sa.func.coalesce(sa.func.sum(accepted - reported), 0),
        sa.func.sum(instant(MaintenanceRequest.completed_at) - reported),
    ).group_by(MaintenanceRequest.machine_id)
    return {machine_id: _Sums(*map(int, sums)) for machine_id, *sums in session.execute(query)}


def _reworked(scope: Scope) -> sa.Select[Any]:
    """How many of each machine had more than one downtime."""
    again = (
        _requests(scope, MaintenanceRequest.machine_id)
        .join(MachineDowntime, MachineDowntime.maintenance_request_id == MaintenanceRequest.id)
        .group_by(MaintenanceRequest.id, MaintenanceRequest.machine_id)
        .having(sa.func.count() > 1)
        .subquery()
    )
    return sa.select(again.c.machine_id, sa.func.count()).group_by(again.c.machine_id)


def _labour(scope: Scope) -> sa.Select[Any]:
    """The working time that went into those of each machine."""
    return (
        _requests(scope, MaintenanceRequest.machine_id, sa.func.sum(WorkStep.minutes))
        .join(MaintenanceWork, MaintenanceWork.maintenance_request_id == MaintenanceRequest.id)
        .join(WorkStep, WorkStep.work_id == MaintenanceWork.id)
        .group_by(MaintenanceRequest.machine_id)
    )


def _requests(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """The requests that count."""
    query = (
        sa.select(*columns)
        .select_from(MaintenanceRequest)
        .where(MaintenanceRequest.status == RequestStatus.COMPLETED)
        .where(scope.contains(MaintenanceRequest.completed_at))
    )
    return scope.narrowed(query)
