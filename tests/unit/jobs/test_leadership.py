"""Of several processes one acts; another takes over from one that is gone, and no clock matters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app import clock as clocks
from app.clock import ManualClock, stopwatch
from app.engine import instances
from app.engine.core import ProcessEngine
from app.engine.models import Lease
from app.jobs import JobSystem
from app.jobs.leadership import LEASE, Leadership

pytestmark = pytest.mark.databases


class Stopwatch:
    """Seconds that pass when the test says so, the same for all processes."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def process(database: sa.Engine, watch: Stopwatch) -> Callable[[], Leadership]:
    sessions = sessionmaker(database, expire_on_commit=False)
    return lambda: Leadership(sessions, watch=watch)


def test_the_first_acts_and_goes_on_acting_while_it_lives(
    process: Callable[[], Leadership], watch: Stopwatch
) -> None:
    first, second = process(), process()
    for _ in range(20):
        assert first.lead()
        assert not second.lead()
        watch.seconds += LEASE / 4


def test_another_takes_over_from_one_that_was_killed_after_the_lease(
    process: Callable[[], Leadership], watch: Stopwatch
) -> None:
    first, second, third = process(), process(), process()
    assert first.lead()
    assert not second.lead() and not third.lead()
    watch.seconds += LEASE
    assert not first.leading  # it knows so before anybody else acts
    assert not second.lead()
    watch.seconds += 0.1
    assert second.lead()
    assert not third.lead()
    assert not first.lead()  # it was only stopped, and goes on
    assert second.lead()


def test_one_that_ends_in_order_lets_another_act_at_once(process: Callable[[], Leadership]) -> None:
    first, second = process(), process()
    assert first.lead() and not second.lead()
    first.resign()
    assert second.lead()
    first.resign()  # again, or by one that does not act: nothing is taken from the other
    assert second.lead() and not first.lead()


@pytest.mark.parametrize("jump", [timedelta(days=-4000), timedelta(days=4000)])
def test_a_clock_that_jumps_changes_nobodys_part(
    process: Callable[[], Leadership], watch: Stopwatch, jump: timedelta
) -> None:
    first, second = process(), process()
    assert first.lead() and not second.lead()
    with clocks.use(ManualClock(datetime(2026, 3, 2, tzinfo=UTC) + jump)):
        first.worked()
        for _ in range(5):
            watch.seconds += LEASE / 2
            assert first.lead()
            assert not second.lead()


def test_the_end_of_the_work_can_be_read_with_the_next_sign_of_life(
    process: Callable[[], Leadership], watch: Stopwatch, session: Session, clock: ManualClock
) -> None:
    first = process()
    assert first.lead()
    first.worked()
    watch.seconds += LEASE / 2
    assert first.lead()
    assert session.scalar(sa.select(Lease.worked_at)) == clock()


def test_the_one_that_acts_seldom_writes(
    process: Callable[[], Leadership], watch: Stopwatch, session: Session
) -> None:
    first = process()
    for _ in range(30):  # a minute of sweeps
        assert first.lead()
        watch.seconds += 2
    assert session.scalar(sa.select(Lease.beat)) == 10


def test_a_stopwatch_only_grows() -> None:
    assert stopwatch() <= stopwatch()


def test_only_the_one_that_acts_fires_timers(
    engine: ProcessEngine, database: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fired: list[JobSystem] = []
    now: list[JobSystem] = []
    monkeypatch.setattr(instances, "fire_due", lambda *_: fired.append(now[0]) or 0)
    first, second = (JobSystem(engine, database) for _ in range(2))
    for system in (first, second, first, second):
        now[:] = [system]
        system.sweep()
    assert fired == [first, first]
    now[:] = [second]
    second.sweep(whoever_leads=True)
    assert fired == [first, first, second]
    first.stop()
    second.sweep()
    assert fired == [first, first, second, second]
