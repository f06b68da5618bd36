"""Messages between instances: each has its effect exactly once, however often it is offered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.clock import ManualClock
from app.engine import instances, jobs, messages, operations
from app.engine.models import Job
from app.errors import Conflict, Forbidden, NotFound
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing


def listener() -> Drawing:
    return (
        Drawing().start("begin").user("ask").catch("wait", message="news").user("after").end("done")
        .path("begin", "ask", "wait", "after", "done")
    )  # fmt: skip


@pytest.mark.databases
def test_a_message_makes_its_payload_variables(desk: Desk) -> None:
    instance = desk.run(listener())
    desk.do("ask")
    desk.post("news", instance.business_key, what="rain", n=1)
    assert desk.settle() == 1
    assert desk.open() == ["after"]
    assert desk.variables(instance)["what"] == "rain"
    assert desk.kinds(instance, "wait") == ["entered", "message_received", "passed"]


def test_a_job_that_is_run_twice_delivers_once(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("round").catch("wait", message="news")
        .script("count", "n + 1", "n").path("begin", "round", "wait", "count", "round")
    )  # fmt: skip
    instance = desk.run(drawing, n=0)
    job = desk.post("news", instance.business_key)
    assert jobs.run(desk.engine, desk.sessions, job.id)
    assert not jobs.run(desk.engine, desk.sessions, job.id)
    assert desk.variables(instance)["n"] == 1


def test_a_delivery_that_dies_before_its_commit_is_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    instance = desk.run(listener())
    desk.do("ask")
    desk.post("news", instance.business_key)

    def killed(*arguments: Any) -> None:
        messages.deliver_job(*arguments)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setitem(jobs._handlers, "message", killed)
        desk.settle()
    assert desk.tokens(instance) == ["wait"]
    clock.advance(hours=1)
    assert desk.settle() == 1
    assert desk.tokens(instance) == ["after"]


def test_a_message_is_kept_while_nobody_waits_and_delivered_as_soon_as_somebody_does(
    desk: Desk, clock: ManualClock
) -> None:
    instance = desk.run(listener())
    desk.post("news", instance.business_key, what="rain")
    for _ in range(200):
        clock.advance(hours=2)
        assert desk.settle() == 0
    (job,) = desk.jobs("message")
    assert (job.state, job.attempts) == ("waiting", 0)
    assert "does not wait for the message news" in (job.last_error or "")
    desk.do("ask")
    assert desk.settle() == 1
    assert desk.open() == ["after"]


def test_a_message_that_nobody_waited_for_in_a_month_fails(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(listener())
    desk.post("news", instance.business_key)
    clock.time += messages.KEPT + timedelta(minutes=1)
    for _ in range(jobs.MAXIMUM_ATTEMPTS):
        desk.settle()
        clock.advance(hours=1)
    assert [job.state for job in desk.jobs("message")] == ["failed"]


def test_a_message_waits_for_a_suspended_instance(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(listener())
    desk.do("ask")
    desk.operate(operations.suspend, instance)
    desk.post("news", instance.business_key)
    assert desk.settle() == 0
    desk.operate(operations.resume, instance)
    assert desk.settle() == 1
    assert desk.open() == ["after"]


@pytest.mark.parametrize("key", ["E-1", "E-404"])
def test_a_message_to_somebody_who_has_ended_is_dropped_with_a_log(
    desk: Desk, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk.run(Drawing().start("begin").end("done").path("begin", "done"))
    desk.post("news", key)
    with caplog.at_level("INFO", "app.engine.messages"):
        assert desk.settle() == 1
    assert f"message news to {key} came too late" in caplog.text


def test_delivering_at_once_says_why_it_cannot_be(desk: Desk) -> None:
    instance = desk.run(listener())
    with pytest.raises(Conflict, match="does not wait"):
        desk.send("news", instance.business_key)
    with pytest.raises(NotFound, match="E-404"):
        desk.send("news", "E-404")


def test_a_message_starts_the_process_that_waits_for_it(desk: Desk) -> None:
    drawing = Drawing().start("called", message="call").user("answer").path("called", "answer")
    desk.deploy(drawing)
    desk.post("call", None, note="hello")
    assert desk.settle() == 1
    (task,) = desk.tasks()
    assert task.element_id == "answer"
    with desk.sessions() as session:
        instance = instances.get(session, task.instance_id)
    assert desk.errand(instance)["note"] == "hello"
    assert desk.variables(instance)["note"] == "hello"
    assert desk.kinds(instance, "called") == ["started", "passed"]


def test_a_process_may_start_by_a_form_or_by_a_message(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").start("called", message="call").user("asked").user("answer")
        .end("done").path("begin", "asked", "done").path("called", "answer", "done")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert desk.open(instance) == ["asked"]
    assert desk.tokens(instance) == ["asked"]
    desk.do("asked")
    assert desk.state(instance) == "completed"
    desk.post("call", None)
    desk.settle()
    assert desk.open() == ["answer"]
    desk.do("answer")
    assert desk.tasks() == []


def test_a_message_that_no_process_starts_with_stays_as_a_failed_job(desk: Desk, clock: ManualClock) -> None:
    desk.post("call", None)
    for _ in range(jobs.MAXIMUM_ATTEMPTS):
        desk.settle()
        clock.advance(hours=1)
    (job,) = desk.jobs("message")
    assert job.state == "failed"
    assert "No deployed process starts with the message call" in (job.last_error or "")


def test_two_instances_write_to_each_other(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").user("ask", outputs={"to": "to"}).parallel("fork")
        .send("tell", "news", to="=to", inputs={"sender": "errand.businessKey"}).end("told")
        .receive("hear", "news", outputs={"heard": "payload.sender"}).end("done")
        .path("begin", "ask", "fork", "tell", "told").path("fork", "hear", "done")
    )  # fmt: skip
    one, two = desk.run(drawing), desk.start()
    desk.do("ask", to=two.business_key)
    desk.do("ask", to=one.business_key)
    desk.settle()
    assert [desk.state(one), desk.state(two)] == ["completed", "completed"]
    assert desk.variables(one)["heard"] == two.business_key


def test_a_message_reaches_everything_that_waits_for_it(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork").catch("a", message="news").receive("b", "news")
        .user("ask").boundary("c", on="ask", message="news").user("a_done").user("b_done").user("c_done")
        .path("begin", "fork", "a", "a_done").path("fork", "b", "b_done").path("fork", "ask")
        .path("c", "c_done")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.send("news", instance.business_key)
    assert desk.open() == ["a_done", "b_done", "c_done"]


def test_a_message_on_a_boundary_that_does_not_interrupt_may_come_again(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").user("ask").user("after").user("read")
        .boundary("told", on="ask", message="news", interrupting=False, outputs={"heard": "payload.what"})
        .path("begin", "ask", "after").path("told", "read")
    )  # fmt: skip
    instance = desk.run(drawing)
    for what in ("rain", "sun"):
        desk.send("news", instance.business_key, what=what)
        assert desk.variables(instance)["heard"] == what
    assert desk.open() == ["ask", "read", "read"]
    desk.do("ask")
    assert desk.open() == ["after", "read", "read"]
    with pytest.raises(Conflict):
        desk.send("news", instance.business_key, what="snow")


def test_a_person_sends_only_what_the_diagram_allows(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").catch("wait", message="news", allowed='=actor.role = "CLERK"').user("after")
        .path("begin", "wait", "after")
    )  # fmt: skip
    instance = desk.run(drawing)
    with pytest.raises(Forbidden):
        desk.send("news", instance.business_key, by=ACTORS["visitor"])
    desk.send("news", instance.business_key, by=ACTORS["ann"])
    assert desk.open() == ["after"]


def test_a_sent_message_remembers_its_sender(desk: Desk) -> None:
    drawing = Drawing().start("begin").throw("tell", "news", to="E-9").end("done")
    instance = desk.run(drawing.path("begin", "tell", "done"))
    job: Job = desk.jobs("message")[0]
    assert (job.instance_id, job.payload["sender"]) == (instance.id, instance.business_key)
