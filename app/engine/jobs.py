"""The job table: what must be done in a transaction of its own, at least once and with one effect.

A job is written in the transaction of whoever wants it, and marked done in the transaction of its
own effect. Whatever carries its id to a worker may lose it: the sweep of due jobs finds it again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine.models import Job, JobState
from app.patience import asks_for_another_attempt, will_pass

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

log = logging.getLogger(__name__)

MAXIMUM_ATTEMPTS = 12
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
NEXT_MOMENT = timedelta(seconds=1)  # what another transaction held is tried again after this long
LEASE = timedelta(minutes=10)  # how long a job outside may take before somebody else tries it

SessionFactory = Callable[[], AbstractContextManager[Session]]
Handler = Callable[["ProcessEngine", Session, Mapping[str, Any], Job], None]
# Told of each job that was tried: its kind, how it ended (done, later, failed), and the seconds it took.
Observe = Callable[[str, str, float], object]
_handlers: dict[str, Handler] = {}
_outside: set[str] = set()


class TryLater(Exception):
    """Raised by a handler that cannot do its job yet; it is tried again and not counted a failure."""


def job_handler(kind: str, *, outside: bool = False) -> Callable[[Handler], Handler]:
    """Register the function that does the jobs of a kind, inside their transaction.

    What takes long or leaves the house, such as an e-mail, is done ``outside`` of any transaction, so
    that nobody waits to write meanwhile: the handler opens units of work of its own where it needs
    them, and its job may be done twice if the process dies before the job is marked done.
    """

    def register(handler: Handler) -> Handler:
        _handlers[kind] = handler
        (_outside.add if outside else _outside.discard)(kind)
        return handler

    return register


def enqueue(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    *,
    run_at: datetime | None = None,
    key: str | None = None,
    instance_id: int | None = None,
) -> Job:
    """Write a job in the current transaction. A ``key`` makes it one of a kind for ever."""
    job = Job(
        kind=kind,
        payload=dict(payload),
        run_at=run_at or clock.now(),
        unique_key=key,
        instance_id=instance_id,
    )
    session.add(job)
    announce(session, job)
    return job


def announce(session: Session, job: Job) -> None:
    """Have a job that is due looked at right after this transaction."""
    session.info.setdefault("queued_jobs", []).append(job)


def due(session: Session, limit: int = 100) -> list[int]:
    """The ids of waiting jobs whose time has come, oldest first."""
    query = (
        select(Job.id)
        .where(Job.state == JobState.WAITING, Job.run_at <= clock.now())
        .order_by(Job.run_at, Job.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def run(engine: ProcessEngine, sessions: SessionFactory, job_id: int, observe: Observe | None = None) -> bool:
    """Do one job, unless it is done, not due or being done elsewhere; answers whether it was done.

    A failure is recorded and tried again with growing delays, at last once an hour; after
    ``MAXIMUM_ATTEMPTS`` the job is failed and stays for a manager. While the database is away or full,
    nothing is a failure of the job, which waits.
    """
    began, kind, outcome = time.perf_counter(), "", "done"
    with sessions() as session:
        lease = None
        try:
            with unit_of_work(session):
                job = _lock(session, job_id)
                if job is None:
                    return False
                kind = job.kind
                if job.instance_id is not None:
                    structlog.contextvars.bind_contextvars(instance_id=job.instance_id)
                handler = _handlers.get(job.kind)
                if handler is None:
                    raise LookupError(f"nothing handles jobs of kind {job.kind}")
                if job.kind in _outside:
                    lease = job.run_at = clock.now() + LEASE
                else:
                    handler(engine, session, job.payload, job)
                    job.state, job.done_at = JobState.DONE, clock.now()
            if lease is not None:
                handler(engine, session, job.payload, job)
                _finish(session, job_id, lease)
        except TryLater as reason:
            outcome = "later"
            _record(session, job_id, str(reason), failure=False, lease=lease)
        except Exception as error:
            reason_given = f"{type(error).__name__}: {error}"[:2000]
            if will_pass(error):
                outcome = "later"
                log.info("job %s is tried again: %s", job_id, error, extra={"job_id": job_id})
                soon = NEXT_MOMENT if asks_for_another_attempt(error) else FIRST_RETRY
                _put_off(session, job_id, reason_given, lease, soon)
            else:
                outcome = "failed"
                log.exception("job %s failed", job_id, extra={"job_id": job_id})
                _record(session, job_id, reason_given, failure=True, lease=lease)
    if observe is not None:
        observe(kind, outcome, time.perf_counter() - began)
    return outcome == "done"


def run_due(engine: ProcessEngine, sessions: SessionFactory, limit: int = 100) -> int:
    """Do the jobs that are due now; answers how many were done."""
    with sessions() as session:
        ids = due(session, limit)
        session.rollback()
    return sum(run(engine, sessions, job_id) for job_id in ids)


def drain(engine: ProcessEngine, sessions: SessionFactory, *, limit: int = 1000) -> int:
    """Do due jobs, and those they cause, until none is left; answers how many were done."""
    total = 0
    while total < limit and (done := run_due(engine, sessions)):
        total += done
    return total


def _lock(session: Session, job_id: int, *, lease: datetime | None = None) -> Job | None:
    """The job, locked: one that is due, or the one leased until then; None if somebody else has it."""
    mine = Job.run_at <= clock.now() if lease is None else Job.run_at == lease
    return session.scalar(
        select(Job)
        .where(Job.id == job_id, Job.state == JobState.WAITING, mine)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _finish(session: Session, job_id: int, lease: datetime) -> None:
    """Mark a job done that was done outside, unless its lease ran out and somebody else has taken it."""
    with unit_of_work(session):
        job = _lock(session, job_id, lease=lease)
        if job is not None:
            job.state, job.done_at = JobState.DONE, clock.now()


def _record(
    session: Session, job_id: int, reason: str, *, failure: bool, lease: datetime | None = None
) -> None:
    with unit_of_work(session):
        job = _lock(session, job_id, lease=lease)
        if job is None:
            return
        job.last_error = reason
        if failure:
            job.attempts += 1
            job.run_at = clock.now() + backoff(job.attempts)
            if job.attempts >= MAXIMUM_ATTEMPTS:
                job.state = JobState.FAILED
        else:
            # Waiting is no failure: the longer it has lasted, the longer until the next look.
            waited = clock.now() - job.created_at
            job.run_at = clock.now() + min(max(waited, FIRST_RETRY), LONGEST_RETRY)


def _put_off(session: Session, job_id: int, reason: str, lease: datetime | None, soon: timedelta) -> None:
    """Somebody else held what the job needs, or the database could not work: that is nobody's failure.

    Where not even this can be noted the job is as it was, and the next sweep finds it.
    """
    try:
        with unit_of_work(session):
            job = _lock(session, job_id, lease=lease)
            if job is not None:
                job.last_error, job.run_at = reason, clock.now() + soon
    except SQLAlchemyError as error:
        log.warning("nothing could be noted about job %s: %s", job_id, error)


def backoff(attempts: int) -> timedelta:
    """How long to wait before attempt ``attempts + 1``: doubling, up to an hour."""
    return min(FIRST_RETRY * 2 ** min(attempts - 1, 20), LONGEST_RETRY)
