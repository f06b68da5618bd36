"""Stock counts (cycle counts) as they are stored, and what all rules about them share.

The rules are in :mod:`app.domain.counting`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, UtcDateTime
from app.domain.columns import Timestamps
from app.domain.parts import SparePart, StockLocation
from app.domain.people import User
from app.domain.stock import InventoryTransaction


class CountStatus(StrEnum):
    """Where a stock count stands."""

    OPEN = "OPEN"
    POSTED = "POSTED"
    CANCELLED = "CANCELLED"


class StockCount(Timestamps, Base):
    """What lies at one location is counted. ``blind``: those who count do not see what is expected.

    ``selection`` says in words what was chosen to be counted.
    """

    __tablename__ = "stock_counts"
    __table_args__ = (
        sa.Index("ix_stock_counts_status", "status", "created_at"),
        sa.Index("ix_stock_counts_location", "location_id", "created_at"),
        sa.Index("ix_stock_counts_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    business_key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_locations.id"))
    status: Mapped[str] = mapped_column(sa.String(20), default=CountStatus.OPEN)
    blind: Mapped[bool] = mapped_column(default=True)
    selection: Mapped[str] = mapped_column(sa.String(255), default="")
    notes: Mapped[str] = mapped_column(sa.Text, default="")
    started_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    closed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closing_reason: Mapped[str] = mapped_column(sa.String(500), default="")

    location: Mapped[StockLocation] = relationship()
    starter: Mapped[User | None] = relationship(foreign_keys=[started_by])
    closer: Mapped[User | None] = relationship(foreign_keys=[closed_by])

    @property
    def is_open(self) -> bool:
        """Whether it is still being counted."""
        return self.status == CountStatus.OPEN


class StockCountLine(Base):
    """One part of a stock count.

    ``counted`` is what somebody found at ``counted_at``, ``expected`` what should have lain there at that
    moment by the movements; what happens later changes neither. A line that is to be counted again has
    neither, and keeps in ``earlier`` what was found before. ``is_open`` is empty once the count is closed,
    so that the database has each part at most once in the open counts of a location.
    """

    __tablename__ = "stock_count_lines"
    __table_args__ = (
        sa.UniqueConstraint("count_id", "spare_part_id"),
        sa.UniqueConstraint("spare_part_id", "location_id", "is_open", name="uq_stock_count_lines_open"),
        sa.Index("ix_stock_count_lines_location", "location_id", "spare_part_id", "counted_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    count_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_counts.id"))
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    location_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_locations.id"))
    is_open: Mapped[bool | None] = mapped_column(default=True)
    counted: Mapped[int | None]
    expected: Mapped[int | None]
    counted_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    earlier: Mapped[int | None]
    recount: Mapped[bool] = mapped_column(default=False)
    notes: Mapped[str] = mapped_column(sa.String(500), default="")
    transaction_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("spare_parts_inventory_transactions.id"), unique=True
    )

    count: Mapped[StockCount] = relationship()
    part: Mapped[SparePart] = relationship()
    counter: Mapped[User | None] = relationship()
    transaction: Mapped[InventoryTransaction | None] = relationship()

    @property
    def difference(self) -> int | None:
        """How many more were found than should have lain there; None while nobody has counted."""
        return None if self.counted is None or self.expected is None else self.counted - self.expected
