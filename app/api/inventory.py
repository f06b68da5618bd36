"""Inventory transactions: the stock ledger. A movement is never changed; an adjustment corrects it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy.orm import joinedload

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import (
    Amount,
    Id,
    In,
    Instant,
    LongText,
    Named,
    Out,
    PageOf,
    Paging,
    SignedAmount,
    left_out,
)
from app.api.references import PartRef
from app.domain import stock
from app.domain.parts import SparePart
from app.domain.queries import inventory
from app.domain.queries.paging import Page
from app.domain.spare_parts_requests import SparePartsRequest
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType
from app.errors import BusinessError

resource = Resource(
    "Inventory transactions",
    "Every change of stock is a movement, which is never changed or deleted: an adjustment corrects it.",
)

MOST_MOVED = 1_000_000  # at once

Moved = Annotated[int, Field(ge=1, le=MOST_MOVED)]


class MovementOut(Out):
    """A movement of stock."""

    id: int
    part: PartRef
    transaction_type: MovementKind
    quantity: int = Field(description="Positive; of an adjustment the difference.")
    change: int = Field(description="By how much the part's quantity changed: 0 for a transfer.")
    balance: int = Field(description="The part's quantity afterwards, at all locations together.")
    location: Named
    to_location: Named | None = Field(description="Where a transfer arrived.")
    reference_type: ReferenceType | None
    reference_id: int | None = Field(description="For MAINTENANCE the parts request.")
    performer: Named | None
    transaction_date: Instant
    notes: str
    unit_cost: Amount = Field(description="Of each piece, to the cent.")
    cost: SignedAmount = Field(
        description="By how much the part's value changed, by the method of costing in force: below zero "
        "when pieces left, 0 for a transfer."
    )


class MovementIn(In):
    """A movement at a location, the part's usual one unless given."""

    part_id: Id
    quantity: Moved
    location_id: Id = left_out()
    notes: LongText = ""


class StockInOrOut(MovementIn):
    """Stock that came or went, and what for: an order, or the parts request named by `referenceId`."""

    reference_type: Literal[ReferenceType.PURCHASE, ReferenceType.MAINTENANCE] = left_out()
    reference_id: Id = left_out()


class Receipt(StockInOrOut):
    """Stock that came. It costs what the part costs, unless `unitCost` says otherwise."""

    unit_cost: Amount = left_out()


class Withdrawal(StockInOrOut):
    """Stock that went, other than by a parts request in process: that has an endpoint of its own."""


class Adjustment(In):
    """What a count found: `quantity` is the difference, below zero when fewer were there."""

    part_id: Id
    quantity: Annotated[int, Field(ge=-MOST_MOVED, le=MOST_MOVED)]
    location_id: Id = left_out()
    notes: Annotated[str, Field(min_length=1, max_length=5000, description="Why.")]
    unit_cost: Annotated[
        Amount, Field(description="Of pieces that were found: what the others cost on average, unless given.")
    ] = left_out()


class Transfer(MovementIn):
    """Stock that moves from one location to another."""

    to_location_id: Id


class PartMovementFilters(Paging):
    """Which movements of a part, in which order."""

    transaction_type: MovementKind = left_out()
    reference_type: ReferenceType = left_out()
    reference_id: Id = left_out()
    location_id: Id = left_out()
    performed_by: Id = left_out()
    since: Instant = left_out()
    until: Instant = left_out()
    sort: Literal[
        "transactionDate", "-transactionDate", "quantity", "-quantity", "transactionType", "-transactionType"
    ] = "-transactionDate"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        filters = super().for_list()
        if (kind := filters.pop("transaction_type", None)) is not None:
            filters["kind"] = kind
        return filters


class MovementFilters(PartMovementFilters):
    """Which movements, in which order."""

    part_id: Id = left_out()


@resource.get(
    "/inventory-transactions", needs="inventory-transactions:read", answers=PageOf[MovementOut]
)  # fmt: skip
def list_inventory_transactions(query: MovementFilters) -> Page[InventoryTransaction]:
    """List stock movements."""
    return inventory.list_movements(calls.session(), **query.for_list())


@resource.get(
    "/inventory-transactions/spare-part/{part_id}",
    needs="inventory-transactions:read",
    answers=PageOf[MovementOut],
)
def list_part_transactions(part_id: Id, query: PartMovementFilters) -> Page[InventoryTransaction]:
    """List the movements of one spare part."""
    find(SparePart, part_id)
    return inventory.list_movements(calls.session(), part_id=part_id, **query.for_list())


@resource.get(
    "/inventory-transactions/{transaction_id}",
    needs="inventory-transactions:read",
    answers=MovementOut,
    etag=True,
)
def get_inventory_transaction(transaction_id: Id) -> InventoryTransaction:
    """Get a stock movement."""
    return find(
        InventoryTransaction,
        transaction_id,
        joinedload(InventoryTransaction.part),
        joinedload(InventoryTransaction.location),
    )


@resource.post(
    "/inventory-transactions/in",
    needs="inventory-transactions:create",
    answers=MovementOut,
    status=201,
)
def record_stock_in(body: Receipt) -> InventoryTransaction:
    """Record stock that came in; a purchase, unless the reference says otherwise."""
    given = {"reference_type": ReferenceType.PURCHASE, **body.given()}
    return _recorded(MovementKind.IN, given)


@resource.post(
    "/inventory-transactions/out",
    needs="inventory-transactions:create",
    answers=MovementOut,
    status=201,
)
def record_stock_out(body: Withdrawal) -> InventoryTransaction:
    """Record stock that went out. What is reserved for parts requests stays where it is."""
    return _recorded(MovementKind.OUT, body.given())


@resource.post(
    "/inventory-transactions/adjustment",
    needs="inventory-transactions:create",
    answers=MovementOut,
    status=201,
)
def record_stock_adjustment(body: Adjustment) -> InventoryTransaction:
    """Record the difference that a count found."""
    return _recorded(MovementKind.ADJUSTMENT, body.given())


@resource.post(
    "/inventory-transactions/transfer",
    needs="inventory-transactions:create",
    answers=MovementOut,
    status=201,
)
def record_stock_transfer(body: Transfer) -> InventoryTransaction:
    """Record stock that moved to another location."""
    return _recorded(MovementKind.TRANSFER, body.given())


def _recorded(kind: MovementKind, given: dict[str, Any]) -> InventoryTransaction:
    session = calls.session()
    if given.get("reference_type") == ReferenceType.MAINTENANCE:
        _check_parts_request(given.get("reference_id"))
    elif "reference_id" in given and "reference_type" not in given:
        message = "Say what kind of reference it is."
        raise BusinessError("BAD_REFERENCE", message, field="referenceType")
    movement = stock.record_movement(session, given.pop("part_id"), kind, by=calls.user_id(), **given)
    calls.location(f"/inventory-transactions/{movement.id}")
    return movement


def _check_parts_request(reference_id: int | None) -> None:
    if reference_id is None or calls.session().get(SparePartsRequest, reference_id) is None:
        message = "For maintenance the reference is a parts request; there is no such one."
        raise BusinessError("BAD_REFERENCE", message, field="referenceId")
