"""Where tokens split, choose, wait for each other and race; every step is saved and loaded."""

from __future__ import annotations

import pytest

from app.clock import ManualClock
from app.engine.execution import EndlessLoop
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

# -- exclusive -------------------------------------------------------------------------------------


@pytest.mark.databases
def test_an_exclusive_gateway_takes_the_first_way_that_holds_else_the_default(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("size").user("large").user("medium").user("small").end("done")
        .path("begin", "size").path("size", "large", when="size > 10").path("size", "medium", when="size > 5")
        .path("size", "small").path("large", "done").path("medium", "done").path("small", "done")
    )  # fmt: skip
    desk.deploy(drawing)
    assert desk.open(desk.start(size=20)) == ["large"]
    assert desk.open(desk.start(size=7)) == ["medium"]
    assert desk.open(desk.start(size=1)) == ["small"]
    assert desk.open(desk.start(size=None)) == ["small"]


def again() -> Drawing:
    return (
        Drawing().start("begin").user("ask", outcomes=("yes", "no")).exclusive("answered").end("done")
        .path("begin", "ask", "answered", "done").path("answered", "ask", when='outcome = "no"')
    )  # fmt: skip


def test_a_loop_through_an_exclusive_gateway_goes_on_until_it_is_left(desk: Desk) -> None:
    instance = desk.run(again())
    for _ in range(5):
        desk.do("ask", outcome="no")
        assert desk.open() == ["ask"]
    desk.do("ask", outcome="yes")
    assert desk.open() == []
    assert desk.state(instance) == "completed"
    assert desk.kinds(instance, "ask") == ["entered", "left"] * 6


# -- parallel --------------------------------------------------------------------------------------


def both() -> Drawing:
    return (
        Drawing().start("begin").parallel("fork", "join").user("a").user("b").user("after").end("done")
        .path("begin", "fork", "a", "join", "after", "done").path("fork", "b", "join")
    )  # fmt: skip


@pytest.mark.databases
def test_a_parallel_join_waits_for_all_across_transactions(desk: Desk) -> None:
    instance = desk.run(both())
    assert desk.open() == ["a", "b"]
    desk.do("b")
    assert desk.open() == ["a"]
    assert desk.tokens(instance) == ["a", "join"]
    desk.do("a")
    assert desk.open() == ["after"]
    desk.do("after")
    assert desk.state(instance) == "completed"
    assert desk.kinds(instance, "join") == ["passed"]


def test_parallel_work_in_a_loop_waits_anew_each_round(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("round", "again").parallel("fork", "join").user("a").user("b")
        .end("done").path("begin", "round", "fork", "a", "join", "again", "done")
        .path("fork", "b", "join").path("again", "round", when="more")
    )  # fmt: skip
    instance = desk.run(drawing)
    for first, second in (("a", "b"), ("b", "a"), ("a", "b")):
        assert desk.open() == ["a", "b"]
        desk.do(first)
        assert desk.open() == [second]
        desk.do(second, more=True)
    desk.do("b", more=False)
    desk.do("a")
    assert desk.state(instance) == "completed"


def test_a_join_that_three_ways_lead_to(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork", "join").user("a").user("b").user("c").end("done")
        .path("begin", "fork", "a", "join", "done").path("fork", "b", "join").path("fork", "c", "join")
    )  # fmt: skip
    instance = desk.run(drawing)
    for name in ("c", "a"):
        desk.do(name)
        assert desk.state(instance) == "running"
    desk.do("b")
    assert desk.state(instance) == "completed"


def test_two_flows_from_one_gateway_to_the_next_are_two_tokens(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork", "join").user("a").end("done")
        .path("begin", "fork", "join", "done").path("fork", "a", "join")
    )  # fmt: skip
    instance = desk.run(drawing)
    assert desk.tokens(instance) == ["a", "join"]
    desk.do("a")
    assert desk.state(instance) == "completed"


def test_an_arrival_of_the_next_round_does_not_stand_in_for_a_missing_one(desk: Desk) -> None:
    """Two tokens go round through ``a``; only ``b`` completes a pair with one of them."""
    drawing = (
        Drawing().start("begin").parallel("twice", "fork", "join").exclusive("merge").user("a").user("b")
        .user("after").end("done")
        .path("begin", "twice", "merge", "a", "join", "after", "done").path("twice", "fork", "b", "join")
        .path("fork", "merge")
    )  # fmt: skip
    desk.run(drawing)
    assert desk.open() == ["a", "a", "b"]
    desk.do("a")
    desk.do("a")
    assert desk.open() == ["b"]
    desk.do("b")
    assert desk.open() == ["after"]


def test_a_nested_fork_joins_inside_before_outside(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("outer", "inner", "inner_join", "outer_join")
        .user("a").user("b").user("c").end("done")
        .path("begin", "outer", "inner", "a", "inner_join", "outer_join", "done")
        .path("inner", "b", "inner_join").path("outer", "c", "outer_join")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("c")
    desk.do("a")
    assert desk.tokens(instance) == ["b", "inner_join", "outer_join"]
    desk.do("b")
    assert desk.state(instance) == "completed"


def test_one_branch_goes_round_while_the_join_waits_for_it(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").parallel("fork", "join").user("a", outcomes=("yes", "no")).user("b")
        .exclusive("answered").user("after").end("done")
        .path("begin", "fork", "a", "answered", "join", "after", "done").path("fork", "b", "join")
        .path("answered", "a", when='outcome = "no"')
    )  # fmt: skip
    desk.run(drawing)
    desk.do("b")
    for _ in range(4):
        desk.do("a", outcome="no")
        assert desk.open() == ["a"]
    desk.do("a", outcome="yes")
    assert desk.open() == ["after"]


# -- inclusive -------------------------------------------------------------------------------------


def some() -> Drawing:
    return (
        Drawing().start("begin").inclusive("fork", "join").user("a").user("b").user("c").user("after")
        .end("done").path("begin", "fork").path("fork", "a", when="a").path("fork", "b", when="b")
        .path("fork", "c").path("a", "join").path("b", "join").path("c", "join", "after", "done")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "opened"),
    [({"a": True}, ["a"]), ({"a": True, "b": True}, ["a", "b"]), ({}, ["c"]), ({"b": True}, ["b"])],
)
def test_an_inclusive_gateway_takes_every_way_that_holds_and_joins_those(
    desk: Desk, chosen: dict[str, bool], opened: list[str]
) -> None:
    instance = desk.run(some(), **chosen)
    assert desk.open() == opened
    for position in reversed(range(len(opened))):
        desk.do(opened[position])
        assert desk.open() == (opened[:position] or ["after"])
    desk.do("after")
    assert desk.state(instance) == "completed"


def test_an_inclusive_join_waits_for_a_token_that_is_far_away(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").inclusive("fork", "join").user("a").user("b1").user("b2").user("b3")
        .user("after").end("done")
        .path("begin", "fork").path("fork", "a", when="true").path("fork", "b1", when="true")
        .path("fork", "after").path("a", "join").path("b1", "b2", "b3", "join", "after", "done")
    )  # fmt: skip
    desk.run(drawing)
    desk.do("a")
    for name in ("b1", "b2", "b3"):
        assert desk.open() == [name]
        desk.do(name)
    assert desk.open() == ["after"]


def test_an_inclusive_join_waits_for_a_subprocess_and_for_a_parked_step(desk: Desk) -> None:
    broken = [True]

    def fix(ctx: object) -> None:
        if broken:
            raise RuntimeError("out of order")

    desk.service("thing.fix", fix)
    inside = Drawing().start("in").user("b").end("out").path("in", "b", "out")
    drawing = (
        Drawing().start("begin").inclusive("fork", "join").user("a").inside("sub", inside)
        .service("fix", "thing.fix").user("x").user("after").end("done")
        .path("begin", "fork").path("fork", "a", when="true").path("fork", "sub", when="true")
        .path("fork", "after").path("a", "join").path("sub", "fix", "x", "join", "after", "done")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.do("a")
    assert desk.open() == ["b"]
    desk.do("b")
    assert desk.open() == []
    assert desk.state(instance) == "incident"
    broken.clear()


def test_an_inclusive_join_does_not_wait_for_a_token_that_turned_away(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").inclusive("fork", "join").user("a").user("b").exclusive("turn")
        .user("after").end("done").end("away")
        .path("begin", "fork").path("fork", "a", when="true").path("fork", "b", when="true")
        .path("fork", "after").path("a", "join", "after", "done").path("b", "turn", "join")
        .path("turn", "away", when="leave")
    )  # fmt: skip
    desk.run(drawing)
    desk.do("a")
    assert desk.open() == ["b"]
    desk.do("b", leave=True)
    assert desk.open() == ["after"]


def test_inclusive_work_in_a_loop_waits_anew_each_round(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("round", "again").inclusive("fork", "join")
        .user("a").user("b").end("done")
        .path("begin", "round", "fork").path("fork", "a", when="true").path("fork", "b", when="two")
        .path("a", "join", "again", "done").path("b", "join").path("again", "round", when="more")
        .path("fork", "join")
    )  # fmt: skip
    instance = desk.run(drawing, two=True)
    desk.do("a")
    assert desk.open() == ["b"]
    desk.do("b", more=True, two=False)
    assert desk.open() == ["a"]
    desk.do("a", more=True, two=True)
    assert desk.open() == ["a", "b"]
    desk.do("b", more=False)
    desk.do("a")
    assert desk.state(instance) == "completed"


# -- event-based -----------------------------------------------------------------------------------


def race() -> Drawing:
    return (
        Drawing().start("begin").race("first").catch("hours", after="PT4H").catch("days", after="P2D")
        .catch("told", message="told", outputs={"heard": "payload.what"}).receive("called", "called")
        .user("late").user("very_late").user("known").user("rang").end("done")
        .path("begin", "first", "hours", "late", "done").path("first", "days", "very_late", "done")
        .path("first", "told", "known", "done").path("first", "called", "rang", "done")
    )  # fmt: skip


def test_of_racing_events_the_first_wins_and_the_others_are_off(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(race())
    desk.send("told", instance.business_key, what="news", other=1)
    assert desk.open() == ["known"]
    variables = desk.variables(instance)
    assert variables["heard"] == "news"
    assert "other" not in variables
    clock.advance(days=3)
    assert desk.fire() == 0
    desk.do("known")
    assert desk.state(instance) == "completed"


def test_racing_timers_each_keep_their_own_time(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(race())
    due = desk.now(instance).next_due_at
    assert due is not None and (due - clock()).total_seconds() == 4 * 3600
    clock.advance(hours=4)
    assert desk.fire() == 1
    assert desk.open() == ["late"]
    clock.advance(days=3)
    assert desk.fire() == 0
    assert desk.open() == ["late"]


def test_after_an_outage_the_timer_that_was_due_first_wins(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").race("first").catch("days", after="P2D").catch("hours", after="PT4H")
        .user("very_late").user("late").end("done")
        .path("begin", "first", "days", "very_late", "done").path("first", "hours", "late", "done")
    )  # fmt: skip
    desk.run(drawing)
    clock.advance(days=30)
    desk.fire()
    assert desk.open() == ["late"]


def test_a_receive_task_may_race(desk: Desk) -> None:
    instance = desk.run(race())
    desk.send("called", instance.business_key)
    assert desk.open() == ["rang"]


def test_a_race_in_a_loop_starts_anew(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").exclusive("round").race("first").catch("hours", after="PT4H")
        .catch("told", message="told").end("done")
        .path("begin", "round", "first", "hours", "round").path("first", "told", "done")
    )  # fmt: skip
    instance = desk.run(drawing)
    sizes = set()
    for _ in range(5):
        clock.advance(hours=4)
        assert desk.fire() == 1
        sizes.add(desk.size(instance))
    assert len(sizes) == 1
    desk.send("told", instance.business_key)
    assert desk.state(instance) == "completed"


# -- round and round -------------------------------------------------------------------------------


def test_a_loop_that_waits_for_nobody_is_refused_and_nothing_is_kept(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").user("ask").exclusive("round").script("count", "1", "n").end("done")
        .path("begin", "ask", "round").path("round", "count", "round", when="true").path("round", "done")
    )  # fmt: skip
    instance = desk.run(drawing)
    with pytest.raises(EndlessLoop, match="Errand goes on for more than"):
        desk.do("ask", n=0)
    assert desk.open() == ["ask"]
    assert "n" not in desk.variables(instance)
    assert desk.kinds(instance, "ask") == ["entered"]


def test_parallel_loops_that_multiply_are_refused_as_quickly(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("round").parallel("fork")
        .path("begin", "round", "fork", "round").script("count", "1", "n").path("fork", "count", "round")
    )  # fmt: skip
    desk.deploy(drawing)
    with pytest.raises(EndlessLoop):
        desk.start()


def test_many_automatic_steps_that_end_are_done_in_one_go(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("round").script("count", "n + 1", "n").end("done")
        .path("begin", "round").path("round", "count", "round", when="n < 300").path("round", "done")
    )  # fmt: skip
    instance = desk.run(drawing, n=0)
    assert desk.state(instance) == "completed"
    assert desk.variables(instance)["n"] == 300
