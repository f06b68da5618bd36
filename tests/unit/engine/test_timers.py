"""Timers: on boundaries and in between, once and in cycles, on time, late, and with bad expressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.clock import ManualClock
from app.engine import timers
from app.engine.timers import TimerError
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def waiting(**timer: str) -> Drawing:
    return Drawing().start("begin").catch("wait", **timer).user("after").path("begin", "wait", "after")


def watched(*, interrupting: bool = True, **timer: str) -> Drawing:
    return (
        Drawing().start("begin").user("ask").boundary("late", on="ask", interrupting=interrupting, **timer)
        .user("after").user("remind").end("done").end("reminded")
        .path("begin", "ask", "after", "done").path("late", "remind", "reminded")
    )  # fmt: skip


# -- in between ------------------------------------------------------------------------------------


@pytest.mark.databases
def test_an_intermediate_timer_waits_for_its_time(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(waiting(after="PT90M"))
    assert desk.now(instance).next_due_at == NOW + timedelta(minutes=90)
    clock.advance(minutes=89)
    assert desk.fire() == 0
    clock.advance(minutes=1)
    assert desk.fire() == 1
    assert desk.fire() == 0
    assert desk.open() == ["after"]
    assert desk.now(instance).next_due_at is None
    assert desk.kinds(instance, "wait") == ["entered", "timer"]


@pytest.mark.parametrize(
    "expression",
    ['"2026-03-02T10:00:00Z"', "due", '"2026-03-02T11:00:00+01:00"', "date and time(due)"],
)
def test_a_date_timer_waits_for_an_instant(desk: Desk, clock: ManualClock, expression: str) -> None:
    instance = desk.run(waiting(at=f"={expression}"), due="2026-03-02T10:00:00Z")
    assert desk.now(instance).next_due_at == NOW + timedelta(hours=2)
    clock.advance(hours=2)
    desk.fire()
    assert desk.open() == ["after"]


def test_a_time_in_the_past_does_not_wait(desk: Desk) -> None:
    desk.run(waiting(at="2020-01-01T00:00:00Z"))
    assert desk.open() == ["after"]


def test_a_timer_keeps_the_time_it_was_entered_with(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").catch("wait", after="=wait").user("after").user("change")
        .path("begin", "fork", "wait", "after").path("fork", "change")
    )  # fmt: skip
    desk.run(drawing, wait="PT1H")
    desk.do("change", wait="P5D")
    clock.advance(hours=1)
    desk.fire()
    assert desk.open() == ["after"]


# -- on boundaries ---------------------------------------------------------------------------------


def test_an_interrupting_timer_takes_the_task_away(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(watched(after="PT4H"))
    clock.advance(hours=4)
    desk.fire()
    assert desk.open() == ["remind"]
    assert desk.tasks(state="cancelled")[0].element_id == "ask"
    desk.do("remind")
    assert desk.state(instance) == "completed"


def test_a_task_that_is_done_in_time_stops_its_timer(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(watched(after="PT4H"))
    desk.do("ask")
    assert desk.now(instance).next_due_at is None
    clock.advance(days=1)
    assert desk.fire() == 0
    assert desk.open() == ["after"]


def test_a_task_that_is_done_before_anybody_looked_at_the_clock_is_done(
    desk: Desk, clock: ManualClock
) -> None:
    desk.run(watched(after="PT4H"))
    clock.advance(days=1)
    desk.do("ask")
    assert desk.open() == ["after"]
    assert desk.fire() == 0


def test_a_timer_that_does_not_interrupt_goes_off_once_beside_the_task(
    desk: Desk, clock: ManualClock
) -> None:
    instance = desk.run(watched(interrupting=False, after="PT4H"))
    clock.advance(hours=4)
    assert desk.fire() == 1
    assert desk.open() == ["ask", "remind"]
    assert desk.now(instance).next_due_at is None
    desk.do("ask")
    assert desk.open() == ["after", "remind"]
    desk.do("remind")
    desk.do("after")
    assert desk.state(instance) == "completed"
    assert desk.kinds(instance, "late") == ["timer"]


def test_several_timers_on_one_task_go_off_in_order(desk: Desk, clock: ManualClock) -> None:
    drawing = watched(interrupting=False, after="PT4H")
    drawing.boundary("too_late", on="ask", after="PT8H").user("give_up").path("too_late", "give_up")
    desk.run(drawing)
    clock.advance(hours=4)
    desk.fire()
    assert desk.open() == ["ask", "remind"]
    clock.advance(hours=4)
    desk.fire()
    assert desk.open() == ["give_up", "remind"]


# -- cycles ----------------------------------------------------------------------------------------


def test_a_cycle_goes_off_once_each_period_until_the_task_is_done(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(watched(interrupting=False, every="R/PT4H"))
    for number in range(1, 4):
        clock.advance(hours=4)
        assert desk.fire() == 1
        assert desk.fire() == 0
        assert desk.open() == ["ask"] + ["remind"] * number
    desk.do("ask")
    assert desk.now(instance).next_due_at is None
    assert desk.open() == ["after", "remind", "remind", "remind"]
    assert desk.kinds(instance, "late") == ["timer"] * 3


def test_after_an_outage_a_cycle_catches_up_once_and_keeps_its_beat(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(watched(interrupting=False, every="R/PT4H"))
    clock.advance(hours=21)
    assert desk.fire() == 1
    assert desk.open() == ["ask", "remind"]
    assert desk.now(instance).next_due_at == NOW + timedelta(hours=24)


def test_a_year_of_missed_seconds_is_caught_up_with_at_once(desk: Desk, clock: ManualClock) -> None:
    desk.run(watched(interrupting=False, every="R/PT1S"))
    clock.advance(days=365)
    assert desk.fire() == 1
    assert desk.open() == ["ask", "remind"]


def test_a_bounded_cycle_goes_off_that_often(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(watched(interrupting=False, every="R3/P1D"))
    for _ in range(6):
        clock.advance(days=1)
        desk.fire()
    assert desk.open() == ["ask", "remind", "remind", "remind"]
    assert desk.now(instance).next_due_at is None


def test_a_cycle_that_interrupts_does_so_once(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(watched(every="R/PT4H"))
    clock.advance(hours=4)
    desk.fire()
    clock.advance(hours=4)
    assert desk.fire() == 0
    assert desk.open() == ["remind"]
    desk.do("remind")
    assert desk.state(instance) == "completed"


# -- expressions that give no time -----------------------------------------------------------------


@pytest.mark.parametrize("expression", ["1 +", "nothing", '"soon"', "7", '"P"'])
def test_a_timer_without_a_time_is_an_incident_of_the_timer_alone(desk: Desk, expression: str) -> None:
    calls: list[int] = []
    desk.service("thing.count", lambda ctx: calls.append(1))
    drawing = (
        Drawing().start("begin").service("count", "thing.count").user("ask")
        .boundary("late", on="ask", after=f"={expression}").user("after").user("remind")
        .path("begin", "count", "ask", "after").path("late", "remind")
    )  # fmt: skip
    instance = desk.run(drawing, nothing=None)
    assert desk.open() == ["ask"]
    assert desk.state(instance) == "incident"
    assert [incident.element_id for incident in desk.incidents(instance)] == ["late"]
    assert calls == [1]
    desk.do("ask")
    assert desk.open() == ["after"]
    assert desk.state(instance) == "running"
    assert desk.incidents(instance) == []
    assert calls == [1]


def test_a_timer_that_failed_can_be_retried_when_its_variable_is_there(
    desk: Desk, clock: ManualClock
) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").catch("wait", after="=period").user("after").user("fix")
        .path("begin", "fork", "wait", "after").path("fork", "fix")
    )  # fmt: skip
    instance = desk.run(drawing, period=None)
    assert desk.now(instance).next_due_at is None
    desk.do("fix", period="PT1H")
    assert desk.state(instance) == "incident"
    clock.advance(seconds=10)
    assert desk.settle() == 1
    assert desk.state(instance) == "running"
    assert desk.now(instance).next_due_at == clock() + timedelta(hours=1)
    clock.advance(hours=1)
    desk.fire()
    assert desk.open() == ["after"]


# -- texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT4H", timedelta(hours=4)),
        ("P1DT12H", timedelta(hours=36)),
        ("P2W", timedelta(weeks=2)),
        ("P1M", timedelta(days=31)),  # from 2 March
        ("pt30m", timedelta(minutes=30)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert timers.instant(text, NOW) - NOW == expected


@pytest.mark.parametrize(
    "text",
    ["", "P", "4 hours", None, 5, ["PT4H"], {}, True, "PT", "-PT4H", "P99999Y", "9999-12-31T00:00:00Z",
     "0001-01-01T00:00:00+14:00", "1960-01-01", "2026-13-01", "R/PT4H"],
)  # fmt: skip
def test_what_is_no_time_says_so(text: object) -> None:
    with pytest.raises(TimerError):
        timers.instant(text, NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "cycles"), [("R/PT4H", -1), ("R3/P1D", 3), ("R0/PT1H", 0), ("r2/pt1s", 2)])
def test_cycles(text: str, cycles: int) -> None:
    assert timers.cycle(text, NOW)[0] == cycles


@pytest.mark.parametrize("text", ["PT4H", "R/", "R/PT0S", "Rx/PT4H", "R-1/PT4H", None, "R/P1D/P2D", 4])
def test_what_is_no_cycle_says_so(text: object) -> None:
    with pytest.raises(TimerError):
        timers.cycle(text, NOW)  # type: ignore[arg-type]
