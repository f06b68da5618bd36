"""A commit announces the jobs it has queued for now: all of them, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine import jobs
from app.jobs.announcements import announce_to


class Listener:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[list[int]] = []

    def hear(self, ids: list[int]) -> None:
        self.heard.append(ids)

    def fail(self, ids: list[int]) -> None:
        raise ConnectionError("nobody there")


@pytest.fixture
def listener(database: sa.Engine) -> Iterator[Listener]:
    listener = Listener()
    announce_to(database, listener.hear)
    yield listener
    announce_to(database, None)


def test_a_commit_announces_its_jobs_together(session: Session, listener: Listener) -> None:
    with unit_of_work(session):
        first = jobs.enqueue(session, "note", {})
        second = jobs.enqueue(session, "note", {})
        assert listener.heard == []
    assert listener.heard == [[first.id, second.id]]


def test_jobs_are_announced_once(session: Session, listener: Listener) -> None:
    with unit_of_work(session):
        jobs.enqueue(session, "note", {})
    with unit_of_work(session):
        session.execute(sa.text("SELECT 1"))
    assert len(listener.heard) == 1


def test_jobs_for_later_are_left_to_the_sweep(session: Session, listener: Listener) -> None:
    with unit_of_work(session):
        jobs.enqueue(session, "note", {}, run_at=clock.now() + timedelta(minutes=1))
    assert listener.heard == []


def test_a_rollback_announces_nothing_then_or_later(session: Session, listener: Listener) -> None:
    with pytest.raises(ZeroDivisionError), unit_of_work(session):
        jobs.enqueue(session, "note", {})
        raise ZeroDivisionError
    with unit_of_work(session):
        kept = jobs.enqueue(session, "note", {})
    assert listener.heard == [[kept.id]]


def test_a_savepoint_announces_with_the_commit_around_it(session: Session, listener: Listener) -> None:
    with unit_of_work(session):
        with session.begin_nested():
            inner = jobs.enqueue(session, "note", {})
        assert listener.heard == []
        outer = jobs.enqueue(session, "note", {})
    assert listener.heard == [[inner.id, outer.id]]


def test_what_a_savepoint_rolled_back_is_not_announced(session: Session, listener: Listener) -> None:
    with unit_of_work(session):
        kept = jobs.enqueue(session, "note", {})
        with pytest.raises(ZeroDivisionError), session.begin_nested():
            jobs.enqueue(session, "note", {})
            session.flush()
            raise ZeroDivisionError
    assert listener.heard == [[kept.id]]


def test_a_listener_that_fails_does_not_undo_the_commit(
    session: Session, database: sa.Engine, listener: Listener
) -> None:
    announce_to(database, listener.fail)
    with unit_of_work(session):
        jobs.enqueue(session, "note", {})
    assert jobs.due(session) != []
