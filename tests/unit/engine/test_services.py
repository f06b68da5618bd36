"""The registry of service tasks."""

from __future__ import annotations

from typing import Any

import pytest

from app.engine.services import (
    Input,
    Output,
    ServiceContext,
    ServiceRegistry,
    ServiceTask,
    UnknownService,
    registry,
    service_task,
)
from tests.support.desk import Desk
from tests.support.diagrams import Drawing


def task(name: str = "thing.do", function: Any = lambda ctx: None, **inputs: Input) -> ServiceTask:
    return ServiceTask(name, "Do", "", function, inputs, {}, {})


@pytest.mark.parametrize("name", ["do", "Thing.do", "thing.", "thing.do it", "", "thing..do", "os.system()"])
def test_a_name_is_a_group_and_a_verb(name: str) -> None:
    with pytest.raises(ValueError, match=r"use group\.verb"):
        ServiceRegistry().add(task(name))


def test_a_name_is_taken_once() -> None:
    services, first = ServiceRegistry(), task()
    services.add(first)
    services.add(first)
    with pytest.raises(ValueError, match="registered twice"):
        services.add(task(function=print))


def test_an_unknown_service_is_named() -> None:
    with pytest.raises(UnknownService, match=r"There is no service task named thing\.do"):
        ServiceRegistry().get("thing.do")


def test_a_call_passes_the_inputs_it_knows_and_asks_for_those_it_needs() -> None:
    services = ServiceRegistry()
    needed, optional = Input("string", ""), Input("number", "", required=False)
    services.add(task(function=lambda ctx, a, b=7: {"a": a, "b": b}, a=needed, b=optional))
    context: Any = None
    assert services.call("thing.do", context, {"a": "x", "c": 1}) == {"a": "x", "b": 7}
    assert services.call("thing.do", context, {"a": "x", "b": 0}) == {"a": "x", "b": 0}
    with pytest.raises(ValueError, match=r"thing\.do needs a value for a"):
        services.call("thing.do", context, {"a": None})


def test_a_service_that_answers_nothing_answers_an_empty_dictionary() -> None:
    services = ServiceRegistry()
    services.add(task())
    context: Any = None
    assert services.call("thing.do", context, {}) == {}


def test_the_decorator_documents_what_it_registers() -> None:
    try:

        @service_task("test.fetch", title="Fetch", outputs={"n": Output("number", "How many")})
        def fetch(ctx: ServiceContext) -> dict[str, Any]:
            """Fetch
            something."""
            return {"n": 1}

        registered = registry.get("test.fetch")
        assert (registered.title, registered.description) == ("Fetch", "Fetch something.")
        assert registered.function is fetch
    finally:
        registry.tasks.pop("test.fetch", None)


def test_a_service_works_in_the_transaction_of_the_action(desk: Desk) -> None:
    seen: list[ServiceContext] = []

    def work(ctx: ServiceContext) -> None:
        seen.append(ctx)
        ctx.enqueue("note", {"what": "x"}, key="once")
        ctx.send_message("news", to=["E-8", "E-9"], payload={"n": 1})
        ctx.send_message("call", payload={"n": 2})

    desk.service("thing.work", work)
    drawing = Drawing().start("begin").service("work", "thing.work").user("ask").path("begin", "work", "ask")
    instance = desk.run(drawing, by="bob")
    (ctx,) = seen
    assert (ctx.actor.name, ctx.instance.business_key, ctx.subject_id) == ("Bob", "E-1", instance.subject_id)
    assert ctx.element_id == "work"
    queued = [(job.kind, job.unique_key, job.instance_id) for job in desk.jobs()]
    assert queued == [("note", "once", instance.id)] + [("message", None, instance.id)] * 3
    assert [job.payload["to"] for job in desk.jobs("message")] == ["E-8", "E-9", None]


def test_escalating_a_step_that_is_not_open_reaches_nobody(desk: Desk) -> None:
    desk.service("thing.escalate", lambda ctx: {"n": ctx.escalate("ask", "VISITOR")})
    drawing = (
        Drawing().start("begin").service("up", "thing.escalate", outputs={"n": "result.n"}).user("ask")
        .path("begin", "up", "ask")
    )  # fmt: skip
    assert desk.variables(desk.run(drawing))["n"] == 0
