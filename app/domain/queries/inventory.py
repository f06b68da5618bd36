"""Lists of spare parts, parts requests and stock movements."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain.machines import Machine
from app.domain.parts import PartStock, SparePart
from app.domain.queries.paging import Page, matches, page_of
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequest, SparePartsRequestLine
from app.domain.stock import InventoryTransaction


def list_parts(
    session: Session,
    *,
    group: str | None = None,
    low_only: bool = False,
    inactive: bool = False,
    q: str = "",
    page: int = 1,
    page_size: int = 25,
) -> Page[SparePart]:
    """Spare parts that fit all filters given, with their stock by location, by name."""
    query = (
        sa.select(SparePart)
        .options(selectinload(SparePart.stock).joinedload(PartStock.location))
        .order_by(SparePart.part_name, SparePart.id)
    )
    if not inactive:
        query = query.where(SparePart.active)
    if group is not None:
        query = query.where(SparePart.group_number == group)
    if low_only:
        query = query.where(SparePart.quantity < SparePart.min_quantity)
    if q.strip():
        query = query.where(
            matches(q, SparePart.part_number, SparePart.part_name, SparePart.group_name, SparePart.location)
        )
    return page_of(session, query, page, page_size)


def low_stock(session: Session) -> list[SparePart]:
    """The parts of which less is left than their minimum; those that miss most of it first."""
    query = (
        sa.select(SparePart)
        .where(SparePart.active, SparePart.quantity < SparePart.min_quantity)
        .options(selectinload(SparePart.stock).joinedload(PartStock.location))
        .order_by(SparePart.quantity - SparePart.min_quantity, SparePart.part_name)
    )
    return list(session.scalars(query))


def list_parts_requests(
    session: Session,
    *,
    statuses: Collection[str] = (),
    requester_id: int | None = None,
    maintenance_request_id: int | None = None,
    q: str = "",
    page: int = 1,
    page_size: int = 25,
) -> Page[SparePartsRequest]:
    """Parts requests that fit all filters given, with lines, parts, machine and people; newest first."""
    lines = selectinload(SparePartsRequest.lines)
    request = joinedload(SparePartsRequest.maintenance_request)
    query = (
        sa.select(SparePartsRequest)
        .join(SparePartsRequest.maintenance_request)
        .join(MaintenanceRequest.machine)
        .options(
            lines.joinedload(SparePartsRequestLine.part),
            lines.selectinload(SparePartsRequestLine.reservations),
            request.joinedload(MaintenanceRequest.machine),
            joinedload(SparePartsRequest.requester),
        )
        .order_by(SparePartsRequest.created_at.desc(), SparePartsRequest.id.desc())
    )
    if statuses:
        query = query.where(SparePartsRequest.status.in_(list(statuses)))
    if requester_id is not None:
        query = query.where(SparePartsRequest.requester_id == requester_id)
    if maintenance_request_id is not None:
        query = query.where(SparePartsRequest.maintenance_request_id == maintenance_request_id)
    if q.strip():
        keys = (SparePartsRequest.business_key, MaintenanceRequest.business_key, Machine.name)
        query = query.where(matches(q, *keys))
    return page_of(session, query, page, page_size)


def list_movements(
    session: Session,
    *,
    part_id: int | None = None,
    kind: str | None = None,
    page: int = 1,
    page_size: int = 25,
) -> Page[InventoryTransaction]:
    """Stock movements that fit all filters given, with part, locations and performer; newest first."""
    query = (
        sa.select(InventoryTransaction)
        .options(
            joinedload(InventoryTransaction.part),
            joinedload(InventoryTransaction.location),
            joinedload(InventoryTransaction.to_location),
            joinedload(InventoryTransaction.performer),
        )
        .order_by(InventoryTransaction.transaction_date.desc(), InventoryTransaction.id.desc())
    )
    if part_id is not None:
        query = query.where(InventoryTransaction.spare_part_id == part_id)
    if kind is not None:
        query = query.where(InventoryTransaction.transaction_type == kind)
    return page_of(session, query, page, page_size)
