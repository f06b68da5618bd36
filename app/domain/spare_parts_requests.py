"""Parts requests as they are stored, and what all rules about them share.

The rules are in :mod:`app.domain.parts_requests`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app.database import Base, Money, UtcDateTime
from app.domain import activity, values
from app.domain.columns import Timestamps
from app.domain.entities import EntityType
from app.domain.parts import SparePart
from app.domain.people import User
from app.domain.requests import MaintenanceRequest
from app.domain.reservations import StockReservation
from app.errors import BusinessError


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
        sa.Index("ix_spare_parts_requests_created_at", "created_at"),
        sa.Index("ix_spare_parts_requests_closed_at", "closed_at"),
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
    reservations: Mapped[list[StockReservation]] = relationship(order_by="StockReservation.id", viewonly=True)

    @property
    def quantity_reserved(self) -> int:
        """How many lie ready for this line."""
        return sum(reservation.quantity for reservation in self.reservations)

    @property
    def quantity_open(self) -> int:
        """How many are approved and not issued yet: the back-order."""
        return (self.quantity_approved or 0) - self.quantity_issued


def check_status(pr: SparePartsRequest, *allowed: PartsRequestStatus) -> None:
    """Refuse what is possible in other statuses only.

    :raises BusinessError: WRONG_STATUS
    """
    if pr.status not in allowed:
        raise BusinessError("WRONG_STATUS", f"{pr.business_key} is {pr.status}, not {' or '.join(allowed)}.")


def change_status(
    session: Session,
    pr: SparePartsRequest,
    status: PartsRequestStatus,
    by: int | None,
    action: str,
    detail: dict[str, object],
) -> None:
    """Put a request into another status and say so in the activity log."""
    before = {"status": pr.status}
    pr.status = status
    activity.record(
        session, action, EntityType.SPARE_PARTS_REQUEST, pr.id, by,
        before=before, after={"status": status, **detail},
    )  # fmt: skip
    for line in pr.lines:
        session.expire(line, ["reservations"])


def quantities_by_line(pr: SparePartsRequest, quantities: Mapping[int, int], name: str) -> dict[int, int]:
    """Checked quantities by line id, in the order of the lines.

    :raises BusinessError: UNKNOWN_LINE, BAD_QUANTITY (field ``lines.<index>.<name>``)
    """
    unknown = set(quantities) - {line.id for line in pr.lines}
    if unknown:
        message = f"{pr.business_key} has no such line: {', '.join(map(str, unknown))}."
        raise BusinessError("UNKNOWN_LINE", message, field="lines")
    return {
        line.id: checked_quantity(quantities[line.id], 0, f"lines.{line.position}.{name}")
        for line in pr.lines
        if line.id in quantities
    }


def checked_quantity(value: Any, least: int, field: str) -> int:
    """A quantity as it came from a form, as a whole number.

    :raises BusinessError: BAD_QUANTITY
    """
    message = f"The quantity is a whole number of at least {least}."
    return values.whole_number(value, least=least, code="BAD_QUANTITY", message=message, field=field)
