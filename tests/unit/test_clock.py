"""The time of a site: that of its database, however the clocks of its machines are set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from app import clock

HOUR = timedelta(hours=1)
NEAR = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def nothing_agreed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_agreed", None)


@pytest.fixture
def machine() -> Iterator[time_machine.Traveller]:
    """The clock of this machine, which can be set."""
    with time_machine.travel(datetime.now(UTC), tick=True) as travels:
        yield travels


def test_until_it_is_compared_the_time_is_that_of_the_machine(machine: time_machine.Traveller) -> None:
    before = clock.now()
    machine.shift(HOUR)
    assert abs(clock.now() - before - HOUR) < NEAR


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forwards", "back"])
def test_a_clock_that_jumps_changes_nothing_once_machines_agree(
    machine: time_machine.Traveller, jump: timedelta
) -> None:
    clock.compare(lambda: datetime.now(UTC))
    before = clock.now()
    machine.shift(jump)
    assert abs(clock.now() - before) < NEAR
    assert abs(clock.wrong_by() - jump) < NEAR


def test_machines_that_hardly_differ_keep_their_own_time() -> None:
    clock.compare(lambda: datetime.now(UTC) + timedelta(seconds=1))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=0.5)


@pytest.mark.parametrize("wrong", [HOUR, -HOUR], ids=["fast", "slow"])
def test_else_the_database_is_believed(wrong: timedelta, caplog: pytest.LogCaptureFixture) -> None:
    clock.compare(lambda: datetime.now(UTC) - wrong)
    assert abs(clock.now() - (datetime.now(UTC) - wrong)) < NEAR
    assert "the database's counts" in caplog.text
    caplog.clear()
    clock.compare(lambda: datetime.now(UTC) - wrong)
    assert not caplog.text  # they agree now


def test_when_the_clock_of_the_database_is_put_right_all_follow() -> None:
    clock.compare(lambda: datetime.now(UTC) + HOUR)
    clock.compare(lambda: datetime.now(UTC))
    assert abs(clock.now() - datetime.now(UTC)) < NEAR


def test_what_takes_long_to_answer_proves_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that was ten seconds on its way is no reason to doubt the machine."""
    shown = iter([0.0, 10.0, *[10.0] * 10])
    monkeypatch.setattr(clock, "stopwatch", lambda: next(shown))
    before = datetime.now(UTC)
    clock.compare(lambda: before - timedelta(seconds=9))
    assert abs(clock.now() - datetime.now(UTC)) < NEAR


def test_a_given_clock_counts_before_all_others() -> None:
    clock.compare(lambda: datetime.now(UTC) + HOUR)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    with clock.use(clock.ManualClock(start)):
        assert clock.now() == start
