"""What happened to a machine: repairs, standstills, preventive work, and changes of its record."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.domain.activity import ActivityLog
from app.domain.downtime import MachineDowntime
from app.domain.entities import EntityType
from app.domain.preventive.models import PreventiveLog, PreventiveTask
from app.domain.queries.filters import between
from app.domain.queries.paging import MAX_PAGE_SIZE, Page
from app.domain.requests import MaintenanceRequest


class MachineEventKind(StrEnum):
    """What kind of thing happened."""

    REQUEST = "REQUEST"
    DOWNTIME = "DOWNTIME"
    PREVENTIVE = "PREVENTIVE"
    CHANGE = "CHANGE"


@dataclass(frozen=True)
class Happened:
    """One thing that happened, and the record of it."""

    kind: MachineEventKind
    at: datetime
    record: Any


# Where each kind is kept, and when it happened.
_AT = {
    MachineEventKind.REQUEST: (MaintenanceRequest.id, MaintenanceRequest.reported_at),
    MachineEventKind.DOWNTIME: (MachineDowntime.id, MachineDowntime.started_at),
    MachineEventKind.PREVENTIVE: (PreventiveLog.id, PreventiveLog.performed_at),
    MachineEventKind.CHANGE: (ActivityLog.id, ActivityLog.at),
}


def list_history(
    session: Session,
    machine_id: int,
    *,
    kinds: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    sort: str = "-at",
    page: int = 1,
    page_size: int = 25,
) -> Page[Happened]:
    """What happened to a machine from ``since`` on and before ``until``, with all that is shown of it.

    Newest first, or with ``sort`` ``at`` oldest first. At most one statement a kind, and two.
    """
    page, page_size = max(1, page), min(max(1, page_size), MAX_PAGE_SIZE)
    wanted = [kind for kind in MachineEventKind if not kinds or kind in kinds]
    union = sa.union_all(*(_of(kind, machine_id, since, until) for kind in wanted)).subquery()
    total = session.scalar(sa.select(sa.func.count()).select_from(union)) or 0
    columns = (union.c.at, union.c.kind, union.c.id)
    order = columns if sort == "at" else tuple(column.desc() for column in columns)
    rows = session.execute(
        sa.select(union).order_by(*order).limit(page_size).offset((page - 1) * page_size)
    ).all()
    records = {kind: _records(session, kind, [row.id for row in rows if row.kind == kind]) for kind in wanted}
    items = [
        Happened(MachineEventKind(row.kind), row.at, records[MachineEventKind(row.kind)][row.id])
        for row in rows
    ]
    return Page(items=items, total=total, page=page, page_size=page_size)


def downtime_minutes(session: Session, request_ids: Sequence[int]) -> dict[int, int]:
    """How long each request kept its machine from producing, in minutes, where that has ended."""
    if not request_ids:
        return {}
    query = (
        sa.select(MachineDowntime.maintenance_request_id, sa.func.sum(MachineDowntime.minutes))
        .where(MachineDowntime.maintenance_request_id.in_(request_ids), MachineDowntime.minutes.is_not(None))
        .group_by(MachineDowntime.maintenance_request_id)
    )
    return {request_id: int(minutes or 0) for request_id, minutes in session.execute(query)}


def _of(
    kind: MachineEventKind, machine_id: int, since: datetime | None, until: datetime | None
) -> sa.Select[Any]:
    """Kind, id and time of what happened to a machine, of one kind."""
    key, at = _AT[kind]
    query: Any = sa.select(sa.literal(kind.value).label("kind"), key.label("id"), at.label("at"))
    match kind:
        case MachineEventKind.REQUEST:
            query = query.where(MaintenanceRequest.machine_id == machine_id)
        case MachineEventKind.DOWNTIME:
            query = query.where(MachineDowntime.machine_id == machine_id)
        case MachineEventKind.PREVENTIVE:
            query = query.join(PreventiveLog.task).where(PreventiveTask.machine_id == machine_id)
        case MachineEventKind.CHANGE:
            about = (ActivityLog.entity_type == EntityType.MACHINE, ActivityLog.entity_id == machine_id)
            query = query.where(*about)
    return between(query, at, since, until)


def _records(session: Session, kind: MachineEventKind, ids: Sequence[int]) -> dict[int, Any]:
    """The records of one kind by id, with what is shown of them."""
    if not ids:
        return {}
    query: sa.Select[Any]
    match kind:
        case MachineEventKind.REQUEST:
            query = sa.select(MaintenanceRequest).options(
                joinedload(MaintenanceRequest.failure_code),
                joinedload(MaintenanceRequest.assigned_technician),
                joinedload(MaintenanceRequest.machine),
                joinedload(MaintenanceRequest.work),
            )
        case MachineEventKind.DOWNTIME:
            query = sa.select(MachineDowntime)
        case MachineEventKind.PREVENTIVE:
            query = sa.select(PreventiveLog).options(
                joinedload(PreventiveLog.task), joinedload(PreventiveLog.performer)
            )
        case MachineEventKind.CHANGE:
            query = sa.select(ActivityLog).options(joinedload(ActivityLog.user))
    key, _ = _AT[kind]
    return {record.id: record for record in session.scalars(query.where(key.in_(ids)))}
