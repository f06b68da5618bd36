"""Stock replenishments: a part that runs low is ordered, approved where that is asked for, and received."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, Money, UtcDateTime
from app.domain import activity, stock, values
from app.domain.columns import Timestamps
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.parts import SparePart, lock_parts
from app.domain.people import User
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType
from app.errors import BusinessError

MOST_ORDERED = 1_000_000
REASON_LENGTH = 500  # characters


class ReplenishmentStatus(StrEnum):
    """Where a replenishment stands."""

    PENDING = "PENDING"  # to be ordered
    WAITING_APPROVAL = "WAITING_APPROVAL"
    ORDERED = "ORDERED"
    PARTIALLY_RECEIVED = "PARTIALLY_RECEIVED"
    RECEIVED = "RECEIVED"
    NOT_NEEDED = "NOT_NEEDED"
    CANCELLED = "CANCELLED"


OPEN_STATUSES = (
    ReplenishmentStatus.PENDING,
    ReplenishmentStatus.WAITING_APPROVAL,
    ReplenishmentStatus.ORDERED,
    ReplenishmentStatus.PARTIALLY_RECEIVED,
)
ON_ORDER = (ReplenishmentStatus.ORDERED, ReplenishmentStatus.PARTIALLY_RECEIVED)


class StockReplenishment(Timestamps, Base):
    """That a part is brought above its minimum again.

    ``open_part_id`` is the part as long as it is open, and empty afterwards: the database has at most one
    open for each part. ``business_key`` is given when its process starts. ``unit_price`` is what was
    agreed with the supplier; what each delivery did cost, its movement says.
    """

    __tablename__ = "stock_replenishments"
    __table_args__ = (
        sa.Index("ix_stock_replenishments_status", "status", "created_at"),
        sa.Index("ix_stock_replenishments_part", "spare_part_id", "status"),
        sa.Index("ix_stock_replenishments_created_at", "created_at"),
        sa.Index("ix_stock_replenishments_expected_on", "expected_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    business_key: Mapped[str | None] = mapped_column(sa.String(30), unique=True)
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    open_part_id: Mapped[int | None] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(sa.String(20), default=ReplenishmentStatus.PENDING)
    quantity_suggested: Mapped[int] = mapped_column(default=0)
    quantity_ordered: Mapped[int | None]
    quantity_received: Mapped[int] = mapped_column(default=0)
    unit_price: Mapped[Decimal | None] = mapped_column(Money)
    supplier: Mapped[str] = mapped_column(sa.String(255), default="")
    expected_on: Mapped[date | None]
    ordered_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    ordered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approved_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closing_reason: Mapped[str] = mapped_column(sa.String(REASON_LENGTH), default="")

    part: Mapped[SparePart] = relationship()
    orderer: Mapped[User | None] = relationship(foreign_keys=[ordered_by])
    approver: Mapped[User | None] = relationship(foreign_keys=[approved_by])

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def quantity_open(self) -> int:
        """Ordered and not received yet."""
        if self.status not in ON_ORDER or self.quantity_ordered is None:
            return 0
        return max(0, self.quantity_ordered - self.quantity_received)

    @property
    def total(self) -> Decimal | None:
        """What the order costs."""
        if self.quantity_ordered is None or self.unit_price is None:
            return None
        return self.unit_price * self.quantity_ordered


def open_for(session: Session, part_id: int) -> StockReplenishment | None:
    """The replenishment of a part that is open now; there is one at most."""
    query = sa.select(StockReplenishment).where(StockReplenishment.open_part_id == part_id)
    return session.scalars(query).first()


def on_order(session: Session, part_ids: list[int] | None = None) -> dict[int, int]:
    """How many of each part are ordered and have not arrived yet, by part id."""
    query = sa.select(
        StockReplenishment.spare_part_id,
        StockReplenishment.quantity_ordered - StockReplenishment.quantity_received,
    ).where(StockReplenishment.status.in_(ON_ORDER), StockReplenishment.open_part_id.is_not(None))
    if part_ids is not None:
        query = query.where(StockReplenishment.spare_part_id.in_(part_ids))
    return {part_id: max(0, number or 0) for part_id, number in session.execute(query)}


def needed(session: Session, limit: int = 100) -> list[int]:
    """The ids of parts that are low and for which nothing is open."""
    opened = sa.exists().where(StockReplenishment.open_part_id == SparePart.id)
    query = (
        sa.select(SparePart.id)
        .where(SparePart.active, SparePart.quantity < SparePart.min_quantity, ~opened)
        .order_by(SparePart.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def create(session: Session, part_id: int) -> StockReplenishment | None:
    """Open a replenishment for a part that is low, under the part's lock; None where it is not needed."""
    part = lock_parts(session, [part_id]).get(part_id)
    if part is None or not part.is_low or open_for(session, part_id) is not None:
        return None
    made = StockReplenishment(
        spare_part_id=part.id,
        open_part_id=part.id,
        status=ReplenishmentStatus.PENDING,
        quantity_suggested=max(1, 2 * part.min_quantity - part.quantity),
        quantity_received=0,
        supplier="",
        closing_reason="",
    )
    session.add(made)
    session.flush()
    activity.record(
        session, "OPEN_REPLENISHMENT", EntityType.STOCK_REPLENISHMENT, made.id, None,
        after={"partId": part.id, "quantity": part.quantity, "minimum": part.min_quantity},
    )  # fmt: skip
    return made


def set_status(session: Session, found: StockReplenishment, status: str, by: int | None) -> None:
    """Follow the diagram's status; the one it has already is fine.

    :raises BusinessError: WRONG_STATUS when it is closed
    """
    wanted = ReplenishmentStatus(status)
    found = lock(session, found)
    if found.status == wanted:
        return
    _require_open(found)
    before = found.status
    found.status = wanted
    if wanted not in OPEN_STATUSES:
        found.open_part_id = None
        found.closed_at = clock.now()
    activity.record(
        session, "CHANGE_REPLENISHMENT_STATUS", EntityType.STOCK_REPLENISHMENT, found.id, by,
        before={"status": before}, after={"status": str(wanted), "reason": found.closing_reason},
    )  # fmt: skip
    session.flush()


def plan_order(
    session: Session,
    found: StockReplenishment,
    by: int | None,
    *,
    quantity: Any,
    supplier: str,
    unit_price: Any,
    expected_on: date | None,
) -> StockReplenishment:
    """Write down what is to be ordered, of whom, at which price, and when it is expected.

    :raises BusinessError: WRONG_STATUS, BAD_QUANTITY, SUPPLIER_MISSING, SUPPLIER_TOO_LONG, BAD_PRICE,
        BAD_DATE
    """
    found = lock(session, found)
    _require(found, ReplenishmentStatus.PENDING, ReplenishmentStatus.WAITING_APPROVAL)
    number = values.whole_number(
        quantity, least=1, code="BAD_QUANTITY", field="quantity",
        message="The quantity is a whole number of at least 1.",
    )  # fmt: skip
    if number > MOST_ORDERED:
        raise BusinessError("BAD_QUANTITY", f"Order at most {MOST_ORDERED} at once.", field="quantity")
    found.quantity_ordered = number
    found.supplier = values.line(supplier, code="SUPPLIER", what="supplier", field="supplier")
    found.unit_price = values.money(unit_price, code="BAD_PRICE", what="price", field="unitPrice")
    found.expected_on = _checked_day(expected_on)
    found.ordered_by = by
    session.flush()
    activity.record(session, "PLAN_ORDER", EntityType.STOCK_REPLENISHMENT, found.id, by, after=_order(found))
    return found


def place_order(session: Session, found: StockReplenishment, by: int | None, *, approved: bool) -> None:
    """The order is placed; ``approved`` says that whoever acts has approved it.

    :raises BusinessError: WRONG_STATUS
    """
    found = lock(session, found)
    _require(found, ReplenishmentStatus.PENDING, ReplenishmentStatus.WAITING_APPROVAL)
    if approved:
        found.approved_by = by
    found.ordered_at = clock.now()
    session.flush()
    activity.record(
        session, "PLACE_ORDER", EntityType.STOCK_REPLENISHMENT, found.id, by,
        after={**_order(found), "approvedBy": found.approved_by},
    )  # fmt: skip


def expect(session: Session, found: StockReplenishment, by: int | None, day: date | None, note: str) -> None:
    """The delivery is expected on another day.

    :raises BusinessError: WRONG_STATUS, BAD_DATE
    """
    found = lock(session, found)
    _require(found, *ON_ORDER)
    before, found.expected_on = found.expected_on, _checked_day(day)
    session.flush()
    activity.record(
        session, "CHANGE_DELIVERY_DATE", EntityType.STOCK_REPLENISHMENT, found.id, by,
        before={"expectedOn": None if before is None else before.isoformat()},
        after={"expectedOn": found.expected_on.isoformat(), "note": note.strip()[:REASON_LENGTH]},
    )  # fmt: skip


def receive(
    session: Session,
    found: StockReplenishment,
    by: int | None,
    *,
    quantity: Any,
    location_id: int | None,
    unit_price: Any = None,
    notes: str = "",
) -> InventoryTransaction:
    """A delivery has arrived: an IN movement at its price, with this record as its reference.

    More than was ordered may come; it is written down as it is.

    :raises BusinessError: WRONG_STATUS, BAD_QUANTITY, BAD_PRICE, UNKNOWN_LOCATION
    """
    found = lock(session, found)
    _require(found, *ON_ORDER)
    price = found.unit_price
    if unit_price is not None:
        price = values.money(unit_price, code="BAD_PRICE", what="price", field="unitPrice")
    if quantity is None:
        raise BusinessError("BAD_QUANTITY", "Enter how many have arrived.", field="quantity")
    movement = stock.record_movement(
        session, found.spare_part_id, MovementKind.IN, quantity, location_id=location_id, by=by,
        reference_type=ReferenceType.PURCHASE, reference_id=found.id,
        notes=" · ".join(filter(None, (found.business_key, found.supplier, notes.strip()))),
        unit_cost=price,
    )  # fmt: skip
    found.quantity_received += movement.quantity
    session.flush()
    activity.record(
        session, "RECEIVE_DELIVERY", EntityType.STOCK_REPLENISHMENT, found.id, by,
        after={"quantity": movement.quantity, "received": found.quantity_received,
               "unitPrice": str(price), "transactionId": movement.id},
    )  # fmt: skip
    return movement


def give_reason(session: Session, found: StockReplenishment, reason: str) -> None:
    """Say why it is closed without what was asked for.

    :raises BusinessError: REASON_MISSING, WRONG_STATUS
    """
    found = lock(session, found)
    _require_open(found)
    said = values.text(reason, code="REASON_MISSING", message="Give a reason.", field="reason")
    found.closing_reason = said[:REASON_LENGTH]
    session.flush()


def _order(found: StockReplenishment) -> dict[str, Any]:
    return {
        "quantity": found.quantity_ordered,
        "supplier": found.supplier,
        "unitPrice": None if found.unit_price is None else str(found.unit_price),
        "expectedOn": None if found.expected_on is None else found.expected_on.isoformat(),
    }


def _checked_day(day: date | None) -> date:
    if day is None or not date(2000, 1, 1) <= day <= date(2199, 12, 31):
        raise BusinessError("BAD_DATE", "Say on which day the delivery is expected.", field="expectedOn")
    return day


def _require_open(found: StockReplenishment) -> None:
    if not found.is_open:
        name = found.business_key or "The replenishment"
        raise BusinessError("WRONG_STATUS", f"{name} is closed: {found.status}.")


def _require(found: StockReplenishment, *statuses: ReplenishmentStatus) -> None:
    if found.status not in statuses:
        name = found.business_key or "The replenishment"
        raise BusinessError("WRONG_STATUS", f"{name} is {found.status}: that cannot be done now.")
