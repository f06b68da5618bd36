"""Verbs that several tasks answer to, and verbs that mean nothing in particular."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.engine.check import Problem, check_files
from app.engine.core import ProcessEngine
from tests.support import repair
from tests.support.diagrams import Drawing


@pytest.fixture(scope="module")
def engine() -> Iterator[ProcessEngine]:
    made = repair.engine()
    yield made
    made.feel.close()


def about(engine: ProcessEngine, drawing: Drawing, code: str) -> list[Problem]:
    return [each for each in check_files(engine, drawing.files()) if each.code == code]


def fork(**second: str) -> Drawing:
    """Two tasks side by side, then a third; all answer to “do”."""
    second.setdefault("apiVerb", "do")
    return (
        Drawing().start("begin").parallel("parted", "met")
        .user("one", apiVerb="do").user("two", **second).user("three", apiVerb="do").end("done")
        .path("begin", "parted", "one", "met", "three", "done").path("parted", "two", "met")
    )  # fmt: skip


def test_tasks_that_are_open_at_once(engine: ProcessEngine) -> None:
    (problem,) = about(engine, fork(), "verb-shared")
    assert not problem.is_error
    assert (problem.element, problem.file) == ("two", "process.bpmn")
    assert "“One” and “Two” may be open at the same time" in problem.message and "“do”" in problem.message
    assert "a verb of its own" in problem.hint


@pytest.mark.parametrize(
    "second", [{"apiVerb": "do_two"}, {"candidateRole": "MANAGER"}, {"apiVerb": "do_two, look"}]
)
def test_tasks_that_are_told_apart(engine: ProcessEngine, second: dict[str, str]) -> None:
    assert about(engine, fork(**second), "verb-shared") == []


def test_whoever_is_assigned_may_be_anybody(engine: ProcessEngine) -> None:
    assert [each.element for each in about(engine, fork(assignee="=actor.id"), "verb-shared")] == ["two"]


def test_one_after_the_other_and_one_or_the_other_are_no_problem(engine: ProcessEngine) -> None:
    drawing = (
        Drawing().start("begin").exclusive("which", "again")
        .user("one", apiVerb="do").user("two", apiVerb="do").user("three", apiVerb="do").end("done")
        .path("begin", "which", "one", "three", "again", "done").path("which", "two", "three", when="1 = 1")
        .path("again", "which", when="1 = 2")
    )  # fmt: skip
    assert about(engine, drawing, "verb-shared") == []


def test_a_loop_back_is_no_second_token(engine: ProcessEngine) -> None:
    """From either side it goes back to before the tokens part, once both have met."""
    drawing = (
        Drawing().start("begin").user("zero", apiVerb="do").parallel("parted", "met").exclusive("again")
        .user("one", apiVerb="do").service("beside", "people.tell").end("done")
        .path("begin", "zero", "parted", "one", "met", "again", "done").path("parted", "beside", "met")
        .path("again", "zero", when="1 = 2")
    )  # fmt: skip
    assert about(engine, drawing, "verb-shared") == []


def test_what_a_timer_opens_beside_a_task(engine: ProcessEngine) -> None:
    def beside(*, interrupting: bool) -> Drawing:
        return (
            Drawing().start("begin").user("one", apiVerb="do").end("done").end("escalated")
            .boundary("late", "one", interrupting=interrupting, after="PT1H")
            .user("two", apiVerb="do").path("begin", "one", "done").path("late", "two", "escalated")
        )  # fmt: skip

    assert [each.element for each in about(engine, beside(interrupting=False), "verb-shared")] == ["two"]
    assert about(engine, beside(interrupting=True), "verb-shared") == []


def test_inside_a_subprocess_too(engine: ProcessEngine) -> None:
    inner = Drawing().start("in").user("two", apiVerb="do").end("out").path("in", "two", "out")
    drawing = (
        Drawing().start("begin").parallel("parted", "met").user("one", apiVerb="do").inside("part", inner)
        .end("done").path("begin", "parted", "one", "met", "done").path("parted", "part", "met")
    )  # fmt: skip
    assert len(about(engine, drawing, "verb-shared")) == 1


@pytest.mark.parametrize(
    ("verb", "outcomes", "warned"),
    [
        ("finish", ("yes", "no"), True),
        ("finish=no", ("yes", "no"), False),
        ("no", ("yes", "no"), False),
        ("finish", ("yes",), False),  # there is but one button
        ("finish", (), False),
    ],
)
def test_a_verb_that_no_outcome_is_called_after(
    engine: ProcessEngine, verb: str, outcomes: tuple[str, ...], warned: bool
) -> None:
    drawing = Drawing().start("begin").user("ask", apiVerb=verb, outcomes=outcomes).end("done")
    found = about(engine, drawing.path("begin", "ask", "done"), "verb-without-outcome")
    assert [each.element for each in found] == (["ask"] if warned else [])
    if warned:
        assert "get “yes”" in found[0].message and "finish=yes" in found[0].hint
