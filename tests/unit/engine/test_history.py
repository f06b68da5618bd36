"""History: who did what and when, in order, and the way that was gone."""

from __future__ import annotations

from app.clock import ManualClock
from app.engine import history
from tests.support.desk import Desk
from tests.support.diagrams import Drawing


def drawing() -> Drawing:
    return (
        Drawing().start("begin").user("ask", outcomes=("yes", "no")).exclusive("answered").race("first")
        .catch("told", message="told").catch("late", after="PT1H").end("done").end("missed")
        .path("begin", "ask", "answered", "first", "told", "done").path("first", "late", "missed")
        .path("answered", "ask", when='outcome = "no"')
    )  # fmt: skip


def test_history_tells_what_was_done_by_whom_and_when(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(drawing())
    began = clock()
    clock.advance(hours=2)
    desk.do("ask", by="bob", outcome="yes", said="x")
    told = [(entry.kind, entry.element_id, entry.actor_name) for entry in desk.history(instance)]
    assert told == [
        ("started", "begin", "Ann"),
        ("passed", "begin", "Ann"),
        ("entered", "ask", "Ann"),
        ("left", "ask", "Bob"),
        ("passed", "answered", "Bob"),
        ("passed", "first", "Bob"),
        ("entered", "told", "Bob"),
        ("entered", "late", "Bob"),
    ]
    left = next(entry for entry in desk.history(instance) if entry.kind == "left")
    assert (left.at - began).total_seconds() == 7200
    assert left.element_name == "Ask" and left.element_type == "userTask"
    assert left.detail == {
        "task": left.detail["task"],
        "outcome": "yes",
        "values": {"said": "x"},
        "flows": ["ask_to_answered"],
        "since": began.isoformat(),
    }


def test_the_path_is_what_was_gone_and_no_more(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(drawing())
    desk.do("ask", outcome="no")
    desk.do("ask", outcome="yes")
    clock.advance(hours=1)
    desk.fire()
    with desk.sessions() as session:
        found = history.path(session, instance.id)
    assert set(found["elements"]) == {"begin", "ask", "answered", "first", "late", "missed"}
    assert set(found["flows"]) == {
        "begin_to_ask", "ask_to_answered", "answered_to_ask", "answered_to_first", "first_to_late",
        "late_to_missed",
    }  # fmt: skip


def test_the_path_goes_through_events_on_tasks(desk: Desk, clock: ManualClock) -> None:
    watched = (
        Drawing().start("begin").user("ask").boundary("soon", on="ask", after="PT1H", interrupting=False)
        .boundary("late", on="ask", after="PT2H").end("told").user("instead")
        .path("begin", "ask").path("soon", "told").path("late", "instead")
    )  # fmt: skip
    instance = desk.run(watched)
    for _ in range(2):
        clock.advance(hours=1)
        desk.fire()
    with desk.sessions() as session:
        found = history.path(session, instance.id)
    assert set(found["elements"]) == {"begin", "soon", "told", "late"}
    assert set(found["flows"]) == {"begin_to_ask", "soon_to_told", "late_to_instead"}


def test_the_newest_entries_of_several_instances(desk: Desk) -> None:
    one = desk.run(drawing())
    two = desk.start()
    with desk.sessions() as session:
        both = history.entries(session, [one.id, two.id])
        assert [entry.instance_id for entry in both] == [one.id] * 3 + [two.id] * 3
        newest = history.entries(session, [one.id, two.id], limit=2)
        assert [entry.id for entry in newest] == [entry.id for entry in both[-2:]]
        assert history.entries(session, 999) == []
