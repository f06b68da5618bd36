"""Lists of spare parts, parts requests and stock movements."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain.machines import Machine, MachineSparePart
from app.domain.parts import PartStock, SparePart
from app.domain.queries.filters import between, equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequest, SparePartsRequestLine
from app.domain.stock import InventoryTransaction

_MISSING = SparePart.min_quantity - SparePart.quantity
PART_SORTS: Sorts = {
    "partName": (SparePart.part_name,),
    "partNumber": (SparePart.part_number,),
    "groupNumber": (SparePart.group_number, SparePart.part_name),
    "quantity": (SparePart.quantity,),
    "minQuantity": (SparePart.min_quantity,),
    "shortage": (_MISSING,),  # how many are missing to the minimum; "-shortage" is what to reorder first
    "unitPrice": (SparePart.unit_price,),
    "location": (SparePart.location, SparePart.part_name),
    "createdAt": (SparePart.created_at,),
    "updatedAt": (SparePart.updated_at,),
}
PARTS_REQUEST_SORTS: Sorts = {
    "createdAt": (SparePartsRequest.created_at,),
    "businessKey": (SparePartsRequest.business_key,),
    "status": (SparePartsRequest.status, SparePartsRequest.created_at),
    "updatedAt": (SparePartsRequest.updated_at,),
}
MOVEMENT_SORTS: Sorts = {
    "transactionDate": (InventoryTransaction.transaction_date,),
    "quantity": (InventoryTransaction.quantity,),
    "transactionType": (InventoryTransaction.transaction_type, InventoryTransaction.transaction_date),
}

_STOCK = selectinload(SparePart.stock).joinedload(PartStock.location)


def list_parts(
    session: Session,
    *,
    group: str | None = None,
    low_only: bool = False,
    inactive: bool = False,
    active: bool | None = None,
    machine_id: int | None = None,
    location_id: int | None = None,
    q: str = "",
    sort: str = "partName",
    page: int = 1,
    page_size: int = 25,
) -> Page[SparePart]:
    """Spare parts that fit all filters given, with their stock by location.

    Without ``active`` and ``inactive`` those in use; with ``inactive`` all; with ``active`` those that are
    in use, or are not. ``location_id`` asks for parts of which stock lies there. ``sort`` is a name of
    :data:`PART_SORTS`.
    """
    query = sa.select(SparePart).options(_STOCK, joinedload(SparePart.default_location))
    if active is not None or not inactive:
        query = query.where(SparePart.active == (active is not False))
    query = equal(query, (SparePart.group_number, group))
    if low_only:
        query = query.where(SparePart.quantity < SparePart.min_quantity)
    if machine_id is not None:
        fitted = sa.select(MachineSparePart.spare_part_id).where(MachineSparePart.machine_id == machine_id)
        query = query.where(SparePart.id.in_(fitted))
    if location_id is not None:
        there = sa.select(PartStock.spare_part_id).where(
            PartStock.location_id == location_id, PartStock.quantity > 0
        )
        query = query.where(SparePart.id.in_(there))
    if q.strip():
        query = query.where(
            matches(q, SparePart.part_number, SparePart.part_name, SparePart.group_name, SparePart.location)
        )
    return page_of(session, order_by(query, PART_SORTS, sort, SparePart.id), page, page_size)


def low_stock(session: Session) -> list[SparePart]:
    """The parts of which less is left than their minimum; those that miss most of it first."""
    query = (
        sa.select(SparePart)
        .where(SparePart.active, SparePart.quantity < SparePart.min_quantity)
        .options(_STOCK)
        .order_by(_MISSING.desc(), SparePart.part_name)
    )
    return list(session.scalars(query))


def list_parts_requests(
    session: Session,
    *,
    statuses: Collection[str] = (),
    requester_id: int | None = None,
    maintenance_request_id: int | None = None,
    department_id: int | None = None,
    part_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
    sort: str = "-createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[SparePartsRequest]:
    """Parts requests that fit all filters given, with lines, parts, machine and people.

    ``department_id`` is that of the machine; made from ``since`` on and before ``until``; ``sort`` is a
    name of :data:`PARTS_REQUEST_SORTS`.
    """
    lines = selectinload(SparePartsRequest.lines)
    request = joinedload(SparePartsRequest.maintenance_request)
    query = sa.select(SparePartsRequest).options(
        lines.joinedload(SparePartsRequestLine.part),
        lines.selectinload(SparePartsRequestLine.reservations),
        request.joinedload(MaintenanceRequest.machine),
        joinedload(SparePartsRequest.requester),
        joinedload(SparePartsRequest.approver),
    )
    if department_id is not None or q.strip():
        query = query.join(SparePartsRequest.maintenance_request).join(MaintenanceRequest.machine)
    if statuses:
        query = query.where(SparePartsRequest.status.in_(list(statuses)))
    query = equal(
        query,
        (SparePartsRequest.requester_id, requester_id),
        (SparePartsRequest.maintenance_request_id, maintenance_request_id),
        (Machine.department_id, department_id),
    )
    if part_id is not None:
        with_part = sa.select(SparePartsRequestLine.parts_request_id).where(
            SparePartsRequestLine.spare_part_id == part_id
        )
        query = query.where(SparePartsRequest.id.in_(with_part))
    query = between(query, SparePartsRequest.created_at, since, until)
    if q.strip():
        keys = (SparePartsRequest.business_key, MaintenanceRequest.business_key, Machine.name)
        query = query.where(matches(q, *keys))
    return page_of(session, order_by(query, PARTS_REQUEST_SORTS, sort, SparePartsRequest.id), page, page_size)


def list_movements(
    session: Session,
    *,
    part_id: int | None = None,
    kind: str | None = None,
    reference_type: str | None = None,
    reference_id: int | None = None,
    location_id: int | None = None,
    performed_by: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
    sort: str = "-transactionDate",
    page: int = 1,
    page_size: int = 25,
) -> Page[InventoryTransaction]:
    """Stock movements that fit all filters given, with part, locations and performer.

    ``location_id`` is where stock left or arrived; from ``since`` on and before ``until``; ``sort`` is a
    name of :data:`MOVEMENT_SORTS`.
    """
    query = sa.select(InventoryTransaction).options(
        joinedload(InventoryTransaction.part),
        joinedload(InventoryTransaction.location),
        joinedload(InventoryTransaction.to_location),
        joinedload(InventoryTransaction.performer),
    )
    query = equal(
        query,
        (InventoryTransaction.spare_part_id, part_id),
        (InventoryTransaction.transaction_type, kind),
        (InventoryTransaction.reference_type, reference_type),
        (InventoryTransaction.reference_id, reference_id),
        (InventoryTransaction.performed_by, performed_by),
    )
    if location_id is not None:
        places = (InventoryTransaction.location_id, InventoryTransaction.to_location_id)
        query = query.where(sa.or_(*(place == location_id for place in places)))
    query = between(query, InventoryTransaction.transaction_date, since, until)
    if q.strip():
        query = query.join(InventoryTransaction.part).where(
            matches(q, SparePart.part_number, SparePart.part_name, InventoryTransaction.notes)
        )
    return page_of(session, order_by(query, MOVEMENT_SORTS, sort, InventoryTransaction.id), page, page_size)
