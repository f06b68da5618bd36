"""Which parts went into which work, and what they cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.database import Base, Money, UtcDateTime, Worth
from app.domain.parts import SparePart
from app.domain.stock import InventoryTransaction
from app.domain.work import MaintenanceWork


class PartsUsage(Base):
    """Parts that went into a piece of work, at what the movement that issued them cost."""

    __tablename__ = "spare_parts_usage"
    __table_args__ = (
        sa.Index("ix_spare_parts_usage_work", "work_id"),
        sa.Index("ix_spare_parts_usage_part", "spare_part_id", "used_at"),
        sa.Index("ix_spare_parts_usage_used_at", "used_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    work_id: Mapped[int] = mapped_column(sa.ForeignKey("maintenance_work.id"))
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts_request_lines.id"))
    transaction_id: Mapped[int] = mapped_column(
        sa.ForeignKey("spare_parts_inventory_transactions.id"), unique=True
    )
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    quantity: Mapped[int]
    unit_cost: Mapped[Decimal] = mapped_column(Money)
    cost: Mapped[Decimal] = mapped_column(Worth)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    work: Mapped[MaintenanceWork] = relationship(back_populates="parts_used")
    part: Mapped[SparePart] = relationship()
    transaction: Mapped[InventoryTransaction] = relationship()
