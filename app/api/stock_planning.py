"""What is promised of the stock, what is consumed, and what has to be ordered."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from app.access import records
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find, within_reach
from app.api.core.schemas import Amount, Id, In, Instant, Named, Out, PageOf, Paging, left_out
from app.api.references import MachineRef, PartRef
from app.domain.parts import SparePart, StockLocation
from app.domain.queries import part_consumption, reorder, reservations
from app.domain.queries.paging import MAX_PAGE_SIZE, Page
from app.domain.queries.part_consumption import ConsumptionOfPart
from app.domain.queries.reorder import ReorderLine
from app.domain.reservations import StockReservation

resource = Resource(
    "Stock planning", "What is promised of the stock, what is consumed, and what has to be ordered."
)


class ReservationOut(Out):
    """Pieces that lie ready for an approved parts request."""

    id: int
    part: PartRef
    location: Named
    quantity: int
    reserved_at: Instant
    parts_request_id: int
    parts_request_key: str
    requester: Named | None
    maintenance_request_id: int
    maintenance_request_key: str
    machine: MachineRef


class ReservationFilters(In):
    """The order of reservations."""

    sort: Literal[
        "reservedAt", "-reservedAt", "quantity", "-quantity", "partName", "-partName", "businessKey",
        "-businessKey",
    ] = "reservedAt"  # fmt: skip
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25


class ReorderPart(PartRef):
    """A part that should be ordered."""

    group_number: str
    group_name: str
    quantity: int
    min_quantity: int
    unit_price: Amount


class ReorderOut(Out):
    """A part that should be ordered, and the figures that say so; all in pieces."""

    part: ReorderPart
    reserved: int
    free: int = Field(description="In stock less reserved.")
    waiting: int = Field(description="Approved, and neither issued nor reserved.")
    on_order: int = Field(description="Ordered from suppliers, and not received yet.")
    available: int = Field(description="Free and on order, less waiting.")
    daily_consumption: Amount = Field(description="Issued in the last 90 days / 90.")
    days_of_cover: int | None = Field(description="In stock / daily consumption; null where none is.")
    suggested_quantity: int = Field(
        description="Minimum and consumption of 30 days, less available, rounded up."
    )


class ReorderFilters(Paging):
    """Which parts that should be ordered, in which order; those that miss most first."""

    days: Annotated[
        int,
        Field(ge=0, le=reorder.MOST_AHEAD, description="Also parts that fall below in so many days."),
    ] = reorder.LOOKED_AHEAD
    group: Annotated[str, Field(max_length=100, description="A group number.")] = left_out()
    sort: Literal[
        "shortage", "-shortage", "partName", "-partName", "partNumber", "-partNumber", "quantity",
        "-quantity", "onOrder", "-onOrder", "consumed", "-consumed", "cover", "-cover",
    ] = "-shortage"  # fmt: skip


class MonthOut(Out):
    """What left the store in a month of the site's clock."""

    first: date = Field(description="The first day of the month.")
    movements: int
    quantity: int
    cost: Amount


class ConsumptionByMachineOut(Out):
    """What went into the work on one machine."""

    machine: Named
    quantity: int
    cost: Amount


class ConsumptionOfPartOut(Out):
    """The last twelve months of a part, this one included; the 50 machines that took most of it."""

    quantity: int
    cost: Amount
    months: list[MonthOut]
    machines: list[ConsumptionByMachineOut]


@resource.get("/spare-parts/reorder-list", needs="inventory-transactions:read", answers=PageOf[ReorderOut])
def list_parts_to_reorder(query: ReorderFilters) -> Page[ReorderOut]:
    """List the parts of which less is left than the minimum, or will be soon, with how many to order."""
    found = reorder.list_reorder(calls.session(), **query.for_list())
    return Page([_reorder(line) for line in found.items], found.total, found.page, found.page_size)


@resource.get(
    "/spare-parts/{spare_part_id}/reservations",
    needs="spare-parts-requests:read",
    answers=PageOf[ReservationOut],
)
def list_part_reservations(spare_part_id: Id, query: ReservationFilters) -> Page[ReservationOut]:
    """List what is promised of a part, the oldest promise first.

    Supervisors get what is for the machines of their department, technicians what they asked for.
    """
    find(SparePart, spare_part_id)
    return _reserved(query, part_id=spare_part_id)


@resource.get(
    "/stock-locations/{location_id}/reservations",
    needs="spare-parts-requests:read",
    answers=PageOf[ReservationOut],
)
def list_location_reservations(location_id: Id, query: ReservationFilters) -> Page[ReservationOut]:
    """List what is promised of the stock at a location; whose, as for a part."""
    find(StockLocation, location_id)
    return _reserved(query, location_id=location_id)


@resource.get(
    "/spare-parts/{spare_part_id}/consumption",
    needs="inventory-transactions:read",
    answers=ConsumptionOfPartOut,
)
def get_part_consumption(spare_part_id: Id) -> ConsumptionOfPartOut:
    """Get what was consumed of a part in the last twelve months: by month and by machine."""
    find(SparePart, spare_part_id)
    return _consumed(part_consumption.consumption_of(calls.session(), spare_part_id))


def _reserved(query: ReservationFilters, **where: int) -> Page[ReservationOut]:
    reach = records.followed_parts_requests(calls.actor())
    filters: dict[str, Any] = {
        "sort": query.sort, "page": query.page, "page_size": query.page_size, **where
    }  # fmt: skip
    found = within_reach(reservations.list_reservations, filters, reach)
    return Page([_reservation(row) for row in found.items], found.total, found.page, found.page_size)


def _reservation(row: StockReservation) -> ReservationOut:
    wanted = row.line.parts_request
    request = wanted.maintenance_request
    return ReservationOut(
        id=row.id,
        part=PartRef.model_validate(row.stock.part),
        location=Named.model_validate(row.stock.location),
        quantity=row.quantity,
        reserved_at=row.reserved_at,
        parts_request_id=wanted.id,
        parts_request_key=wanted.business_key,
        requester=None if wanted.requester is None else Named.model_validate(wanted.requester),
        maintenance_request_id=request.id,
        maintenance_request_key=request.business_key,
        machine=MachineRef.model_validate(request.machine),
    )


def _reorder(line: ReorderLine) -> ReorderOut:
    return ReorderOut(
        part=ReorderPart.model_validate(line.part),
        reserved=line.reserved,
        free=line.free,
        waiting=line.waiting,
        on_order=line.on_order,
        available=line.available,
        daily_consumption=line.daily,
        days_of_cover=line.cover,
        suggested_quantity=line.suggested,
    )


def _consumed(found: ConsumptionOfPart) -> ConsumptionOfPartOut:
    return ConsumptionOfPartOut(
        quantity=found.quantity,
        cost=found.cost,
        months=[MonthOut.model_validate(month) for month in found.months],
        machines=[
            ConsumptionByMachineOut(
                machine=Named(id=row.machine_id, name=row.machine), quantity=row.quantity, cost=row.cost
            )
            for row in found.machines
        ],
    )
