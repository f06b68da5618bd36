"""With Redis, commits announce jobs to workers; without it, for however long, nothing is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine import jobs
from app.engine.core import ProcessEngine
from app.engine.models import Job, JobState
from app.jobs import JobSystem, redis_queue
from app.jobs.worker import work
from tests.support import servers

pytestmark = pytest.mark.databases


@pytest.fixture
def system(engine: ProcessEngine, database: sa.Engine, redis_url: str) -> Iterator[JobSystem]:
    system = JobSystem(engine, database, redis_url=redis_url, interval=3600)
    system.listen()
    yield system
    system.stop()


def queue(session: Session, what: str, *, run_at: Any = None, **payload: Any) -> Job:
    with unit_of_work(session):
        return jobs.enqueue(session, "note", {"what": what, **payload}, run_at=run_at)


def waiting(system: JobSystem) -> int:
    assert system.queue is not None
    return system.queue.waiting()


def test_a_worker_does_what_a_commit_announced_and_what_that_causes(
    system: JobSystem, session: Session, done: list[Any]
) -> None:
    queue(session, "first", then="second")
    assert waiting(system) == 1
    work(system, burst=True)
    assert done == ["first", "second"]
    assert waiting(system) == 0


def test_only_ids_travel_and_as_json(system: JobSystem, session: Session, redis_url: str) -> None:
    job = queue(session, "a secret")
    with Redis.from_url(redis_url) as client:
        stored = [
            value
            for key in client.scan_iter("rq:job:*")
            if client.type(key) == b"hash"
            for value in client.hgetall(key).values()
        ]
    assert not any(b"secret" in value for value in stored)
    assert ["app.jobs.tasks.perform", None, [job.id], {}] in [_json(value) for value in stored]


def _json(value: bytes) -> Any:
    import zlib

    try:
        return json.loads(zlib.decompress(value))
    except (zlib.error, ValueError):
        return None


def test_a_finished_job_leaves_nothing_in_redis(
    system: JobSystem, session: Session, done: list[Any], redis_url: str
) -> None:
    queue(session, "it")
    work(system, burst=True)
    with Redis.from_url(redis_url) as client:
        assert list(client.scan_iter("rq:job:*")) == []
        assert list(client.scan_iter("millwright:announced:*")) == []


def test_sweeping_does_not_fill_the_queue_with_what_waits_in_it(
    system: JobSystem, session: Session, done: list[Any]
) -> None:
    queue(session, "it")
    for _ in range(5):
        system.sweep()
    assert waiting(system) == 1
    assert done == []


def test_an_emptied_redis_is_filled_again_by_the_sweep(
    system: JobSystem, session: Session, done: list[Any], redis_url: str
) -> None:
    queue(session, "it")
    with Redis.from_url(redis_url) as client:
        client.flushall()
    work(system, burst=True)
    assert done == ["it"]


def test_a_due_job_of_the_future_reaches_the_workers(
    system: JobSystem, session: Session, done: list[Any], clock: clock.ManualClock
) -> None:
    queue(session, "later", run_at=clock() + timedelta(hours=1))
    system.sweep()
    assert waiting(system) == 0
    clock.advance(hours=1)
    system.sweep()
    assert waiting(system) == 1


def test_a_failed_job_is_announced_again_when_its_time_comes(
    system: JobSystem,
    session: Session,
    done: list[Any],
    clock: clock.ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    def fails_once(*_: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not now")

    monkeypatch.setitem(jobs._handlers, "flaky", fails_once)
    with unit_of_work(session):
        job = jobs.enqueue(session, "flaky", {})
    work(system, burst=True)
    clock.advance(minutes=1)
    work(system, burst=True)
    session.refresh(job)
    assert (len(tries), job.state) == (2, JobState.DONE)


def test_two_announcements_have_one_effect(
    system: JobSystem, session: Session, done: list[Any], redis_url: str
) -> None:
    job = queue(session, "once")
    assert system.queue is not None
    system.queue.taken(job.id)
    system.sweep()
    assert waiting(system) == 2
    work(system, burst=True)
    assert done == ["once"]


def test_without_redis_the_commit_stands_and_the_scheduler_does_the_job(
    engine: ProcessEngine, database: sa.Engine, session: Session, done: list[Any]
) -> None:
    nowhere = f"redis://127.0.0.1:{servers.free_port()}/0"
    system = JobSystem(engine, database, redis_url=nowhere, interval=3600)
    system.listen()
    began = time.monotonic()
    queue(session, "it", then="and that")
    assert time.monotonic() - began < 5
    system.sweep()
    assert done == ["it", "and that"]
    system.stop()


def test_when_redis_comes_back_it_is_used_again(
    engine: ProcessEngine,
    database: sa.Engine,
    session: Session,
    done: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_queue, "REST", 0.0)
    port = servers.free_port()
    system = JobSystem(engine, database, redis_url=f"redis://127.0.0.1:{port}/0", interval=3600)
    system.listen()
    with servers.redis_server(tmp_path, port=port) as server:
        queue(session, "before")
        server.kill()
    queue(session, "during")
    with servers.redis_server(tmp_path, port=port):
        queue(session, "after")
        work(system, burst=True)
    assert sorted(done) == ["after", "before", "during"]
