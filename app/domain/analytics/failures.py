"""What fails most: failure codes in the order of what they cost the factory, after Pareto."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Money
from app.domain.analytics import intervals, machines
from app.domain.analytics.instants import instant, instant_of
from app.domain.analytics.intervals import Interval
from app.domain.analytics.machines import MachineName
from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import ROWS_AT_ONCE
from app.domain.catalogues import FailureCode
from app.domain.downtime import MachineDowntime
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork


class Measure(StrEnum):
    """What the order, and the cumulative share, go by."""

    COUNT = "count"
    DOWNTIME = "downtime"
    COST = "cost"


@dataclass(frozen=True)
class FailureFigures:
    """One failure code; reports without one are together under ``code_id`` None.

    ``share`` and ``cumulative_share`` (this code and all before it) are of the measure asked for.
    """

    code_id: int | None
    code: str
    name: str
    failures: int
    downtime_minutes: int
    parts_cost: Decimal
    share: float
    cumulative_share: float


@dataclass(frozen=True)
class MachineFailures:
    """How often one machine failed."""

    machine: MachineName
    failures: int


@dataclass(frozen=True)
class FailureAnalysis:
    """Failures by code (Pareto order) and by machine (most first)."""

    failures: int
    downtime_minutes: int
    parts_cost: Decimal
    codes: tuple[FailureFigures, ...]
    machines: tuple[MachineFailures, ...]


def failures(session: Session, scope: Scope, measure: str = Measure.COUNT) -> FailureAnalysis:
    """The maintenance requests reported in the period and not cancelled, by their failure code.

    Unlike for the MTBF, each such report counts, whether the machine stood still for it or not. Their
    downtime is clipped to the period (that of one machine counts once per code); their parts are
    counted whenever they were issued. Five statements.
    """
    names = machines.names(session, scope)
    times = _downtimes(session, scope)
    costs = _parts_costs(session, scope)
    counts: dict[int | None, int] = {}
    by_machine: dict[int, int] = {}
    code, machine = MaintenanceRequest.failure_code_id, MaintenanceRequest.machine_id
    reported = _reported(scope, code, machine, sa.func.count()).group_by(code, machine)
    for code_id, machine_id, count in session.execute(reported):
        counts[code_id] = counts.get(code_id, 0) + count
        by_machine[machine_id] = by_machine.get(machine_id, 0) + count
    known = sa.select(FailureCode.id, FailureCode.code, FailureCode.name)
    codes = {row.id: row for row in session.execute(known)}
    rows = [
        FailureFigures(
            code_id=code_id,
            code=codes[code_id].code if code_id is not None else "",
            name=codes[code_id].name if code_id is not None else "No failure code",
            failures=count,
            downtime_minutes=intervals.minutes(times.get(code_id, timedelta())),
            parts_cost=costs.get(code_id, Decimal(0)),
            share=0.0,
            cumulative_share=0.0,
        )
        for code_id, count in counts.items()
    ]
    ordered = pareto(rows, Measure(measure))
    return FailureAnalysis(
        failures=sum(row.failures for row in ordered),
        downtime_minutes=intervals.minutes(sum(times.values(), timedelta())),
        parts_cost=sum((row.parts_cost for row in ordered), Decimal(0)),
        codes=tuple(ordered),
        machines=tuple(
            MachineFailures(names[machine_id], count)
            for machine_id, count in sorted(
                by_machine.items(), key=lambda item: (-item[1], names[item[0]].name, item[0])
            )
        ),
    )


def pareto(rows: list[FailureFigures], measure: Measure) -> list[FailureFigures]:
    """The rows by the measure, most first, each with its share and the share of all down to it."""
    value = {
        Measure.COUNT: lambda row: row.failures,
        Measure.DOWNTIME: lambda row: row.downtime_minutes,
        Measure.COST: lambda row: row.parts_cost,
    }[measure]
    total = sum(value(row) for row in rows)
    so_far = value(rows[0]) * 0 if rows else 0
    result = []
    for row in sorted(rows, key=lambda row: (-value(row), -row.failures, row.code == "", row.code)):
        so_far += value(row)
        shares = (float(value(row) / total), float(so_far / total)) if total else (0.0, 0.0)
        result.append(
            FailureFigures(
                row.code_id, row.code, row.name, row.failures, row.downtime_minutes, row.parts_cost, *shares
            )
        )
    return result


def _reported(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """The requests that count."""
    query = (
        sa.select(*columns)
        .select_from(MaintenanceRequest)
        .where(MaintenanceRequest.status != RequestStatus.CANCELLED)
        .where(scope.contains(MaintenanceRequest.reported_at))
    )
    return scope.narrowed(query)


def _parts_costs(session: Session, scope: Scope) -> dict[int | None, Decimal]:
    """What the parts of these requests cost, by failure code."""
    code = MaintenanceRequest.failure_code_id
    query = (
        _reported(scope, code, sa.type_coerce(sa.func.sum(PartsUsage.cost), Money))
        .join(MaintenanceWork, MaintenanceWork.maintenance_request_id == MaintenanceRequest.id)
        .join(PartsUsage, PartsUsage.work_id == MaintenanceWork.id)
        .group_by(code)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _downtimes(session: Session, scope: Scope) -> dict[int | None, timedelta]:
    """The downtime of these requests within the period, by failure code."""
    since, until = instant_of(scope.since), instant_of(scope.known_until)
    query = _reported(
        scope,
        MaintenanceRequest.failure_code_id,
        MachineDowntime.machine_id,
        instant(MachineDowntime.started_at),
        instant(MachineDowntime.ended_at),
    ).join(MachineDowntime, MachineDowntime.maintenance_request_id == MaintenanceRequest.id)
    found: dict[tuple[int | None, int], list[Interval]] = {}
    rows = session.connection().execute(query.execution_options(yield_per=ROWS_AT_ONCE))
    for code_id, machine_id, start, end in rows:
        if part := intervals.clipped(start, until if end is None else end, since, until):
            found.setdefault((code_id, machine_id), []).append(part)
    times: dict[int | None, timedelta] = {}
    for (code_id, _), parts in found.items():
        times[code_id] = times.get(code_id, timedelta()) + intervals.total(intervals.merged(parts))
    return times
