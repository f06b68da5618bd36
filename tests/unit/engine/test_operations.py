"""What overseers do to an instance: holding it, stopping it, correcting its variables."""

from __future__ import annotations

from typing import Any

import pytest

from app.clock import ManualClock
from app.engine import operations
from app.engine.models import ProcessInstance
from app.errors import BusinessError, Conflict, NotFound
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing


def timed(period: str = "PT1H") -> Drawing:
    return (
        Drawing().start("begin", candidateRole="CLERK").user("ask")
        .boundary("late", on="ask", after=period, interrupting=False).user("remind").user("after").end("done")
        .path("begin", "ask", "after", "done").path("late", "remind")
    )  # fmt: skip


# -- holding ---------------------------------------------------------------------------------------


@pytest.mark.databases
def test_while_it_is_suspended_nothing_goes_on(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed())
    desk.operate(operations.suspend, instance)
    assert desk.state(instance) == "suspended"
    clock.advance(days=1)
    assert desk.fire() == 0
    with pytest.raises(Conflict, match="E-1 is suspended: its tasks wait until a manager resumes it"):
        desk.do("ask")
    with pytest.raises(Conflict, match="suspended already"):
        desk.operate(operations.suspend, instance)
    desk.operate(operations.resume, instance)
    assert desk.state(instance) == "running"
    assert desk.fire() == 1
    assert desk.open() == ["ask", "remind"]
    told = [(entry.kind, entry.detail["reason"], entry.actor_name) for entry in desk.history(instance)
            if entry.kind in ("suspended", "resumed")]  # fmt: skip
    assert told == [("suspended", "a reason", "Boss"), ("resumed", "a reason", "Boss")]


def test_what_is_not_suspended_is_not_resumed(desk: Desk) -> None:
    instance = desk.run(timed())
    with pytest.raises(Conflict, match="is not suspended"):
        desk.operate(operations.resume, instance)


# -- stopping --------------------------------------------------------------------------------------


@pytest.mark.databases
def test_a_cancelled_instance_stands_nowhere(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(timed())
    desk.operate(operations.cancel, instance)
    now = desk.now(instance)
    assert (now.state, now.end_reason, now.next_due_at, now.ended_at) == (
        "cancelled", "a reason", None, clock(),
    )  # fmt: skip
    assert desk.open() == []
    assert desk.tokens(instance) == []
    clock.advance(days=1)
    assert desk.fire() == 0
    for operation in (operations.cancel, operations.suspend, operations.resume):
        with pytest.raises(Conflict, match="E-1 has ended"):
            desk.operate(operation, instance)


def test_a_suspended_instance_can_be_cancelled(desk: Desk) -> None:
    instance = desk.run(timed())
    desk.operate(operations.suspend, instance)
    desk.operate(operations.cancel, instance)
    assert desk.state(instance) == "cancelled"


@pytest.mark.parametrize("operation", [operations.cancel, operations.suspend, operations.resume])
def test_what_is_not_there_is_not_found(desk: Desk, operation: Any) -> None:
    with pytest.raises(NotFound):
        desk.operate(operation, ProcessInstance(id=999))


@pytest.mark.parametrize("operation", [operations.cancel, operations.suspend])
@pytest.mark.parametrize(("reason", "code"), [("  ", "REASON_MISSING"), ("x" * 501, "REASON_TOO_LONG")])
def test_every_operation_has_a_reason(desk: Desk, operation: Any, reason: str, code: str) -> None:
    instance = desk.run(timed())
    with desk.acting() as session, pytest.raises(BusinessError) as refused:
        operation(desk.engine, session, instance.id, ACTORS["boss"], reason)
    assert (refused.value.code, refused.value.field) == (code, "reason")
    assert desk.state(instance) == "running"


# -- variables -------------------------------------------------------------------------------------


def correct(
    desk: Desk, instance: ProcessInstance, changes: dict[str, Any], reason: str = "Typed wrong"
) -> None:
    with desk.acting() as session:
        operations.set_variables(desk.engine, session, instance.id, ACTORS["boss"], changes, reason)


@pytest.mark.databases
def test_corrected_variables_are_found_by_what_comes_next_and_the_history_tells_both(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").user("ask").exclusive("many").user("few").user("lots")
        .path("begin", "ask", "many", "few").path("many", "lots", when="amount > 10")
    )  # fmt: skip
    instance = desk.run(drawing, amount=5, note="Milk", kept=[1])
    revision = desk.now(instance).revision
    correct(desk, instance, {"amount": 12.5, "note": None, "kept": [1], "where": {"shelf": ["a", 1, True]}})
    assert desk.variables(instance) == {"amount": 12.5, "kept": [1], "where": {"shelf": ["a", 1, True]}}
    assert desk.now(instance).revision == revision + 1
    told = desk.history(instance)[-1]
    assert (told.kind, told.actor_name) == ("variables", "Boss")
    assert told.detail == {
        "reason": "Typed wrong",
        "before": {"amount": 5, "note": "Milk", "where": None},
        "after": {"amount": 12.5, "note": None, "where": {"shelf": ["a", 1, True]}},
    }
    assert desk.open() == ["ask"]
    desk.do("ask")
    assert desk.open() == ["lots"]


def test_a_suspended_instance_can_be_corrected_and_an_ended_one_not(desk: Desk) -> None:
    instance = desk.run(timed())
    desk.operate(operations.suspend, instance)
    correct(desk, instance, {"x": 1})
    assert desk.variables(instance) == {"x": 1}
    desk.operate(operations.cancel, instance)
    with pytest.raises(Conflict, match="E-1 has ended"):
        correct(desk, instance, {"x": 2})


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({}, "NOTHING_TO_CHANGE", "variables"),
        ({"two words": 1}, "BAD_VARIABLE_NAME", "variables.two words"),
        ({"": 1}, "BAD_VARIABLE_NAME", "variables."),
        ({"1st": 1}, "BAD_VARIABLE_NAME", "variables.1st"),
        ({"x" * 61: 1}, "BAD_VARIABLE_NAME", "variables." + "x" * 60),
        ({"errand": {}}, "BAD_VARIABLE_NAME", "variables.errand"),
        ({"actor": {}}, "BAD_VARIABLE_NAME", "variables.actor"),
        ({"x": float("nan")}, "BAD_VARIABLE", "variables.x"),
        ({"x": float("inf")}, "BAD_VARIABLE", "variables.x"),
        ({"x": [10**400]}, "BAD_VARIABLE", "variables.x"),
        ({"x": {"a": object()}}, "BAD_VARIABLE", "variables.x"),
        ({"x": {1: "a"}}, "BAD_VARIABLE", "variables.x"),
        ({"x": "\ud800"}, "BAD_VARIABLE", "variables.x"),
        ({"x": deep(21)}, "BAD_VARIABLE", "variables.x"),
        ({"x": "é" * 33_000}, "VARIABLE_TOO_LARGE", "variables.x"),
        ({f"x{n}": "y" * 60_000 for n in range(18)}, "VARIABLE_TOO_LARGE", "variables"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_variable_is_refused_and_changes_nothing(
    desk: Desk, changes: dict[str, Any], code: str, field: str
) -> None:
    instance = desk.run(timed(), x="before")
    with pytest.raises(BusinessError) as refused:
        correct(desk, instance, changes)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert desk.variables(instance) == {"x": "before"}


def test_the_largest_variables_are_taken(desk: Desk) -> None:
    instance = desk.run(timed())
    changes = {"x": deep(20), "y" * 60: "é" * 32_000, "z": -(2**53 - 1)}
    correct(desk, instance, changes)
    assert desk.variables(instance) == changes
