"""What overseers do to an instance: each operation, what its preview says, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import interventions, task_care
from app.engine.interventions import OPERATIONS, Changed, Effect
from app.engine.models import HistoryEntry, ProcessInstance
from app.engine.monitor import survey
from app.engine.monitor.models import Obstacle
from app.errors import BusinessError, Conflict, Forbidden, NotFound
from tests.support import consistency
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing


def asking(**attributes: str) -> Drawing:
    return Drawing().start("begin").user("ask", **attributes).end("over").path("begin", "ask", "over")


def failing(**attributes: Any) -> Drawing:
    """A user task, then a service that fails while the press is jammed, then another user task."""
    return (
        Drawing().start("begin").user("ask").service("repair", "press.mend", **attributes).user("check")
        .end("over").path("begin", "ask", "repair", "check", "over")
    )  # fmt: skip


class Press:
    """What the service repairs, unless it is jammed."""

    def __init__(self, desk: Desk) -> None:
        self.jammed, self.mended = True, 0
        desk.service("press.mend", self.mend)

    def mend(self, ctx: Any) -> dict[str, Any]:
        if self.jammed:
            raise RuntimeError("The press is jammed.")
        self.mended += 1
        return {"cost": 5}


@pytest.fixture
def press(desk: Desk) -> Press:
    return Press(desk)


@pytest.fixture(autouse=True)
def all_agrees(desk: Desk) -> Iterator[None]:
    """Whatever a test has done, instances, tasks, waits and incidents agree at its end."""
    yield
    with desk.sessions() as session:
        assert consistency.problems(desk.engine, session) == []


def act(desk: Desk, name: str, instance: ProcessInstance, by: str = "boss", **values: Any) -> Effect:
    with desk.acting() as session:
        reason = values.pop("reason", "It waits too long")
        return interventions.perform(desk.engine, session, name, instance.id, ACTORS[by], reason, **values)


def foresee(desk: Desk, name: str, instance: ProcessInstance, **values: Any) -> Effect:
    with desk.acting() as session:
        return interventions.preview(
            desk.engine, session, name, instance.id, ACTORS["boss"], "It waits too long", **values
        )


def told(desk: Desk, instance: ProcessInstance, kind: str) -> list[HistoryEntry]:
    return [entry for entry in desk.history(instance) if entry.kind == kind]


def listed(desk: Desk) -> list[str]:
    with desk.sessions() as session:
        return list(session.scalars(sa.select(Obstacle.reason).order_by(Obstacle.rank)))


def stuck(desk: Desk, clock: ManualClock, **later: float) -> list[str]:
    clock.advance(**(later or {"seconds": 31}))
    survey.keep_up(desk.engine, desk.sessions)
    return listed(desk)


# -- tasks -----------------------------------------------------------------------------------------


@pytest.mark.databases
def test_a_task_is_given_to_somebody_outside_its_role_who_can_do_it(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(asking(candidateRole="NIGHT_WATCH"))
    assert stuck(desk, clock) == ["nobody_eligible"]
    effect = act(desk, "reassign", instance, person=4, reason="Nobody is on watch")
    assert effect.said == [
        "“Ask” goes from its group to Visitor, who is told.",
        "Visitor could not do it by role: that it is given to them lets them.",
    ]
    assert listed(desk) == []
    (entry,) = told(desk, instance, "delegated")
    assert (entry.actor_name, entry.element_id) == ("Boss", "ask")
    assert {"to": 4, "name": "Visitor", "reason": "Nobody is on watch"}.items() <= entry.detail.items()
    task = desk.task("ask")
    assert desk.told == [
        (
            4,
            "“Ask” is yours now",
            f"{instance.business_key}, Errand 1: Nobody is on watch",
            f"/tasks/{task.id}",
        )
    ]
    desk.do("ask", by="visitor")
    assert desk.state(instance) == "completed"


def test_whoever_had_the_task_is_told_too_and_an_absence_is_said(desk: Desk) -> None:
    instance = desk.run(asking(assignee="1"))
    desk.away.add("bob")
    effect = act(desk, "reassign", instance, person=2)
    assert effect.said[0] == "“Ask” goes from Ann to Bob, who is told."
    assert effect.said[1] == "Bob is absent; nobody stands in and can do it."
    assert [(user, title) for user, title, _, _ in desk.told] == [
        (2, "“Ask” is yours now"),
        (1, "Bob does “Ask” now"),
    ]


@pytest.mark.parametrize(("person", "code"), [(99, "UNKNOWN_PERSON"), (1, "HAS_IT_ALREADY")])
def test_a_task_is_not_given_to_nobody_or_to_whoever_has_it(desk: Desk, person: int, code: str) -> None:
    instance = desk.run(asking(assignee="1"))
    with pytest.raises(BusinessError) as refused:
        act(desk, "reassign", instance, person=person)
    assert (refused.value.code, refused.value.field) == (code, "person")
    assert (desk.task("ask").assignee_id, desk.told) == (1, [])


def test_only_overseers_give_tasks_to_anybody(desk: Desk) -> None:
    instance = desk.run(asking())
    with pytest.raises(Forbidden):
        act(desk, "reassign", instance, by="ann", person=4)
    assert desk.task("ask").assignee_id is None


def test_a_nudge_reaches_whoever_has_the_task_once_an_hour(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(asking(assignee="1"))
    effect = act(desk, "nudge", instance)
    assert effect.said == ["“Ask”: Ann is reminded by a notification."]
    assert [(user, title) for user, title, _, _ in desk.told] == [(1, "“Ask” waits for you")]
    (entry,) = told(desk, instance, "nudged")
    assert (entry.detail["told"], entry.detail["reason"]) == ("Ann", "It waits too long")
    clock.advance(minutes=59)
    with pytest.raises(BusinessError, match="59 minutes ago"):
        act(desk, "nudge", instance)
    clock.advance(minutes=1)
    act(desk, "nudge", instance)
    assert len(desk.told) == 2


def test_a_nudge_about_one_task_leaves_another_to_be_nudged(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").user("one").user("two").path("begin", "fork", "one")
        .path("fork", "two")
    )  # fmt: skip
    instance = desk.run(drawing)
    act(desk, "nudge", instance, task=desk.task("one").id)
    act(desk, "nudge", instance, task=desk.task("two").id)
    assert [entry.element_id for entry in told(desk, instance, "nudged")] == ["one", "two"]


def test_a_free_task_s_group_is_nudged_and_those_it_was_escalated_to(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(asking(candidateDepartment="20"))
    act(desk, "nudge", instance)
    assert [user for user, *_ in desk.told] == [2]
    act(desk, "escalate", instance, role="VISITOR")
    desk.told.clear()
    clock.advance(hours=1)
    act(desk, "nudge", instance)
    assert [user for user, *_ in desk.told] == [2, 4]


def test_where_nobody_can_do_a_task_nobody_is_nudged(desk: Desk) -> None:
    instance = desk.run(asking(candidateRole="NIGHT_WATCH"))
    with pytest.raises(BusinessError) as refused:
        act(desk, "nudge", instance)
    assert refused.value.code == "NOBODY_TO_TELL"
    assert told(desk, instance, "nudged") == []


def test_of_many_people_few_are_named(desk: Desk) -> None:
    people = desk.bindings.colleagues(None)  # type: ignore[arg-type]
    assert task_care.names(people[:1]) == "Ann"
    assert task_care.names(people[:2]) == "Ann and Bob"
    assert task_care.names(people) == "Ann, Bob, Boss and Visitor"
    assert task_care.names([*people, people[0]]) == "Ann, Bob, Boss and 2 others"


def test_an_escalated_task_can_be_done_by_the_role_and_is_more_urgent(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(asking(assignee="1"))
    desk.away.add("ann")
    assert stuck(desk, clock) == ["nobody_eligible"]
    before = desk.task("ask").urgency
    effect = act(desk, "escalate", instance, role="VISITOR")
    assert effect.said == ["“Ask” can be done by this role too: Visitor. Visitor is told."]
    assert listed(desk) == []
    assert desk.task("ask").urgency < before
    (entry,) = told(desk, instance, "escalated")
    assert (entry.detail["role"], entry.detail["reason"]) == ("VISITOR", "It waits too long")
    desk.do("ask", by="visitor")


@pytest.mark.parametrize(
    ("role", "code"),
    [("NOBODY", "UNKNOWN_ROLE"), ("GUARD", "NOBODY_HOLDS_IT"), ("VISITOR", "ESCALATED_ALREADY")],
)
def test_a_task_is_not_escalated_to_nobody(desk: Desk, role: str, code: str) -> None:
    desk.bindings.roles["GUARD"] = "Guard"
    instance = desk.run(asking())
    act(desk, "escalate", instance, role="VISITOR")
    with pytest.raises(BusinessError) as refused:
        act(desk, "escalate", instance, role=role)
    assert (refused.value.code, refused.value.field) == (code, "role")


def test_without_a_named_task_all_that_are_open_are_meant(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").user("one").user("two").path("begin", "fork", "one")
        .path("fork", "two")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert len(act(desk, "reassign", instance, person=2).said) == 2
    assert {task.assignee_id for task in desk.tasks(instance)} == {2}
    other = desk.start()
    with pytest.raises(Conflict, match="No task of this instance"):
        act(desk, "nudge", instance, task=desk.tasks(other)[0].id)


def test_a_task_that_was_done_meanwhile_says_so(desk: Desk) -> None:
    instance = desk.run(Drawing().start("begin").user("ask").user("check").path("begin", "ask", "check"))
    done = desk.task("ask").id
    desk.do("ask")
    with pytest.raises(Conflict, match="already been done by Ann"):
        act(desk, "nudge", instance, task=done)


# -- failed steps ----------------------------------------------------------------------------------


@pytest.mark.databases
def test_a_retry_that_succeeds_is_foreseen_and_frees(desk: Desk, clock: ManualClock, press: Press) -> None:
    instance = desk.run(failing())
    desk.do("ask")
    assert stuck(desk, clock) == ["incident"]
    assert foresee(desk, "retry", instance).failed == [("Repair", "The press is jammed.")]
    press.jammed = False
    seen = foresee(desk, "retry", instance)
    assert (seen.resolved, seen.failed, seen.stands_at, seen.state) == (["Repair"], [], ["Check"], "running")
    assert [(task.id, task.name) for task in seen.opened] == [(None, "Check")]
    # Nothing of it has happened.
    assert (desk.state(instance), desk.open(), listed(desk)) == ("incident", [], ["incident"])
    assert told(desk, instance, "retried") == []
    done = act(desk, "retry", instance, reason="Unjammed it")
    assert (done.stands_at, done.opened[0].id) == (["Check"], desk.task("check").id)
    assert (desk.state(instance), listed(desk)) == ("running", [])
    assert told(desk, instance, "retried")[0].detail["reason"] == "Unjammed it"


def test_all_failed_steps_are_retried_at_once_or_one_of_them(desk: Desk, press: Press) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").service("one", "press.mend").service("two", "press.mend")
        .path("begin", "fork", "one").path("fork", "two")
    )  # fmt: skip
    instance = desk.run(drawing)
    first, second = desk.incidents(instance)
    press.jammed = False
    act(desk, "retry", instance, incident=second.id)
    assert ([each.id for each in desk.incidents(instance)], press.mended) == ([first.id], 1)
    act(desk, "retry", instance)
    assert (desk.state(instance), press.mended) == ("completed", 2)


def test_a_step_done_outside_counts_as_done(desk: Desk, clock: ManualClock, press: Press) -> None:
    drawing = (
        Drawing().start("begin").user("ask")
        .service("repair", "press.mend", outputs={"cost": "result.cost"}, status="DONE")
        .boundary("late", on="repair", error="").exclusive("dear").user("approve").user("check")
        .path("begin", "ask", "repair", "dear", "check").path("dear", "approve", when="cost > 100")
        .path("late", "check")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("ask")
    assert stuck(desk, clock) == ["incident"]
    seen = foresee(desk, "resolve", instance, variables={"cost": 150})
    assert (seen.stands_at, seen.status_before, seen.status) == (["Approve"], "NEW", "DONE")
    act(desk, "resolve", instance, variables={"cost": 150}, reason="The supplier did it")
    assert (desk.open(), desk.errand(instance)["status"], press.mended) == (["approve"], "DONE", 0)
    assert desk.variables(instance)["cost"] == 150
    assert listed(desk) == []
    (entry,) = told(desk, instance, "resolved")
    assert entry.detail["values"] == {"cost": 150}
    assert (entry.detail["reason"], entry.actor_name) == ("The supplier did it", "Boss")
    # The step is passed along its flow, as the drawing of its way shows.
    passed = [e for e in desk.history(instance) if e.kind == "passed" and e.element_id == "repair"]
    assert [e.detail for e in passed] == [{"byHand": True, "flows": ["repair_to_dear"]}]
    assert desk.incidents(instance, resolved=True)[0].resolved_by == 3
    # The automatic retry that was planned does nothing any more.
    clock.advance(hours=1)
    desk.settle()
    assert press.mended == 0


def test_a_step_that_is_skipped_has_no_status_and_no_results(desk: Desk, press: Press) -> None:
    instance = desk.run(failing(status="DONE", outputs={"cost": "result.cost"}))
    desk.do("ask")
    seen = act(desk, "skip", instance, from_element="repair")
    assert seen.said == ["“Repair” is left undone, and the token enters “Check”."]
    assert (desk.errand(instance)["status"], "cost" in desk.variables(instance)) == ("NEW", False)


def test_what_people_do_is_not_resolved_by_hand(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").user("first").user("ask", status="FORBIDDEN").end("over")
        .path("begin", "first", "ask", "over")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("first")
    assert [each.element_id for each in desk.incidents(instance)] == ["ask"]
    with pytest.raises(Conflict, match="no step that can have been done outside"):
        act(desk, "resolve", instance)
    act(desk, "move", instance, from_element="ask", to_element="over")
    assert desk.state(instance) == "completed"


def test_a_status_that_the_record_cannot_have_refuses_resolving(desk: Desk, press: Press) -> None:
    instance = desk.run(failing(status="FORBIDDEN"))
    desk.do("ask")
    with pytest.raises(BusinessError) as refused:
        act(desk, "resolve", instance)
    assert refused.value.code == "STATUS_REFUSED"
    assert desk.state(instance) == "incident"


def test_results_are_named_and_typed_as_variables_are(desk: Desk, press: Press) -> None:
    instance = desk.run(failing())
    desk.do("ask")
    for name, value in (("two words", 1), ("errand", {}), ("big", "x" * 70_000)):
        with pytest.raises(BusinessError) as refused:
            act(desk, "resolve", instance, variables={name: value})
        assert refused.value.field == f"variables.{name}"
    (incident,) = desk.incidents(instance)
    other = desk.start()
    with pytest.raises(NotFound):
        act(desk, "resolve", other, incident=incident.id)


def test_an_incident_is_resolved_once(desk: Desk, press: Press) -> None:
    instance = desk.run(failing())
    desk.do("ask")
    (incident,) = desk.incidents(instance)
    act(desk, "resolve", instance, incident=incident.id)
    with pytest.raises(Conflict, match="resolved already"):
        act(desk, "resolve", instance, incident=incident.id)


def test_a_step_inside_a_subprocess_with_events_at_its_edge_is_resolved(desk: Desk, press: Press) -> None:
    inside = (
        Drawing().start("in").service("repair", "press.mend").boundary("late", on="repair", error="JAM")
        .end("out").path("in", "repair", "out").path("late", "out")
    )  # fmt: skip
    drawing = (
        Drawing().start("begin").inside("work", inside).boundary("slow", on="work", after="PT1H")
        .user("check").path("begin", "work", "check").path("slow", "check")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert act(desk, "resolve", instance).stands_at == ["Check"]
    assert desk.now(instance).next_due_at is None


def test_a_message_that_could_not_be_sent_is_resolved(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").user("ask").throw("tell", message="hello", to="=1 + 1").user("check")
        .path("begin", "ask", "tell", "check")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("ask")
    assert desk.state(instance) == "incident"
    assert act(desk, "resolve", instance).stands_at == ["Check"]
    assert desk.jobs("message") == []


# -- timers ----------------------------------------------------------------------------------------


def test_missed_timers_go_off_by_hand(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(
        Drawing().start("begin").catch("pause", after="PT1H").user("ask").path("begin", "pause", "ask")
    )
    with pytest.raises(Conflict, match="No timer"):
        act(desk, "fire-timers", instance)
    assert stuck(desk, clock, hours=2) == ["timer_missed"]
    assert foresee(desk, "fire-timers", instance).stands_at == ["Ask"]
    act(desk, "fire-timers", instance)
    assert (desk.open(), listed(desk)) == (["ask"], [])
    (entry,) = told(desk, instance, "retried")
    assert (entry.actor_name, entry.detail["timers"]) == ("Boss", True)


# -- the rest of the table -------------------------------------------------------------------------


def test_moving_is_foreseen_with_what_it_calls_off_and_opens(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").user("ask", due="PT1H").user("check").end("over")
        .path("begin", "ask", "check", "over")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert stuck(desk, clock, hours=2) == ["overdue"]
    seen = foresee(desk, "move", instance, from_element="ask", to_element="check")
    assert ([t.name for t in seen.cancelled], [t.name for t in seen.opened]) == (["Ask"], ["Check"])
    assert (seen.stood_at, seen.stands_at, seen.moves) == (["Ask"], ["Check"], True)
    done = act(desk, "move", instance, from_element="ask", to_element="check")
    assert done.said == ["The token leaves “Ask” and enters “Check”."]
    assert listed(desk) == []
    ended = act(desk, "skip", instance, from_element="check")
    assert (ended.state, ended.stands_at) == ("completed", [])


def test_a_variable_is_edited_with_what_changes_in_words(desk: Desk) -> None:
    instance = desk.run(asking(), note="old")
    seen = act(desk, "edit-variable", instance, variables={"note": "new", "more": 1})
    assert seen.said == ["The variable note is changed.", "The variable more is added."]
    assert not seen.moves
    assert act(desk, "edit-variable", instance, variables={"more": None}).said == [
        "The variable more is removed."
    ]
    assert act(desk, "edit-variable", instance, variables={"note": "new"}).said[0].startswith("Nothing")


def test_what_is_held_is_not_stuck_and_goes_on(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(asking(due="PT1H"))
    assert stuck(desk, clock, hours=2) == ["overdue"]
    assert act(desk, "suspend", instance).state == "suspended"
    assert listed(desk) == []
    for name, values in (("nudge", {}), ("fire-timers", {}), ("skip", {"from_element": "ask"})):
        with pytest.raises(Conflict, match="suspended"):
            act(desk, name, instance, **values)
    assert act(desk, "resume", instance).state == "running"
    seen = foresee(desk, "cancel", instance)
    assert (seen.state, [t.name for t in seen.cancelled]) == ("cancelled", ["Ask"])
    act(desk, "cancel", instance)
    assert desk.state(instance) == "cancelled"
    with pytest.raises(Conflict, match="has ended"):
        act(desk, "resume", instance)


# -- what all have in common -----------------------------------------------------------------------

VALUES: dict[str, dict[str, Any]] = {
    "reassign": {"person": 2},
    "escalate": {"role": "VISITOR"},
    "move": {"from_element": "ask", "to_element": "over"},
    "skip": {"from_element": "ask"},
    "edit-variable": {"variables": {"note": 1}},
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(("reason", "code"), [(" ", "REASON_MISSING"), ("x" * 501, "REASON_TOO_LONG")])
def test_each_wants_a_reason(desk: Desk, name: str, reason: str, code: str) -> None:
    instance = desk.run(asking())
    if name == "resume":
        act(desk, "suspend", instance)
    before = len(desk.history(instance))
    with pytest.raises(BusinessError) as refused:
        act(desk, name, instance, reason=reason, **VALUES.get(name, {}))
    assert (refused.value.code, refused.value.field) == (code, "reason")
    assert len(desk.history(instance)) == before


@pytest.mark.parametrize(
    "name", [name for name in OPERATIONS if name not in ("retry", "resolve", "fire-timers")]
)
def test_each_is_told_in_history_and_none_is_done_to_what_has_changed(desk: Desk, name: str) -> None:
    instance = desk.run(asking())
    if name == "resume":
        act(desk, "suspend", instance)
    values = VALUES.get(name, {})
    seen = foresee(desk, name, instance, **values)
    history = len(desk.history(instance))
    assert desk.now(instance).revision == seen.revision
    desk.told.clear()
    act(desk, "edit-variable", instance, variables={"meanwhile": 1})
    with pytest.raises(Changed) as changed:
        act(desk, name, instance, revision=seen.revision, **values)
    assert changed.value.revision == seen.revision + 1
    assert (len(desk.history(instance)), desk.told) == (history + 1, [])
    act(desk, name, instance, revision=changed.value.revision, reason="Now", **values)
    reasons = [(entry.detail or {}).get("reason") for entry in desk.history(instance)]
    assert "Now" in reasons


def test_the_table_says_what_each_takes(desk: Desk) -> None:
    import inspect

    for operation in OPERATIONS.values():
        parameters = inspect.signature(operation.act).parameters
        keywords = {n: p for n, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
        assert {n for n, p in keywords.items() if p.default is p.empty} == set(operation.needs)
        assert {n for n, p in keywords.items() if p.default is not p.empty} == set(operation.takes)


def test_what_is_offered_fits_the_instance(desk: Desk, clock: ManualClock, press: Press) -> None:
    def offered(instance: ProcessInstance) -> set[str]:
        found = interventions.possible(desk.now(instance), desk.tasks(instance), desk.incidents(instance))
        return {operation.name for operation in found}

    instance = desk.run(failing())
    always = {"move", "skip", "edit-variable", "suspend", "cancel"}
    assert offered(instance) == always | {"nudge", "reassign", "escalate"}
    desk.do("ask")
    assert offered(instance) == always | {"retry", "resolve"}
    act(desk, "suspend", instance)
    assert offered(instance) == {"resume", "edit-variable", "cancel"}
    act(desk, "cancel", instance)
    assert offered(instance) == set()
    waiting = Drawing("other").start("begin").catch("pause", after="PT1H").end("over")
    desk.deploy(waiting.path("begin", "pause", "over"))
    late = desk.start("other")
    clock.advance(hours=1)
    assert offered(late) == always | {"fire-timers"}


def test_an_unknown_instance_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound), desk.acting() as session:
        interventions.perform(desk.engine, session, "suspend", 999, ACTORS["boss"], "Why not")
