"""What stock is promised to whom."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager, joinedload

from app.domain.machines import Machine
from app.domain.parts import PartStock, SparePart
from app.domain.queries.paging import Page, page_of
from app.domain.queries.sorting import Sorts, order_by
from app.domain.requests import MaintenanceRequest
from app.domain.reservations import StockReservation
from app.domain.spare_parts_requests import SparePartsRequest, SparePartsRequestLine

RESERVATION_SORTS: Sorts = {
    "reservedAt": (StockReservation.reserved_at,),
    "quantity": (StockReservation.quantity,),
    "partName": (SparePart.part_name,),
    "businessKey": (SparePartsRequest.business_key,),
}


def list_reservations(
    session: Session,
    *,
    part_id: int | None = None,
    location_id: int | None = None,
    department_id: int | None = None,
    requester_id: int | None = None,
    sort: str = "reservedAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[StockReservation]:
    """What is promised to parts requests, the oldest promise first, or by another of RESERVATION_SORTS.

    With stock, location, part, line, parts request, its requester, maintenance request and machine.
    ``department_id`` is that of the machine.
    """
    line = contains_eager(StockReservation.line)
    request = line.contains_eager(SparePartsRequestLine.parts_request)
    stock = contains_eager(StockReservation.stock)
    query = (
        sa.select(StockReservation)
        .join(StockReservation.stock)
        .join(PartStock.part)
        .join(StockReservation.line)
        .join(SparePartsRequestLine.parts_request)
        .join(SparePartsRequest.maintenance_request)
        .join(MaintenanceRequest.machine)
        .options(
            stock.contains_eager(PartStock.part),
            stock.joinedload(PartStock.location),
            request.contains_eager(SparePartsRequest.maintenance_request).contains_eager(
                MaintenanceRequest.machine
            ),
            request.options(joinedload(SparePartsRequest.requester)),
        )
    )
    for column, value in (
        (PartStock.spare_part_id, part_id),
        (PartStock.location_id, location_id),
        (Machine.department_id, department_id),
        (SparePartsRequest.requester_id, requester_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return page_of(session, order_by(query, RESERVATION_SORTS, sort, StockReservation.id), page, page_size)
