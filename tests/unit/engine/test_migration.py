"""Running instances that go on in another version of their process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.clock import ManualClock
from app.engine import deployments, incidents, migration, operations, user_tasks
from app.engine.migration import CannotMigrate, Forecast
from app.engine.models import ProcessInstance
from app.errors import BusinessError, Conflict, NotFound
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing


def line(**ask: Any) -> Drawing:
    return (
        Drawing().start("begin").user("ask", **ask).user("check").end("done")
        .path("begin", "ask", "check", "done")
    )  # fmt: skip


def plan(desk: Desk, to: int, **options: Any) -> list[Forecast]:
    with desk.sessions() as session:
        return migration.plan(desk.engine, session, "errand", to, **options)


def migrate(
    desk: Desk, instance: ProcessInstance, drawing: Drawing, mapping: Mapping[str, str] | None = None
) -> None:
    """Deploy a drawing and move the instance there; a plan says the same as what happens."""
    deployment = desk.deploy(drawing)
    (forecast,) = plan(desk, deployment.version, instance_ids=[instance.id], mapping=mapping)
    told: list[str] = []
    try:
        with desk.acting() as session:
            migration.migrate(
                desk.engine, session, instance.id, deployment.id, ACTORS["boss"], "Better now", mapping
            )
    except CannotMigrate as refused:
        told = refused.reasons
    assert forecast.reasons == told
    if told:
        raise CannotMigrate(instance.business_key, told)
    assert desk.now(instance).deployment_id == deployment.id


# -- user tasks ------------------------------------------------------------------------------------


@pytest.mark.databases
def test_it_goes_on_as_the_new_version_says(desk: Desk) -> None:
    instance = desk.run(line())
    task = desk.task("ask")
    with desk.acting() as session:
        user_tasks.claim(desk.engine, session, task.id, ACTORS["ann"])
    migrate(
        desk,
        instance,
        Drawing().start("begin").user("ask", candidateRole="VISITOR", candidateDepartment="=20", form="f")
        .user("new").end("done").path("begin", "ask", "new", "done"),
    )  # fmt: skip
    same = desk.task("ask")
    assert (same.id, same.candidate_role, same.candidate_department_id, same.form_id) == (
        task.id, "VISITOR", 20, "f",
    )  # fmt: skip
    assert (same.assignee_name, same.created_at) == ("Ann", task.created_at)
    told = desk.history(instance)[-1]
    assert (told.kind, told.actor_name) == ("migrated", "Boss")
    assert told.detail == {"fromVersion": 1, "toVersion": 2, "mapping": {}, "reason": "Better now"}
    desk.do("ask")
    assert desk.open() == ["new"]
    desk.do("new")
    assert desk.state(instance) == "completed"


def test_an_element_that_has_another_id_is_mapped(desk: Desk) -> None:
    instance = desk.run(line())
    renamed = Drawing().start("begin").user("enquire").user("check").end("done")
    renamed.path("begin", "enquire", "check", "done")
    with pytest.raises(CannotMigrate, match="E-1 cannot move: It stands at “Ask”, which version 2 does not"):
        migrate(desk, instance, renamed)
    assert desk.open() == desk.tokens(instance) == ["ask"]
    migrate(desk, instance, renamed, {"ask": "enquire"})
    assert [(t.element_id, t.name) for t in desk.tasks(instance)] == [("enquire", "Enquire")]
    desk.do("enquire")
    desk.do("check")
    assert desk.state(instance) == "completed"


def test_somebody_is_assigned_where_the_new_version_says_who(desk: Desk) -> None:
    instance = desk.run(line())
    migrate(desk, instance, line(assignee="=2"))
    assert desk.task("ask").assignee_name == "Bob"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (
            Drawing().start("begin").catch("ask", message="go").path("begin", "ask"),
            "It stands at “Ask”, a user task; in version 2 “Ask” is a catch event.",
        ),
        (
            Drawing().start("begin").end("done").user("ask").path("begin", "done").path("ask", "done"),
            "In version 2 no flow leads to “Ask”.",
        ),
        (
            Drawing().start("begin")
            .inside("sub", Drawing().start("in").user("ask").end("out").path("in", "ask", "out"))
            .end("done").path("begin", "sub", "done"),
            "It stands at “Ask”, which is in another subprocess in version 2.",
        ),
    ],
)  # fmt: skip
def test_where_the_place_is_another_one_it_cannot_move(desk: Desk, other: Drawing, reason: str) -> None:
    instance = desk.run(line())
    with pytest.raises(CannotMigrate) as refused:
        migrate(desk, instance, other)
    assert refused.value.reasons == [reason]
    assert desk.now(instance).revision == 1


# -- timers and events -----------------------------------------------------------------------------


def timed(*, old: str | None = "PT2H", new: str | None = None) -> Drawing:
    drawing = line().user("late")
    for name, period in (("slow", old), ("slower", new)):
        if period:
            drawing.boundary(name, on="ask", after=period, interrupting=False).path(name, "late")
    return drawing


@pytest.mark.databases
def test_timers_keep_their_due_times_and_new_ones_begin(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed())
    clock.advance(hours=1)
    migrate(desk, instance, timed(old="PT9H", new="PT3H"))
    clock.advance(hours=1)
    assert desk.fire() == 1
    assert desk.open() == ["ask", "late"]
    clock.advance(hours=1, minutes=59)
    assert desk.fire() == 0
    clock.advance(minutes=1)
    assert desk.fire() == 1
    assert desk.open() == ["ask", "late", "late"]
    for name in ("ask", "check", "late", "late"):
        desk.do(name)
    assert desk.state(instance) == "completed"


def test_a_timer_that_went_off_does_not_wait_again(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed(new="PT5H"))
    clock.advance(hours=2)
    desk.fire()
    migrate(desk, instance, timed(old="PT1H", new="PT5H"))
    clock.advance(hours=2)
    assert desk.fire() == 0
    clock.advance(hours=1)
    assert desk.fire() == 1


def test_where_the_new_version_has_no_timer_there_is_none(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed())
    migrate(desk, instance, timed(old=None))
    assert desk.now(instance).next_due_at is None
    clock.advance(hours=9)
    assert desk.fire() == 0
    desk.do("ask")
    assert desk.open() == ["check"]


def test_where_only_the_new_version_has_a_timer_it_begins(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed(old=None))
    migrate(desk, instance, timed())
    clock.advance(hours=2)
    assert desk.fire() == 1
    assert desk.open() == ["ask", "late"]
    for name in ("ask", "check", "late"):
        desk.do(name)
    assert desk.state(instance) == "completed"


def test_an_interrupting_event_of_the_new_version_interrupts(desk: Desk) -> None:
    instance = desk.run(line())
    migrate(desk, instance, line().boundary("off", on="ask", message="call off").path("off", "done"))
    desk.send("call off", "E-1")
    assert desk.state(instance) == "completed"


def test_while_it_is_suspended_new_timers_begin_and_nothing_goes_off(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed())
    desk.operate(operations.suspend, instance)
    clock.advance(hours=3)
    migrate(desk, instance, timed(new="PT1H"))
    assert (desk.state(instance), desk.open()) == ("suspended", ["ask"])
    desk.operate(operations.resume, instance)
    assert desk.fire() == 1
    assert desk.open() == ["ask", "late"]
    clock.advance(hours=1)
    assert desk.fire() == 1


def waiting(message: str | None = "go", after: str | None = None) -> Drawing:
    return (
        Drawing().start("begin").catch("wait", message=message, after=after).user("then")
        .path("begin", "wait", "then")
    )  # fmt: skip


def test_a_message_that_was_kept_is_offered_to_what_waits_for_it_now(desk: Desk) -> None:
    instance = desk.run(waiting())
    desk.post("come", "E-1")
    desk.settle()
    migrate(desk, instance, waiting("come"))
    desk.settle()
    assert desk.open() == ["then"]


def test_what_waits_for_a_message_does_not_become_a_timer(desk: Desk) -> None:
    instance = desk.run(waiting())
    with pytest.raises(CannotMigrate, match="and “Wait” in version 2 waits for something else"):
        migrate(desk, instance, waiting(None, "PT1H"))


def race(*others: str) -> Drawing:
    drawing = Drawing().start("begin").race("which").catch("called", message="go").user("one")
    drawing.path("begin", "which", "called", "one")
    for name in others:
        drawing.catch(name, after="PT1H").path("which", name, "one")
    return drawing


def test_a_race_gets_the_events_that_are_new_in_it(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(race("first"))
    migrate(desk, instance, race("first", "second"))
    assert desk.tokens(instance) == ["called", "first", "second"]
    desk.send("go", "E-1")
    assert desk.tokens(instance) == ["one"]
    clock.advance(hours=2)
    assert desk.fire() == 0


# -- joins and subprocesses ------------------------------------------------------------------------


def forked(one: str = "one", join: str = "join") -> Drawing:
    return (
        Drawing().start("begin").parallel("fork", join).user(one).boundary("slow", on=one, after="PT9H")
        .user("two").user("after").end("done").path("slow", "after")
        .path("begin", "fork", one, join, "after", "done").path("fork", "two", join)
    )  # fmt: skip


@pytest.mark.parametrize("done", ["one", "two"])
def test_who_waits_at_a_join_waits_there_still(desk: Desk, done: str) -> None:
    instance = desk.run(forked())
    desk.do(done)
    migrate(desk, instance, forked("first", "meet"), {"one": "first", "join": "meet"})
    rest = "two" if done == "one" else "first"
    assert desk.tokens(instance) == sorted(["meet", rest])
    desk.do(rest)
    assert desk.open() == ["after"]
    desk.do("after")
    assert desk.state(instance) == "completed"


def test_a_join_that_no_flow_leads_to_from_there(desk: Desk) -> None:
    instance = desk.run(forked())
    desk.do("one")
    with pytest.raises(CannotMigrate, match=r"It waits at “Join” for others.*no flow leads there from “One”"):
        migrate(desk, instance, forked("first"))


def nested(deep: str = "deep", sub: str = "sub", extra: str | None = None) -> Drawing:
    inside = Drawing().start("in").user(deep).end("out")
    inside.boundary("slow", on=deep, after="PT1H").path("slow", "out")
    if extra:
        inside.user(extra).path("in", deep, extra, "out")
    else:
        inside.path("in", deep, "out")
    return (
        Drawing().start("begin").inside(sub, inside).boundary("stop", on=sub, message="stop").user("after")
        .end("done").path("begin", sub, "after", "done").path("stop", "after")
    )  # fmt: skip


def test_inside_a_subprocess(desk: Desk) -> None:
    instance = desk.run(nested())
    migrate(desk, instance, nested("deeper", "under", "more"), {"deep": "deeper", "sub": "under"})
    assert desk.tokens(instance) == ["deeper", "under"]
    desk.do("deeper")
    assert desk.open() == ["more"]
    desk.do("more")
    assert desk.open() == ["after"]
    desk.do("after")
    assert desk.state(instance) == "completed"


def test_the_events_of_a_subprocess_go_on_too(desk: Desk) -> None:
    instance = desk.run(nested())
    migrate(desk, instance, nested(extra="more"))
    desk.send("stop", "E-1")
    assert desk.open() == ["after"]


# -- incidents -------------------------------------------------------------------------------------


def failing(service: str, *, there: bool = True) -> Drawing:
    drawing = Drawing().start("begin").user("ask").user("after")
    if not there:
        return drawing.path("begin", "ask", "after")
    return drawing.service("work", service).path("begin", "ask", "work", "after")


def test_a_failed_step_is_retried_as_the_new_version_has_it(desk: Desk) -> None:
    def fail(ctx: Any) -> None:
        raise RuntimeError("broken")

    desk.service("thing.fail", fail)
    desk.service("thing.do", lambda ctx: None)
    instance = desk.run(failing("thing.fail"))
    desk.do("ask")
    with pytest.raises(CannotMigrate, match="“Work”, which version 2 does not have"):
        migrate(desk, instance, failing("", there=False))
    migrate(desk, instance, failing("thing.do"))
    assert (desk.state(instance), desk.tokens(instance)) == ("incident", ["work"])
    (incident,) = desk.incidents(instance)
    with desk.acting() as session:
        incidents.retry(desk.engine, session, incident.id, ACTORS["boss"])
    assert (desk.state(instance), desk.open()) == ("running", ["after"])


# -- looking first, and what is refused ------------------------------------------------------------


def test_a_plan_tells_of_all_open_instances_of_a_version(desk: Desk) -> None:
    desk.deploy(line())
    first, second, third = desk.start(), desk.start(), desk.start()
    desk.operate(operations.cancel, third)
    desk.do("ask")  # the first instance's
    desk.deploy(Drawing().start("begin").user("check").end("done").path("begin", "check", "done"))
    new = desk.start()
    told = [(f.instance_id, f.version, f.stands_at, f.can_move) for f in plan(desk, 2)]
    assert told == [(first.id, 1, ["check"], True), (second.id, 1, ["ask"], False)]
    assert [f.instance_id for f in plan(desk, 2, from_version=2)] == []
    assert [f.instance_id for f in plan(desk, 2, limit=1)] == [first.id]
    assert [f.can_move for f in plan(desk, 2, mapping={"ask": "check"})] == [True, True]
    named = {f.instance_id: f.reasons for f in plan(desk, 2, instance_ids=[third.id, new.id])}
    assert named == {third.id: ["It has ended."], new.id: ["It has that version already."]}


def test_back_to_an_older_version(desk: Desk) -> None:
    old = desk.deploy(line())
    desk.deploy(line(candidateRole="VISITOR"))
    instance = desk.start()
    with desk.acting() as session:
        migration.migrate(desk.engine, session, instance.id, old.id, ACTORS["boss"], "It was better")
    assert desk.task("ask").candidate_role == "CLERK"


def test_what_is_refused(desk: Desk) -> None:
    old = desk.deploy(line())
    other = desk.deploy(Drawing("other").start("begin").user("ask").path("begin", "ask"))
    instance = desk.start()

    def attempt(instance_id: int, to: int, reason: str = "why", **mapping: str) -> None:
        with desk.acting() as session:
            migration.migrate(desk.engine, session, instance_id, to, ACTORS["boss"], reason, mapping)

    with pytest.raises(NotFound, match="Errand has no such version"):
        attempt(instance.id, other.id)
    with pytest.raises(Conflict, match="E-1 has version 1 already"):
        attempt(instance.id, old.id)
    with pytest.raises(NotFound):
        attempt(instance.id, 999)
    with pytest.raises(NotFound):
        attempt(999, old.id)
    new = desk.deploy(line(candidateRole="VISITOR"))
    with pytest.raises(BusinessError, match="Version 2 has no element nowhere") as unknown:
        attempt(instance.id, new.id, ask="nowhere")
    assert unknown.value.field == "mapping.ask"
    with pytest.raises(BusinessError) as silent:
        attempt(instance.id, new.id, " ")
    assert silent.value.code == "REASON_MISSING"
    with pytest.raises(BusinessError), desk.sessions() as session:
        migration.plan(desk.engine, session, "errand", 2, mapping={"ask": "nowhere"})
    with pytest.raises(NotFound, match="no version 9 of a process named errand"):
        plan(desk, 9)
    desk.operate(operations.cancel, instance)
    with pytest.raises(Conflict, match="E-1 has ended"):
        attempt(instance.id, new.id)


def test_the_files_of_a_version(desk: Desk) -> None:
    deployment = desk.deploy(line(), form_ask=b'{"type": "default", "components": []}')
    with desk.sessions() as session:
        assert list(deployments.files_of(session, deployment.id)) == ["ask.form", "process.bpmn"]
