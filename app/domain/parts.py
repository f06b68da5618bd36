"""Spare parts, the places they are kept at, and how many lie where."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship, selectinload

from app.database import Base, Money, Worth
from app.domain.columns import Timestamps
from app.domain.costing import CostingMethod
from app.domain.locks import lock_rows


class StockLocation(Timestamps, Base):
    """A store room, a cabinet, a van: somewhere that stock is counted by itself."""

    __tablename__ = "stock_locations"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)
    active: Mapped[bool] = mapped_column(default=True)


class SparePart(Timestamps, Base):
    """A kind of part. ``quantity`` is what lies at all locations together.

    It is changed by :func:`app.domain.stock.record_movement` only, and always equals the sum of the
    part's movements. ``location`` says in words where to look (``Rack 4, bin 12``). ``average_value`` and
    ``fifo_value`` are what all of it is worth by either method (:mod:`app.domain.costing`).
    """

    __tablename__ = "spare_parts"
    __table_args__ = (
        sa.CheckConstraint("quantity >= 0", name="quantity"),
        sa.Index("ix_spare_parts_quantity", "quantity"),
        sa.Index("ix_spare_parts_min_quantity", "min_quantity"),
        sa.Index("ix_spare_parts_group_quantity", "group_number", "quantity"),
        sa.Index("ix_spare_parts_name", "part_name"),
        sa.Index("ix_spare_parts_unit_price", "unit_price"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    part_number: Mapped[str] = mapped_column(sa.String(255), unique=True)
    part_name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    group_number: Mapped[str] = mapped_column(sa.String(100), default="")
    group_name: Mapped[str] = mapped_column(sa.String(255), default="")
    quantity: Mapped[int] = mapped_column(default=0)
    min_quantity: Mapped[int] = mapped_column(default=0)
    unit_price: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    location: Mapped[str] = mapped_column(sa.String(255), default="")
    default_location_id: Mapped[int | None] = mapped_column(sa.ForeignKey("stock_locations.id"))
    active: Mapped[bool] = mapped_column(default=True)
    average_value: Mapped[Decimal] = mapped_column(Worth, default=Decimal(0))
    fifo_value: Mapped[Decimal] = mapped_column(Worth, default=Decimal(0))

    default_location: Mapped[StockLocation | None] = relationship()
    stock: Mapped[list[PartStock]] = relationship(back_populates="part", order_by="PartStock.location_id")

    @property
    def free(self) -> int:
        """How many may be taken from all locations together without breaking a promise."""
        return sum(stock.free for stock in self.stock)

    def value(self, method: str) -> Decimal:
        """What all of it is worth, by a method of :class:`app.domain.costing.CostingMethod`."""
        return self.fifo_value if method == CostingMethod.FIFO else self.average_value

    @property
    def label(self) -> str:
        """Name and number, as messages give them."""
        return f"{self.part_name} ({self.part_number})"

    @property
    def is_low(self) -> bool:
        """Whether less is left than the factory wants to have."""
        return self.active and self.quantity < self.min_quantity


class PartStock(Base):
    """How many of a part lie at one location, and how many of those are promised to parts requests."""

    __tablename__ = "part_stock"
    __table_args__ = (
        sa.UniqueConstraint("spare_part_id", "location_id"),
        sa.CheckConstraint("quantity >= 0", name="quantity"),
        sa.CheckConstraint("reserved >= 0 AND reserved <= quantity", name="reserved"),
        sa.Index("ix_part_stock_location", "location_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_locations.id"))
    quantity: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)

    part: Mapped[SparePart] = relationship(back_populates="stock")
    location: Mapped[StockLocation] = relationship()

    @property
    def free(self) -> int:
        """How many may be taken without breaking a promise."""
        return self.quantity - self.reserved


def lock_parts(session: Session, part_ids: Iterable[int]) -> dict[int, SparePart]:
    """Lock parts by ascending id and answer them by id, with their stock as it is now."""
    return lock_rows(session, SparePart, part_ids, selectinload(SparePart.stock))
