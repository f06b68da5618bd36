"""Moving a token by hand, and letting it pass a step undone."""

from __future__ import annotations

from typing import Any

import pytest

from app.clock import ManualClock
from app.engine import moving, operations
from app.engine.models import ProcessInstance
from app.engine.moving import Moved
from app.errors import BusinessError, Conflict, NotFound
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing


def line() -> Drawing:
    return (
        Drawing().start("begin").user("ask").boundary("late", on="ask", after="PT1H").user("late_ask")
        .user("check").boundary("slow", on="check", after="PT2H", interrupting=False)
        .user("hurry").end("done").path("begin", "ask", "check", "done")
        .path("late", "late_ask", "done").path("slow", "hurry")
    )  # fmt: skip


def move(desk: Desk, instance: ProcessInstance, here: str, there: str, reason: str = "Wrong way") -> Moved:
    with desk.acting() as session:
        return moving.move(desk.engine, session, instance.id, ACTORS["boss"], here, there, reason)


def skip(desk: Desk, instance: ProcessInstance, element: str, reason: str = "Not needed") -> Moved:
    with desk.acting() as session:
        return moving.skip(desk.engine, session, instance.id, ACTORS["boss"], element, reason)


def preview(desk: Desk, instance: ProcessInstance, here: str, there: str | None = None) -> Moved:
    with desk.acting() as session:
        return moving.preview(desk.engine, session, instance.id, ACTORS["boss"], here, there)


# -- what it leads to ------------------------------------------------------------------------------


@pytest.mark.databases
def test_the_token_leaves_its_task_and_timers_behind_and_enters_the_target(
    desk: Desk, clock: ManualClock
) -> None:
    instance = desk.run(line())
    task = desk.task("ask")
    moved = move(desk, instance, "ask", "check")
    assert ([t.id for t in moved.cancelled], [t.name for t in moved.opened]) == ([task.id], ["Check"])
    assert (moved.stands_at, moved.state) == (["check"], "running")
    assert desk.open() == desk.tokens(instance) == ["check"]
    assert [t.element_id for t in desk.tasks(instance, "cancelled")] == ["ask"]
    told = next(entry for entry in desk.history(instance) if entry.kind == "moved")
    assert (told.element_id, told.actor_name) == ("ask", "Boss")
    assert told.detail == {"to": "check", "toName": "Check", "reason": "Wrong way"}
    # The timer of the old place is gone; that of the new one runs.
    clock.advance(hours=1)
    assert desk.fire() == 0
    clock.advance(hours=1)
    assert desk.fire() == 1
    assert desk.open() == ["check", "hurry"]
    desk.do("check")
    desk.do("hurry")
    assert desk.state(instance) == "completed"


def test_back_to_a_step_that_was_done_and_anew_to_where_it_stands(desk: Desk) -> None:
    instance = desk.run(line())
    desk.do("ask")
    move(desk, instance, "check", "ask")
    assert desk.open() == ["ask"]
    first = desk.task("ask").id
    move(desk, instance, "ask", "ask")
    assert desk.open() == ["ask"]
    assert desk.task("ask").id != first
    desk.do("ask")
    desk.do("check")
    assert desk.state(instance) == "completed"


def test_to_the_end(desk: Desk) -> None:
    instance = desk.run(line())
    moved = move(desk, instance, "ask", "done")
    assert (moved.state, moved.stands_at, moved.opened) == ("completed", [], [])
    assert desk.state(instance) == "completed"


def test_services_on_the_way_are_done(desk: Desk) -> None:
    done: list[str] = []
    desk.service("thing.do", lambda ctx: done.append(ctx.element_id))
    drawing = (
        Drawing().start("begin").user("ask").service("work", "thing.do", status="DONE").user("after")
        .path("begin", "ask", "work", "after")
    )  # fmt: skip
    instance = desk.run(drawing)
    move(desk, instance, "ask", "work")
    assert (done, desk.open(), desk.errand(instance)["status"]) == (["work"], ["after"], "DONE")


def test_what_the_next_step_refuses_changes_nothing(desk: Desk) -> None:
    def refuse(ctx: Any) -> None:
        raise BusinessError("NO", "Not today.")

    desk.service("thing.do", refuse)
    drawing = Drawing().start("begin").user("ask").service("work", "thing.do").path("begin", "ask", "work")
    instance = desk.run(drawing)
    with pytest.raises(BusinessError, match="Not today"):
        move(desk, instance, "ask", "work")
    assert desk.open() == ["ask"]


# -- joins, races, subprocesses --------------------------------------------------------------------


def forked() -> Drawing:
    return (
        Drawing().start("begin").parallel("fork", "join").user("one")
        .boundary("late", on="one", after="PT1H").user("two").user("after").end("done")
        .path("begin", "fork", "one", "join", "after", "done")
        .path("fork", "two", "join").path("late", "after")
    )  # fmt: skip


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
@pytest.mark.parametrize("by_skipping", [True, False])
def test_a_token_moved_to_a_join_counts_as_one_that_arrived(
    desk: Desk, order: tuple[str, str], by_skipping: bool
) -> None:
    instance = desk.run(forked())
    for element in order:
        if by_skipping:
            skip(desk, instance, element)
        else:
            move(desk, instance, element, "join")
    assert desk.open() == desk.tokens(instance) == ["after"]
    desk.do("after")
    assert desk.state(instance) == "completed"


def test_one_is_skipped_and_the_other_done(desk: Desk) -> None:
    instance = desk.run(forked())
    skip(desk, instance, "one")
    assert desk.tokens(instance) == ["join", "two"]
    desk.do("two")
    assert desk.open() == ["after"]


def test_an_inclusive_join_no_longer_waits_for_a_token_that_was_moved_away(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").inclusive("fork", "join").user("one").user("two").user("after").user("apart")
        .path("fork", "one", "join", "after", when="true").path("fork", "two", "join", when="true")
        .path("begin", "fork", "apart")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("one")
    assert desk.tokens(instance) == ["join", "two"]
    move(desk, instance, "two", "apart")
    assert desk.open() == ["after", "apart"]


def test_a_racing_event_takes_the_others_with_it(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").race("which").catch("called", message="go").catch("timed", after="PT1H")
        .user("one").user("two").path("begin", "which", "called", "one").path("which", "timed", "two")
    )  # fmt: skip
    instance = desk.run(drawing)
    move(desk, instance, "called", "one")
    assert desk.tokens(instance) == ["one"]
    clock.advance(hours=2)
    assert desk.fire() == 0


def nested() -> Drawing:
    inside = (
        Drawing().start("in").user("deep").boundary("slow", on="deep", after="PT1H").user("deeper").end("out")
        .path("in", "deep", "deeper", "out").path("slow", "deeper")
    )  # fmt: skip
    return (
        Drawing().start("begin").inside("sub", inside).user("after").end("done")
        .path("begin", "sub", "after", "done")
    )  # fmt: skip


def test_within_a_subprocess(desk: Desk) -> None:
    instance = desk.run(nested())
    move(desk, instance, "deep", "deeper")
    assert desk.tokens(instance) == ["deeper", "sub"]
    skip(desk, instance, "deeper")
    assert desk.open() == ["after"]


def test_out_of_a_subprocess_as_a_whole_and_into_it_anew(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(nested())
    moved = move(desk, instance, "sub", "after")
    assert ([t.element_id for t in moved.cancelled], desk.tokens(instance)) == (["deep"], ["after"])
    assert desk.now(instance).next_due_at is None
    move(desk, instance, "after", "sub")
    assert desk.tokens(instance) == ["deep", "sub"]
    desk.do("deep")
    desk.do("deeper")
    desk.do("after")
    assert desk.state(instance) == "completed"


def test_the_token_of_a_non_interrupting_event_lives_on(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(line())
    desk.do("ask")
    clock.advance(hours=2)
    desk.fire()
    move(desk, instance, "check", "ask")
    assert desk.open() == ["ask", "hurry"]
    skip(desk, instance, "ask")
    assert desk.open() == ["check", "hurry"]


# -- incidents -------------------------------------------------------------------------------------


@pytest.mark.databases
def test_moving_away_from_a_step_that_failed_resolves_its_incident(desk: Desk) -> None:
    def fail(ctx: Any) -> None:
        raise RuntimeError("broken")

    desk.service("thing.do", fail)
    drawing = (
        Drawing().start("begin").user("ask").exclusive("how").service("work", "thing.do").user("by_hand")
        .user("after").path("begin", "ask", "how", "work", "after")
        .path("how", "by_hand", "after", when="false")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("ask")
    assert (desk.state(instance), desk.tokens(instance)) == ("incident", ["work"])
    moved = move(desk, instance, "work", "by_hand")
    assert (moved.state, desk.state(instance), desk.incidents(instance)) == ("running", "running", [])
    (resolved,) = desk.incidents(instance, resolved=True)
    assert resolved.resolved_by == ACTORS["boss"].user_id
    desk.settle()  # the automatic retry finds nothing to do
    assert desk.open() == ["by_hand"]


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "there", "message"),
    [
        ("check", "ask", "E-1 does not stand at “Check”"),
        ("nowhere", "ask", "E-1 does not stand at “nowhere”"),
        ("late", "ask", "E-1 does not stand at “Late”"),
        ("ask", "nowhere", "There is no element nowhere"),
        ("ask", "begin", "“Begin” is not entered by a flow"),
        ("ask", "slow", "“Slow” is not entered by a flow"),
    ],
)
def test_what_cannot_be_moved(desk: Desk, here: str, there: str, message: str) -> None:
    instance = desk.run(line())
    with pytest.raises(Conflict, match=message):
        move(desk, instance, here, there)
    assert desk.open() == ["ask"]


@pytest.mark.parametrize(("here", "there"), [("deep", "after"), ("sub", "deep")])
def test_not_across_the_border_of_a_subprocess(desk: Desk, here: str, there: str) -> None:
    instance = desk.run(nested())
    with pytest.raises(Conflict, match="not in the same subprocess"):
        move(desk, instance, here, there)


def test_skipping_needs_one_way_on(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("which").user("one").user("two").path("begin", "which", "one")
    )
    instance = desk.run(drawing.path("which", "two", when="1 +"))
    assert (desk.state(instance), desk.tokens(instance)) == ("incident", ["which"])
    with pytest.raises(Conflict, match="“Which” has 2 ways on"):
        skip(desk, instance, "which")
    move(desk, instance, "which", "one")
    assert desk.state(instance) == "running"
    with pytest.raises(Conflict, match="“One” has no way on"):
        skip(desk, instance, "one")


def test_what_no_flow_leads_to_is_not_entered(desk: Desk) -> None:
    drawing = Drawing().start("begin").user("ask").user("island").end("done").path("begin", "ask", "done")
    instance = desk.run(drawing.path("island", "done"))
    with pytest.raises(Conflict, match="No flow leads to “Island”"):
        move(desk, instance, "ask", "island")
    assert desk.open() == ["ask"]


def test_what_is_suspended_ended_or_not_there(desk: Desk) -> None:
    instance = desk.run(line())
    desk.operate(operations.suspend, instance)
    with pytest.raises(Conflict, match="E-1 is suspended"):
        move(desk, instance, "ask", "check")
    desk.operate(operations.cancel, instance)
    with pytest.raises(Conflict, match="E-1 has ended"):
        move(desk, instance, "ask", "check")
    with pytest.raises(NotFound):
        move(desk, ProcessInstance(id=999), "ask", "check")


def test_it_needs_a_reason(desk: Desk) -> None:
    instance = desk.run(line())
    with pytest.raises(BusinessError) as refused:
        move(desk, instance, "ask", "check", reason=" ")
    assert refused.value.code == "REASON_MISSING"


# -- looking first ---------------------------------------------------------------------------------


@pytest.mark.databases
def test_a_preview_tells_what_a_move_would_lead_to_and_changes_nothing(desk: Desk) -> None:
    desk.service("thing.do", lambda ctx: ctx.enqueue("test-job", {}) and None)
    drawing = (
        Drawing().start("begin").user("ask").service("work", "thing.do", status="DONE").user("after")
        .end("done").path("begin", "ask", "work", "after", "done")
    )  # fmt: skip
    instance = desk.run(drawing)
    before = desk.now(instance)
    for seen in (preview(desk, instance, "ask", "work"), preview(desk, instance, "ask")):
        assert [t.element_id for t in seen.cancelled] == ["ask"]
        assert [(t.id, t.element_id, t.candidate_role) for t in seen.opened] == [(None, "after", "CLERK")]
        assert (seen.to_element, seen.stands_at, seen.state) == ("work", ["after"], "running")
    assert preview(desk, instance, "ask", "done").state == "completed"
    now = desk.now(instance)
    assert (now.revision, now.engine_state) == (before.revision, before.engine_state)
    assert (desk.open(), desk.jobs(), desk.errand(instance)["status"]) == (["ask"], [], "NEW")
    assert "moved" not in [entry.kind for entry in desk.history(instance)]


def test_a_preview_refuses_what_a_move_would(desk: Desk) -> None:
    instance = desk.run(line())
    with pytest.raises(Conflict, match="There is no element nowhere"):
        preview(desk, instance, "ask", "nowhere")
