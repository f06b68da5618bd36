"""The job table: in order, once, again after a failure, and never too early."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.database import Base, engine_options
from app.engine import jobs
from app.engine.core import ProcessEngine
from app.engine.models import Job
from tests.support import failing as databases
from tests.support.desk import Desk
from tests.support.failing import FULL, GONE, LOST

pytestmark = pytest.mark.databases


def queue(desk: Desk, what: str, **options: Any) -> Job:
    with desk.acting() as session:
        return jobs.enqueue(session, "note", {"what": what}, **options)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Jobs of the kind ``fail`` raise the first of these, if there is any."""
    errors: list[Exception] = []

    def fail(engine: Any, session: Any, payload: Any, job: Job) -> None:
        jobs.enqueue(session, "note", {"what": "tried"})
        if errors:
            raise errors[0]

    monkeypatch.setitem(jobs._handlers, "fail", fail)
    return errors


def test_due_jobs_are_done_by_their_time_and_those_they_cause_after(
    desk: Desk, done: list[Any], clock: ManualClock
) -> None:
    queue(desk, "third", run_at=clock())
    queue(desk, "second", run_at=clock() - timedelta(minutes=1))
    queue(desk, "first", run_at=clock() - timedelta(minutes=2))
    queue(desk, "not yet", run_at=clock() + timedelta(seconds=1))
    with desk.acting() as session:
        jobs.enqueue(session, "note", {"what": "fourth", "then": "fifth"})
    assert jobs.run_due(desk.engine, desk.sessions) == 4
    assert done == ["first", "second", "third", "fourth"]
    assert desk.settle() == 1
    assert done[4:] == ["fifth"]
    clock.advance(seconds=1)
    assert desk.settle() == 1
    assert desk.settle() == 0


def test_no_more_are_done_than_asked_for(desk: Desk, done: list[Any]) -> None:
    for number in range(5):
        queue(desk, str(number))
    assert jobs.run_due(desk.engine, desk.sessions, limit=2) == 2
    assert done == ["0", "1"]


def test_a_job_that_is_done_or_not_due_is_not_done(desk: Desk, done: list[Any], clock: ManualClock) -> None:
    job = queue(desk, "once")
    later = queue(desk, "later", run_at=clock() + timedelta(hours=1))
    assert jobs.run(desk.engine, desk.sessions, job.id)
    assert not jobs.run(desk.engine, desk.sessions, job.id)
    assert not jobs.run(desk.engine, desk.sessions, later.id)
    assert not jobs.run(desk.engine, desk.sessions, 999)
    assert done == ["once"]


def test_a_job_is_one_of_a_kind_for_ever(desk: Desk, done: list[Any]) -> None:
    queue(desk, "daily", key="report:2026-03-02")
    desk.settle()
    with pytest.raises(sa.exc.IntegrityError):
        queue(desk, "daily", key="report:2026-03-02")
    queue(desk, "daily", key="report:2026-03-03")
    assert desk.settle() == 1


def test_a_failure_undoes_the_job_and_is_tried_again_later_and_later(
    desk: Desk, failing: list[Exception], done: list[Any], clock: ManualClock
) -> None:
    failing.append(RuntimeError("no line"))
    with desk.acting() as session:
        jobs.enqueue(session, "fail", {})
    waits = []
    for _ in range(jobs.MAXIMUM_ATTEMPTS):
        assert desk.settle() == 0
        (job,) = desk.jobs()
        waits.append((job.run_at - clock()).total_seconds())
        clock.time = job.run_at
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == 3600
    assert (job.state, job.attempts, job.last_error) == ("failed", 12, "RuntimeError: no line")
    clock.advance(days=1)
    failing.clear()
    assert desk.settle() == 0
    assert done == []


def test_a_job_that_failed_and_then_succeeds_is_done(
    desk: Desk, failing: list[Exception], done: list[Any], clock: ManualClock
) -> None:
    failing.append(RuntimeError("no line"))
    with desk.acting() as session:
        jobs.enqueue(session, "fail", {})
    desk.settle()
    failing.clear()
    clock.advance(seconds=5)
    assert desk.settle() == 2
    (job,) = desk.jobs("fail")
    assert (job.state, job.attempts, job.done_at) == ("done", 1, clock())
    assert done == ["tried"]


def test_waiting_for_something_is_no_failure_however_long_it_lasts(
    desk: Desk, failing: list[Exception], clock: ManualClock
) -> None:
    failing.append(jobs.TryLater("not yet"))
    with desk.acting() as session:
        jobs.enqueue(session, "fail", {})
    waits = []
    for _ in range(3 * jobs.MAXIMUM_ATTEMPTS):
        assert desk.settle() == 0
        (job,) = desk.jobs()
        waits.append((job.run_at - clock()).total_seconds())
        clock.time = job.run_at
    assert waits[:4] == [5, 5, 10, 20]
    assert waits[-1] == 3600
    assert (job.state, job.attempts, job.last_error) == ("waiting", 0, "not yet")
    failing.clear()
    assert desk.settle() >= 1


def by_the_database(number: int) -> OperationalError:
    return OperationalError("UPDATE", {}, Exception(number, "not now"))


@pytest.mark.parametrize("number", [LOST, FULL])
def test_while_the_database_cannot_a_job_waits_however_old_it_is(
    desk: Desk, failing: list[Exception], clock: ManualClock, number: int
) -> None:
    failing.append(by_the_database(number))
    with desk.acting() as session:
        jobs.enqueue(session, "fail", {})
    clock.advance(days=1)
    for _ in range(2 * jobs.MAXIMUM_ATTEMPTS):
        assert desk.settle() == 0
        (job,) = desk.jobs()
        assert (job.state, job.attempts, job.run_at - clock()) == ("waiting", 0, jobs.FIRST_RETRY)
        clock.time = job.run_at
    failing.clear()
    assert desk.settle() >= 1


def test_a_job_of_which_nothing_can_be_noted_stays_as_it_was(desk: Desk, failing: list[Exception]) -> None:
    failing.append(by_the_database(LOST))
    with desk.acting() as session:
        jobs.enqueue(session, "fail", {})
    (before,) = desk.jobs()
    with databases.failing(desk.database, GONE, 1, at="UPDATE jobs") as failed:
        assert desk.settle() == 0
    (after,) = desk.jobs()
    assert len(failed) == 1
    assert (after.state, after.attempts, after.run_at) == ("waiting", 0, before.run_at)


def test_a_job_that_nothing_handles_is_a_failure(desk: Desk) -> None:
    with desk.acting() as session:
        jobs.enqueue(session, "unheard.of", {})
    assert desk.settle() == 0
    assert "nothing handles jobs of kind unheard.of" in (desk.jobs()[0].last_error or "")


def test_a_bad_job_does_not_keep_the_others_from_being_done(
    desk: Desk, failing: list[Exception], done: list[Any]
) -> None:
    failing.append(RuntimeError("no line"))
    with desk.acting() as session:
        jobs.enqueue(session, "fail", {})
        jobs.enqueue(session, "note", {"what": "good"})
    assert desk.settle() == 1
    assert done == ["good"]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Jobs of the kind ``letter`` are done outside of transactions: they call the first of these, if any."""
    steps: list[Any] = []

    def post(engine: Any, session: Session, payload: Any, job: Job) -> None:
        assert not session.info.get("unit_of_work")
        if steps:
            steps[0]()

    monkeypatch.setattr(jobs, "_outside", set())
    monkeypatch.setattr(jobs, "_handlers", dict(jobs._handlers))
    jobs.job_handler("letter", outside=True)(post)
    return steps


def letter(desk: Desk) -> Job:
    with desk.acting() as session:
        return jobs.enqueue(session, "letter", {})


def test_others_write_while_a_job_is_done_outside(desk: Desk, outside: list[Any], done: list[Any]) -> None:
    letter(desk)
    # Inside a transaction, this would wait for ever on SQLite.
    outside.append(lambda: queue(desk, "meanwhile"))
    assert desk.settle() == 2
    assert done == ["meanwhile"]
    assert [job.state for job in desk.jobs("letter")] == ["done"]


def test_a_job_outside_that_fails_is_tried_again_with_growing_delays(
    desk: Desk, outside: list[Any], clock: ManualClock
) -> None:
    def fail() -> None:
        raise ConnectionError("no line")

    letter(desk)
    outside.append(fail)
    assert desk.settle() == 0
    (job,) = desk.jobs()
    assert (job.state, job.attempts, job.run_at - clock()) == ("waiting", 1, timedelta(seconds=5))
    outside.clear()
    clock.advance(seconds=5)
    assert desk.settle() == 1


def test_a_job_outside_whose_process_died_is_done_by_another(
    desk: Desk, outside: list[Any], clock: ManualClock
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    job = letter(desk)
    outside.append(die)
    with pytest.raises(KeyboardInterrupt):
        jobs.run(desk.engine, desk.sessions, job.id)
    outside.clear()
    clock.advance(minutes=9)
    assert desk.settle() == 0
    clock.advance(minutes=1)
    assert desk.settle() == 1


def test_a_job_outside_that_took_too_long_is_its_successors(
    desk: Desk, outside: list[Any], clock: ManualClock
) -> None:
    def too_long() -> None:
        outside.clear()
        clock.advance(minutes=10)
        assert jobs.run(desk.engine, desk.sessions, job.id)
        raise ConnectionError("the line broke")

    job = letter(desk)
    outside.append(too_long)
    assert not jobs.run(desk.engine, desk.sessions, job.id)
    (found,) = desk.jobs()
    assert (found.state, found.attempts, found.last_error) == ("done", 0, None)


def test_a_job_that_somebody_does_just_now_is_left_to_them(
    factory_engine: ProcessEngine, mariadb_url: str, done: list[Any], clock: ManualClock
) -> None:
    """On SQLite, which has one writer at a time, the other waits and then finds the job done."""
    database = sa.create_engine(mariadb_url, **engine_options(mariadb_url))
    Base.metadata.create_all(database)
    desk = Desk(factory_engine.feel, database)
    job = queue(desk, "once")
    with desk.acting() as session:
        assert session.get(Job, job.id, with_for_update=True) is not None
        assert not jobs.run(desk.engine, desk.sessions, job.id)
        assert done == []
    assert jobs.run(desk.engine, desk.sessions, job.id)
    database.dispose()
