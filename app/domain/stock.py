"""The stock ledger: every change of a quantity is a movement, and a movement is never changed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, Money, UtcDateTime, Worth
from app.domain import activity, cost_layers, costing, notifications, reservations, settings, values
from app.domain.announcements import PartIsLow, announce
from app.domain.append_only import append_only
from app.domain.columns import LongId
from app.domain.entities import EntityType
from app.domain.parts import PartStock, SparePart, StockLocation, lock_parts
from app.domain.people import Role, User
from app.errors import BusinessError

MOST_STOCK = 2_000_000_000  # of one part: what a column holds


class MovementKind(StrEnum):
    """What a movement does."""

    IN = "IN"
    OUT = "OUT"
    ADJUSTMENT = "ADJUSTMENT"
    TRANSFER = "TRANSFER"


class ReferenceType(StrEnum):
    """What a movement was for.

    The reference is the parts request for MAINTENANCE, the job for PREVENTIVE, and the replenishment for
    PURCHASE, if there is one.
    """

    PURCHASE = "PURCHASE"
    MAINTENANCE = "MAINTENANCE"
    PREVENTIVE = "PREVENTIVE"
    ADJUSTMENT = "ADJUSTMENT"
    TRANSFER = "TRANSFER"


@append_only
class InventoryTransaction(Base):
    """One movement of stock.

    ``quantity`` is positive, except for an adjustment, where it is the difference. A transfer leaves
    ``location_id`` and arrives at ``to_location_id``. ``balance`` is the part's quantity afterwards.

    ``average_cost`` and ``fifo_cost`` are by how much the value of the part changed by either method: what
    all movements of a part until a moment add up to is its value at that moment. ``cost`` is the one of
    them that was in force, ``unit_cost`` what one piece cost, to the cent.
    """

    __tablename__ = "spare_parts_inventory_transactions"
    __table_args__ = (
        sa.Index("ix_transactions_part_date", "spare_part_id", "transaction_date"),
        sa.Index("ix_transactions_type_date", "transaction_type", "transaction_date"),
        sa.Index("ix_transactions_date", "transaction_date"),
        sa.Index("ix_transactions_reference", "reference_type", "reference_id"),
        sa.Index("ix_transactions_location", "location_id", "transaction_date"),
        sa.Index("ix_transactions_to_location", "to_location_id", "transaction_date"),
        sa.Index("ix_transactions_performer", "performed_by", "transaction_date"),
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    transaction_type: Mapped[str] = mapped_column(sa.String(20))
    quantity: Mapped[int]
    balance: Mapped[int]
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_locations.id"))
    to_location_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stock_locations.id"))
    reference_type: Mapped[str | None] = mapped_column(sa.String(20))
    reference_id: Mapped[int | None]
    performed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    transaction_date: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    notes: Mapped[str] = mapped_column(sa.Text, default="")
    unit_cost: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    cost: Mapped[Decimal] = mapped_column(Worth, default=Decimal(0))
    average_cost: Mapped[Decimal] = mapped_column(Worth, default=Decimal(0))
    fifo_cost: Mapped[Decimal] = mapped_column(Worth, default=Decimal(0))

    part: Mapped[SparePart] = relationship()
    location: Mapped[StockLocation] = relationship(foreign_keys=[location_id])
    to_location: Mapped[StockLocation | None] = relationship(foreign_keys=[to_location_id])
    performer: Mapped[User | None] = relationship()

    @hybrid_property
    def change(self) -> int:
        """By how much the part's quantity changed: what all movements of a part add up to."""
        if self.transaction_type == MovementKind.TRANSFER:
            return 0
        return -self.quantity if self.transaction_type == MovementKind.OUT else self.quantity

    @change.inplace.expression
    @classmethod
    def _change_expression(cls) -> sa.ColumnElement[int]:
        return sa.case(
            (cls.transaction_type == MovementKind.TRANSFER, 0),
            (cls.transaction_type == MovementKind.OUT, -cls.quantity),
            else_=cls.quantity,
        )


def record_movement(
    session: Session,
    part_id: int,
    kind: str,
    quantity: int,
    *,
    location_id: int | None = None,
    to_location_id: int | None = None,
    by: int | None,
    reference_type: str | None = None,
    reference_id: int | None = None,
    notes: str = "",
    unit_cost: Decimal | None = None,
) -> InventoryTransaction:
    """Change stock, under the part's lock: the only way in which stock changes.

    ``quantity`` is at least 1; for an ADJUSTMENT it is the difference, below zero when fewer were found.
    Without a location the part's usual one is meant. OUT and TRANSFER leave alone what is promised to
    parts requests; an adjustment below that takes the newest promises back. Inventory managers are told
    when the part falls below its minimum.

    ``unit_cost`` is what each piece cost that came: the part's price unless given. Pieces that are found
    cost what the others cost on average, unless it is given. Other movements cost what the stock costs
    by the site's method of costing (:mod:`app.domain.costing`), and are given none.

    :raises BusinessError: BAD_MOVEMENT, BAD_QUANTITY, BAD_COST, UNKNOWN_PART, UNKNOWN_LOCATION,
        SAME_LOCATION, NOT_ENOUGH_STOCK, VALUE_TOO_HIGH
    """
    values.one_of(kind, list(MovementKind), code="BAD_MOVEMENT", what="kind of movement", field="kind")
    if reference_type is not None:
        values.one_of(reference_type, list(ReferenceType), code="BAD_MOVEMENT", what="reference")
    elif kind in (MovementKind.ADJUSTMENT, MovementKind.TRANSFER):
        reference_type = kind
    quantity = _checked_quantity(kind, quantity)
    unit_cost = _checked_cost(kind, quantity, unit_cost)
    part = lock_parts(session, [part_id]).get(part_id)
    if part is None:
        raise BusinessError("UNKNOWN_PART", "There is no such spare part.", field="partId")
    place = _stock_at(session, part, location_id or part.default_location_id, "locationId")
    target = None
    if kind == MovementKind.TRANSFER:
        if to_location_id == place.location_id:
            message = "Choose another location to move the parts to."
            raise BusinessError("SAME_LOCATION", message, field="toLocationId")
        target = _stock_at(session, part, to_location_id, "toLocationId")

    was_low, old = part.is_low, part.quantity
    change = -quantity if kind in (MovementKind.OUT, MovementKind.TRANSFER) else quantity
    _check_enough(part, place, kind, change)
    if part.quantity + change > MOST_STOCK:
        message = f"{part.label}: more than {MOST_STOCK} cannot be counted."
        raise BusinessError("BAD_QUANTITY", message, field="quantity")
    if kind == MovementKind.IN and unit_cost is None:
        unit_cost = part.unit_price
    method = settings.costing_method(session)
    before = part.value(method), part.quantity
    part_change = 0 if target is not None else change
    costs = cost_layers.costs_of(session, part, part_change, unit_cost)
    if place.quantity + change < place.reserved:
        reservations.give_up(session, place, place.quantity + change)
    place.quantity += change
    if target is not None:
        target.quantity += quantity
    part.quantity += part_change
    movement = InventoryTransaction(
        spare_part_id=part.id,
        transaction_type=kind,
        quantity=quantity,
        balance=part.quantity,
        location_id=place.location_id,
        to_location_id=None if target is None else target.location_id,
        reference_type=reference_type,
        reference_id=reference_id,
        performed_by=by,
        notes=notes,
        unit_cost=costing.each(abs(costs.by(method)), abs(change)) if part_change else costing.each(*before),
        cost=costs.by(method),
        average_cost=costs.average,
        fifo_cost=costs.fifo,
    )
    session.add(movement)
    session.flush()
    cost_layers.book(session, part, movement.id, part_change, costs)
    activity.record(
        session, f"STOCK_{kind}", EntityType.SPARE_PART, part.id, by,
        before={"quantity": old}, after={"quantity": part.quantity, "transactionId": movement.id},
    )  # fmt: skip
    if part.is_low and not was_low:
        _report_low(session, part)
    return movement


def _checked_quantity(kind: str, quantity: int) -> int:
    """The quantity as a whole number that makes sense for this kind of movement."""
    if kind != MovementKind.ADJUSTMENT:
        message = "The quantity is a whole number of at least 1."
        return values.whole_number(quantity, least=1, code="BAD_QUANTITY", message=message, field="quantity")
    message = "An adjustment is a whole number other than 0: the difference that was found."
    number = values.whole_number(
        quantity, least=-2_000_000_000, code="BAD_QUANTITY", message=message, field="quantity"
    )
    if number == 0:
        raise BusinessError("BAD_QUANTITY", message, field="quantity")
    return number


def _checked_cost(kind: str, quantity: int, unit_cost: Decimal | None) -> Decimal | None:
    """What each piece cost that came, as an amount; nothing for what only leaves or moves."""
    if unit_cost is None:
        return None
    if kind not in (MovementKind.IN, MovementKind.ADJUSTMENT) or quantity < 0:
        message = "Only what comes in has a cost of its own; what goes costs what the stock costs."
        raise BusinessError("BAD_COST", message, field="unitCost")
    return values.money(unit_cost, code="BAD_COST", what="unit cost", field="unitCost")


def _stock_at(session: Session, part: SparePart, location_id: int | None, field: str) -> PartStock:
    """The part's stock at a location, an empty one where there was none yet."""
    for stock in part.stock:
        # Where nothing lies any more, nothing is put once the location is out of use.
        if stock.location_id == location_id and (stock.quantity or stock.location.active):
            return stock
    values.active_row(
        session, StockLocation, location_id, code="UNKNOWN_LOCATION", what="stock location", field=field
    )
    stock = PartStock(spare_part_id=part.id, location_id=location_id, quantity=0, reserved=0)
    part.stock.append(stock)
    session.flush()
    return stock


def _check_enough(part: SparePart, place: PartStock, kind: str, change: int) -> None:
    """Refuse what would take more than there is, or than is free."""
    available = place.quantity if kind == MovementKind.ADJUSTMENT else place.free
    if change >= 0 or -change <= available:
        return
    message = f"{part.label}, {place.location.name}: {-change} wanted, {available} available."
    if kind != MovementKind.ADJUSTMENT and place.reserved:
        message += f" {place.reserved} more are reserved for parts requests."
    raise BusinessError("NOT_ENOUGH_STOCK", message, field="quantity")


def _report_low(session: Session, part: SparePart) -> None:
    """Tell the inventory managers that a part has fallen below its minimum."""
    notifications.notify(
        session,
        role=Role.INVENTORY_MANAGER,
        title=f"Low stock: {part.label}",
        body=f"{part.quantity} left, minimum {part.min_quantity}.",
        link=f"/spare-parts/{part.id}",
    )
    announce(session, PartIsLow(part.id))
