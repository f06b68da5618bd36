"""Without Redis, a thread of the process does what commits queue, and what a sweep finds."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine import jobs
from app.engine.models import Job, JobState
from app.jobs import JobSystem
from app.jobs.sweeper import Sweeper
from app.jobs.worker import work

PATIENCE = 20  # seconds; a thread that needs longer hangs


def queue(session: Session, what: str, **options: Any) -> Job:
    with unit_of_work(session):
        return jobs.enqueue(session, "note", {"what": what, **options.pop("payload", {})}, **options)


def test_a_sweep_does_what_is_due_and_what_that_causes(
    system: JobSystem, session: Session, done: list[Any]
) -> None:
    queue(session, "first", payload={"then": "second"})
    system.sweep()
    assert done == ["first", "second"]


def test_a_sweep_leaves_what_is_not_due(
    system: JobSystem, session: Session, done: list[Any], clock: clock.ManualClock
) -> None:
    queue(session, "tomorrow", run_at=clock() + timedelta(days=1))
    system.sweep()
    assert done == []
    clock.advance(days=1)
    system.sweep()
    assert done == ["tomorrow"]


def test_a_job_is_done_once_however_often_it_is_announced(
    system: JobSystem, session: Session, done: list[Any]
) -> None:
    job = queue(session, "once")
    assert system.perform(job.id)
    assert not system.perform(job.id)
    assert done == ["once"]


def test_one_failing_job_does_not_hold_up_the_others(
    system: JobSystem,
    session: Session,
    done: list[Any],
    clock: clock.ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("the printer is on fire")

    monkeypatch.setitem(jobs._handlers, "fail", fail)
    with unit_of_work(session):
        failing = jobs.enqueue(session, "fail", {})
    queue(session, "other")
    system.sweep()
    assert done == ["other"]
    session.refresh(failing)
    assert failing.state == JobState.WAITING
    assert failing.last_error == "ValueError: the printer is on fire"
    assert failing.run_at > clock()


def test_a_commit_wakes_the_thread(
    system: JobSystem, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = threading.Event()

    def handler(engine: object, session: Session, payload: Mapping[str, Any], job: Job) -> None:
        happened.set()

    monkeypatch.setitem(jobs._handlers, "signal", handler)
    system.start_embedded()  # it sweeps hourly: only the commit can wake it
    with unit_of_work(session):
        jobs.enqueue(session, "signal", {})
    assert happened.wait(PATIENCE)


def test_stopping_finishes_the_job_under_way_and_begins_no_other(
    system: JobSystem, session: Session, done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(engine: object, session: Session, payload: Mapping[str, Any], job: Job) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)
        done.append("slow")

    monkeypatch.setitem(jobs._handlers, "slow", slow)
    with unit_of_work(session):
        first = jobs.enqueue(session, "slow", {})
        jobs.enqueue(session, "note", {"what": "next"})
    system.start_embedded()
    assert begun.wait(PATIENCE)
    stopper = threading.Thread(target=system.stop)
    stopper.start()
    while not system.sweeper.stopping:
        threading.Event().wait(0.001)
    go_on.set()
    stopper.join(PATIENCE)
    assert not stopper.is_alive()
    assert done == ["slow"]
    session.refresh(first)
    assert first.state == JobState.DONE


def test_a_burst_does_what_waits_and_ends(system: JobSystem, session: Session, done: list[Any]) -> None:
    queue(session, "now")
    work(system, burst=True)
    assert done == ["now"]


def test_sweeping_survives_a_database_that_is_away() -> None:
    attempts = []
    twice = threading.Event()

    def sweep() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("the database is away")
        twice.set()

    sweeper = Sweeper(sweep, interval=0.001)
    sweeper.start()
    assert twice.wait(PATIENCE)
    assert sweeper.stop()
