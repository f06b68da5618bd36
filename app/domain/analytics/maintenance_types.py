"""What kinds of maintenance the factory does, and what they take."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Money
from app.domain.analytics.scope import Scope
from app.domain.catalogues import MaintenanceType
from app.domain.downtime import MachineDowntime
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

    Labour, downtime and parts are those of the whole work order, also from before the period. Five
    statements.
    """
    type_id = MaintenanceWork.maintenance_type_id

    def by_type(what: sa.ColumnElement[Any], *joined: Any) -> dict[int | None, Any]:
        query = _closed(scope, type_id, what)
        for target, condition in joined:
            query = query.join(target, condition)
        return {row[0]: row[1] for row in session.execute(query.group_by(type_id))}

    jobs = by_type(sa.func.count())
    labour = by_type(sa.func.sum(WorkStep.minutes), (WorkStep, WorkStep.work_id == MaintenanceWork.id))
    downtime = by_type(
        sa.func.sum(MachineDowntime.minutes),
        (MachineDowntime, MachineDowntime.maintenance_request_id == MaintenanceWork.maintenance_request_id),
    )
    cost = by_type(
        sa.type_coerce(sa.func.sum(PartsUsage.cost), Money),
        (PartsUsage, PartsUsage.work_id == MaintenanceWork.id),
    )
    known = sa.select(MaintenanceType.id, MaintenanceType.code, MaintenanceType.name)
    named = {row.id: row for row in session.execute(known)}
    total = sum(jobs.values())
    types = [
        TypeFigures(
            type_id=key,
            code="" if key is None else named[key].code,
            name="No maintenance type" if key is None else named[key].name,
            jobs=count,
            share=count / total,
            labour_minutes=int(labour.get(key) or 0),
            downtime_minutes=int(downtime.get(key) or 0),
            parts_cost=cost.get(key) or Decimal(0),
        )
        for key, count in jobs.items()
    ]
    types.sort(key=lambda row: (-row.jobs, row.code == "", row.code))
    return TypeAnalysis(
        jobs=total,
        labour_minutes=sum(row.labour_minutes for row in types),
        downtime_minutes=sum(row.downtime_minutes for row in types),
        parts_cost=sum((row.parts_cost for row in types), Decimal(0)),
        types=tuple(types),
    )


def _closed(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """The work orders that count; an index holds all that this asks of them."""
    request_id = MaintenanceWork.maintenance_request_id
    cancelled = sa.select(MaintenanceRequest.id).where(MaintenanceRequest.status == RequestStatus.CANCELLED)
    query = (
        sa.select(*columns)
        .select_from(MaintenanceWork)
        .where(scope.contains(MaintenanceWork.completed_at), request_id.not_in(cancelled))
    )
    if scope.requests():
        query = query.join(MaintenanceRequest, MaintenanceRequest.id == request_id)
        return scope.narrowed(query)
    return query
