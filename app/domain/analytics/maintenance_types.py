"""What kinds of maintenance the factory does, and what they take."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Money
from app.domain.analytics.scope import Scope
from app.domain.catalogues import MaintenanceType
from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork, WorkStep


@dataclass(frozen=True)
class TypeFigures:
    """The work of one maintenance type; work without one is together under ``type_id`` None."""

    type_id: int | None
    code: str
    name: str
    jobs: int
    share: float
    labour_minutes: int
    downtime_minutes: int
    parts_cost: Decimal


@dataclass(frozen=True)
class TypeAnalysis:
    """Work of all types together and of each, most jobs first."""

    jobs: int
    labour_minutes: int
    downtime_minutes: int
    parts_cost: Decimal
    types: tuple[TypeFigures, ...]


def maintenance_types(session: Session, scope: Scope) -> TypeAnalysis:
    """The work orders closed in the period (but for cancelled requests), by maintenance type.

    Labour, downtime and parts are those of the whole work order, also from before the period. One
    statement.
    """
    labour = (
        sa.select(sa.func.sum(WorkStep.minutes))
        .where(WorkStep.work_id == MaintenanceWork.id)
        .scalar_subquery()
    )
    cost = (
        sa.select(sa.type_coerce(sa.func.sum(PartsUsage.cost), Money))
        .where(PartsUsage.work_id == MaintenanceWork.id)
        .scalar_subquery()
    )
    downtime = (
        sa.select(sa.func.sum(MachineDowntime.minutes))
        .where(MachineDowntime.maintenance_request_id == MaintenanceRequest.id)
        .scalar_subquery()
    )
    jobs = (
        sa.select(
            MaintenanceWork.maintenance_type_id,
            labour.label("labour"),
            downtime.label("downtime"),
            cost.label("cost"),
        )
        .join(MaintenanceRequest, MaintenanceRequest.id == MaintenanceWork.maintenance_request_id)
        .join(Machine, Machine.id == MaintenanceRequest.machine_id)
        .where(MaintenanceRequest.status != RequestStatus.CANCELLED, *scope.requests())
        .where(scope.contains(MaintenanceWork.completed_at))
        .subquery()
    )
    query = (
        sa.select(
            jobs.c.maintenance_type_id,
            MaintenanceType.code,
            MaintenanceType.name,
            sa.func.count().label("jobs"),
            sa.func.sum(jobs.c.labour).label("labour"),
            sa.func.sum(jobs.c.downtime).label("downtime"),
            sa.type_coerce(sa.func.sum(jobs.c.cost), Money).label("cost"),
        )
        .join_from(jobs, MaintenanceType, MaintenanceType.id == jobs.c.maintenance_type_id, isouter=True)
        .group_by(jobs.c.maintenance_type_id, MaintenanceType.code, MaintenanceType.name)
    )
    rows = session.execute(query).all()
    total = sum(row.jobs for row in rows)
    types = [
        TypeFigures(
            type_id=row.maintenance_type_id,
            code=row.code or "",
            name=row.name or "No maintenance type",
            jobs=row.jobs,
            share=row.jobs / total,
            labour_minutes=int(row.labour or 0),
            downtime_minutes=int(row.downtime or 0),
            parts_cost=row.cost or Decimal(0),
        )
        for row in rows
    ]
    types.sort(key=lambda row: (-row.jobs, row.code == "", row.code))
    return TypeAnalysis(
        jobs=total,
        labour_minutes=sum(row.labour_minutes for row in types),
        downtime_minutes=sum(row.downtime_minutes for row in types),
        parts_cost=sum((row.parts_cost for row in types), Decimal(0)),
        types=tuple(types),
    )
