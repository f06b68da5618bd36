"""The stock ledger: every change of a quantity is a movement, and a movement is never changed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.database import Base, Money, UtcDateTime
from app.domain.append_only import append_only
from app.domain.columns import LongId
from app.domain.parts import PartStock, SparePart, StockLocation
from app.domain.people import User


class MovementKind(StrEnum):
    """What a movement does."""

    IN = "IN"
    OUT = "OUT"
    ADJUSTMENT = "ADJUSTMENT"
    TRANSFER = "TRANSFER"


class ReferenceType(StrEnum):
    """What a movement was for; for MAINTENANCE the reference is the parts request."""

    PURCHASE = "PURCHASE"
    MAINTENANCE = "MAINTENANCE"
    ADJUSTMENT = "ADJUSTMENT"
    TRANSFER = "TRANSFER"


@append_only
class InventoryTransaction(Base):
    """One movement of stock.

    ``quantity`` is positive, except for an adjustment, where it is the difference. A transfer leaves
    ``location_id`` and arrives at ``to_location_id``. ``balance`` is the part's quantity afterwards.
    """

    __tablename__ = "spare_parts_inventory_transactions"
    __table_args__ = (
        sa.Index("ix_transactions_part_date", "spare_part_id", "transaction_date"),
        sa.Index("ix_transactions_type_date", "transaction_type", "transaction_date"),
        sa.Index("ix_transactions_date", "transaction_date"),
        sa.Index("ix_transactions_reference", "reference_type", "reference_id"),
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


class StockReservation(Base):
    """How much of the stock at one location is promised to one line of a parts request."""

    __tablename__ = "stock_reservations"
    __table_args__ = (
        sa.UniqueConstraint("line_id", "stock_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.Index("ix_stock_reservations_stock", "stock_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts_request_lines.id"))
    stock_id: Mapped[int] = mapped_column(sa.ForeignKey("part_stock.id"))
    quantity: Mapped[int]

    stock: Mapped[PartStock] = relationship()
