"""Looks at everything that is under way, and keeps the list of what is stuck equal to what it finds.

It reads in a transaction of its own and writes only the differences in another, so that nobody waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine.models import (
    EventWait,
    Incident,
    InstanceState,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.monitor import marks, statistics
from app.engine.monitor.models import Mark, Obstacle
from app.engine.monitor.obstacles import TIMER_GRACE, Found, Reason, Typical, message_limit, of_task

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.jobs import SessionFactory

log = logging.getLogger(__name__)

NAME = "survey"
EVERY = timedelta(seconds=30)
# A suspended instance is held on purpose: it is not stuck.
GOING = (InstanceState.RUNNING, InstanceState.INCIDENT)


def keep_up(engine: ProcessEngine, sessions: SessionFactory) -> bool:
    """Survey, unless that was done within the last half minute; answers whether it was done now.

    Any number of processes may call it at any time.
    """
    with sessions() as session:
        mark = session.get(Mark, NAME)
        if mark is not None and marks.is_fresh(mark, EVERY):
            return False
        seen, now = mark.at if mark is not None else None, clock.now()
        found = {each.key: each for each in look(engine, session)}
        known = _known(session)
        session.rollback()
        with unit_of_work(session):
            mark = marks.take(session, NAME, seen)
            if mark is None:
                return False
            mark.at = now
            gone = [row_id for key, row_id in known.items() if key not in found]
            _delete(session, gone)
            new = [each for key, each in found.items() if key not in known]
            if new:
                session.execute(sa.insert(Obstacle), [_row(each, now) for each in new])
    if new or gone:
        log.info("survey: %s new obstacles, %s gone, %s in all", len(new), len(gone), len(found))
    return True


def last(session: Session) -> datetime | None:
    """When the last survey was, so that a page can say how old its list is."""
    return session.scalar(sa.select(Mark.at).where(Mark.name == NAME))


def look_again(engine: ProcessEngine, session: Session, instance_id: int) -> None:
    """Take what is no longer so off the list of one instance, in the transaction that freed it."""
    session.flush()
    still = {each.key for each in look(engine, session, instance_id)}
    _delete(session, [row_id for key, row_id in _known(session, instance_id).items() if key not in still])


def look(engine: ProcessEngine, session: Session, instance_id: int | None = None) -> Iterator[Found]:
    """What is stuck now, and why: of all instances, or of one."""
    now = clock.now()
    usual = statistics.typical(session, statistics.today(engine, session))
    yield from _failed(session, instance_id)
    yield from _missed_timers(session, now, instance_id)
    workforce = engine.bindings.workforce(session)
    for task in session.execute(_open_tasks(instance_id)):
        yield from of_task(task, now, workforce, usual)
    yield from _late_messages(session, now, usual, instance_id)


def _failed(session: Session, instance_id: int | None) -> Iterator[Found]:
    query = (
        sa.select(Incident, ProcessInstance.key)
        .join(ProcessInstance, ProcessInstance.id == Incident.instance_id)
        .where(Incident.resolved_at.is_(None), *_going(instance_id))
    )
    for incident, key in session.execute(query):
        yield Found(
            incident.instance_id,
            key,
            Reason.INCIDENT,
            incident.element_id,
            incident.element_name,
            incident.created_at,
            detail={
                "incident": incident.id,
                "message": incident.message[:300],
                "attempts": incident.attempts,
            },
        )


def _missed_timers(session: Session, now: datetime, instance_id: int | None) -> Iterator[Found]:
    columns = (ProcessInstance.id, ProcessInstance.key, ProcessInstance.next_due_at)
    late = ProcessInstance.next_due_at < now - TIMER_GRACE
    for row in session.execute(sa.select(*columns).where(late, *_going(instance_id))):
        yield Found(row.id, row.key, Reason.TIMER_MISSED, "", "", row.next_due_at)


def _open_tasks(instance_id: int | None) -> sa.Executable:
    columns = (
        UserTask.id,
        UserTask.instance_id,
        UserTask.process_key,
        UserTask.element_id,
        UserTask.name,
        UserTask.candidate_role,
        UserTask.candidate_department_id,
        UserTask.escalation_role,
        UserTask.assignee_id,
        UserTask.assignee_name,
        UserTask.due_at,
        UserTask.created_at,
    )
    return (
        sa.select(*columns)
        .join(ProcessInstance, ProcessInstance.id == UserTask.instance_id)
        .where(UserTask.state == TaskState.OPEN, *_going(instance_id))
    )


def _late_messages(
    session: Session, now: datetime, usual: Typical, instance_id: int | None
) -> Iterator[Found]:
    """Messages past their expected time; without one, those that alone could let the instance go on.

    A diagram listens for many messages that need never come, such as a cancellation, beside the work.
    """
    busy = (
        sa.select(UserTask.id)
        .where(UserTask.instance_id == EventWait.instance_id, UserTask.state == TaskState.OPEN)
        .exists()
    )
    query = (
        sa.select(EventWait, ProcessInstance.next_due_at, busy.label("busy"))
        .join(ProcessInstance, ProcessInstance.id == EventWait.instance_id)
        .where(EventWait.ended_at.is_(None), EventWait.event == "message", *_going(instance_id))
    )
    for wait, timer, is_busy in session.execute(query):
        if wait.due_at is None and (is_busy or timer is not None):
            continue
        limit = message_limit(wait.since, wait.due_at, usual.get((wait.process_key, wait.element_id)))
        if limit < now:
            yield Found(
                wait.instance_id,
                wait.process_key,
                Reason.MESSAGE_LATE,
                wait.element_id,
                wait.element_name,
                limit,
                detail={"message": wait.message, "awaitedSince": wait.since.isoformat()},
            )


def _going(instance_id: int | None) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [ProcessInstance.state.in_(GOING)]
    if instance_id is not None:
        conditions.append(ProcessInstance.id == instance_id)
    return conditions


def _known(session: Session, instance_id: int | None = None) -> dict[tuple[int, str, str, int | None], int]:
    query = sa.select(
        Obstacle.instance_id, Obstacle.reason, Obstacle.element_id, Obstacle.task_id, Obstacle.id
    )
    if instance_id is not None:
        query = query.where(Obstacle.instance_id == instance_id)
    return {(row[0], row[1], row[2], row[3]): row[4] for row in session.execute(query)}


def _delete(session: Session, ids: list[int], at_once: int = 500) -> None:
    for first in range(0, len(ids), at_once):
        session.execute(sa.delete(Obstacle).where(Obstacle.id.in_(ids[first : first + at_once])))


def _row(found: Found, now: datetime) -> dict[str, object]:
    return {
        "instance_id": found.instance_id,
        "process_key": found.process_key,
        "reason": found.reason.value,
        "rank": found.reason.rank,
        "element_id": found.element_id,
        "element_name": found.element_name[:255],
        "task_id": found.task_id,
        "since": found.since,
        "found_at": now,
        "detail": dict(found.detail),
    }
