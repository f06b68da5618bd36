"""What is stuck is on the list with its reason, and off it as soon as it is freed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import incidents, monitor, operations, user_tasks
from app.engine.monitor import survey
from app.engine.monitor.models import Obstacle
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def asking(**attributes: str) -> Drawing:
    return Drawing().start("begin").user("ask", **attributes).end("over").path("begin", "ask", "over")


def waiting(**attributes: str) -> Drawing:
    return (
        Drawing().start("begin").catch("wait", message="arrived", **attributes).end("over")
        .path("begin", "wait", "over")
    )  # fmt: skip


def look(desk: Desk, clock: ManualClock, **later: float) -> list[tuple[str, str]]:
    """Let time pass and the next survey be due; what is on the list then, by reason and element."""
    clock.advance(**(later or {"seconds": 31}))
    survey.keep_up(desk.engine, desk.sessions)
    return [(each.reason, each.element_id) for each in listed(desk)]


def listed(desk: Desk) -> list[Obstacle]:
    with desk.sessions() as session:
        return list(session.scalars(sa.select(Obstacle).order_by(Obstacle.rank, Obstacle.id)))


@pytest.mark.databases
def test_a_task_past_its_time_is_overdue_until_it_is_done(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H"))
    assert look(desk, clock) == []
    assert look(desk, clock, hours=1) == [("overdue", "ask")]
    (obstacle,) = listed(desk)
    assert obstacle.since == NOW + timedelta(hours=1)
    assert obstacle.task_id == desk.task("ask").id
    desk.do("ask")
    assert look(desk, clock) == []


def test_an_obstacle_that_stays_is_not_written_again(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H"))
    look(desk, clock, hours=2)
    before = listed(desk)[0]
    look(desk, clock, hours=2)
    assert [(each.id, each.found_at) for each in listed(desk)] == [(before.id, before.found_at)]


def test_a_failed_step_is_an_incident_until_it_succeeds(desk: Desk, clock: ManualClock) -> None:
    broken = True

    def mend(ctx: Any) -> None:
        if broken:
            raise RuntimeError("The press is jammed.")

    desk.service("press.mend", mend)
    drawing = Drawing().start("begin").user("ask").service("repair", "press.mend").end("over")
    instance = desk.run(drawing.path("begin", "ask", "repair", "over"))
    desk.do("ask")
    assert look(desk, clock) == [("incident", "repair")]
    (obstacle,) = listed(desk)
    assert obstacle.detail["message"] == "The press is jammed."
    broken = False
    (incident,) = desk.incidents(instance)
    with desk.acting() as session:
        incidents.retry(desk.engine, session, incident.id, ACTORS["boss"])
        survey.look_again(desk.engine, session, instance.id)
    assert listed(desk) == []


def test_a_timer_that_nobody_let_go_off_was_missed(desk: Desk, clock: ManualClock) -> None:
    desk.run(Drawing().start("begin").catch("pause", after="PT1H").user("ask").path("begin", "pause", "ask"))
    assert look(desk, clock, hours=1) == []
    assert look(desk, clock, minutes=3) == [("timer_missed", "")]
    desk.fire()
    assert look(desk, clock) == []


@pytest.mark.parametrize(
    ("attributes", "away"),
    [
        ({"candidateRole": "CLERK"}, {"ann", "bob"}),
        ({"candidateRole": "CLERK", "candidateDepartment": "20"}, {"bob"}),
        ({"assignee": "1"}, {"ann"}),
        ({"candidateRole": "NIGHT_WATCH"}, set()),
    ],
)
def test_a_task_that_nobody_can_do_is_seen_at_once(
    desk: Desk, clock: ManualClock, attributes: dict[str, str], away: set[str]
) -> None:
    desk.run(asking(**attributes))
    if away:
        assert look(desk, clock) == []
    desk.away |= away
    assert look(desk, clock) == [("nobody_eligible", "ask")]


def test_whoever_it_was_escalated_to_can_do_it(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(assignee="1"))
    desk.away.add("ann")
    with desk.acting() as session:
        user_tasks.get(session, desk.task("ask").id).escalation_role = "CLERK"
    assert look(desk, clock) == []


def test_a_task_that_waits_longer_than_nine_in_ten_did_is_slow(desk: Desk, clock: ManualClock) -> None:
    for _ in range(20):
        desk.run(asking())
        clock.advance(minutes=10)
        desk.do("ask")
    monitor.keep_up(desk.engine, desk.sessions)
    desk.start()
    assert look(desk, clock, minutes=9) == []
    assert look(desk, clock, minutes=2) == [("slow", "ask")]
    assert listed(desk)[0].detail["usual"] == pytest.approx(600, rel=0.02)


def test_too_few_samples_say_nothing(desk: Desk, clock: ManualClock) -> None:
    for _ in range(19):
        desk.run(asking())
        desk.do("ask")
    monitor.keep_up(desk.engine, desk.sessions)
    desk.start()
    assert look(desk, clock, days=90) == []


def test_a_message_is_late_after_its_expected_time(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(waiting(due="P2D"))
    assert look(desk, clock, days=2) == []
    assert look(desk, clock) == [("message_late", "wait")]
    assert listed(desk)[0].detail["message"] == "arrived"
    desk.send("arrived", instance.business_key)
    assert look(desk, clock) == []


def test_a_message_without_an_expected_time_is_late_after_a_week(desk: Desk, clock: ManualClock) -> None:
    desk.run(waiting())
    assert look(desk, clock, days=7) == []
    assert look(desk, clock) == [("message_late", "wait")]


def test_a_message_that_is_listened_for_beside_the_work_need_never_come(
    desk: Desk, clock: ManualClock
) -> None:
    desk.run(
        Drawing().start("begin").parallel("fork").user("ask").catch("called_off", message="cancel")
        .end("over").path("begin", "fork", "ask", "over").path("fork", "called_off", "over")
    )  # fmt: skip
    assert look(desk, clock, days=30) == []


def test_a_suspended_instance_is_held_on_purpose(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(asking(due="PT1H"))
    desk.operate(operations.suspend, instance)
    assert look(desk, clock, hours=2) == []
    desk.operate(operations.resume, instance)
    assert look(desk, clock) == [("overdue", "ask")]


def test_the_most_urgent_reason_comes_first(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H"))
    desk.away |= {"ann", "bob"}
    assert look(desk, clock, hours=2) == [("nobody_eligible", "ask"), ("overdue", "ask")]


@pytest.mark.databases
def test_a_survey_that_was_just_made_is_not_made_again(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H"))
    assert survey.keep_up(desk.engine, desk.sessions)
    clock.advance(seconds=29)
    assert not survey.keep_up(desk.engine, desk.sessions)
    clock.advance(seconds=1)
    assert survey.keep_up(desk.engine, desk.sessions)


def test_of_two_surveys_at_once_one_is_written(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H"))
    clock.advance(hours=2)
    looked = survey.look

    def interrupted(*arguments: Any) -> Any:
        survey.look = looked  # type: ignore[assignment]
        assert survey.keep_up(desk.engine, desk.sessions)
        return looked(*arguments)

    survey.look = interrupted  # type: ignore[assignment]
    try:
        assert not survey.keep_up(desk.engine, desk.sessions)
    finally:
        survey.look = looked  # type: ignore[assignment]
    assert len(listed(desk)) == 1
