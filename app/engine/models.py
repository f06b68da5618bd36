"""The engine's tables."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import clock
from app.database import Base, CompactJson, UtcDateTime

FileContent = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


class Deployment(Base):
    """An immutable, numbered set of files for one process.

    ``shipped`` says that the program brought just these files when they were deployed: nobody's own changes.
    ``declined_digest`` is that of files that the program brought later, and that people chose not to take.
    """

    __tablename__ = "process_deployments"
    __table_args__ = (sa.UniqueConstraint("key", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(100))
    version: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(255))
    digest: Mapped[str] = mapped_column(sa.String(64))
    note: Mapped[str] = mapped_column(sa.String(500), default="")
    start_roles: Mapped[str] = mapped_column(sa.String(255), default="")
    start_messages: Mapped[str] = mapped_column(sa.String(500), default="")
    deployed_by: Mapped[int | None]
    deployed_by_name: Mapped[str] = mapped_column(sa.String(255), default="")
    deployed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    shipped: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    declined_digest: Mapped[str] = mapped_column(sa.String(64), default="", server_default="")

    files: Mapped[list[DeploymentFile]] = relationship(
        back_populates="deployment", order_by="DeploymentFile.name"
    )


class DeploymentFile(Base):
    """One file of a deployment, as it was uploaded."""

    __tablename__ = "process_deployment_files"
    __table_args__ = (sa.UniqueConstraint("deployment_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    deployment_id: Mapped[int] = mapped_column(sa.ForeignKey("process_deployments.id"))
    name: Mapped[str] = mapped_column(sa.String(255))
    content: Mapped[bytes] = mapped_column(FileContent)

    deployment: Mapped[Deployment] = relationship(back_populates="files")


class ProcessDraft(Base):
    """The files of a process as somebody is changing them; ``revision`` counts the saves."""

    __tablename__ = "process_drafts"
    __table_args__ = (sa.UniqueConstraint("user_id", "key"), sa.Index("ix_process_drafts_key", "key"))

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(100))
    user_id: Mapped[int | None]
    base_id: Mapped[int | None] = mapped_column(sa.ForeignKey("process_deployments.id"))
    revision: Mapped[int]
    files: Mapped[Any] = mapped_column(CompactJson)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class InstanceState(StrEnum):
    """Where the life of an instance stands."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    INCIDENT = "incident"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


OPEN_STATES = (InstanceState.RUNNING, InstanceState.SUSPENDED, InstanceState.INCIDENT)


class ProcessInstance(Base):
    """One run of a process, about one subject."""

    __tablename__ = "process_instances"
    __table_args__ = (
        sa.Index("ix_process_instances_key_state", "key", "state"),
        sa.Index("ix_process_instances_due", "state", "next_due_at"),
        sa.Index("ix_process_instances_subject", "subject_type", "subject_id"),
        sa.Index("ix_process_instances_business_key", "business_key"),
        sa.Index("ix_process_instances_deployment", "deployment_id", "state"),
        sa.Index("ix_process_instances_started", "started_at", "id"),
        sa.Index("ix_process_instances_starter", "started_by", "started_at"),
        # Those that have not ended have no end: they are read by it in the order of their start.
        sa.Index("ix_process_instances_ended", "ended_at", "started_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(100))
    deployment_id: Mapped[int] = mapped_column(sa.ForeignKey("process_deployments.id"))
    business_key: Mapped[str] = mapped_column(sa.String(40))
    subject_type: Mapped[str] = mapped_column(sa.String(60))
    subject_id: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(12), default=InstanceState.RUNNING)
    engine_state: Mapped[Any] = mapped_column(CompactJson, nullable=True, deferred=True)
    next_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revision: Mapped[int] = mapped_column(default=0)
    started_by: Mapped[int | None]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str] = mapped_column(sa.String(500), default="")


class TaskState(StrEnum):
    """Where the life of a user task stands."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class UserTask(Base):
    """A user task that somebody has to do, projected from the engine's ready tasks.

    Inboxes read only these rows. ``urgency`` sorts by what is late and important first: it is
    the due time, moved earlier by priority (see :func:`app.engine.projection.urgency`). A task that
    ``is_personal`` was given to one person by the diagram.
    """

    __tablename__ = "user_tasks"
    __table_args__ = (
        sa.UniqueConstraint("engine_task"),
        sa.Index("ix_user_tasks_assignee", "state", "assignee_id", "urgency", "id"),
        sa.Index("ix_user_tasks_group", "state", "candidate_role", "assignee_id", "urgency", "id"),
        sa.Index("ix_user_tasks_urgency", "state", "urgency", "id"),
        sa.Index("ix_user_tasks_subject", "subject_type", "subject_id", "state"),
        sa.Index("ix_user_tasks_instance", "instance_id", "state"),
        sa.Index("ix_user_tasks_element", "element_id", "state"),
        sa.Index("ix_user_tasks_process", "process_key", "state", "element_id", "created_at"),
        sa.Index("ix_user_tasks_machine", "machine_id"),
        sa.Index("ix_user_tasks_department", "department_id"),
        sa.Index("ix_user_tasks_completed", "completed_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(sa.ForeignKey("process_instances.id"))
    engine_task: Mapped[str] = mapped_column(sa.String(32))
    element_id: Mapped[str] = mapped_column(sa.String(100))
    name: Mapped[str] = mapped_column(sa.String(255))
    form_id: Mapped[str | None] = mapped_column(sa.String(100))
    candidate_role: Mapped[str | None] = mapped_column(sa.String(40))
    candidate_department_id: Mapped[int | None]
    escalation_role: Mapped[str | None] = mapped_column(sa.String(40))
    assignee_id: Mapped[int | None]
    assignee_name: Mapped[str] = mapped_column(sa.String(255), default="")
    is_personal: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    priority: Mapped[str] = mapped_column(sa.String(10), default="MEDIUM")
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    urgency: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(sa.String(10), default=TaskState.OPEN)
    outcome: Mapped[str | None] = mapped_column(sa.String(60))
    submission: Mapped[Any] = mapped_column(CompactJson, nullable=True, deferred=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_by: Mapped[int | None]
    completed_by_name: Mapped[str] = mapped_column(sa.String(255), default="")
    completed_for: Mapped[int | None]
    # Copied from the instance and its subject, so that an inbox is one indexed query.
    process_key: Mapped[str] = mapped_column(sa.String(100))
    business_key: Mapped[str] = mapped_column(sa.String(40))
    subject_type: Mapped[str] = mapped_column(sa.String(60))
    subject_id: Mapped[int]
    title: Mapped[str] = mapped_column(sa.String(255))
    detail: Mapped[str] = mapped_column(sa.String(500), default="")
    machine_id: Mapped[int | None]
    department_id: Mapped[int | None]

    @property
    def candidate_roles(self) -> tuple[str, ...]:
        """The roles that may do the task, with the one it was escalated to."""
        roles = tuple(role for role in (self.candidate_role or "").split(",") if role)
        return roles if self.escalation_role is None else (*roles, self.escalation_role)

    @property
    def is_open(self) -> bool:
        return self.state == TaskState.OPEN


class EventWait(Base):
    """A message or a timer that a token waits for, or waited for until ``ended_at``.

    Events at the edge of a task have no row: what they wait beside has one. ``due_at`` is when a timer
    goes off, and for a message when it is expected at the latest, where the diagram says so.
    """

    __tablename__ = "event_waits"
    __table_args__ = (
        sa.UniqueConstraint("engine_task"),
        sa.Index("ix_event_waits_instance", "instance_id", "ended_at"),
        sa.Index("ix_event_waits_ended", "ended_at", "process_key", "element_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(sa.ForeignKey("process_instances.id"))
    process_key: Mapped[str] = mapped_column(sa.String(100))
    engine_task: Mapped[str] = mapped_column(sa.String(32))
    element_id: Mapped[str] = mapped_column(sa.String(100))
    element_name: Mapped[str] = mapped_column(sa.String(255), default="")
    event: Mapped[str] = mapped_column(sa.String(20))
    message: Mapped[str] = mapped_column(sa.String(255), default="")
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TaskComment(Base):
    """What people say to each other about an instance, next to one of its tasks."""

    __tablename__ = "task_comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(sa.ForeignKey("process_instances.id"), index=True)
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_tasks.id"))
    author_id: Mapped[int | None]
    author_name: Mapped[str] = mapped_column(sa.String(255))
    body: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class HistoryKind(StrEnum):
    """What a history entry tells."""

    STARTED = "started"
    ENTERED = "entered"
    LEFT = "left"
    PASSED = "passed"  # entered and left at once: whatever the engine does itself
    DECIDED = "decided"
    CLAIMED = "claimed"
    RELEASED = "released"
    DELEGATED = "delegated"
    ESCALATED = "escalated"
    NUDGED = "nudged"  # whoever has to do a task was reminded by hand
    MESSAGE_SENT = "message_sent"
    MESSAGE_RECEIVED = "message_received"
    TIMER = "timer"
    INCIDENT = "incident"
    RETRIED = "retried"
    RESOLVED = "resolved"  # a failed step, by hand: it was done outside
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    VARIABLES = "variables"  # corrected by hand
    MOVED = "moved"  # a token, to another element
    MIGRATED = "migrated"  # to another version of the process
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class HistoryEntry(Base):
    """One thing that happened in an instance. Rows are only ever added."""

    __tablename__ = "history_entries"
    __table_args__ = (
        sa.Index("ix_history_entries_instance", "instance_id", "id"),
        sa.Index("ix_history_entries_element", "process_key", "element_id", "kind", "at"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    instance_id: Mapped[int] = mapped_column(sa.ForeignKey("process_instances.id"))
    process_key: Mapped[str] = mapped_column(sa.String(100))
    kind: Mapped[str] = mapped_column(sa.String(20))
    element_id: Mapped[str | None] = mapped_column(sa.String(100))
    element_name: Mapped[str] = mapped_column(sa.String(255), default="")
    element_type: Mapped[str] = mapped_column(sa.String(40), default="")
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(sa.String(255), default="")
    acted_for: Mapped[str] = mapped_column(sa.String(255), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    detail: Mapped[Any] = mapped_column(CompactJson, nullable=True)


class Incident(Base):
    """A step that failed for a reason nobody planned, with what is needed to mend and retry it."""

    __tablename__ = "incidents"
    __table_args__ = (sa.Index("ix_incidents_open", "resolved_at", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(sa.ForeignKey("process_instances.id"), index=True)
    engine_task: Mapped[str] = mapped_column(sa.String(32))
    element_id: Mapped[str] = mapped_column(sa.String(100))
    element_name: Mapped[str] = mapped_column(sa.String(255), default="")
    message: Mapped[str] = mapped_column(sa.String(1000))
    traceback: Mapped[str] = mapped_column(sa.Text)
    attempts: Mapped[int] = mapped_column(default=1)
    actor: Mapped[Any] = mapped_column(CompactJson, nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_by: Mapped[int | None]


class JobState(StrEnum):
    """Where the life of a job stands."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class Job(Base):
    """Something to do in a transaction of its own: a message, a timer, a retry, an e-mail.

    ``batch`` names the order that it is a part of; see :mod:`app.engine.job_batches`.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        sa.Index("ix_jobs_due", "state", "run_at", "id"),
        sa.Index("ix_jobs_instance", "instance_id", "id"),
        sa.Index("ix_jobs_batch", "batch", "kind", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(60))
    unique_key: Mapped[str | None] = mapped_column(sa.String(200), unique=True)
    payload: Mapped[Any] = mapped_column(CompactJson)
    state: Mapped[str] = mapped_column(sa.String(10), default=JobState.WAITING)
    run_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(sa.Text)
    instance_id: Mapped[int | None]
    batch: Mapped[str | None] = mapped_column(sa.String(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Lease(Base):
    """Which of several processes does what one at a time shall do; see :mod:`app.jobs.leadership`.

    ``holder`` is empty while nobody does. ``beat`` grows with each sign of life of the holder, and
    ``worked_at`` is when it last came to the end of its work, which is for people to read: no decision
    depends on anybody's clock.
    """

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(100), default="")
    beat: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    worked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
