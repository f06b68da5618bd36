"""Lists and histories of maintenance requests."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain.activity import ActivityLog
from app.domain.entities import EntityType
from app.domain.machines import Machine
from app.domain.queries.filters import between, equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by
from app.domain.requests import OPEN_STATUSES, MaintenanceRequest, Priority
from app.domain.spare_parts_requests import SparePartsRequest, SparePartsRequestLine
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork, WorkStep

_URGENCY = sa.case(
    {Priority.CRITICAL: 0, Priority.HIGH: 1, Priority.MEDIUM: 2, Priority.LOW: 3},
    value=MaintenanceRequest.priority,
)
SORTS: Sorts = {
    "reportedAt": (MaintenanceRequest.reported_at,),
    "priority": (_URGENCY, MaintenanceRequest.reported_at),  # the most urgent first, of those the oldest
    "status": (MaintenanceRequest.status, MaintenanceRequest.reported_at),
    "machine": (Machine.name,),
    "businessKey": (MaintenanceRequest.business_key,),
    "updatedAt": (MaintenanceRequest.updated_at,),
}
WORK_SORTS: Sorts = {
    "startedAt": (MaintenanceWork.started_at,),
    "completedAt": (MaintenanceWork.completed_at,),
    "machine": (Machine.name,),
}

# What a row of a list shows.
_ROW = (
    joinedload(MaintenanceRequest.machine).joinedload(Machine.department),
    joinedload(MaintenanceRequest.reporter),
    joinedload(MaintenanceRequest.assigned_technician),
)


def list_requests(
    session: Session,
    *,
    statuses: Collection[str] = (),
    priority: str | None = None,
    machine_id: int | None = None,
    department_id: int | None = None,
    reporter_id: int | None = None,
    technician_id: int | None = None,
    failure_code_id: int | None = None,
    maintenance_type_id: int | None = None,
    uncoded: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
    sort: str = "-reportedAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[MaintenanceRequest]:
    """Requests that fit all filters given, with machine, department and people.

    ``uncoded`` are those without a failure code. Reported from ``since`` on and before ``until``. ``q`` is
    looked for in business key, description, machine name and QR code; ``sort`` is a name of :data:`SORTS`.
    """
    query = sa.select(MaintenanceRequest).options(*_ROW)
    if department_id is not None or q.strip() or sort.removeprefix("-") == "machine":
        query = query.join(MaintenanceRequest.machine)
    if statuses:
        query = query.where(MaintenanceRequest.status.in_(list(statuses)))
    query = equal(
        query,
        (MaintenanceRequest.priority, priority),
        (MaintenanceRequest.machine_id, machine_id),
        (MaintenanceRequest.reporter_id, reporter_id),
        (MaintenanceRequest.assigned_technician_id, technician_id),
        (MaintenanceRequest.failure_code_id, failure_code_id),
        (MaintenanceRequest.maintenance_type_id, maintenance_type_id),
        (Machine.department_id, department_id),
    )
    if uncoded:
        query = query.where(MaintenanceRequest.failure_code_id.is_(None))
    query = between(query, MaintenanceRequest.reported_at, since, until)
    if q.strip():
        query = query.where(
            matches(
                q,
                MaintenanceRequest.business_key,
                MaintenanceRequest.problem_description,
                Machine.name,
                Machine.qr_code,
            )
        )
    return page_of(session, order_by(query, SORTS, sort, MaintenanceRequest.id), page, page_size)


def list_work(
    session: Session,
    *,
    technician_id: int | None = None,
    maintenance_type_id: int | None = None,
    machine_id: int | None = None,
    department_id: int | None = None,
    is_open: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
    sort: str = "-startedAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[MaintenanceWork]:
    """Work orders that fit all filters given, with request, machine, people, steps and parts used.

    Begun from ``since`` on and before ``until``. ``q`` is looked for in business key, cause, remedy and
    machine name; ``sort`` is a name of :data:`WORK_SORTS`.
    """
    request = joinedload(MaintenanceWork.request)
    query = sa.select(MaintenanceWork).options(
        request.joinedload(MaintenanceRequest.machine).joinedload(Machine.department),
        joinedload(MaintenanceWork.technician),
        joinedload(MaintenanceWork.maintenance_type),
        selectinload(MaintenanceWork.steps).joinedload(WorkStep.performer),
        selectinload(MaintenanceWork.parts_used).joinedload(PartsUsage.part),
    )
    about_machine = machine_id is not None or department_id is not None
    if about_machine or q.strip() or sort.removeprefix("-") == "machine":
        query = query.join(MaintenanceWork.request).join(MaintenanceRequest.machine)
    query = equal(
        query,
        (MaintenanceWork.technician_id, technician_id),
        (MaintenanceWork.maintenance_type_id, maintenance_type_id),
        (MaintenanceRequest.machine_id, machine_id),
        (Machine.department_id, department_id),
    )
    if is_open is not None:
        ended = MaintenanceWork.completed_at
        query = query.where(ended.is_(None) if is_open else ended.is_not(None))
    query = between(query, MaintenanceWork.started_at, since, until)
    if q.strip():
        searched = (
            MaintenanceRequest.business_key,
            MaintenanceWork.cause,
            MaintenanceWork.remedy,
            Machine.name,
        )
        query = query.where(matches(q, *searched))
    return page_of(session, order_by(query, WORK_SORTS, sort, MaintenanceWork.id), page, page_size)


def open_requests(session: Session, machine_id: int) -> list[MaintenanceRequest]:
    """What is being done about a machine now, most urgent first."""
    query = (
        sa.select(MaintenanceRequest)
        .where(MaintenanceRequest.machine_id == machine_id)
        .where(MaintenanceRequest.status.in_(OPEN_STATUSES))
        .options(*_ROW)
    )
    return list(session.scalars(order_by(query, SORTS, "priority", MaintenanceRequest.id)))


def get_request(session: Session, request_id: int, *, fresh: bool = False) -> MaintenanceRequest | None:
    """A request with all that its page shows about machine, people and work; ``fresh`` reads it anew."""
    work = selectinload(MaintenanceRequest.work)
    query = (
        sa.select(MaintenanceRequest)
        .where(MaintenanceRequest.id == request_id)
        .options(
            *_ROW,
            joinedload(MaintenanceRequest.failure_code),
            joinedload(MaintenanceRequest.maintenance_type),
            work.selectinload(MaintenanceWork.steps).joinedload(WorkStep.performer),
            work.selectinload(MaintenanceWork.parts_used).joinedload(PartsUsage.part),
            work.joinedload(MaintenanceWork.technician),
            work.joinedload(MaintenanceWork.maintenance_type),
        )
    )
    return session.scalars(query.execution_options(populate_existing=fresh)).first()


def parts_requests_of(session: Session, request_id: int) -> list[SparePartsRequest]:
    """The parts requests of a maintenance request with lines, parts and reservations, oldest first."""
    lines = selectinload(SparePartsRequest.lines)
    query = (
        sa.select(SparePartsRequest)
        .where(SparePartsRequest.maintenance_request_id == request_id)
        .options(
            joinedload(SparePartsRequest.requester),
            lines.joinedload(SparePartsRequestLine.part),
            lines.selectinload(SparePartsRequestLine.reservations),
        )
        .order_by(SparePartsRequest.id)
    )
    return list(session.scalars(query))


def timeline(session: Session, request_id: int) -> list[ActivityLog]:
    """All that was done about a request, its work and its parts requests, oldest first."""
    work = sa.select(MaintenanceWork.id).where(MaintenanceWork.maintenance_request_id == request_id)
    parts = sa.select(SparePartsRequest.id).where(SparePartsRequest.maintenance_request_id == request_id)
    query = (
        sa.select(ActivityLog)
        .where(
            sa.or_(
                _about(EntityType.MAINTENANCE_REQUEST, ActivityLog.entity_id == request_id),
                _about(EntityType.MAINTENANCE_WORK, ActivityLog.entity_id.in_(work)),
                _about(EntityType.SPARE_PARTS_REQUEST, ActivityLog.entity_id.in_(parts)),
            )
        )
        .options(joinedload(ActivityLog.user))
        .order_by(ActivityLog.id)
    )
    return list(session.scalars(query))


def _about(entity_type: EntityType, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.and_(ActivityLog.entity_type == entity_type, condition)
