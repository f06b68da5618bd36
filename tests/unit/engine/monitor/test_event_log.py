"""The event log of a process: cases with their events, whole, in order, with people's names or without."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.clock import ManualClock
from app.engine import moving, operations, user_tasks
from app.engine.models import HistoryKind
from app.engine.monitor import event_log
from app.engine.monitor.event_log import Case, Selection
from app.exports import xes as writer
from tests.support import xes
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

ALL = Selection("errand", "Errand", date(2026, 3, 1), date(2030, 1, 1), ZoneInfo("UTC"))


def asking() -> Drawing:
    return (
        Drawing().start("begin").user("ask", outcomes=("yes", "no")).exclusive("answered")
        .catch("wait", message="arrived").script("reckon", "1 + 1", "sum").end("over")
        .path("begin", "ask", "answered", "wait", "reckon", "over")
        .path("answered", "ask", when='outcome = "no"')
    )  # fmt: skip


def cases(desk: Desk, selection: Selection = ALL) -> list[Case]:
    return list(event_log.cases(desk.sessions, selection))


def told(case: Case) -> list[tuple[str, str, str]]:
    return [(event.activity, event.transition, event.resource) for event in case.events]


@pytest.mark.databases
def test_a_case_tells_what_happened_in_the_order_in_which_it_did(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(asking())
    begun = clock()
    clock.advance(hours=1)
    desk.do("ask", by="bob", outcome="yes")
    clock.advance(hours=2)
    desk.send("arrived", instance.business_key)
    (case,) = cases(desk)
    assert (case.key, case.version, case.state) == (instance.business_key, 1, "completed")
    assert told(case) == [
        ("Begin", "complete", "Ann"),
        ("Ask", "start", "Millwright"),
        ("Ask", "complete", "Bob"),
        ("Wait", "start", "Millwright"),
        ("Wait", "complete", "Millwright"),
        ("Reckon", "complete", "Millwright"),
        ("Over", "complete", "Millwright"),
    ]
    ask = case.events[2]
    assert (ask.at, ask.role, ask.outcome) == (begun + timedelta(hours=1), "CLERK", "yes")
    assert ask.attributes == {
        "kind": "left", "elementId": "ask", "elementType": "userTask", "outcome": "yes",
    }  # fmt: skip


def test_it_is_xes_that_the_standard_allows(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    desk.do("ask", outcome="no")
    desk.start()
    log = xes.read(writer.chunks("Errand", event_log.cases(desk.sessions, ALL)))
    assert [trace.told("complete")[-1] for trace in log.traces] == ["Ask", "Begin"]


def test_what_people_typed_is_not_told(desk: Desk) -> None:
    secret = "my back hurts"
    instance = desk.run(asking(), note=secret)
    desk.do("ask", outcome="yes", reason=secret)
    with desk.acting() as session:
        operations.cancel(desk.engine, session, instance.id, ACTORS["boss"], secret)
    assert secret.encode() not in b"".join(writer.chunks("Errand", event_log.cases(desk.sessions, ALL)))


def test_interventions_are_events_of_the_life_cycle(desk: Desk) -> None:
    instance = desk.run(
        Drawing().start("begin").user("ask").user("check").end("over").path("begin", "ask", "check", "over")
    )
    task = desk.task("ask")
    with desk.acting() as session:
        user_tasks.claim(desk.engine, session, task.id, ACTORS["ann"])
        user_tasks.delegate(desk.engine, session, task.id, ACTORS["ann"], ACTORS["bob"].user_id or 0)
        user_tasks.release(desk.engine, session, task.id, ACTORS["bob"])
    desk.operate(operations.suspend, instance)
    desk.operate(operations.resume, instance)
    with desk.acting() as session:
        moving.move(desk.engine, session, instance.id, ACTORS["boss"], "ask", "check", "a reason")
    desk.operate(operations.cancel, instance)
    (case,) = cases(desk)
    assert told(case)[2:] == [
        ("Ask", "assign", "Ann"),
        ("Ask", "reassign", "Ann"),
        ("Ask", "reassign", "Bob"),
        ("Errand", "suspend", "Boss"),
        ("Errand", "resume", "Boss"),
        ("Ask", "manualskip", "Boss"),
        ("Ask", "ate_abort", "Boss"),
        ("Check", "start", "Millwright"),
        ("Errand", "pi_abort", "Boss"),
    ]
    assert case.events[7].attributes["movedTo"] == "Check"


def test_every_kind_of_entry_is_known_or_left_out_on_purpose() -> None:
    known = {*event_log.BY_PEOPLE, *event_log.BY_ITSELF, *event_log.SILENT, HistoryKind.CANCELLED}
    for kind in set(HistoryKind) - known:
        assert event_log._transition(kind, "x") == "unknown"
    assert set(event_log.BY_PEOPLE.values()) | set(event_log.BY_ITSELF.values()) <= xes.TRANSITIONS


def test_a_decision_tells_its_result(desk: Desk) -> None:
    table = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/"
                                id="d" name="d" namespace="n">
      <decision id="rule" name="Rule"><variable name="answer"/>
        <literalExpression><text>"MANAGER"</text></literalExpression></decision></definitions>"""
    drawing = (
        Drawing().start("begin").decide("judge", "rule", "answer").end("over").path("begin", "judge", "over")
    )
    desk.deploy(drawing, dmn_rule=table)
    desk.start()
    (case,) = cases(desk)
    (judge,) = (event for event in case.events if event.activity == "Judge")
    assert judge.attributes["decision"] == "rule"
    assert "MANAGER" in judge.attributes["result"]


@pytest.mark.databases
def test_portions_leave_nothing_out_and_tell_nothing_twice(
    desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "AT_ONCE", 2)
    desk.deploy(asking())
    started = []
    for number in range(5):
        started.append(desk.start().business_key)
        if number % 3 == 0:  # the others begin at the same moment as the one before
            clock.advance(hours=1)
    assert [case.key for case in cases(desk)] == started


def test_period_and_version(desk: Desk, clock: ManualClock) -> None:
    first = desk.run(asking())
    clock.advance(days=1)
    second = desk.run(asking().user("never"))
    day = clock().date()
    assert [case.key for case in cases(desk, replace(ALL, since=day))] == [second.business_key]
    assert [case.key for case in cases(desk, replace(ALL, until=day - timedelta(days=1)))] == [
        first.business_key
    ]
    of_first = replace(ALL, deployment_id=first.deployment_id)
    assert [case.key for case in cases(desk, of_first)] == [first.business_key]
    assert cases(desk, replace(ALL, key="other")) == []


def test_days_are_those_of_the_site(desk: Desk, clock: ManualClock) -> None:
    clock.time = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
    desk.run(asking())
    riyadh = replace(ALL, zone=ZoneInfo("Asia/Riyadh"))
    assert cases(desk, replace(riyadh, until=date(2026, 3, 2))) == []
    assert len(cases(desk, replace(riyadh, since=date(2026, 3, 3)))) == 1


def test_pseudonyms_are_the_same_within_a_log_and_other_ones_in_the_next(desk: Desk) -> None:
    desk.run(asking())
    desk.do("ask", by="bob", outcome="no")
    desk.do("ask", by="bob", outcome="no")
    desk.do("ask", by="ann", outcome="yes")
    names = []
    for _ in range(2):
        (case,) = event_log.cases(desk.sessions, ALL, naming=event_log.pseudonyms())
        done = [event.resource for event in case.events if event.attributes["kind"] == "left"]
        assert done[0] == done[1] != done[2]
        assert not {"Ann", "Bob"} & {event.resource for event in case.events}
        assert "Millwright" in {event.resource for event in case.events}
        names.append(done)
    assert names[0] != names[1]


def test_portions_hold_no_transaction_while_somebody_reads(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "AT_ONCE", 1)
    desk.deploy(asking())
    for _ in range(3):
        desk.start()
    reading = event_log.cases(desk.sessions, ALL)
    next(reading)
    assert desk.database.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert len(list(reading)) == 2
