"""Tells, right after a commit, which jobs it has queued for now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakMethod

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import Session

from app import clock
from app.engine.models import Job

log = logging.getLogger(__name__)

NOTED = 20  # job ids in a line of the log

Announce = Callable[[list[int]], object]
# Neither database nor listener is kept alive by this.
_listeners: WeakKeyDictionary[sa.Engine, WeakMethod[Announce]] = WeakKeyDictionary()


def announce_to(engine: sa.Engine, announce: Announce | None) -> None:
    """Call the method ``announce`` with the ids of due jobs after each commit to this database, for
    as long as its object lives. None ends that."""
    if announce is None:
        _listeners.pop(engine, None)
    else:
        _listeners[engine] = WeakMethod(announce)


@sa.event.listens_for(Session, "after_commit")
def _after_commit(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint: the jobs may still be rolled back
    queued: list[Job] = session.info.pop("queued_jobs", [])
    if not queued:
        return
    bind: Any = session.get_bind()
    listener = _listeners.get(bind.engine)
    announce = listener() if listener else None
    if announce is None:
        return
    now = clock.now()
    # A job that was rolled back with a savepoint is no longer in the session.
    ids = [job.id for job in queued if job in session and job.run_at <= now]
    if ids:
        _note(ids)
        try:
            announce(ids)
        except Exception:
            # The commit stands, and the next sweep finds the jobs.
            log.exception("announcing jobs failed")


def _note(ids: list[int]) -> None:
    """Let what is logged of this request or job from here on name the jobs that it has queued."""
    known = structlog.contextvars.get_contextvars().get("queued_jobs", [])
    structlog.contextvars.bind_contextvars(queued_jobs=[*known, *ids][:NOTED])


@sa.event.listens_for(Session, "after_rollback")
def _after_rollback(session: Session) -> None:
    if not session.in_nested_transaction():
        session.info.pop("queued_jobs", None)
