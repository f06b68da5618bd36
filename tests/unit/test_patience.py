"""Trying again what the database gave up, and nothing else."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from app import patience
from app.database import unit_of_work
from app.domain.people import Department
from tests import factories


def given_up(number: int = 1213) -> OperationalError:
    return OperationalError("UPDATE", {}, Exception(number, "try restarting transaction"))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    return pauses


def names(session: Session) -> list[str]:
    return [row.name for row in session.query(Department).order_by(Department.id)]


@pytest.mark.parametrize("number", [1213, 1205, 1020])
def test_it_is_done_again_from_the_beginning(
    session: Session, number: int, no_pause: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []

    def act() -> str:
        with unit_of_work(session):
            tries.append(len(tries))
            factories.make_department(session, name=f"Hall {len(tries)}")
            session.flush()
            if len(tries) < 3:
                raise given_up(number)
        return "done"

    with caplog.at_level(logging.INFO):
        assert patience.with_patience(session, act, attempts=4, what="making halls") == "done"
    assert names(session) == ["Hall 3"]
    assert len(no_pause) == 2 and max(no_pause) < 0.1
    assert caplog.text.count("trying making halls again") == 2


def test_the_last_refusal_is_raised(session: Session) -> None:
    tries: list[int] = []

    def act() -> None:
        tries.append(1)
        raise given_up()

    with pytest.raises(OperationalError):
        patience.with_patience(session, act, attempts=3, what="it")
    assert len(tries) == 3


def test_who_waited_long_for_a_lock_is_not_kept_any_longer(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = iter([0.0, 4.0, patience.TIME_LIMIT + 1])
    monkeypatch.setattr(patience.time, "monotonic", lambda: next(shown))
    tries: list[int] = []

    def act() -> None:
        tries.append(1)
        raise given_up(1205)

    with pytest.raises(OperationalError):
        patience.with_patience(session, act, attempts=6, what="it")
    assert len(tries) == 2


@pytest.mark.parametrize(
    "error", [given_up(2006), IntegrityError("INSERT", {}, Exception(1062, "twice")), ValueError("no")]
)
def test_other_errors_end_it(session: Session, error: Exception) -> None:
    tries: list[int] = []

    def act() -> None:
        tries.append(1)
        raise error

    with pytest.raises(type(error)):
        patience.with_patience(session, act, attempts=3, what="it")
    assert len(tries) == 1


def test_what_is_committed_is_not_done_again(session: Session) -> None:
    """The error comes after the action, while its answer is made."""

    def act() -> None:
        with unit_of_work(session):
            factories.make_department(session, name=f"Hall {len(names(session))}")
        raise given_up()

    with pytest.raises(OperationalError):
        patience.with_patience(session, act, attempts=3, what="it")
    assert names(session) == ["Hall 0"]


@pytest.mark.parametrize(
    ("number", "passes"),
    [(1213, True), (2013, True), (1114, True), (1040, True), (1062, False)],
)
def test_what_the_database_cannot_do_now_will_pass(number: int, passes: bool) -> None:
    assert patience.will_pass(given_up(number)) is passes


def test_a_full_disk_of_sqlite_will_pass(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "small.db")
    database.execute("CREATE TABLE lines (text)")
    database.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as full:
        database.execute("INSERT INTO lines VALUES (zeroblob(100000))")
    database.close()
    assert patience.will_pass(OperationalError("INSERT", {}, full.value))
    assert not patience.will_pass(OperationalError("INSERT", {}, sqlite3.OperationalError("no such table")))


def test_a_savepoint_that_went_with_the_transaction_counts_too() -> None:
    with pytest.raises(OperationalError) as raised:
        try:
            raise given_up()
        finally:
            raise given_up(1305)  # there is no such savepoint
    assert patience.asks_for_another_attempt(raised.value)
    assert not patience.asks_for_another_attempt(given_up(1305))
