"""The monitor's tables. All of it can be made anew from what instances, tasks and history hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.database import Base, CompactJson, UtcDateTime


class Obstacle(Base):
    """What keeps an instance from going on, as the last survey found it.

    ``since`` is when it became one, ``rank`` how urgently it needs a manager (0 is first); see
    :class:`app.engine.monitor.obstacles.Reason`. An obstacle about a user task has its ``task_id``.
    """

    __tablename__ = "obstacles"
    __table_args__ = (
        sa.Index("ix_obstacles_instance", "instance_id"),
        sa.Index("ix_obstacles_urgency", "rank", "since", "id"),
        sa.Index("ix_obstacles_process", "process_key", "reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(sa.ForeignKey("process_instances.id"))
    process_key: Mapped[str] = mapped_column(sa.String(100))
    reason: Mapped[str] = mapped_column(sa.String(20))
    rank: Mapped[int] = mapped_column(sa.SmallInteger)
    element_id: Mapped[str] = mapped_column(sa.String(100))
    element_name: Mapped[str] = mapped_column(sa.String(255))
    task_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_tasks.id"))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    found_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    detail: Mapped[Any] = mapped_column(CompactJson)


class StepStatistic(Base):
    """How long the steps of one day took that are about as long: a bucket of their durations.

    ``day`` is the site's, on which they ended; ``element_id`` is empty for whole instances. ``bucket`` is
    that of :mod:`app.engine.monitor.sketch`, ``seconds`` the sum of the durations. Of ``number`` steps
    ``with_due`` had a due time, ``on_time`` met it, and ``repeated`` had been done in their instance before.
    """

    __tablename__ = "step_statistics"

    day: Mapped[date] = mapped_column(primary_key=True)
    deployment_id: Mapped[int] = mapped_column(sa.ForeignKey("process_deployments.id"), primary_key=True)
    element_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    bucket: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int]
    seconds: Mapped[int] = mapped_column(sa.BigInteger)
    with_due: Mapped[int] = mapped_column(default=0)
    on_time: Mapped[int] = mapped_column(default=0)
    repeated: Mapped[int] = mapped_column(default=0)


class Variant(Base):
    """A path that instances of a process took, whatever their version: its steps in the order they began.

    ``digest`` is that of the steps; each step is as :class:`app.engine.monitor.paths.Step` keeps it, and
    ``length`` counts them all, for of a very long path only the beginning is kept.
    """

    __tablename__ = "process_variants"
    __table_args__ = (sa.UniqueConstraint("process_key", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    process_key: Mapped[str] = mapped_column(sa.String(100))
    digest: Mapped[str] = mapped_column(sa.String(64))
    length: Mapped[int]
    steps: Mapped[Any] = mapped_column(CompactJson)


class InstanceVariant(Base):
    """Which path an instance took that has ended, on the site's ``day``, and how long that was.

    ``bucket`` is that of :mod:`app.engine.monitor.sketch`.
    """

    __tablename__ = "instance_variants"
    __table_args__ = (
        # Holds all that the list of variants reads, so that it is answered from the index alone.
        sa.Index(
            "ix_instance_variants_process", "process_key", "day", "deployment_id", "variant_id", "bucket"
        ),
        sa.Index("ix_instance_variants_variant", "variant_id", "instance_id"),
    )

    instance_id: Mapped[int] = mapped_column(
        sa.ForeignKey("process_instances.id"), primary_key=True, autoincrement=False
    )
    variant_id: Mapped[int] = mapped_column(sa.ForeignKey("process_variants.id"))
    process_key: Mapped[str] = mapped_column(sa.String(100))
    deployment_id: Mapped[int] = mapped_column(sa.ForeignKey("process_deployments.id"))
    day: Mapped[date]
    bucket: Mapped[int] = mapped_column(sa.SmallInteger)


class Mark(Base):
    """How far one of the monitor's recurring works has come; its row is its lock."""

    __tablename__ = "monitor_marks"

    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    day: Mapped[date | None]


class SavedView(Base):
    """Filters of the list of instances that somebody keeps under a name: the query string of its address."""

    __tablename__ = "saved_views"
    __table_args__ = (sa.UniqueConstraint("user_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(60))
    query: Mapped[str] = mapped_column(sa.String(1000))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class OperationBatch(Base):
    """One operation on many instances: what, why, and who wants it. Its jobs have its ``name``.

    ``wanted_by`` is the actor, ``chosen_values`` what the operation is given besides the reason.
    """

    __tablename__ = "operation_batches"
    __table_args__ = (sa.Index("ix_operation_batches_user", "user_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(32), unique=True)
    operation: Mapped[str] = mapped_column(sa.String(40))
    chosen_values: Mapped[Any] = mapped_column(CompactJson)
    reason: Mapped[str] = mapped_column(sa.String(500))
    user_id: Mapped[int | None]
    wanted_by: Mapped[Any] = mapped_column(CompactJson)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class AlertRule(Base):
    """What somebody wants to be told of: a figure that passes a threshold.

    ``measure`` is an :class:`app.engine.monitor.measures.AlertMeasure`, ``threshold`` in its unit; an empty
    ``process_key`` means all processes. ``value`` is what was measured last, ``calm_since`` since when a
    raised rule has not been true any more. ``recipients`` are ``roles``, ``people`` by id and ``emails``.
    """

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    measure: Mapped[str] = mapped_column(sa.String(20))
    process_key: Mapped[str] = mapped_column(sa.String(100), default="")
    element_id: Mapped[str] = mapped_column(sa.String(100), default="")
    reason: Mapped[str] = mapped_column(sa.String(20), default="")
    days: Mapped[int | None]
    threshold: Mapped[float]
    active: Mapped[bool] = mapped_column(default=True)
    recipients: Mapped[Any] = mapped_column(CompactJson)
    webhook_url: Mapped[str] = mapped_column(sa.String(500), default="")
    webhook_secret: Mapped[str] = mapped_column(sa.String(100), default="")
    value: Mapped[float | None]
    calm_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class AlertEvent(Base):
    """That a rule became true, and when it was no longer; ``told`` says in words what was the matter."""

    __tablename__ = "alert_events"
    __table_args__ = (
        sa.Index("ix_alert_events_rule", "rule_id", "cleared_at"),
        sa.Index("ix_alert_events_raised", "raised_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(sa.ForeignKey("alert_rules.id"))
    raised_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    value: Mapped[float]
    threshold: Mapped[float]
    told: Mapped[str] = mapped_column(sa.String(500))
