"""The stored state: what is saved and loaded runs on as if it had never been, and does not grow."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from SpiffWorkflow.bpmn.util.event import BpmnEvent

from app.clock import ManualClock
from app.engine import projection, state, user_tasks
from app.engine.actors import SYSTEM
from app.engine.events import Message
from app.engine.execution import Execution, lock
from app.engine.models import ProcessInstance
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

# -- size ------------------------------------------------------------------------------------------


def looping() -> Drawing:
    """A loop with all that may stay open beside it: listeners, boundary timers, a waiting join."""
    return (
        Drawing().start("begin").parallel("fork", "join").exclusive("round", "again")
        .catch("stop", message="stop").user("wait").user("ask").script("count", "n + 1", "n")
        .boundary("late", on="ask", after="P9D").user("other").end("done").path("late", "other", "done")
        .boundary("remind", on="ask", interrupting=False, every="R/PT1H").end("reminded")
        .boundary("told", on="ask", interrupting=False, message="told").end("heard")
        .path("begin", "fork", "round", "ask", "count", "again", "join", "done")
        .path("again", "round", when="true").path("fork", "stop", "join").path("fork", "wait")
        .path("remind", "reminded").path("told", "heard")
    )  # fmt: skip


def test_the_state_does_not_grow_with_the_rounds_of_a_loop(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(looping(), n=0)
    desk.do("ask")
    size, length = desk.size(instance), len(str(desk.now(instance).engine_state))
    with desk.acting() as session:
        for _ in range(300):
            (task,) = (row for row in projection.open_tasks(session, instance.id) if row.element_id == "ask")
            user_tasks.complete(desk.engine, session, task.id, ACTORS["ann"], {})
    assert desk.variables(instance)["n"] == 301
    assert desk.size(instance) == size < 30
    assert len(str(desk.now(instance).engine_state)) <= length + 10


def test_the_state_does_not_grow_with_what_happens_beside_a_task(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(looping(), n=0)
    sizes = set()
    for _ in range(12):
        clock.advance(hours=1)
        assert desk.fire() == 1
        desk.send("told", instance.business_key)
        sizes.add(desk.size(instance))
    assert len(sizes) == 1


def test_the_state_does_not_grow_with_parallel_rounds(desk: Desk) -> None:
    inside = Drawing().start("in").user("check").end("out").path("in", "check", "out")
    drawing = (
        Drawing().start("begin").exclusive("round", "again").parallel("fork", "join").user("a")
        .inside("sub", inside).boundary("late", on="sub", after="P1D").end("lost").path("late", "lost")
        .path("begin", "round", "fork", "a", "join", "again", "round", when=None)
        .path("fork", "sub", "join")
    )  # fmt: skip
    instance = desk.run(drawing)
    sizes = set()
    for _ in range(30):
        desk.do("a")
        desk.do("check")
        sizes.add(desk.size(instance))
    assert len(sizes) == 1


# -- saving and loading ----------------------------------------------------------------------------


class Grower:
    """Grows a random block-structured diagram: every block has one way in and one way out."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a diagram is no secret
        self.count = 0
        self.drawing = Drawing().start("begin").end("done")
        first, last = self.block(self.drawing, 3)
        self.drawing.path("begin", first).path(last, "done")

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def block(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        kinds = ["user", "user", "catch"] + (
            ["sequence", "parallel", "inclusive", "choice", "loop", "race", "watched", "inside"] * bool(depth)
        )
        return getattr(self, self.random.choice(kinds))(drawing, depth - 1)  # type: ignore[no-any-return]

    def user(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        name = self.name("user")
        drawing.user(name)
        return name, name

    def catch(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        name = self.name("event")
        drawing.catch(name, message=name)
        return name, name

    def sequence(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        (first, end), (start, last) = self.block(drawing, depth), self.block(drawing, depth)
        drawing.path(end, start)
        return first, last

    def _branches(self, drawing: Drawing, depth: int, split: str, join: str, conditions: list[Any]) -> None:
        for condition in conditions:
            first, last = self.block(drawing, depth)
            drawing.path(split, first, when=condition).path(last, join)

    def parallel(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        split, join = self.name("fork"), self.name("join")
        drawing.parallel(split, join)
        self._branches(drawing, depth, split, join, [None, None])
        return split, join

    def inclusive(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        split, join = self.name("some"), self.name("joined")
        drawing.inclusive(split, join)
        self._branches(drawing, depth, split, join, ["x > 1", "x > 2", None])
        return split, join

    def choice(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        split, join = self.name("choice"), self.name("merged")
        drawing.exclusive(split, join)
        self._branches(drawing, depth, split, join, ["x > 2", None])
        return split, join

    def loop(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        before, after = self.name("again"), self.name("enough")
        drawing.exclusive(before, after)
        first, last = self.block(drawing, depth)
        drawing.path(before, first).path(last, after).path(after, before, when="x > 3")
        return before, after

    def race(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        gate, merged = self.name("race"), self.name("merged")
        drawing.race(gate).exclusive(merged)
        for _ in range(2):
            event = self.name("event")
            drawing.catch(event, message=event)
            first, last = self.block(drawing, depth)
            drawing.path(gate, event, first).path(last, merged)
        return gate, merged

    def watched(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        name, merged = self.name("user"), self.name("merged")
        stop, aside, ended = self.name("event"), self.name("event"), self.name("end")
        drawing.user(name).exclusive(merged).boundary(stop, on=name, message=stop).end(ended)
        drawing.boundary(aside, on=name, message=aside, interrupting=False)
        first, last = self.block(drawing, depth)
        drawing.path(name, merged).path(stop, merged).path(aside, first).path(last, ended)
        return name, merged

    def inside(self, drawing: Drawing, depth: int) -> tuple[str, str]:
        name, begin, end = self.name("sub"), self.name("in"), self.name("out")
        inner = Drawing().start(begin).end(end)
        first, last = self.block(inner, depth)
        drawing.inside(name, inner.path(begin, first).path(last, end))
        return name, name


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), choices=st.lists(st.integers(0, 11), min_size=4, max_size=14))
def test_an_instance_runs_the_same_whether_or_not_it_is_stored_in_between(
    desk: Desk, seed: int, choices: list[int]
) -> None:
    """Two runs of a random diagram: one loads its state for each action, one never does."""
    desk.deploy(Grower(seed).drawing)
    stored, kept = desk.start(x=1), desk.start(x=1)
    with desk.acting() as session:
        memory = _resume(desk, session, kept)
    for choice in choices:
        with desk.acting() as session:
            loaded = _resume(desk, session, stored)
            assert _standing(loaded) == _standing(memory)
            options = _options(loaded)
            if not options:
                break
            action = options[choice % len(options)]
            _act(loaded, action, choice % 5)
            state.prune(loaded.workflow)
            loaded.instance.engine_state = state.dump(loaded.workflow, loaded.variables)
        with desk.acting() as session:
            memory.session = session
            _act(memory, action, choice % 5)
    with desk.acting() as session:
        assert _standing(_resume(desk, session, stored)) == _standing(memory)


def _resume(desk: Desk, session: Any, instance: ProcessInstance) -> Execution:
    row = lock(session, instance.id)
    assert row is not None
    return Execution.resume(desk.engine, session, row, SYSTEM)


def _standing(execution: Execution) -> list[str]:
    mask = sum(state.STANDING)
    return sorted(
        task.task_spec.name
        for tree in execution.trees()
        for task in tree.tasks.values()
        if task.has_state(mask) and task.task_spec.bpmn_id is not None
    )


def _options(execution: Execution) -> list[str]:
    """What may happen now: user tasks that can be done and messages that are waited for."""
    tasks = {task.task_spec.name for task in execution.ready_user_tasks()}
    events = {task.task_spec.name for task in execution.workflow.event_manager.tasks.values()}
    return sorted(tasks | events)


def _act(execution: Execution, name: str, x: int) -> None:
    execution.variables["x"] = x
    if name.startswith("user"):
        ready = [task for task in execution.ready_user_tasks() if task.task_spec.name == name]
        execution.complete_user_task(ready[0])
    else:
        execution.workflow.event_manager.catch(BpmnEvent(Message(name), payload={}), internal=False)
    execution.advance()


def test_state_of_an_unknown_version_is_refused(desk: Desk) -> None:
    instance = desk.run(Drawing().start("begin").user("ask").path("begin", "ask"))
    saved = {**desk.now(instance).engine_state, "version": 99}
    with pytest.raises(ValueError, match="version 99"):
        state.load(saved, None, {}, None)
