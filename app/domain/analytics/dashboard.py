"""The factory at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.analytics.downtime import DowntimeAnalysis, MachineStandstill, downtime
from app.domain.analytics.preventive import PreventiveCompliance, compliance
from app.domain.analytics.scope import Scope
from app.domain.machines import Machine, MachineStatus
from app.domain.parts import SparePart
from app.domain.requests import OPEN_STATUSES, MaintenanceRequest, Priority
from app.domain.spare_parts_requests import OPEN_STATUSES as OPEN_PARTS_STATUSES
from app.domain.spare_parts_requests import SparePartsRequest

TOP = 5
MOST_LOW_PARTS = 10


@dataclass(frozen=True)
class LowPart:
    """A part of which less is left than its minimum."""

    part_id: int
    part_number: str
    part_name: str
    quantity: int
    min_quantity: int


@dataclass(frozen=True)
class Activity:
    """What happened in a period: how many requests were reported, completed and cancelled, and how many
    parts requests were made and ended."""

    reported: int
    completed: int
    cancelled: int
    parts_requested: int
    parts_closed: int


@dataclass(frozen=True)
class Dashboard:
    """Now: requests, machines, stock and parts requests. In the period, and in the one before: the rest."""

    open_requests: int
    open_by_status: dict[str, int]
    open_by_priority: dict[str, int]
    unassigned: int
    oldest_open: datetime | None
    machines_by_status: dict[str, int]
    parts_requests_waiting: dict[str, int]
    low_stock: int
    low_parts: tuple[LowPart, ...]
    downtime: DowntimeAnalysis
    previous_downtime_minutes: int
    top_machines: tuple[MachineStandstill, ...]
    activity: Activity
    previous_activity: Activity
    preventive: PreventiveCompliance


def dashboard(session: Session, scope: Scope, group_by: str | None = None) -> Dashboard:
    """Everything for the first page. Narrowed to a technician it is about the requests assigned to them.

    Stock is the whole factory's, whatever the scope. A fixed number of statements.

    :raises BusinessError: PERIOD_TOO_LONG
    """
    free = MaintenanceRequest.assigned_technician_id.is_(None)
    open_now = session.execute(
        _requests(
            scope,
            MaintenanceRequest.status,
            MaintenanceRequest.priority,
            sa.func.count().label("requests"),
            sa.func.min(MaintenanceRequest.reported_at).label("oldest"),
            sa.func.sum(sa.case((free, 1), else_=0)).label("unassigned"),
        )
        .where(MaintenanceRequest.status.in_(OPEN_STATUSES))
        .group_by(MaintenanceRequest.status, MaintenanceRequest.priority)
    ).all()
    by_status = dict.fromkeys(map(str, OPEN_STATUSES), 0)
    by_priority = dict.fromkeys(map(str, Priority), 0)
    for row in open_now:
        by_status[row.status] += row.requests
        by_priority[row.priority] += row.requests
    stood_still = downtime(session, scope, group_by)
    previous = scope.previous()
    low = _low_parts(session)
    return Dashboard(
        open_requests=sum(by_status.values()),
        open_by_status=by_status,
        open_by_priority=by_priority,
        unassigned=sum(int(row.unassigned) for row in open_now),
        oldest_open=min((row.oldest for row in open_now), default=None),
        machines_by_status=_machines(session, scope),
        parts_requests_waiting=_parts_requests(session, scope),
        low_stock=low[0],
        low_parts=low[1],
        downtime=stood_still,
        previous_downtime_minutes=downtime(session, previous).minutes,
        top_machines=stood_still.machines[:TOP],
        activity=_activity(session, scope),
        previous_activity=_activity(session, previous),
        preventive=compliance(session, scope),
    )


def _requests(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """Requests of the scope, of any time."""
    return scope.narrowed(sa.select(*columns).select_from(MaintenanceRequest))


def _machines(session: Session, scope: Scope) -> dict[str, int]:
    """How many machines are in which state."""
    counts = dict.fromkeys(map(str, MachineStatus), 0)
    query = sa.select(Machine.status, sa.func.count()).where(*scope.machines()).group_by(Machine.status)
    return counts | {row[0]: row[1] for row in session.execute(query)}


def _parts_requests(session: Session, scope: Scope) -> dict[str, int]:
    """How many parts requests somebody still has to do something about, by status."""
    counts = dict.fromkeys(map(str, OPEN_PARTS_STATUSES), 0)
    query = (
        _requests(scope, SparePartsRequest.status, sa.func.count())
        .join(SparePartsRequest, SparePartsRequest.maintenance_request_id == MaintenanceRequest.id)
        .where(SparePartsRequest.status.in_(OPEN_PARTS_STATUSES))
        .group_by(SparePartsRequest.status)
    )
    return counts | {row[0]: row[1] for row in session.execute(query)}


def _low_parts(session: Session) -> tuple[int, tuple[LowPart, ...]]:
    """How many parts are below their minimum, and those that miss most of it."""
    low = sa.and_(SparePart.active, SparePart.quantity < SparePart.min_quantity)
    query = (
        sa.select(
            SparePart.id,
            SparePart.part_number,
            SparePart.part_name,
            SparePart.quantity,
            SparePart.min_quantity,
        )
        .where(low)
        .order_by(SparePart.quantity - SparePart.min_quantity, SparePart.part_name)
        .limit(MOST_LOW_PARTS)
    )
    count = session.scalar(sa.select(sa.func.count()).select_from(SparePart).where(low)) or 0
    return count, tuple(LowPart(*row) for row in session.execute(query))


def _activity(session: Session, scope: Scope) -> Activity:
    """What happened in a period: one statement for each count, each by an index of its own."""

    def requests(moment: Any) -> int:
        return session.scalar(_requests(scope, sa.func.count()).where(scope.contains(moment))) or 0

    def parts_requests(moment: Any) -> int:
        query = sa.select(sa.func.count()).select_from(SparePartsRequest).where(scope.contains(moment))
        if scope.requests():
            query = scope.narrowed(
                query.join(
                    MaintenanceRequest, MaintenanceRequest.id == SparePartsRequest.maintenance_request_id
                )
            )
        return session.scalar(query) or 0

    return Activity(
        reported=requests(MaintenanceRequest.reported_at),
        completed=requests(MaintenanceRequest.completed_at),
        cancelled=requests(MaintenanceRequest.cancelled_at),
        parts_requested=parts_requests(SparePartsRequest.created_at),
        parts_closed=parts_requests(SparePartsRequest.closed_at),
    )
