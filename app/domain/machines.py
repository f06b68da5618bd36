"""Machines, how critical they are, how they are, and which parts fit them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app.database import Base
from app.domain import activity, values
from app.domain.columns import Timestamps
from app.domain.entities import EntityType
from app.domain.parts import SparePart
from app.domain.people import Department


class MachineStatus(StrEnum):
    """What state a machine is in."""

    OPERATIONAL = "OPERATIONAL"
    DOWN = "DOWN"
    MAINTENANCE = "MAINTENANCE"
    DECOMMISSIONED = "DECOMMISSIONED"


class Criticality(StrEnum):
    """What it costs the factory when the machine stands still."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @property
    def letter(self) -> str:
        """The class as maintenance people write it: A, B or C."""
        return {"HIGH": "A", "MEDIUM": "B", "LOW": "C"}[self.value]


class Machine(Timestamps, Base):
    """A machine that can fail."""

    __tablename__ = "machines"
    __table_args__ = (
        sa.Index("ix_machines_department", "department_id", "status"),
        sa.Index("ix_machines_status", "status"),
        sa.Index("ix_machines_name", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    qr_code: Mapped[str] = mapped_column(sa.String(255), unique=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    model: Mapped[str] = mapped_column(sa.String(255), default="")
    serial_number: Mapped[str] = mapped_column(sa.String(255), default="")
    department_id: Mapped[int] = mapped_column(sa.ForeignKey("departments.id"))
    location: Mapped[str] = mapped_column(sa.String(255), default="")
    installation_date: Mapped[date | None]
    criticality: Mapped[str] = mapped_column(sa.String(10), default=Criticality.MEDIUM)
    status: Mapped[str] = mapped_column(sa.String(20), default=MachineStatus.OPERATIONAL)

    department: Mapped[Department] = relationship()
    spare_parts: Mapped[list[MachineSparePart]] = relationship(
        back_populates="machine", cascade="all, delete-orphan"
    )


class MachineSparePart(Base):
    """A part that a machine uses, and how many of it are fitted."""

    __tablename__ = "machine_spare_parts"
    __table_args__ = (
        sa.UniqueConstraint("machine_id", "spare_part_id"),
        sa.Index("ix_machine_spare_parts_part", "spare_part_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    machine_id: Mapped[int] = mapped_column(sa.ForeignKey("machines.id"))
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    quantity: Mapped[int] = mapped_column(default=1)
    notes: Mapped[str] = mapped_column(sa.String(500), default="")

    machine: Mapped[Machine] = relationship(back_populates="spare_parts")
    part: Mapped[SparePart] = relationship()


def set_status(session: Session, machine: Machine, status: str, by: int | None) -> None:
    """Say what state a machine is in; the caller has locked it.

    :raises BusinessError: BAD_STATUS
    """
    values.one_of(status, list(MachineStatus), code="BAD_STATUS", what="machine status", field="status")
    if machine.status != status:
        machine.status = status
        activity.record_changes(session, "CHANGE_MACHINE_STATUS", EntityType.MACHINE, machine, by)
