"""The tables of preventive maintenance."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.database import Base, CompactJson, Hours, UtcDateTime
from app.domain.append_only import append_only
from app.domain.columns import LongId, Timestamps
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import User


class Outcome(StrEnum):
    """What became of a preventive task on its due date."""

    DONE = "DONE"
    FAILED = "FAILED"  # carried out, and something was not as it should be
    SKIPPED = "SKIPPED"

    @property
    def performed(self) -> bool:
        return self is not Outcome.SKIPPED


class ReadingKind(StrEnum):
    """How a reading relates to the one before it."""

    READING = "READING"
    REPLACEMENT = "REPLACEMENT"  # a new meter, which began somewhere else
    CORRECTION = "CORRECTION"  # the one before was misread


class Missed(StrEnum):
    """What becomes of due dates that passed while nothing could be opened, as in an outage."""

    EACH = "EACH"  # each of them is opened
    NEWEST = "NEWEST"  # the newest is opened; older ones are logged as skipped, by the system


class JobStatus(StrEnum):
    """Where the work of one due date stands."""

    OPEN = "OPEN"
    DONE = "DONE"
    FAILED = "FAILED"  # carried out, and something was not as it should be
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"  # not needed any more; its due date may come again with another rule


class PreventiveTask(Timestamps, Base):
    """Something that is done to a machine again and again, by the calendar or by the hours it has run.

    Either ``rrule`` (from ``starts_on`` on) or ``meter_interval`` (hours) is set. ``next_due_on`` is the
    oldest due date that nobody has dealt with, in the site's time zone; a meter task has none until
    its meter has run far enough. ``last_meter_reading`` is where the hours are counted from.

    ``next_job_on`` is the oldest due date that no job was opened for, and ``opens_on`` the day on which
    that is done: ``lead_days`` before. When opening fails, ``opening_error`` says why, and it is tried
    again after ``open_after``.
    """

    __tablename__ = "preventive_maintenance_tasks"
    __table_args__ = (
        sa.Index("ix_preventive_tasks_due", "active", "next_due_on"),
        sa.Index("ix_preventive_tasks_machine", "machine_id", "active", "next_due_on"),
        sa.Index("ix_preventive_tasks_technician", "technician_id", "active", "next_due_on"),
        sa.Index("ix_preventive_tasks_title", "title"),
        sa.Index("ix_preventive_tasks_opens", "active", "opens_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    machine_id: Mapped[int] = mapped_column(sa.ForeignKey("machines.id"))
    title: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    rrule: Mapped[str | None] = mapped_column(sa.String(200))
    meter_interval: Mapped[int | None]
    starts_on: Mapped[date]
    lead_days: Mapped[int] = mapped_column(default=0)
    estimated_minutes: Mapped[int | None]
    checklist: Mapped[list[dict[str, Any]]] = mapped_column(CompactJson, default=list)
    role: Mapped[str] = mapped_column(sa.String(30))
    technician_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    active: Mapped[bool] = mapped_column(default=True)
    next_due_on: Mapped[date | None]
    last_done_on: Mapped[date | None]
    last_meter_reading: Mapped[Decimal | None] = mapped_column(Hours)
    missed: Mapped[str] = mapped_column(sa.String(10), default=Missed.EACH, server_default=Missed.EACH)
    next_job_on: Mapped[date | None]
    opens_on: Mapped[date | None]
    open_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opening_error: Mapped[str] = mapped_column(sa.String(500), default="", server_default="")

    machine: Mapped[Machine] = relationship()
    technician: Mapped[User | None] = relationship()
    parts: Mapped[list[PreventiveTaskPart]] = relationship(
        back_populates="task", order_by="PreventiveTaskPart.spare_part_id", cascade="all, delete-orphan"
    )

    @property
    def next_due_reading(self) -> Decimal | None:
        """The meter reading, in hours, at which a meter task is due."""
        if self.meter_interval is None or self.last_meter_reading is None:
            return None
        return self.last_meter_reading + self.meter_interval

    def is_overdue(self, today: date) -> bool:
        """Whether it should have been done before today, which is a date of the site."""
        return self.active and self.next_due_on is not None and self.next_due_on < today


class PreventiveTaskPart(Base):
    """A part that carrying out a task takes, and how many."""

    __tablename__ = "preventive_maintenance_task_parts"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "spare_part_id"),
        sa.Index("ix_preventive_task_parts_part", "spare_part_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("preventive_maintenance_tasks.id"))
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    quantity: Mapped[int] = mapped_column(default=1)

    task: Mapped[PreventiveTask] = relationship(back_populates="parts")
    part: Mapped[SparePart] = relationship()


class PreventiveJob(Timestamps, Base):
    """The work of one due date of a task, from when it is handed out to when it is dealt with.

    There is at most one for each due date. ``closing_reason`` says why it was skipped or called off;
    ``maintenance_request_id`` is the request that was opened about what failed.
    """

    __tablename__ = "preventive_maintenance_jobs"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "due_on"),
        sa.Index("ix_preventive_jobs_task_status", "task_id", "status", "due_on"),
        sa.Index("ix_preventive_jobs_status", "status", "due_on"),
        sa.Index("ix_preventive_jobs_due", "due_on"),
        sa.Index("ix_preventive_jobs_request", "maintenance_request_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    business_key: Mapped[str] = mapped_column(sa.String(30), unique=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("preventive_maintenance_tasks.id"))
    due_on: Mapped[date]
    status: Mapped[str] = mapped_column(sa.String(20), default=JobStatus.OPEN)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    closing_reason: Mapped[str] = mapped_column(sa.Text, default="")
    log_id: Mapped[int | None] = mapped_column(sa.ForeignKey("preventive_maintenance_logs.id"))
    maintenance_request_id: Mapped[int | None] = mapped_column(sa.ForeignKey("maintenance_requests.id"))

    task: Mapped[PreventiveTask] = relationship()
    ender: Mapped[User | None] = relationship()
    log: Mapped[PreventiveLog | None] = relationship()

    @property
    def is_open(self) -> bool:
        return self.status == JobStatus.OPEN


@append_only
class PreventiveLog(Base):
    """What became of a task on one due date. ``answers`` say what was asked as well as what was found."""

    __tablename__ = "preventive_maintenance_logs"
    __table_args__ = (
        sa.UniqueConstraint("task_id", "due_on"),
        sa.Index("ix_preventive_logs_due_on", "due_on"),
        sa.Index("ix_preventive_logs_performed_at", "performed_at"),
        sa.Index("ix_preventive_logs_performer", "performed_by", "performed_at"),
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("preventive_maintenance_tasks.id"))
    due_on: Mapped[date]
    performed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    performed_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    outcome: Mapped[str] = mapped_column(sa.String(10))
    minutes_spent: Mapped[int] = mapped_column(default=0)
    notes: Mapped[str] = mapped_column(sa.Text, default="")
    answers: Mapped[list[dict[str, Any]]] = mapped_column(CompactJson, default=list)
    meter_reading: Mapped[Decimal | None] = mapped_column(Hours)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    task: Mapped[PreventiveTask] = relationship()
    performer: Mapped[User | None] = relationship()


@append_only
class MeterReading(Base):
    """What a machine's hour meter showed at a time."""

    __tablename__ = "meter_readings"
    __table_args__ = (sa.Index("ix_meter_readings_machine", "machine_id", "read_at", "id"),)

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    machine_id: Mapped[int] = mapped_column(sa.ForeignKey("machines.id"))
    value: Mapped[Decimal] = mapped_column(Hours)
    kind: Mapped[str] = mapped_column(sa.String(20), default=ReadingKind.READING)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(sa.String(500), default="")

    machine: Mapped[Machine] = relationship()
    recorder: Mapped[User | None] = relationship()
