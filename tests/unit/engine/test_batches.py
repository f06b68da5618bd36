"""One operation on many instances: each by itself, with what became of each."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import batches, history, interventions
from app.engine.batches import BatchOutcome, Glance, Progress, Result
from app.engine.interventions import OPERATIONS
from app.engine.job_batches import MAXIMUM_INSTANCES
from app.engine.models import HistoryEntry, Job, ProcessInstance
from app.engine.monitor.models import OperationBatch
from app.errors import BusinessError, Conflict, NotFound
from tests.support import consistency
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

NAME = "0123456789abcdef0123456789abcdef"


def asking() -> Drawing:
    return Drawing().start("begin").user("ask").end("over").path("begin", "ask", "over")


@pytest.fixture
def errands(desk: Desk) -> list[ProcessInstance]:
    """Three errands, each of which asks."""
    desk.deploy(asking())
    return [desk.start() for _ in range(3)]


def ids(instances: list[ProcessInstance]) -> list[int]:
    return [instance.id for instance in instances]


def order(desk: Desk, operation: str, instances: list[int], by: str = "boss", **given: Any) -> str:
    name, reason = given.pop("name", None), given.pop("reason", "Night shift")
    with desk.acting() as session:
        made = batches.begin(
            session, operation, instances, by=ACTORS[by], reason=reason, values=given, name=name
        )
        return made.name


def told(desk: Desk, name: str) -> tuple[Progress, list[Result]]:
    with desk.sessions() as session:
        return batches.progress(session, name), batches.results(session, name).items


def look(desk: Desk, operation: str, instances: list[int], **values: Any) -> list[Glance]:
    with desk.acting() as session:
        return batches.sample(
            desk.engine, session, operation, instances, ACTORS["boss"], "Night shift", values
        )


def entries(desk: Desk, instance: ProcessInstance) -> list[HistoryEntry]:
    with desk.sessions() as session:
        return history.entries(session, instance.id)


# -- doing it --------------------------------------------------------------------------------------


@pytest.mark.databases
def test_each_is_done_and_its_history_says_who_wanted_it_and_why(
    desk: Desk, errands: list[ProcessInstance]
) -> None:
    name = order(desk, "reassign", ids(errands), person=2)
    before, waiting = told(desk, name)
    assert (before.total, before.waiting, before.done, before.is_done) == (3, 3, 0, False)
    assert [result.outcome for result in waiting] == [BatchOutcome.WAITING] * 3
    assert {task.assignee_id for task in desk.tasks()} == {None}
    desk.settle()
    after, results = told(desk, name)
    assert (after.waiting, after.done, after.refused, after.is_done) == (0, 3, 0, True)
    assert (after.by, after.reason, after.operation, after.values) == (
        "Boss", "Night shift", "reassign", {"person": 2},
    )  # fmt: skip
    assert [result.instance_id for result in results] == ids(errands)
    assert all("goes from its group to Bob" in result.said[0] for result in results)
    assert [task.assignee_name for task in desk.tasks()] == ["Bob"] * 3
    for errand in errands:
        entry = entries(desk, errand)[-1]
        assert (entry.kind, entry.actor_id, entry.detail["reason"]) == ("delegated", 3, "Night shift")
    with desk.sessions() as session:
        assert consistency.problems(desk.engine, session) == []


@pytest.mark.databases
def test_one_that_is_refused_keeps_no_other_from_it_and_comes_first(
    desk: Desk, errands: list[ProcessInstance]
) -> None:
    desk.do("ask")
    name = order(desk, "suspend", ids(errands))
    desk.settle()
    state, results = told(desk, name)
    assert (state.done, state.refused, state.is_done) == (2, 1, True)
    assert (results[0].instance_id, results[0].outcome) == (errands[0].id, BatchOutcome.REFUSED)
    assert results[0].reason == f"{errands[0].business_key} has ended." and results[0].said == []
    assert [desk.state(errand) for errand in errands] == ["completed", "suspended", "suspended"]


def test_one_that_breaks_is_taken_back_and_given_up_after_three_attempts(
    desk: Desk, errands: list[ProcessInstance], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = interventions.perform, errands[1].id

    def breaks(engine: Any, session: Any, name: str, instance_id: int, *rest: Any, **values: Any) -> Any:
        effect = whole(engine, session, name, instance_id, *rest, **values)
        if instance_id == broken:
            raise RuntimeError("the disk is full")
        return effect

    monkeypatch.setattr(interventions, "perform", breaks)
    name = order(desk, "suspend", ids(errands))
    desk.settle()
    state, results = told(desk, name)
    assert (state.done, state.waiting, state.is_done) == (2, 1, False)
    assert "the disk is full" in results[0].reason
    for _ in range(3):
        clock.advance(minutes=5)
        desk.settle()
    state, results = told(desk, name)
    assert (state.done, state.refused, state.is_done) == (2, 1, True)
    assert "failed 3 times" in results[0].reason
    assert [desk.state(errand) for errand in errands] == ["suspended", "running", "suspended"]


def test_a_step_that_fails_again_is_no_success(desk: Desk) -> None:
    jammed = [True, True]

    def mend(ctx: Any) -> dict[str, Any]:
        if jammed:
            raise RuntimeError("The press is jammed.")
        return {}

    desk.service("press.mend", mend)
    drawing = Drawing().start("begin").service("repair", "press.mend").end("over")
    instance = desk.run(drawing.path("begin", "repair", "over"))
    first = order(desk, "retry", [instance.id])
    desk.settle()
    state, (result,) = told(desk, first)
    assert (state.done, state.refused, result.outcome) == (0, 1, BatchOutcome.REFUSED)
    assert "fails again" in result.reason and "jammed" in result.reason
    jammed.clear()
    second = order(desk, "retry", [instance.id])
    desk.settle()
    state, (result,) = told(desk, second)
    assert (state.done, result.outcome, desk.state(instance)) == (1, BatchOutcome.DONE, "completed")


@pytest.mark.parametrize(
    ("operation", "values", "state"),
    [("cancel", {}, "cancelled"), ("edit-variable", {"variables": {"cost": 7}}, "running")],
)
def test_other_operations(
    desk: Desk, errands: list[ProcessInstance], operation: str, values: dict[str, Any], state: str
) -> None:
    name = order(desk, operation, ids(errands), **values)
    desk.settle()
    assert told(desk, name)[0].done == 3
    assert [desk.state(errand) for errand in errands] == [state] * 3
    if values:
        assert [desk.variables(errand)["cost"] for errand in errands] == [7, 7, 7]


def test_which_operations_are_for_many() -> None:
    names = [operation.name for operation in batches.for_many()]
    assert names == [
        "nudge", "reassign", "escalate", "retry", "fire-timers",
        "edit-variable", "suspend", "resume", "cancel",
    ]  # fmt: skip
    assert set(OPERATIONS) - set(names) == {"resolve", "move", "skip"}


# -- ordering it -----------------------------------------------------------------------------------


@pytest.mark.databases
def test_what_is_sent_twice_is_ordered_once(desk: Desk, errands: list[ProcessInstance]) -> None:
    first = order(desk, "suspend", ids(errands), name=NAME)
    second = order(desk, "suspend", ids(errands), name=NAME)
    assert first == second == NAME
    with desk.sessions() as session:
        assert session.scalar(sa.select(sa.func.count(OperationBatch.id))) == 1
        assert session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == batches.KIND)) == 3
    with pytest.raises(Conflict, match="somebody else"):
        order(desk, "suspend", ids(errands), name=NAME, by="ann")


@pytest.mark.databases
def test_what_is_sent_twice_at_the_same_moment_is_ordered_once(
    desk: Desk, errands: list[ProcessInstance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is there although it could not be seen before."""
    order(desk, "suspend", ids(errands), name=NAME)
    whole = batches._named
    monkeypatch.setattr(
        batches,
        "_named",
        lambda session, name, *, lock=False: whole(session, name, lock=lock) if lock else None,
    )
    assert order(desk, "suspend", ids(errands), name=NAME) == NAME
    with desk.sessions() as session:
        assert session.scalar(sa.select(sa.func.count(Job.id)).where(Job.kind == batches.KIND)) == 3


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"reason": " "}, "REASON_MISSING", "reason"),
        ({"operation": "reassign"}, "VALUE_MISSING", "person"),
        ({"operation": "edit-variable", "variables": {}}, "VALUE_MISSING", "variables"),
        ({"task": 1}, "VALUE_UNKNOWN", "task"),
        ({"instances": []}, "NO_INSTANCES", "instanceIds"),
        ({"instances": [4711]}, "NO_INSTANCES", "instanceIds"),
        ({"instances": range(1, MAXIMUM_INSTANCES + 2)}, "TOO_MANY_INSTANCES", "instanceIds"),
    ],
)
def test_an_order_that_is_none(
    desk: Desk, errands: list[ProcessInstance], given: dict[str, Any], code: str, field: str
) -> None:
    values = {"operation": "suspend", "instances": ids(errands), **given}
    with pytest.raises(BusinessError) as refused:
        order(desk, **values)
    assert (refused.value.code, refused.value.field) == (code, field)
    with desk.sessions() as session:
        assert session.scalars(sa.select(Job).where(Job.kind == batches.KIND)).first() is None


@pytest.mark.parametrize("operation", ["move", "resolve", "explode"])
def test_what_must_be_looked_at_one_by_one_is_not_for_many(
    desk: Desk, errands: list[ProcessInstance], operation: str
) -> None:
    with pytest.raises(NotFound):
        order(desk, operation, ids(errands))


# -- looking ---------------------------------------------------------------------------------------


def test_a_look_tries_the_first_five_and_keeps_nothing(desk: Desk) -> None:
    desk.deploy(asking())
    errands = [desk.start() for _ in range(6)]
    desk.do("ask")
    glances = look(desk, "reassign", ids(errands), person=2)
    assert [glance.instance_id for glance in glances] == ids(errands)[:5]
    assert [glance.is_refused for glance in glances] == [True, False, False, False, False]
    assert glances[0].refusal == f"{errands[0].business_key} has ended."
    assert glances[1].effect is not None and "to Bob" in glances[1].effect.said[0]
    assert {task.assignee_id for task in desk.tasks()} == {None}
    assert len(entries(desk, errands[1])) == len(entries(desk, errands[5]))


def test_ones_own_batches_are_listed_newest_first(desk: Desk, errands: list[ProcessInstance]) -> None:
    first = order(desk, "suspend", ids(errands)[:1])
    desk.settle()
    second = order(desk, "resume", ids(errands))
    order(desk, "suspend", ids(errands), by="ann")
    with desk.sessions() as session:
        found = batches.recent(session, 3)
        assert (found.total, [batch.name for batch in found.items]) == (2, [second, first])
        assert [(batch.total, batch.waiting) for batch in found.items] == [(3, 3), (1, 0)]
        assert batches.recent(session, 3, page=2, page_size=1).items[0].name == first


def test_there_is_no_such_batch(desk: Desk) -> None:
    with desk.sessions() as session, pytest.raises(NotFound):
        batches.progress(session, NAME)
