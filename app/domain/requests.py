"""Maintenance requests: somebody says that a machine has a problem."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.database import Base, UtcDateTime
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.columns import Timestamps
from app.domain.machines import Machine
from app.domain.people import User
from app.domain.work import MaintenanceWork


class RequestStatus(StrEnum):
    """Where a maintenance request stands."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING_PARTS = "WAITING_PARTS"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


CLOSED_STATUSES = (RequestStatus.COMPLETED, RequestStatus.CANCELLED)
OPEN_STATUSES = tuple(status for status in RequestStatus if status not in CLOSED_STATUSES)


class Priority(StrEnum):
    """How soon somebody has to look at it."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class MaintenanceRequest(Timestamps, Base):
    """A problem with a machine, from its report to its end."""

    __tablename__ = "maintenance_requests"
    __table_args__ = (
        sa.Index("ix_maintenance_requests_status", "status", "reported_at"),
        sa.Index("ix_maintenance_requests_priority", "priority"),
        sa.Index("ix_maintenance_requests_machine_status", "machine_id", "status"),
        sa.Index("ix_maintenance_requests_machine_date", "machine_id", "reported_at"),
        sa.Index("ix_maintenance_requests_reported_at", "reported_at"),
        sa.Index("ix_maintenance_requests_reporter", "reporter_id", "reported_at"),
        sa.Index("ix_maintenance_requests_technician", "assigned_technician_id", "status", "reported_at"),
        sa.Index("ix_maintenance_requests_failure_code", "failure_code_id", "reported_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    business_key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    machine_id: Mapped[int] = mapped_column(sa.ForeignKey("machines.id"))
    reporter_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    assigned_technician_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(sa.String(20), default=RequestStatus.PENDING)
    priority: Mapped[str] = mapped_column(sa.String(10), default=Priority.MEDIUM)
    problem_description: Mapped[str] = mapped_column(sa.Text)
    failure_code_id: Mapped[int | None] = mapped_column(sa.ForeignKey("failure_codes.id"))
    maintenance_type_id: Mapped[int | None] = mapped_column(sa.ForeignKey("maintenance_types.id"))
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancellation_reason: Mapped[str] = mapped_column(sa.String(500), default="")

    machine: Mapped[Machine] = relationship()
    reporter: Mapped[User | None] = relationship(foreign_keys=[reporter_id])
    assigned_technician: Mapped[User | None] = relationship(foreign_keys=[assigned_technician_id])
    failure_code: Mapped[FailureCode | None] = relationship()
    maintenance_type: Mapped[MaintenanceType | None] = relationship()
    work: Mapped[MaintenanceWork | None] = relationship(back_populates="request")

    @property
    def is_open(self) -> bool:
        return self.status not in CLOSED_STATUSES
