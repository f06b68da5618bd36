"""Downtime: from when to when a request kept its machine from producing.

The caller has locked the request; the machine is locked here.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, UtcDateTime
from app.domain import machines
from app.domain.locks import lock
from app.domain.machines import Machine, MachineStatus

if TYPE_CHECKING:
    from app.domain.requests import MaintenanceRequest


class MachineDowntime(Base):
    """A time during which a machine did not produce. Open while ``ended_at`` is empty.

    A request has at most one open downtime; rework begins another. ``machine_status`` is what the
    request makes of the machine (DOWN or MAINTENANCE); ``minutes`` is known when it has ended.
    """

    __tablename__ = "machine_downtime"
    __table_args__ = (
        # These two hold all that the analyses read of a downtime.
        sa.Index(
            "ix_machine_downtime_machine", "machine_id", "started_at", "ended_at", "maintenance_request_id"
        ),
        sa.Index("ix_machine_downtime_open", "machine_id", "ended_at"),
        sa.Index(
            "ix_machine_downtime_request", "maintenance_request_id", "ended_at", "started_at", "machine_id"
        ),
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


def start(session: Session, request: MaintenanceRequest, machine_status: str, by: int | None) -> None:
    """Begin the request's downtime, or change what an open one makes of the machine (DOWN or MAINTENANCE)."""
    machine = lock(session, request.machine)
    row = current(session, request.id)
    if row is None:
        row = MachineDowntime(machine_id=machine.id, maintenance_request_id=request.id)
        session.add(row)
    row.machine_status = machine_status
    session.flush()
    _show(session, machine, by)


def resume(session: Session, request: MaintenanceRequest, by: int | None) -> None:
    """Begin another downtime like the request's last one, unless one is open."""
    machine = lock(session, request.machine)
    last = session.scalars(_of(request.id).order_by(MachineDowntime.id.desc()).limit(1)).first()
    if last is not None and last.ended_at is None:
        return
    status = MachineStatus.DOWN if last is None else last.machine_status
    row = MachineDowntime(machine_id=machine.id, maintenance_request_id=request.id, machine_status=status)
    session.add(row)
    session.flush()
    _show(session, machine, by)


def end(session: Session, request: MaintenanceRequest, by: int | None) -> None:
    """End the request's downtime, if one is open, and compute its minutes."""
    machine = lock(session, request.machine)
    row = current(session, request.id)
    if row is None:
        return
    row.ended_at = clock.now()
    row.minutes = round((row.ended_at - row.started_at).total_seconds() / 60)
    session.flush()
    _show(session, machine, by)


def current(session: Session, request_id: int) -> MachineDowntime | None:
    """The request's open downtime."""
    return session.scalars(_of(request_id).where(MachineDowntime.ended_at.is_(None))).first()


def minutes(session: Session, request_id: int) -> int:
    """The request's downtime so far, in minutes, the open one counted until now."""
    total = 0
    for row in session.scalars(_of(request_id)):
        seconds = ((row.ended_at or clock.now()) - row.started_at).total_seconds()
        total += round(seconds / 60) if row.minutes is None else row.minutes
    return total


def _of(request_id: int) -> sa.Select[MachineDowntime]:
    return sa.select(MachineDowntime).where(MachineDowntime.maintenance_request_id == request_id)


def _show(session: Session, machine: Machine, by: int | None) -> None:
    """Put the machine into the worst state that an open downtime asks for; OPERATIONAL when none is open."""
    if machine.status == MachineStatus.DECOMMISSIONED:
        return
    wanted = set(
        session.scalars(
            sa.select(MachineDowntime.machine_status).where(
                MachineDowntime.machine_id == machine.id, MachineDowntime.ended_at.is_(None)
            )
        )
    )
    for status in (MachineStatus.DOWN, MachineStatus.MAINTENANCE):
        if status in wanted:
            machines.set_status(session, machine, status, by)
            return
    machines.set_status(session, machine, MachineStatus.OPERATIONAL, by)
