"""What the database tells of the site: how the work goes, and how the factory does.

Nine statements by index, however large the site is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import Worth
from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine
from app.domain.requests import OPEN_STATUSES, MaintenanceRequest
from app.domain.sessions import UserSession
from app.domain.stock import InventoryTransaction, MovementKind
from app.engine.models import (
    OPEN_STATES,
    Incident,
    InstanceState,
    Job,
    JobState,
    Lease,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.monitor import survey
from app.engine.monitor.models import Mark, Obstacle
from app.jobs.leadership import SCHEDULER

ACTIVE = timedelta(minutes=15)  # whoever did something within this time is an active user
DAY = timedelta(hours=24)
# Requests reported within this time count for how long it takes to resolve one, and stoppages that began
# within it for the hours of downtime of the last day.
LONG = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Reading:
    """The site at one moment; times in seconds, durations from then on."""

    at: datetime
    open_tasks: Mapping[tuple[str, str], int]
    instances: Mapping[tuple[str, str], int]
    stuck: Mapping[tuple[str, str], int]
    incidents: int
    timer_lag: float
    jobs_due: int
    jobs_waiting: int
    jobs_failed: int
    oldest_due_job: float
    last_sweep: datetime | None
    last_survey: datetime | None
    active_users: int
    requests_open: Mapping[str, int]
    requests_created: int
    resolution_seconds: float | None
    parts_quantity: int
    parts_cost: float
    machines: Mapping[str, int]
    downtime_seconds: float


def read(session: Session) -> Reading:
    """Ask the database."""
    now = clock.now()
    numbers = session.execute(_numbers(now)).one()
    parts = session.execute(_parts_issued(now - DAY)).one()
    return Reading(
        at=now,
        open_tasks=_counted(
            session, UserTask.process_key, UserTask.element_id, UserTask.state == TaskState.OPEN
        ),
        instances=_counted(
            session, ProcessInstance.key, ProcessInstance.state, ProcessInstance.state.in_(OPEN_STATES)
        ),
        stuck=_counted(session, Obstacle.process_key, Obstacle.reason, sa.true()),
        incidents=numbers.incidents,
        timer_lag=_since(numbers.next_timer, now),
        jobs_due=numbers.jobs_due,
        jobs_waiting=numbers.jobs_waiting,
        jobs_failed=numbers.jobs_failed,
        oldest_due_job=_since(numbers.oldest_job, now),
        last_sweep=numbers.last_sweep,
        last_survey=numbers.last_survey,
        active_users=numbers.active_users,
        requests_open=_by_status(
            session, MaintenanceRequest.status, MaintenanceRequest.status.in_(OPEN_STATUSES)
        ),
        requests_created=numbers.requests_created,
        resolution_seconds=_resolution_seconds(session, now),
        parts_quantity=int(parts.quantity or 0),
        parts_cost=float(parts.cost or 0),
        machines=_by_status(session, Machine.status, sa.true()),
        downtime_seconds=_downtime_seconds(session, now),
    )


def _numbers(now: datetime) -> sa.Select[Any]:
    """All that is one number, in one statement."""
    due = (Job.state == JobState.WAITING, Job.run_at <= now)
    timer = sa.select(sa.func.min(ProcessInstance.next_due_at)).where(
        ProcessInstance.state == InstanceState.RUNNING
    )
    live = (UserSession.revoked_at.is_(None), UserSession.expires_at > now)
    users = sa.select(sa.func.count(sa.distinct(UserSession.user_id))).where(
        *live, UserSession.last_seen_at > now - ACTIVE
    )
    return sa.select(
        _number(Incident.id, Incident.resolved_at.is_(None)).label("incidents"),
        timer.scalar_subquery().label("next_timer"),
        _number(Job.id, *due).label("jobs_due"),
        _number(Job.id, Job.state == JobState.WAITING).label("jobs_waiting"),
        _number(Job.id, Job.state == JobState.FAILED).label("jobs_failed"),
        sa.select(sa.func.min(Job.run_at)).where(*due).scalar_subquery().label("oldest_job"),
        sa.select(Lease.worked_at).where(Lease.name == SCHEDULER).scalar_subquery().label("last_sweep"),
        sa.select(Mark.at).where(Mark.name == survey.NAME).scalar_subquery().label("last_survey"),
        users.scalar_subquery().label("active_users"),
        _number(MaintenanceRequest.id, MaintenanceRequest.reported_at > now - DAY).label("requests_created"),
    )


def _number(column: Any, *where: Any) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count(column)).where(*where).scalar_subquery()


def _counted(session: Session, first: Any, second: Any, where: Any) -> dict[tuple[str, str], int]:
    query = sa.select(first, second, sa.func.count()).where(where).group_by(first, second)
    return {(one, other): number for one, other, number in session.execute(query)}


def _by_status(session: Session, column: Any, where: Any) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).where(where).group_by(column)
    return {row[0]: row[1] for row in session.execute(query)}


def _parts_issued(since: datetime) -> sa.Select[int, Any]:
    movement = InventoryTransaction
    query = sa.select(
        sa.func.sum(movement.quantity).label("quantity"),
        sa.type_coerce(sa.func.sum(-movement.cost), Worth).label("cost"),
    )
    return query.where(movement.transaction_type == MovementKind.OUT, movement.transaction_date > since)


def _resolution_seconds(session: Session, now: datetime) -> float | None:
    """How long the completed ones of the requests reported lately took, on average; None for none."""
    request = MaintenanceRequest
    query = sa.select(request.reported_at, request.completed_at).where(
        request.reported_at > now - LONG, request.completed_at.is_not(None)
    )
    taken = [(row.completed_at - row.reported_at).total_seconds() for row in session.execute(query)]
    return sum(taken) / len(taken) if taken else None


def _downtime_seconds(session: Session, now: datetime) -> float:
    """For how long machines stood still within the last day, added up."""
    stop, since = MachineDowntime, now - DAY
    query = sa.select(stop.started_at, stop.ended_at).where(
        stop.started_at > now - LONG,
        stop.started_at <= now,
        sa.or_(stop.ended_at.is_(None), stop.ended_at > since),
    )
    return sum(
        ((row.ended_at or now) - max(row.started_at, since)).total_seconds() for row in session.execute(query)
    )


def _since(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max((now - moment).total_seconds(), 0.0)
