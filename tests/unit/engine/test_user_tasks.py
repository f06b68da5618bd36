"""User tasks: who may do them, taking and handing over, and what doing them leads to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.clock import ManualClock
from app.engine import operations, user_tasks
from app.engine.actors import Actor, Identity
from app.engine.models import ProcessInstance, UserTask
from app.engine.services import ServiceContext
from app.engine.user_tasks import AlreadyDone, InvalidSubmission, NotYours, VerbMatch
from app.errors import BusinessError, Conflict, NotFound
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

ANN, BOB, BOSS, VISITOR = (ACTORS[name] for name in ("ann", "bob", "boss", "visitor"))

ACTIONS: list[tuple[Any, tuple[int, ...]]] = [
    (user_tasks.claim, ()),
    (user_tasks.release, ()),
    (user_tasks.delegate, (2,)),
]


def asking(**attributes: Any) -> Drawing:
    return (
        Drawing().start("begin").user("ask", **attributes).user("after").end("done")
        .path("begin", "ask", "after", "done")
    )  # fmt: skip


def standing_in(actor: Actor, absent: Actor) -> Actor:
    identity = Identity(absent.user_id, absent.role, absent.department_id, absent.name)
    return replace(actor, stands_in_for=(identity,))


def act(desk: Desk, function: Any, actor: Actor, *arguments: Any, task: str = "ask") -> UserTask:
    """Claim, release or delegate."""
    with desk.acting() as session:
        result: UserTask = function(desk.engine, session, desk.task(task).id, actor, *arguments)
        return result


# -- who may ---------------------------------------------------------------------------------------


def who(desk: Desk, *actors: Actor) -> list[str]:
    task = desk.task("ask")
    return [actor.name for actor in actors if user_tasks.may_act(task, actor)]


def test_whoever_holds_the_role_may(desk: Desk) -> None:
    desk.run(asking())
    assert who(desk, ANN, BOB, BOSS, VISITOR) == ["Ann", "Bob"]
    with pytest.raises(NotYours, match=r"“Ask” is for: Clerk\."):
        desk.do("ask", by="visitor")
    assert desk.open() == ["ask"]


def test_in_a_department_only_its_people_may(desk: Desk) -> None:
    desk.run(asking(candidateDepartment="=where"), where=20)
    assert who(desk, ANN, BOB) == ["Bob"]


def test_the_assignee_may_and_nobody_else(desk: Desk) -> None:
    desk.run(asking(assignee="=person"), person=BOB.user_id)
    assert who(desk, ANN, BOB) == ["Bob"]
    with pytest.raises(NotYours, match=r"“Ask” is assigned to Bob\."):
        desk.do("ask", by="ann")


@pytest.mark.parametrize("expression", ["=nobody", "=null", "=1 +", '="somebody"', "={a: 1}", "=true"])
def test_an_assignee_that_is_nobody_leaves_the_task_to_its_role(desk: Desk, expression: str) -> None:
    desk.run(asking(assignee=expression, candidateRole="CLERK"), nobody=None)
    assert desk.task("ask").assignee_id is None
    assert who(desk, ANN, BOB) == ["Ann", "Bob"]


def test_the_role_it_was_escalated_to_may_too(desk: Desk, clock: ManualClock) -> None:
    escalated: list[int] = []
    desk.service("thing.escalate", lambda ctx: escalated.append(ctx.escalate("ask", "VISITOR")))
    drawing = asking(assignee="=person", candidateRole="CLERK").boundary(
        "late", on="ask", after="PT1H", interrupting=False
    )
    drawing.service("escalate", "thing.escalate").end("told").path("late", "escalate", "told")
    instance = desk.run(drawing, person=BOB.user_id)
    before = desk.task("ask").urgency
    clock.advance(hours=1)
    desk.fire()
    assert escalated == [1]
    assert who(desk, ANN, BOB, VISITOR) == ["Bob", "Visitor"]
    assert desk.task("ask").urgency < before
    assert "escalated" in desk.kinds(instance, "ask")
    desk.do("ask", by="visitor")
    assert desk.open() == ["after"]


def test_a_substitute_acts_for_an_absent_colleague_and_history_says_for_whom(desk: Desk) -> None:
    instance = desk.run(asking(assignee="=person"), person=BOB.user_id)
    done = desk.do("ask", by=standing_in(VISITOR, BOB))
    assert done.task.completed_by == VISITOR.user_id
    assert done.task.completed_for == BOB.user_id
    (left,) = [entry for entry in desk.history(instance) if entry.kind == "left"]
    assert (left.actor_name, left.acted_for) == ("Visitor", "Bob")


def test_who_may_do_it_anyway_does_it_in_their_own_name(desk: Desk) -> None:
    desk.run(asking())
    done = desk.do("ask", by=standing_in(ANN, BOB))
    assert done.task.completed_for is None


def test_who_may_see_a_task(desk: Desk) -> None:
    """A group sees who took one of its tasks; what the diagram gives to one person is not the group’s."""

    def seen() -> list[str]:
        task = desk.task("ask")
        return [actor.name for actor in (ANN, BOB, BOSS, VISITOR) if user_tasks.may_see(task, actor)]

    desk.run(asking(assignee="=person", candidateRole="CLERK"), person=BOB.user_id)
    assert seen() == ["Bob", "Boss"]
    desk.do("ask", by=BOB)
    desk.run(asking(candidateRole="CLERK"))
    act(desk, user_tasks.claim, BOB)
    assert seen() == ["Ann", "Bob", "Boss"]


# -- claim, release, delegate ----------------------------------------------------------------------


@pytest.mark.databases
def test_a_claimed_task_is_one_persons_until_it_is_given_back(desk: Desk) -> None:
    instance = desk.run(asking())
    assert act(desk, user_tasks.claim, ANN).assignee_name == "Ann"
    act(desk, user_tasks.claim, ANN)
    with pytest.raises(Conflict, match=r"Ann has taken “Ask”\."):
        act(desk, user_tasks.claim, BOB)
    with pytest.raises(NotYours, match="assigned to Ann"):
        desk.do("ask", by="bob")
    with pytest.raises(NotYours):
        act(desk, user_tasks.release, BOB)
    act(desk, user_tasks.release, ANN)
    act(desk, user_tasks.release, ANN)
    assert desk.do("ask", by="bob").task.assignee_name == "Bob"
    assert desk.kinds(instance, "ask") == ["entered", "claimed", "released", "left"]


def test_an_overseer_gives_back_what_somebody_else_has_taken(desk: Desk) -> None:
    desk.run(asking())
    act(desk, user_tasks.claim, ANN)
    assert act(desk, user_tasks.release, BOSS).assignee_id is None


def test_a_task_without_a_group_cannot_be_given_back(desk: Desk) -> None:
    desk.run(asking(assignee="=person"), person=BOB.user_id)
    with pytest.raises(Conflict, match="no group to go back to"):
        act(desk, user_tasks.release, BOB)


def test_only_who_may_do_it_may_claim_it(desk: Desk) -> None:
    desk.run(asking())
    with pytest.raises(NotYours):
        act(desk, user_tasks.claim, VISITOR)


def test_a_task_is_handed_over_to_somebody_who_may_do_it(desk: Desk) -> None:
    instance = desk.run(asking())
    with desk.sessions() as session:
        people = user_tasks.delegates(desk.engine, session, desk.task("ask"))
    assert people == [(1, "Ann"), (2, "Bob")]
    act(desk, user_tasks.delegate, ANN, BOB.user_id, "You know this one.")
    assert who(desk, ANN, BOB) == ["Bob"]
    (entry,) = [entry for entry in desk.history(instance) if entry.kind == "delegated"]
    assert entry.detail["name"] == "Bob" and entry.detail["note"] == "You know this one."
    with pytest.raises(NotYours):
        act(desk, user_tasks.delegate, ANN, ANN.user_id)
    act(desk, user_tasks.delegate, BOSS, ANN.user_id)
    with pytest.raises(BusinessError, match="somebody who may do this task") as refused:
        act(desk, user_tasks.delegate, BOSS, VISITOR.user_id)
    assert (refused.value.code, refused.value.field) == ("NOT_ELIGIBLE", "person")


def test_nothing_can_be_done_with_a_task_that_is_over_or_held(desk: Desk) -> None:
    instance = desk.run(asking())
    desk.operate(operations.suspend, instance)
    for function, arguments in (
        (user_tasks.claim, ()),
        (user_tasks.release, ()),
        (user_tasks.delegate, (2,)),
    ):
        with pytest.raises(Conflict, match="suspended"):
            act(desk, function, ANN, *arguments)
    desk.operate(operations.resume, instance)
    task = desk.task("ask")
    desk.do("ask")
    for function, arguments in (
        (user_tasks.claim, ()),
        (user_tasks.release, ()),
        (user_tasks.delegate, (2,)),
    ):
        with desk.acting() as session, pytest.raises(AlreadyDone, match="has already been done by Ann"):
            function(desk.engine, session, task.id, BOB, *arguments)
    with desk.acting() as session, pytest.raises(NotFound):
        user_tasks.claim(desk.engine, session, 999, BOB)


# -- doing them ------------------------------------------------------------------------------------


@pytest.mark.databases
def test_the_second_of_two_submissions_is_told_who_was_first(desk: Desk) -> None:
    instance = desk.run(asking())
    task = desk.task("ask")
    desk.do("ask", by="bob", answer=1)
    with desk.acting() as session, pytest.raises(AlreadyDone) as refused:
        user_tasks.complete(desk.engine, session, task.id, ANN, {"answer": 2})
    assert refused.value.task.completed_by_name == "Bob"
    assert desk.variables(instance)["answer"] == 1


def test_a_task_that_an_event_took_away_is_no_longer_needed(desk: Desk, clock: ManualClock) -> None:
    drawing = asking().boundary("late", on="ask", after="PT1H").end("missed").path("late", "missed")
    desk.run(drawing)
    task = desk.task("ask")
    clock.advance(hours=1)
    desk.fire()
    with desk.acting() as session, pytest.raises(AlreadyDone, match="“Ask” is no longer needed"):
        user_tasks.complete(desk.engine, session, task.id, ANN, {})


def test_every_submitted_value_becomes_a_variable(desk: Desk) -> None:
    instance = desk.run(asking(), n=1)
    desk.do("ask", n=2, said={"a": [1, None]})
    assert desk.variables(instance) == {"n": 2, "said": {"a": [1, None]}, "completedBy": 1}


def test_with_outputs_only_those_become_variables(desk: Desk) -> None:
    outputs = {"total": "a + b", "by": "completedBy", "how": "outcome", "n": "n"}
    instance = desk.run(asking(outputs=outputs, outcomes=("yes", "no")), n=1)
    desk.do("ask", outcome="no", a=2, b=3)
    assert desk.variables(instance) == {
        "n": 1, "total": 5, "by": 1, "how": "no", "completedBy": 1, "outcome": "no",
    }  # fmt: skip


def test_the_outcome_is_one_of_those_offered(desk: Desk) -> None:
    instance = desk.run(asking(outcomes=("yes", "no")))
    for wrong in (None, "perhaps"):
        with pytest.raises(BusinessError, match=r"Choose one of: Yes, No\.") as refused:
            desk.do("ask", outcome=wrong)
        assert (refused.value.code, refused.value.field) == ("UNKNOWN_OUTCOME", "outcome")
    assert desk.do("ask", outcome="yes").task.outcome == "yes"
    assert desk.variables(instance)["outcome"] == "yes"


def test_the_only_outcome_is_chosen_by_itself(desk: Desk) -> None:
    instance = desk.run(asking(outcomes=("ok",)))
    desk.do("ask")
    assert desk.variables(instance)["outcome"] == "ok"


def test_a_task_without_outcomes_has_none(desk: Desk) -> None:
    instance = desk.run(asking())
    assert desk.do("ask", outcome="whatever").task.outcome is None
    assert "outcome" not in desk.variables(instance)


def test_completing_answers_what_is_open_now(desk: Desk) -> None:
    instance = desk.run(asking())
    done = desk.do("ask")
    assert done.instance.id == instance.id
    assert (done.task.state, done.task.assignee_name) == ("completed", "Ann")
    assert [task.element_id for task in done.next_tasks] == ["after"]


def test_what_a_following_step_refuses_changes_nothing(desk: Desk) -> None:
    def refuse(ctx: ServiceContext) -> None:
        raise BusinessError("NO", "Not today.", field="lines.0")

    desk.service("thing.do", refuse)
    drawing = Drawing().start("begin").user("ask").service("do", "thing.do").end("done")
    instance = desk.run(drawing.path("begin", "ask", "do", "done"))
    with pytest.raises(BusinessError, match="Not today") as refused:
        desk.do("ask", said="x")
    assert refused.value.field == "lines.0"
    assert desk.task("ask").completed_at is None
    assert desk.variables(instance) == {}
    assert desk.kinds(instance, "ask") == ["entered"]


FORM = b"""{"type": "default", "components": [
  {"type": "number", "key": "amount", "label": "Amount", "validate": {"required": true, "max": 10}},
  {"type": "textfield", "key": "why", "label": "Why", "defaultValue": "because"}]}"""


def submit(desk: Desk, outcome: str | None = None, **values: Any) -> user_tasks.Completion:
    with desk.acting() as session:
        return user_tasks.submit(desk.engine, session, desk.task("ask").id, ANN, outcome=outcome, json=values)


def test_a_form_is_prefilled_with_inputs_and_variables_and_checked(desk: Desk) -> None:
    desk.deploy(asking(form="amount", inputs={"amount": "n + 1"}), form_amount=FORM)
    instance = desk.start(n=4, why="of you")
    with desk.sessions() as session:
        form = user_tasks.form_for(desk.engine, session, desk.task("ask"), ANN)
        assert form.values() == {"amount": 5, "why": "of you"}
    with pytest.raises(InvalidSubmission) as refused:
        submit(desk, amount=11)
    assert "amount" in refused.value.form.errors
    submit(desk, amount=7, why="so")
    assert desk.variables(instance) == {"n": 4, "why": "so", "amount": 7, "completedBy": 1}


# -- what a task says of itself --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due", "hours"), [('="PT4H"', 4), ('="2026-03-02T10:00:00Z"', 2), ("=when", 24), ("PT90M", 1.5)]
)
def test_a_task_is_due_after_a_duration_or_at_an_instant(desk: Desk, due: str, hours: float) -> None:
    desk.run(asking(due=due), when="2026-03-03T08:00:00Z")
    task = desk.task("ask")
    assert task.due_at == task.created_at + timedelta(hours=hours)


@pytest.mark.parametrize(
    "due", ['="soon"', "=7", "=1 +", "={a: 1}", '="P99999999Y"', '="9999-12-31T23:59:59Z"', '="0001-01-01"']
)
def test_a_due_time_that_is_none_loses_no_task_and_history_tells(desk: Desk, due: str) -> None:
    instance = desk.run(asking(due=due))
    assert desk.task("ask").due_at is None
    (told,) = [entry for entry in desk.history(instance) if entry.kind == "incident"]
    assert told.detail["attribute"] == "due"
    assert desk.state(instance) == "running"


def test_an_empty_due_time_is_none(desk: Desk) -> None:
    instance = desk.run(asking(due="=when"), when=None)
    assert desk.task("ask").due_at is None
    assert desk.kinds(instance, "ask") == ["entered"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("HIGH", "HIGH"), ('="CRIT" + "ICAL"', "CRITICAL"), ("urgent", "MEDIUM"), ("=7", "MEDIUM"),
     ("=[1]", "MEDIUM"), ("={a: 1}", "MEDIUM"), ("=1 +", "MEDIUM"), ("=null", "MEDIUM")],
)  # fmt: skip
def test_a_priority_that_is_none_is_medium(desk: Desk, given: str, expected: str) -> None:
    desk.run(asking(priority=given))
    assert desk.task("ask").priority == expected


@pytest.mark.parametrize(
    ("summary", "expected"),
    [('="Fetch " + errand.note', "Fetch milk"), ("Just this", "Just this"), ("=null", "Errand 1"),
     ("=1 +", "Errand 1"), ("=count([1, 2])", "2")],
)  # fmt: skip
def test_a_summary_is_one_line_else_the_subjects(desk: Desk, summary: str, expected: str) -> None:
    desk.run(asking(summary=summary), note="milk")
    assert desk.task("ask").title == expected


def test_texts_that_are_too_long_are_cut(desk: Desk) -> None:
    instance = desk.run(asking(summary='=string join(for i in 1..300 return "x")'))
    assert len(desk.task("ask").title) == 255
    assert desk.state(instance) == "running"


# -- talking about them ----------------------------------------------------------------------------


def test_comments_stay_with_the_instance(desk: Desk) -> None:
    instance = desk.run(asking())
    with desk.acting() as session:
        user_tasks.comment(session, desk.task("ask"), ANN, "  Is it urgent? ")
    desk.do("ask")
    with desk.acting() as session:
        user_tasks.comment(session, desk.task("after"), BOB, "Yes.")
    with desk.sessions() as session:
        said = [(c.author_name, c.body) for c in user_tasks.comments(session, instance.id)]
    assert said == [("Ann", "Is it urgent?"), ("Bob", "Yes.")]


@pytest.mark.parametrize(("body", "code"), [("  ", "EMPTY"), ("x" * 4001, "TOO_LONG")])
def test_a_comment_says_something_and_not_too_much(desk: Desk, body: str, code: str) -> None:
    desk.run(asking())
    with desk.acting() as session, pytest.raises(BusinessError) as refused:
        user_tasks.comment(session, desk.task("ask"), ANN, body)
    assert refused.value.code == code


# -- files by their ids ----------------------------------------------------------------------------

PHOTOS = b'{"type": "default", "components": [{"type": "filepicker", "key": "photos", "multiple": true}]}'


def test_files_are_named_only_where_somebody_checks_them(desk: Desk) -> None:
    desk.deploy(asking(form="ask"), form_ask=PHOTOS)
    instance = desk.start()
    task, taken = desk.task("ask"), []

    def submit(take_files: Any) -> None:
        with desk.acting() as session:
            user_tasks.submit(
                desk.engine, session, task.id, ANN, take_files=take_files, json={"photos": [5, 6]}
            )

    def refuse(path: str, ids: list[int]) -> None:
        raise BusinessError("UNKNOWN_FILE", "There is no file 6.", field=path)

    for check in (None, refuse):
        with pytest.raises(BusinessError) as refused:
            submit(check)
        assert (refused.value.code, refused.value.field) == ("UNKNOWN_FILE", "photos")
        assert desk.open() == ["ask"]
    submit(lambda path, ids: taken.append((path, ids)))
    assert taken == [("photos", [5, 6])]
    assert desk.variables(instance)["photos"] == [5, 6]


# -- by verb ---------------------------------------------------------------------------------------


def match(desk: Desk, instance: ProcessInstance, verb: str, actor: Actor) -> VerbMatch:
    with desk.sessions() as session:
        return user_tasks.for_verb(desk.engine, session, "errand", instance.subject_id, verb, actor)


def test_a_verb_finds_the_open_task_that_the_actor_may_do(desk: Desk) -> None:
    instance = desk.run(asking(apiVerb="accept, refuse"))
    for verb, actor in (("accept", ANN), ("refuse", BOB)):
        found = match(desk, instance, verb, actor)
        assert found.task is not None
        assert (found.task.element_id, found.others) == ("ask", [])


def test_a_verb_tells_whose_task_it_is_or_what_is_open_instead(desk: Desk) -> None:
    instance = desk.run(asking(apiVerb="accept, refuse"))
    others = match(desk, instance, "accept", VISITOR)
    assert (others.task, [task.element_id for task in others.others]) == (None, ["ask"])
    unknown = match(desk, instance, "other", ANN)
    assert (unknown.task, unknown.others, [task.element_id for task in unknown.open]) == (None, [], ["ask"])
    assert match(desk, ProcessInstance(subject_id=999), "accept", ANN) == VerbMatch(None, None, [], [])


@pytest.mark.parametrize(
    ("verbs", "outcomes", "verb", "outcome"),
    [
        ("yes, no", ("yes", "no"), "no", "no"),
        ("confirm=no, no", ("yes", "no"), "confirm", "no"),
        ("confirm = no , no", ("yes", "no"), "confirm", "no"),
        ("confirm", ("yes", "no"), "confirm", "yes"),
        ("confirm", ("only",), "confirm", "only"),
        ("confirm", (), "confirm", None),
    ],
)
def test_which_outcome_a_verb_means(
    desk: Desk, verbs: str, outcomes: tuple[str, ...], verb: str, outcome: str | None
) -> None:
    instance = desk.run(asking(apiVerb=verbs, outcomes=outcomes))
    found = match(desk, instance, verb, ANN)
    assert (found.task is not None, found.outcome) == (True, outcome)


@pytest.mark.databases
def test_of_several_tasks_for_a_verb_the_oldest_is_meant(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").user("one", apiVerb="do").user("two", apiVerb="do")
        .user("three", apiVerb="do", candidateRole="VISITOR")
        .path("begin", "fork", "one").path("fork", "two").path("fork", "three")
    )  # fmt: skip
    found = match(desk, instance := desk.run(drawing), "do", ANN)
    assert (found.task and found.task.element_id, len(found.others), len(found.open)) == ("one", 1, 3)
    desk.do("one")
    again = match(desk, instance, "do", ANN)
    assert again.task is not None and again.task.element_id == "two"
