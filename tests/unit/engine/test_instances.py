"""Instances as wholes: who starts them, their timers, and where they stand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app.clock import ManualClock
from app.engine import instances, operations
from app.engine.models import ProcessInstance
from app.errors import BusinessError, Forbidden, NotFound
from tests.support.desk import Desk
from tests.support.diagrams import Drawing
from tests.support.failing import DEADLOCK, FULL, LOST, failing


def timed(period: str = "PT1H") -> Drawing:
    return (
        Drawing().start("begin", candidateRole="CLERK").user("ask")
        .boundary("late", on="ask", after=period, interrupting=False).user("remind").user("after").end("done")
        .path("begin", "ask", "after", "done").path("late", "remind")
    )  # fmt: skip


def test_starting_makes_the_subject_and_tells_who_did(desk: Desk) -> None:
    instance = desk.run(timed(), by="bob", note="Milk")
    assert (instance.business_key, instance.subject_type, instance.state) == ("E-1", "errand", "running")
    assert instance.started_by == 2
    assert desk.errand(instance)["note"] == "Milk"
    assert desk.variables(instance) == {"note": "Milk"}
    first = desk.history(instance)[0]
    assert (first.kind, first.element_id, first.actor_name) == ("started", "begin", "Bob")


def test_a_role_that_may_not_start_it_is_told_who_may(desk: Desk) -> None:
    desk.deploy(timed())
    with pytest.raises(Forbidden, match=r"Errand is started by: Clerk\."):
        desk.start(by="visitor")
    assert desk.tasks() == []


def test_what_is_not_deployed_cannot_be_started(desk: Desk) -> None:
    with pytest.raises(NotFound, match="No process named errand"):
        desk.start()


def test_people_do_not_start_what_a_message_starts(desk: Desk) -> None:
    desk.deploy(Drawing().start("called", message="call").user("answer").path("called", "answer"))
    with pytest.raises(Forbidden, match="started by a message"):
        desk.start()


def test_a_refused_first_step_leaves_nothing_behind(desk: Desk) -> None:
    def refuse(ctx: Any) -> None:
        raise BusinessError("NO", "Not today.")

    desk.service("thing.do", refuse)
    desk.deploy(Drawing().start("begin").service("do", "thing.do").end("done").path("begin", "do", "done"))
    with pytest.raises(BusinessError, match="Not today"):
        desk.start()
    with desk.sessions() as session:
        assert session.query(ProcessInstance).count() == 0


def test_an_instance_that_is_not_there(desk: Desk) -> None:
    with desk.acting() as session, pytest.raises(NotFound):
        instances.get(session, 999)


# -- timers of many --------------------------------------------------------------------------------


def test_an_instance_that_cannot_go_on_does_not_stop_the_others(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").catch("wait", after="PT1H").exclusive("round").script("count", "1", "n")
        .user("after").path("begin", "wait", "round", "after").path("round", "count", "round", when="endless")
    )  # fmt: skip
    poisoned = desk.run(drawing, endless=True)
    good = desk.start(endless=False)
    clock.advance(hours=1)
    assert desk.fire() == 1
    assert desk.open(good) == ["after"]
    assert desk.tokens(poisoned) == ["wait"]
    assert desk.now(poisoned).next_due_at == clock() + instances.TIMER_RETRY


def _an_hour_later() -> Drawing:
    return Drawing().start("b").catch("wait", after="PT1H").user("after").path("b", "wait", "after")


def test_what_the_database_gave_up_goes_off_at_the_next_sweep(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").catch("wait", after="PT1H").user("after").path("begin", "wait", "after")
    )
    instance = desk.run(drawing)
    clock.advance(hours=1)
    with failing(desk.database, DEADLOCK, 1, at="UPDATE process_instances"):
        assert desk.fire() == 0
    assert desk.fire() == 1
    assert desk.open(instance) == ["after"]


@pytest.mark.parametrize("number", [LOST, FULL])
def test_no_timer_is_put_off_while_the_database_cannot(desk: Desk, clock: ManualClock, number: int) -> None:
    drawing = (
        Drawing().start("begin").catch("wait", after="PT1H").user("after").path("begin", "wait", "after")
    )
    instance = desk.run(drawing)
    due = desk.now(instance).next_due_at
    clock.advance(hours=1)
    with (
        failing(desk.database, number, 1, at="UPDATE process_instances"),
        pytest.raises(OperationalError),
    ):
        desk.fire()
    assert desk.now(instance).next_due_at == due
    assert desk.fire() == 1
    assert desk.open(instance) == ["after"]
    assert desk.fire() == 0


def test_a_sweep_fires_as_many_as_it_was_asked_to_the_longest_due_first(
    desk: Desk, clock: ManualClock
) -> None:
    desk.deploy(timed("=wait"))
    late, later = desk.start(wait="PT2H"), desk.start(wait="PT1H")
    clock.advance(hours=3)
    assert instances.fire_due(desk.engine, desk.sessions, limit=1) == 1
    assert desk.open(later) == ["ask", "remind"]
    assert desk.open(late) == ["ask"]


def test_a_timer_that_another_sweep_has_fired_is_left_alone(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed())
    clock.advance(hours=1)
    for expected in (True, False):
        with desk.acting() as session:
            assert instances.fire_timers(desk.engine, session, instance.id) is expected
    assert desk.open() == ["ask", "remind"]


def test_an_instance_knows_its_earliest_timer(desk: Desk, clock: ManualClock) -> None:
    drawing = timed("PT5H").boundary("sooner", on="ask", every="R/PT2H", interrupting=False).end("noted")
    instance = desk.run(drawing.path("sooner", "noted"))
    for hours in (2, 4, 5, 6):
        assert desk.now(instance).next_due_at == instance.started_at + timedelta(hours=hours)
        clock.time = instance.started_at + timedelta(hours=hours)
        assert desk.fire() == 1


# -- where it stands -------------------------------------------------------------------------------


def test_tokens_are_the_elements_where_something_has_to_happen(desk: Desk) -> None:
    inside = Drawing().start("in").user("deep").end("out").path("in", "deep", "out")
    drawing = (
        Drawing().start("begin").parallel("fork", "join").user("ask").boundary("late", on="ask", after="PT1H")
        .catch("wait", message="go").inside("sub", inside).user("after").end("done")
        .path("late", "after", "done")
        .path("begin", "fork", "ask", "join", "done").path("fork", "wait", "join").path("fork", "sub", "join")
        .path("fork", "join")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert desk.tokens(instance) == ["ask", "deep", "join", "sub", "wait"]


def test_the_newest_instance_of_a_subject(desk: Desk) -> None:
    instance = desk.run(timed())
    with desk.sessions() as session:
        found = instances.of_subject(session, "errand", instance.subject_id)
        assert found is not None and found.id == instance.id
        assert instances.of_subject(session, "errand", 999) is None


def test_each_action_counts_as_a_revision(desk: Desk) -> None:
    instance = desk.run(timed())
    assert desk.now(instance).revision == 1
    desk.do("ask")
    assert desk.now(instance).revision == 2
    desk.operate(operations.suspend, instance)
    assert desk.now(instance).revision == 3
