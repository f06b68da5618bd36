"""Maintenance work: what was done about a request, and how long the machine stood still."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.database import Base, UtcDateTime
from app.domain.catalogues import MaintenanceType
from app.domain.columns import Timestamps
from app.domain.machines import Machine
from app.domain.people import User

if TYPE_CHECKING:
    from app.domain.parts_requests import PartsUsage
    from app.domain.requests import MaintenanceRequest


class MaintenanceWork(Timestamps, Base):
    """The work order of one maintenance request."""

    __tablename__ = "maintenance_work"
    __table_args__ = (
        sa.Index("ix_maintenance_work_technician", "technician_id", "completed_at"),
        sa.Index("ix_maintenance_work_type", "maintenance_type_id", "completed_at"),
        sa.Index("ix_maintenance_work_started_at", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    maintenance_request_id: Mapped[int] = mapped_column(sa.ForeignKey("maintenance_requests.id"), unique=True)
    technician_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    maintenance_type_id: Mapped[int | None] = mapped_column(sa.ForeignKey("maintenance_types.id"))
    cause: Mapped[str] = mapped_column(sa.Text, default="")
    remedy: Mapped[str] = mapped_column(sa.Text, default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    request: Mapped[MaintenanceRequest] = relationship(back_populates="work")
    technician: Mapped[User | None] = relationship()
    maintenance_type: Mapped[MaintenanceType | None] = relationship()
    steps: Mapped[list[WorkStep]] = relationship(back_populates="work", order_by="WorkStep.position")
    parts_used: Mapped[list[PartsUsage]] = relationship(back_populates="work", order_by="PartsUsage.id")

    @property
    def minutes_spent(self) -> int:
        """Working time over all steps, in minutes."""
        return sum(step.minutes for step in self.steps)


class WorkStep(Base):
    """Something that was done, by whom, and the minutes it took."""

    __tablename__ = "maintenance_work_steps"
    __table_args__ = (sa.UniqueConstraint("work_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    work_id: Mapped[int] = mapped_column(sa.ForeignKey("maintenance_work.id"))
    position: Mapped[int]
    description: Mapped[str] = mapped_column(sa.Text)
    minutes: Mapped[int]
    performed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    work: Mapped[MaintenanceWork] = relationship(back_populates="steps")
    performer: Mapped[User | None] = relationship()


class MachineDowntime(Base):
    """A time during which a machine did not produce. Open while ``ended_at`` is empty.

    A request has at most one open downtime; rework begins another. ``machine_status`` is what the
    request makes of the machine (DOWN or MAINTENANCE); ``minutes`` is known when it has ended.
    """

    __tablename__ = "machine_downtime"
    __table_args__ = (
        sa.Index("ix_machine_downtime_machine", "machine_id", "started_at"),
        sa.Index("ix_machine_downtime_open", "machine_id", "ended_at"),
        sa.Index("ix_machine_downtime_request", "maintenance_request_id", "ended_at"),
        sa.Index("ix_machine_downtime_started_at", "started_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    machine_id: Mapped[int] = mapped_column(sa.ForeignKey("machines.id"))
    maintenance_request_id: Mapped[int] = mapped_column(sa.ForeignKey("maintenance_requests.id"))
    machine_status: Mapped[str] = mapped_column(sa.String(20))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    minutes: Mapped[int | None]

    machine: Mapped[Machine] = relationship()
