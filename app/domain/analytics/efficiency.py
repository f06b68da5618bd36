"""How quickly and how lastingly machines are repaired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.analytics import intervals, machines
from app.domain.analytics.machines import MachineName
from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import ROWS_AT_ONCE
from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine
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


class _Sums:
    """What has been seen of some requests so far."""

    def __init__(self) -> None:
        self.completed = self.reworked = self.labour = self.accepted = 0
        self.response = self.resolution = timedelta()

    def add(self, row: sa.Row[tuple[object, ...]]) -> None:
        self.completed += 1
        self.reworked += row.downtimes > 1
        self.labour += int(row.labour or 0)
        self.resolution += row.completed_at - row.reported_at
        if row.accepted_at is not None:
            self.accepted += 1
            self.response += row.accepted_at - row.reported_at

    def times(self) -> RepairTimes:
        return RepairTimes(
            completed=self.completed,
            reworked=self.reworked,
            labour_minutes=self.labour,
            response_minutes=_mean(self.response, self.accepted),
            resolution_minutes=_mean(self.resolution, self.completed),
        )


def _mean(total: timedelta, count: int) -> int | None:
    return intervals.minutes(total / count) if count else None


def repairs(session: Session, scope: Scope) -> RepairAnalysis:
    """The requests completed in the period, with their whole history. Two statements."""
    names = machines.names(session, scope)
    labour = (
        sa.select(sa.func.sum(WorkStep.minutes))
        .join(MaintenanceWork, MaintenanceWork.id == WorkStep.work_id)
        .where(MaintenanceWork.maintenance_request_id == MaintenanceRequest.id)
        .scalar_subquery()
    )
    downtimes = (
        sa.select(sa.func.count())
        .where(MachineDowntime.maintenance_request_id == MaintenanceRequest.id)
        .scalar_subquery()
    )
    query = (
        sa.select(
            MaintenanceRequest.machine_id,
            MaintenanceRequest.reported_at,
            MaintenanceRequest.accepted_at,
            MaintenanceRequest.completed_at,
            labour.label("labour"),
            downtimes.label("downtimes"),
        )
        .join(Machine, Machine.id == MaintenanceRequest.machine_id)
        .where(MaintenanceRequest.status == RequestStatus.COMPLETED, *scope.requests())
        .where(scope.contains(MaintenanceRequest.completed_at))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    overall = _Sums()
    each: dict[int, _Sums] = {}
    for row in session.execute(query):
        overall.add(row)
        each.setdefault(row.machine_id, _Sums()).add(row)
    found = (MachineRepairs(name, each[key].times()) for key, name in names.items() if key in each)
    return RepairAnalysis(overall.times(), tuple(found))
