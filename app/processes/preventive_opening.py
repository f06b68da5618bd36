"""Opening the jobs of preventive plans ahead of their due dates: each due date once.

The row of the job, the plan's step to the next due date and the process instance are one
transaction under the plan's lock. Two schedulers wait for each other there, and the second finds the plan
moved on; a process that is killed half way leaves nothing. See docs/decisions/0022.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date

from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain import numbering
from app.domain.preventive import jobs
from app.domain.preventive.models import JobStatus, PreventiveJob, PreventiveTask
from app.domain.preventive.plans import lock_task
from app.engine import instances
from app.engine.actors import SYSTEM
from app.engine.core import ProcessEngine
from app.engine.jobs import SessionFactory
from app.patience import asks_for_another_attempt, will_pass
from app.processes.preventive_maintenance import DUE, KEY

log = logging.getLogger(__name__)

AT_ONCE = 50  # plans that are looked up together
MOST = 200  # jobs that one sweep opens; the rest follow in the next one
PREFIX = "PM"


def open_due(
    engine: ProcessEngine, sessions: SessionFactory, *, goes_on: Callable[[], bool] = lambda: True
) -> int:
    """Open the jobs that are due to be opened, each in a transaction of its own; answers how many.

    A plan whose job cannot be opened is logged, tried again later, and does not stop the others; no plan is
    put off while the database cannot work, which raises what it raises. Where nothing is due this is one
    statement.
    """
    opened, after = 0, 0
    while opened < MOST and goes_on():
        with sessions() as session:
            found = jobs.to_open(session, after, AT_ONCE)
            session.rollback()
        for task_id in found:
            while opened < MOST and goes_on() and _open_next(engine, sessions, task_id):
                opened += 1
        if len(found) < AT_ONCE:
            break
        after = found[-1]
    return opened


def _open_next(engine: ProcessEngine, sessions: SessionFactory, task_id: int) -> bool:
    """Open the next job of a plan if it is time; answers whether one was opened."""
    try:
        with sessions() as session, unit_of_work(session):
            task = session.get(PreventiveTask, task_id)
            if task is None:
                raise _NothingToOpen
            task = lock_task(session, task)
            due_on = jobs.next_to_open(session, task)
            if due_on is None:
                raise _NothingToOpen
            _open(engine, session, task, due_on)
        return True
    except _NothingToOpen:
        return False
    except Exception as error:
        if asks_for_another_attempt(error):
            log.info("the next job of preventive plan %s waits for the next sweep: %s", task_id, error)
            return False
        if will_pass(error):
            raise
        log.exception(
            "the next job of preventive plan %s could not be opened", task_id, extra={"plan_id": task_id}
        )
        _remember(sessions, task_id, error)
        return False


def _remember(sessions: SessionFactory, task_id: int, error: Exception) -> None:
    try:
        with sessions() as session, unit_of_work(session):
            task = session.get(PreventiveTask, task_id)
            if task is not None:
                jobs.opening_failed(session, task, f"{type(error).__name__}: {error}")
    except Exception:
        log.exception("plan %s could not be put off", task_id, extra={"plan_id": task_id})


def job_for(engine: ProcessEngine, session: Session, task: PreventiveTask, due_on: date) -> PreventiveJob:
    """The job of a due date, opened now where there is none yet, in the current transaction.

    :raises NotFound: no process for it is deployed
    """
    found = jobs.get_job(session, task.id, due_on)
    if found is not None and found.status != JobStatus.CANCELLED:
        return found
    task = lock_task(session, task)
    found = jobs.get_job(session, task.id, due_on)
    if found is not None and found.status != JobStatus.CANCELLED:
        return found
    return _open(engine, session, task, due_on)


def _open(engine: ProcessEngine, session: Session, task: PreventiveTask, due_on: date) -> PreventiveJob:
    business_key = numbering.next_key(session, PREFIX, clock.now().year)
    job = jobs.open_job(session, task, due_on, business_key)
    instances.start_by_message(engine, session, DUE, {"jobId": job.id}, SYSTEM, key=KEY)
    return job


class _NothingToOpen(Exception):
    """Ends a transaction in which there was nothing to open."""
