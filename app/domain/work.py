"""Maintenance work: what was done about a request, and how long the machine stood still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, UtcDateTime
from app.domain import activity, attachments, downtime, values
from app.domain.catalogues import MaintenanceType
from app.domain.columns import Timestamps
from app.domain.downtime import MachineDowntime as MachineDowntime
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.people import User
from app.errors import BusinessError

if TYPE_CHECKING:
    from app.domain.requests import MaintenanceRequest
    from app.domain.usage import PartsUsage


class MaintenanceWork(Timestamps, Base):
    """The work order of one maintenance request."""

    __tablename__ = "maintenance_work"
    __table_args__ = (
        sa.Index("ix_maintenance_work_technician", "technician_id", "completed_at"),
        sa.Index("ix_maintenance_work_technician_started", "technician_id", "started_at"),
        sa.Index("ix_maintenance_work_type", "maintenance_type_id", "completed_at"),
        sa.Index("ix_maintenance_work_started_at", "started_at"),
        sa.Index(
            "ix_maintenance_work_completed_at",
            "completed_at",
            "maintenance_type_id",
            "maintenance_request_id",
        ),
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
    __table_args__ = (
        sa.UniqueConstraint("work_id", "position"),
        sa.Index("ix_work_steps_recorded_at", "recorded_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    work_id: Mapped[int] = mapped_column(sa.ForeignKey("maintenance_work.id"))
    position: Mapped[int]
    description: Mapped[str] = mapped_column(sa.Text)
    minutes: Mapped[int]
    performed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    work: Mapped[MaintenanceWork] = relationship(back_populates="steps")
    performer: Mapped[User | None] = relationship()


def open_work(session: Session, request: MaintenanceRequest, technician_id: int | None) -> MaintenanceWork:
    """The work order of a request, which the caller has locked: the one there is, or a new one.

    The technician becomes the one who is responsible for it.
    """
    work = request.work
    if work is None:
        work = MaintenanceWork(request=request, technician_id=technician_id)
        session.add(work)
        session.flush()
    elif technician_id is not None:
        work.technician_id = technician_id
    return work


def record(
    session: Session,
    work: MaintenanceWork,
    by: int | None,
    *,
    steps: Sequence[Mapping[str, Any]] = (),
    cause: str | None = None,
    remedy: str | None = None,
    maintenance_type_id: int | None = None,
    photos: Iterable[int] = (),
) -> MaintenanceWork:
    """Add what was done: ``steps`` are appended; cause, remedy and type are replaced when given.

    A step is a mapping with ``description`` and ``minutes``. ``photos`` are attachment ids. Nothing new
    leaves no entry in the activity log.

    :raises BusinessError: WRONG_STATUS (the work or its request is closed), DESCRIPTION_MISSING,
        BAD_MINUTES (fields ``steps.0.minutes`` ...), UNKNOWN_MAINTENANCE_TYPE, UNKNOWN_ATTACHMENT
    """
    request = lock(session, work.request)
    lock(session, work)
    if work.completed_at is not None or not request.is_open:
        message = f"The work on {request.business_key} is closed; nothing can be added."
        raise BusinessError("WRONG_STATUS", message)
    rows = [_checked_step(index, step) for index, step in enumerate(steps)]
    before = (work.cause, work.remedy, work.maintenance_type_id)
    if maintenance_type_id is not None and maintenance_type_id != work.maintenance_type_id:
        values.active_row(
            session, MaintenanceType, maintenance_type_id,
            code="UNKNOWN_MAINTENANCE_TYPE", what="maintenance type", field="maintenanceTypeId",
        )  # fmt: skip
        work.maintenance_type_id = request.maintenance_type_id = maintenance_type_id
    work.cause = work.cause if cause is None else cause.strip()
    work.remedy = work.remedy if remedy is None else remedy.strip()
    for row in rows:
        row.position, row.performed_by = len(work.steps) + 1, by
        work.steps.append(row)
    linked = attachments.link(session, photos, EntityType.MAINTENANCE_WORK, work.id, by)
    if rows or linked or before != (work.cause, work.remedy, work.maintenance_type_id):
        minutes = sum(row.minutes for row in rows)
        activity.record(
            session, "RECORD_WORK", EntityType.MAINTENANCE_WORK, work.id, by,
            after={"steps": len(rows), "minutes": minutes, "cause": work.cause, "remedy": work.remedy},
        )  # fmt: skip
    return work


def close(session: Session, work: MaintenanceWork, by: int | None) -> None:
    """Close the work: the downtime ends and the machine runs again, unless another request keeps it down.

    Closed work stays as it is.
    """
    request = lock(session, work.request)
    downtime.end(session, request, by)
    lock(session, work)
    if work.completed_at is None:
        work.completed_at = clock.now()
        after = {"minutes": work.minutes_spent}
        activity.record(session, "CLOSE_WORK", EntityType.MAINTENANCE_WORK, work.id, by, after=after)


def reopen(session: Session, work: MaintenanceWork, by: int | None) -> None:
    """Open closed work again, because the machine was not fixed: another downtime begins.

    Open work stays as it is.

    :raises BusinessError: WRONG_STATUS, when the request itself is completed or cancelled
    """
    request = lock(session, work.request)
    if not request.is_open:
        message = f"{request.business_key} is {request.status}; report the problem anew."
        raise BusinessError("WRONG_STATUS", message)
    downtime.resume(session, request, by)
    lock(session, work)
    if work.completed_at is not None:
        work.completed_at = None
        activity.record(session, "REOPEN_WORK", EntityType.MAINTENANCE_WORK, work.id, by)


def _checked_step(index: int, step: Mapping[str, Any]) -> WorkStep:
    """One step of a form as a row, or what is wrong with it."""
    description = values.text(
        step.get("description"),
        code="DESCRIPTION_MISSING", message="Say what was done.", field=f"steps.{index}.description",
    )  # fmt: skip
    minutes = values.whole_number(
        step.get("minutes"),
        least=0, code="BAD_MINUTES", message="The time spent is a whole number of minutes, 0 or more.",
        field=f"steps.{index}.minutes",
    )  # fmt: skip
    return WorkStep(description=description, minutes=minutes)
