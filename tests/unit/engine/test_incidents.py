"""Steps that fail for a reason nobody planned: nothing is lost, and they can be tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.clock import ManualClock
from app.engine import incidents, jobs, operations
from app.engine.models import Incident, ProcessInstance
from app.engine.services import Input, ServiceContext
from app.errors import BusinessError, Conflict, NotFound
from tests.support.desk import ACTORS, Desk, errands
from tests.support.diagrams import Drawing


class Machine:
    """A service that fails until it is mended."""

    def __init__(self, desk: Desk) -> None:
        self.error: Exception | None = RuntimeError("The printer is on fire.")
        self.calls: list[str] = []
        desk.service("machine.use", self.use)

    def use(self, ctx: ServiceContext) -> dict[str, Any]:
        self.calls.append(ctx.actor.name)
        ctx.session.execute(errands.update().where(errands.c.id == ctx.subject_id).values(note="used"))
        ctx.enqueue("note", {"what": "used"})
        ctx.send_message("used", to="E-99", payload={})
        if self.error is not None:
            raise self.error
        return {"done": True}


@pytest.fixture
def machine(desk: Desk) -> Machine:
    return Machine(desk)


def using() -> Drawing:
    return (
        Drawing().start("begin").user("ask", outputs={"wanted": "wanted"})
        .service("use", "machine.use", outputs={"used": "result.done"}, status="DONE").user("after")
        .end("done").path("begin", "ask", "use", "after", "done")
    )  # fmt: skip


def retry(desk: Desk, instance: ProcessInstance, by: str = "boss") -> None:
    (incident,) = desk.incidents(instance)
    with desk.acting() as session:
        incidents.retry(desk.engine, session, incident.id, ACTORS[by])


@pytest.mark.databases
def test_the_completion_is_kept_and_only_the_step_that_failed_is_undone(desk: Desk, machine: Machine) -> None:
    instance = desk.run(using(), note="unused")
    done = desk.do("ask", wanted="ten copies")
    assert done.next_tasks == []
    assert desk.state(instance) == "incident"
    assert desk.tokens(instance) == ["use"]
    (left,) = [entry for entry in desk.history(instance) if entry.kind == "left"]
    assert left.detail["values"] == {"wanted": "ten copies"}
    assert desk.variables(instance)["wanted"] == "ten copies"
    assert desk.errand(instance) == {"id": 1, "status": "NEW", "note": "unused", "businessKey": "E-1"}
    assert [job.kind for job in desk.jobs()] == ["retry"]
    assert [entry.kind for entry in desk.history(instance)].count("message_sent") == 0
    (incident,) = desk.incidents(instance)
    assert incident.message == "The printer is on fire."
    assert "RuntimeError" in incident.traceback
    assert (incident.element_id, incident.element_name, incident.attempts) == ("use", "Use", 1)


def test_a_manager_retries_and_the_instance_runs_on(desk: Desk, machine: Machine) -> None:
    instance = desk.run(using())
    desk.do("ask", wanted="x")
    machine.error = None
    retry(desk, instance)
    assert desk.open() == ["after"]
    assert desk.state(instance) == "running"
    assert desk.errand(instance)["status"] == "DONE"
    (resolved,) = desk.incidents(instance, resolved=True)
    assert resolved.resolved_by == ACTORS["boss"].user_id
    assert desk.variables(instance)["used"] is True
    assert desk.kinds(instance, "use") == ["incident", "retried", "passed"]
    desk.do("after")
    assert desk.state(instance) == "completed"


def test_a_step_that_fails_again_stays_one_incident(desk: Desk, machine: Machine) -> None:
    instance = desk.run(using())
    desk.do("ask", wanted="x")
    machine.error = ValueError("Out of paper.")
    retry(desk, instance)
    (incident,) = desk.incidents(instance)
    assert (incident.attempts, incident.message) == (2, "Out of paper.")
    assert desk.state(instance) == "incident"


def test_automatic_retries_come_later_and_later_and_then_stop(
    desk: Desk, machine: Machine, clock: ManualClock
) -> None:
    instance = desk.run(using())
    desk.do("ask", wanted="x")
    assert desk.settle() == 0
    for attempt in range(1, incidents.AUTOMATIC_RETRIES):
        clock.time += jobs.backoff(attempt) - timedelta(seconds=1)
        assert desk.settle() == 0
        clock.advance(seconds=1)
        assert desk.settle() == 1
    clock.advance(days=30)
    assert desk.settle() == 0
    assert desk.incidents(instance)[0].attempts == incidents.AUTOMATIC_RETRIES == len(machine.calls)
    machine.error = None
    retry(desk, instance)
    assert desk.state(instance) == "running"


def test_an_automatic_retry_acts_in_the_name_of_whoever_acted(
    desk: Desk, machine: Machine, clock: ManualClock
) -> None:
    desk.run(using())
    desk.do("ask", by="bob", wanted="x")
    clock.advance(hours=1)
    machine.error = None
    desk.settle()
    assert machine.calls == ["Bob", "Bob"]
    assert desk.open() == ["after"]


def test_a_manager_who_is_quicker_makes_the_planned_retry_needless(
    desk: Desk, machine: Machine, clock: ManualClock
) -> None:
    instance = desk.run(using())
    desk.do("ask", wanted="x")
    retry(desk, instance)
    clock.advance(seconds=5)
    desk.settle()
    assert len(machine.calls) == 2  # the second attempt has been made by the manager
    clock.advance(seconds=10)
    desk.settle()
    assert len(machine.calls) == 3


def test_a_suspended_instance_is_not_retried_until_it_goes_on(
    desk: Desk, machine: Machine, clock: ManualClock
) -> None:
    instance = desk.run(using())
    desk.do("ask", wanted="x")
    desk.operate(operations.suspend, instance)
    with pytest.raises(Conflict, match="suspended"):
        retry(desk, instance)
    for _ in range(30):
        clock.advance(hours=2)
        desk.settle()
    assert len(machine.calls) == 1
    desk.operate(operations.resume, instance)
    assert desk.state(instance) == "incident"
    machine.error = None
    clock.advance(hours=2)
    desk.settle()
    assert desk.state(instance) == "running"


def test_what_cannot_be_retried_says_why(desk: Desk, machine: Machine, clock: ManualClock) -> None:
    instance = desk.run(using())
    desk.do("ask", wanted="x")
    (incident,) = desk.incidents(instance)
    desk.operate(operations.cancel, instance)
    assert desk.incidents(instance) == []
    with desk.acting() as session, pytest.raises(Conflict, match="resolved already"):
        incidents.retry(desk.engine, session, incident.id, ACTORS["boss"])
    with desk.acting() as session, pytest.raises(NotFound):
        incidents.retry(desk.engine, session, 999, ACTORS["boss"])
    clock.advance(days=1)
    desk.settle()
    assert [job.state for job in desk.jobs("retry")] == ["done"]


# -- whatever can fail -----------------------------------------------------------------------------


def gate(kind: str) -> Drawing:
    drawing = Drawing().start("begin").user("ask").user("yes").user("no").parallel("fork").user("fix")
    getattr(drawing, kind)("which")
    return (
        drawing.path("begin", "fork", "ask", "which", "no").path("fork", "fix")
        .path("which", "yes", when="count(n) > 0 and n[1] = 1")
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["exclusive", "inclusive"])
def test_a_condition_that_fails_is_an_incident_and_can_be_retried(
    desk: Desk, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = desk.run(gate(kind))
    evaluate = desk.engine.feel.evaluate

    def broken(expression: str, context: Any = None) -> Any:
        raise RuntimeError("FEEL is out of order")

    monkeypatch.setattr(desk.engine.feel, "evaluate", broken)
    desk.do("ask", n=[1])
    monkeypatch.setattr(desk.engine.feel, "evaluate", evaluate)
    assert desk.open() == ["fix"]
    assert [incident.element_id for incident in desk.incidents(instance)] == ["which"]
    retry(desk, instance)
    assert desk.open() == ["fix", "yes"]
    assert desk.state(instance) == "running"
    assert desk.incidents(instance) == []


def test_a_gateway_without_a_way_out_is_an_incident(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").inclusive("which").user("a").user("b").path("begin", "which")
        .path("which", "a", when="n = 1").path("which", "b", when="n = 2")
    )  # fmt: skip
    instance = desk.run(drawing, n=3)
    assert desk.incidents(instance)[0].message == "No condition of Which holds."


def test_an_input_that_fails_is_an_incident_and_can_be_retried_when_it_has_changed(desk: Desk) -> None:
    desk.service("thing.count", lambda ctx, n: {"n": n}, n=Input("number", ""))
    drawing = (
        Drawing().start("begin").parallel("fork").user("fix").user("after")
        .service("check", "thing.count", inputs={"n": "n"}, outputs={"counted": "result.n"})
        .path("begin", "fork", "fix").path("fork", "check", "after")
    )  # fmt: skip
    instance = desk.run(drawing, n=None)
    assert [incident.element_id for incident in desk.incidents(instance)] == ["check"]
    desk.do("fix", n=4)
    assert desk.state(instance) == "incident"
    retry(desk, instance)
    assert desk.open() == ["after"]
    assert desk.variables(instance)["counted"] == 4


def test_an_expression_that_has_no_value_is_an_incident(desk: Desk) -> None:
    drawing = Drawing().start("begin").script("compute", "1 +", "n").user("after")
    instance = desk.run(drawing.path("begin", "compute", "after"))
    assert [incident.element_id for incident in desk.incidents(instance)] == ["compute"]


def test_a_step_after_a_timer_that_fails_is_an_incident(
    desk: Desk, machine: Machine, clock: ManualClock
) -> None:
    machine.error = BusinessError("NO_PAPER", "There is no paper.")
    drawing = (
        Drawing().start("begin").catch("wait", after="PT1H").service("use", "machine.use").user("after")
        .path("begin", "wait", "use", "after")
    )  # fmt: skip
    instance = desk.run(drawing)
    clock.advance(hours=1)
    assert desk.fire() == 1
    assert desk.incidents(instance)[0].message == "There is no paper."
    machine.error = None
    retry(desk, instance)
    assert desk.open() == ["after"]


def test_a_step_after_a_message_that_fails_is_an_incident_and_no_lost_message(
    desk: Desk, machine: Machine
) -> None:
    machine.error = BusinessError("NO_PAPER", "There is no paper.")
    drawing = (
        Drawing().start("begin").catch("wait", message="go", outputs={"n": "payload.n"})
        .service("use", "machine.use").user("after").path("begin", "wait", "use", "after")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.post("go", instance.business_key, n=7)
    assert desk.settle() == 1
    assert desk.jobs("message", "done")
    assert desk.variables(instance)["n"] == 7
    assert desk.incidents(instance)[0].message == "There is no paper."


def test_a_mapping_of_a_message_that_fails_keeps_its_payload(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = (
        Drawing().start("begin").catch("wait", message="go", outputs={"n": "payload.n"}).user("after")
        .path("begin", "wait", "after")
    )  # fmt: skip
    instance = desk.run(drawing)
    evaluate = desk.engine.feel.evaluate_many
    monkeypatch.setattr(desk.engine.feel, "evaluate_many", lambda *_: 1 / 0)
    desk.send("go", instance.business_key, n=7)
    monkeypatch.setattr(desk.engine.feel, "evaluate_many", evaluate)
    assert desk.state(instance) == "incident"
    retry(desk, instance)
    assert desk.open() == ["after"]
    assert desk.variables(instance)["n"] == 7


@pytest.mark.parametrize("kind", ["user", "gateway", "catch", "subprocess", "service"])
def test_a_status_that_cannot_be_set_is_an_incident_of_its_step(
    desk: Desk, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.service("thing.do", lambda ctx: {})
    drawing = Drawing().start("begin").user("ask").user("after").path("begin", "ask")
    match kind:
        case "user":
            drawing.user("step", status="FORBIDDEN")
        case "gateway":
            drawing.parallel("step", status="FORBIDDEN")
        case "catch":
            drawing.catch("step", message="go", status="FORBIDDEN")
        case "service":
            drawing.service("step", "thing.do", status="FORBIDDEN")
        case _:
            inside = Drawing().start("in").user("deep").end("out").path("in", "deep", "out")
            drawing.inside("step", inside, status="FORBIDDEN")
    instance = desk.run(drawing.path("ask", "step", "after"))
    desk.do("ask", said="something")
    assert desk.variables(instance)["said"] == "something"
    assert [incident.element_id for incident in desk.incidents(instance)] == ["step"]
    assert desk.open() == []
    retry(desk, instance)
    assert [incident.attempts for incident in desk.incidents(instance)] == [2]
    mended = replace(desk.bindings.processes["errand"], set_status=lambda ctx, status: None)
    monkeypatch.setitem(desk.bindings.processes, "errand", mended)
    retry(desk, instance)
    assert desk.state(instance) == "running"
    expected = {"user": ["step"], "catch": [], "subprocess": ["deep"]}
    assert desk.open() == expected.get(kind, ["after"])


def test_an_incident_in_work_that_is_called_off_is_no_incident_any_more(
    desk: Desk, machine: Machine, clock: ManualClock
) -> None:
    inside = (
        Drawing().start("in").parallel("fork").service("use", "machine.use").user("beside").end("out")
        .end("out2").path("in", "fork", "use", "out").path("fork", "beside", "out2")
    )  # fmt: skip
    drawing = (
        Drawing().start("begin").inside("sub", inside).boundary("late", on="sub", after="PT1H")
        .user("instead").path("begin", "sub").path("late", "instead")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert desk.state(instance) == "incident"
    clock.advance(hours=1)
    desk.fire()
    assert desk.open() == ["instead"]
    assert desk.state(instance) == "running"
    assert desk.incidents(instance) == []


def test_two_incidents_are_resolved_one_by_one(desk: Desk, machine: Machine) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").service("use", "machine.use").service("use2", "machine.use")
        .user("a").user("b").path("begin", "fork", "use", "a").path("fork", "use2", "b")
    )  # fmt: skip
    instance = desk.run(drawing)
    first, second = desk.incidents(instance)
    machine.error = None
    for incident, state in ((first, "incident"), (second, "running")):
        with desk.acting() as session:
            incidents.retry(desk.engine, session, incident.id, ACTORS["boss"])
        assert desk.state(instance) == state
    assert desk.open() == ["a", "b"]


def test_the_reason_is_kept_short_enough_for_every_database(desk: Desk, machine: Machine) -> None:
    machine.error = RuntimeError("x" * 20000)
    instance = desk.run(using())
    desk.do("ask", wanted="x")
    incident: Incident = desk.incidents(instance)[0]
    assert len(incident.message) == 1000
    assert len(incident.traceback) <= 8000
