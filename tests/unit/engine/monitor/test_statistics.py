"""The figures of steps and instances, made day by day and added up."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine.monitor import statistics
from app.engine.monitor.models import StepStatistic
from app.engine.monitor.statistics import WHOLE, Figures
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

MONDAY = date(2026, 3, 2)


def asking() -> Drawing:
    return (
        Drawing().start("begin").user("ask", outcomes=("yes", "no"), due="PT1H")
        .exclusive("answered").end("over")
        .path("begin", "ask", "answered", "over").path("answered", "ask", when='outcome = "no"')
    )  # fmt: skip


def figures(desk: Desk, since: date = MONDAY, until: date = date(2030, 1, 1)) -> dict[str, Figures]:
    with desk.sessions() as session:
        return statistics.by_element(session, "errand", since, until)


def gather(desk: Desk, clock: ManualClock) -> None:
    clock.advance(minutes=1)
    while statistics.keep_up(desk.engine, desk.sessions):
        pass


@pytest.mark.databases
def test_durations_on_time_and_rework_of_a_step(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    clock.advance(minutes=30)
    desk.do("ask", outcome="no")
    clock.advance(minutes=90)
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    ask = figures(desk)["ask"]
    assert (ask.number, ask.with_due, ask.on_time, ask.repeated) == (2, 2, 1, 1)
    assert ask.on_time_share == 0.5
    assert ask.rework_share == 0.5
    assert ask.mean == 3600
    assert ask.median == pytest.approx(1800, rel=0.02)
    assert ask.p90 == pytest.approx(5400, rel=0.02)
    whole = figures(desk)[WHOLE]
    assert (whole.number, whole.with_due, whole.on_time_share) == (1, 0, None)
    assert whole.median == pytest.approx(7200, rel=0.02)


def test_gathering_again_counts_nothing_twice(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    desk.do("ask", outcome="yes")
    for _ in range(3):
        gather(desk, clock)
    assert figures(desk)["ask"].number == 1


def test_what_ends_late_in_the_day_is_gathered_after_midnight(desk: Desk, clock: ManualClock) -> None:
    gather(desk, clock)
    desk.run(asking())
    clock.advance(hours=15)
    desk.do("ask", outcome="yes")
    clock.advance(hours=4)  # the next day
    gather(desk, clock)
    assert figures(desk, MONDAY, MONDAY)["ask"].number == 1


def test_days_that_were_missed_are_made_up_for(desk: Desk, clock: ManualClock) -> None:
    for _ in range(3):
        desk.run(asking())
        desk.do("ask", outcome="yes")
        clock.advance(days=40)
    gather(desk, clock)
    assert figures(desk)["ask"].number == 3
    days = [MONDAY, MONDAY + timedelta(days=40), MONDAY + timedelta(days=80)]
    with desk.sessions() as session:
        found = session.scalars(sa.select(StepStatistic.day).where(StepStatistic.element_id == "ask"))
        assert sorted(found) == days


def test_a_day_is_the_sites(desk: Desk, clock: ManualClock) -> None:
    desk.bindings.time_zone = lambda _: "Asia/Riyadh"
    clock.advance(hours=14)  # 22:00 in UTC is the next day's 01:00 there
    desk.run(asking())
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    tuesday = MONDAY + timedelta(days=1)
    assert list(figures(desk, tuesday, tuesday)) == list(figures(desk))
    assert figures(desk, MONDAY, MONDAY) == {}


def test_awaited_events_have_figures_too(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(
        Drawing().start("begin").catch("wait", message="arrived").end("over").path("begin", "wait", "over")
    )
    clock.advance(hours=3)
    desk.send("arrived", instance.business_key)
    gather(desk, clock)
    assert figures(desk)["wait"].median == pytest.approx(3 * 3600, rel=0.02)


def test_versions_are_told_apart(desk: Desk, clock: ManualClock) -> None:
    first = desk.deploy(asking())
    desk.start()
    desk.do("ask", outcome="yes")
    second = desk.deploy(asking().user("never"))
    for _ in range(2):
        desk.start()
        desk.do("ask", outcome="yes")
    gather(desk, clock)
    for deployment, number in ((first, 1), (second, 2)):
        with desk.sessions() as session:
            found = statistics.by_element(session, "errand", MONDAY, MONDAY, deployment_ids=[deployment.id])
        assert found["ask"].number == number


def test_weeks_without_any_are_there_too(desk: Desk, clock: ManualClock) -> None:
    for days in (0, 15):
        clock.time += timedelta(days=days)
        desk.run(asking())
        desk.do("ask", outcome="yes")
    gather(desk, clock)
    with desk.sessions() as session:
        weeks = statistics.by_week(session, MONDAY, MONDAY + timedelta(days=16))
    assert [(monday, each.number) for monday, each in weeks.items()] == [
        (MONDAY, 1), (MONDAY + timedelta(weeks=1), 0), (MONDAY + timedelta(weeks=2), 1),
    ]  # fmt: skip


def test_processes_have_figures_of_instances_and_of_steps(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    desk.do("ask", outcome="no")
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    with desk.sessions() as session:
        instances, steps = statistics.by_process(session, MONDAY, MONDAY)["errand"]
    assert (instances.number, steps.number, steps.on_time_share) == (1, 2, 1.0)


def test_a_clock_that_was_set_back_does_not_stop_it(desk: Desk, clock: ManualClock) -> None:
    gather(desk, clock)
    clock.time = datetime.fromisoformat("2026-03-01T08:00:00+00:00")
    assert statistics.keep_up(desk.engine, desk.sessions)
