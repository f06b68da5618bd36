"""Parts requests: a technician asks for parts, somebody approves, the store issues."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.database import Base, Money, UtcDateTime
from app.domain.columns import Timestamps
from app.domain.parts import SparePart
from app.domain.people import User
from app.domain.requests import MaintenanceRequest
from app.domain.stock import InventoryTransaction, StockReservation
from app.domain.work import MaintenanceWork


class PartsRequestStatus(StrEnum):
    """Where a parts request stands."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    PARTIALLY_ISSUED = "PARTIALLY_ISSUED"
    ISSUED = "ISSUED"
    CANCELLED = "CANCELLED"


OPEN_STATUSES = (
    PartsRequestStatus.PENDING,
    PartsRequestStatus.APPROVED,
    PartsRequestStatus.PARTIALLY_ISSUED,
)
ISSUABLE_STATUSES = (PartsRequestStatus.APPROVED, PartsRequestStatus.PARTIALLY_ISSUED)


class SparePartsRequest(Timestamps, Base):
    """Parts asked for, for one maintenance request."""

    __tablename__ = "spare_parts_requests"
    __table_args__ = (
        sa.Index("ix_spare_parts_requests_status", "status", "created_at"),
        sa.Index("ix_spare_parts_requests_request", "maintenance_request_id", "status"),
        sa.Index("ix_spare_parts_requests_requester", "requester_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    business_key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    maintenance_request_id: Mapped[int] = mapped_column(sa.ForeignKey("maintenance_requests.id"))
    requester_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(sa.String(20), default=PartsRequestStatus.PENDING)
    approved_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closing_reason: Mapped[str] = mapped_column(sa.String(500), default="")

    maintenance_request: Mapped[MaintenanceRequest] = relationship()
    requester: Mapped[User | None] = relationship(foreign_keys=[requester_id])
    approver: Mapped[User | None] = relationship(foreign_keys=[approved_by])
    lines: Mapped[list[SparePartsRequestLine]] = relationship(
        back_populates="parts_request", order_by="SparePartsRequestLine.position"
    )


class SparePartsRequestLine(Base):
    """One part of a parts request. ``unit_price`` is the price when it was asked for."""

    __tablename__ = "spare_parts_request_lines"
    __table_args__ = (
        sa.UniqueConstraint("parts_request_id", "position"),
        sa.Index("ix_spare_parts_request_lines_part", "spare_part_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    parts_request_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts_requests.id"))
    position: Mapped[int]
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    quantity_requested: Mapped[int]
    quantity_approved: Mapped[int | None]
    quantity_issued: Mapped[int] = mapped_column(default=0)
    unit_price: Mapped[Decimal] = mapped_column(Money, default=Decimal(0))
    reason: Mapped[str] = mapped_column(sa.String(500), default="")

    parts_request: Mapped[SparePartsRequest] = relationship(back_populates="lines")
    part: Mapped[SparePart] = relationship()
    reservations: Mapped[list[StockReservation]] = relationship(
        order_by="StockReservation.id", cascade="all, delete-orphan"
    )

    @property
    def quantity_reserved(self) -> int:
        """How many lie ready for this line."""
        return sum(reservation.quantity for reservation in self.reservations)

    @property
    def quantity_open(self) -> int:
        """How many are approved and not issued yet: the back-order."""
        return (self.quantity_approved or 0) - self.quantity_issued


class PartsUsage(Base):
    """Parts that went into a piece of work, at their price on that day."""

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
    cost: Mapped[Decimal] = mapped_column(Money)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    work: Mapped[MaintenanceWork] = relationship(back_populates="parts_used")
    part: Mapped[SparePart] = relationship()
    transaction: Mapped[InventoryTransaction] = relationship()
