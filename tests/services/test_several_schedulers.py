"""Any number of processes may sweep the same database: each job has its effect once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import configure, engine_options, unit_of_work
from app.engine import jobs
from app.engine.core import ProcessEngine
from app.engine.models import Job, JobState
from app.jobs import JobSystem

pytestmark = pytest.mark.databases

JOBS = 40


def test_two_sweeps_at_once_do_each_job_once(
    engine: ProcessEngine,
    database: sa.Engine,
    database_url: str,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def leave_a_trace(engine: object, session: Session, payload: Mapping[str, Any], job: Job) -> None:
        far = clock.now() + timedelta(days=365)
        jobs.enqueue(session, "trace", {"of": payload["number"]}, run_at=far)
        session.flush()

    monkeypatch.setitem(jobs._handlers, "count", leave_a_trace)
    with unit_of_work(session):
        for number in range(JOBS):
            jobs.enqueue(session, "count", {"number": number})

    together = threading.Barrier(2)
    systems = [JobSystem(engine, _connect(database_url)) for _ in range(2)]

    def sweep(system: JobSystem) -> None:
        together.wait()
        for _ in range(3):  # a job that the other is at is passed over
            system.sweep()

    threads = [threading.Thread(target=sweep, args=(system,)) for system in systems]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for system in systems:
        system.database.dispose()

    traces = session.scalars(sa.select(Job).where(Job.kind == "trace")).all()
    assert sorted(job.payload["of"] for job in traces) == list(range(JOBS))
    states = session.scalars(sa.select(Job.state).where(Job.kind == "count").distinct()).all()
    assert states == [JobState.DONE]


def _connect(url: str) -> sa.Engine:
    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    return database
