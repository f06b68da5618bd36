"""The distinct paths of a process: what makes one, and how often each was taken."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import moving, operations
from app.engine.monitor import paths, variants
from app.engine.monitor.models import InstanceVariant, Variant
from app.engine.monitor.variants import Way, Ways, Which
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

SINCE, UNTIL = date(2026, 3, 1), date(2030, 1, 1)
WHICH = Which("errand", SINCE, UNTIL)


def asking() -> Drawing:
    """Asked until the answer is yes."""
    return (
        Drawing().start("begin").user("ask", outcomes=("yes", "no"))
        .exclusive("answered").end("over")
        .path("begin", "ask", "answered", "over").path("answered", "ask", when='outcome = "no"')
    )  # fmt: skip


def gather(desk: Desk, clock: ManualClock) -> None:
    clock.advance(minutes=1)
    while variants.keep_up(desk.engine, desk.sessions):
        pass


def listed(desk: Desk, which: Which = WHICH, most: int = 25) -> Ways:
    with desk.sessions() as session:
        return variants.listed(session, which, most=most)


def told(way: Way) -> list[str]:
    """A path in short: element ids with outcomes, ``!cancelled``."""
    return [
        f"{step.element_id}={step.words}" if step.words else step.element_id or f"!{step.kind}"
        for step in way.steps
    ]


def only(desk: Desk, clock: ManualClock) -> list[str]:
    gather(desk, clock)
    (way,) = listed(desk).listed
    return told(way)


@pytest.mark.databases
def test_paths_are_counted_the_most_frequent_first(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    for answers, hours in ((["yes"], 1), (["no", "yes"], 2), (["yes"], 3), (["yes"], 5)):
        desk.start()
        clock.advance(hours=hours)
        for answer in answers:
            desk.do("ask", outcome=answer)
    gather(desk, clock)
    found = listed(desk)
    assert (found.instances, found.variants) == (4, 2)
    often, seldom = found.listed
    assert told(often) == ["ask=Yes", "over"]
    assert told(seldom) == ["ask=No", "ask=Yes", "over"]
    assert (often.number, often.share, often.cumulative) == (3, 0.75, 0.75)
    assert (seldom.number, seldom.share, seldom.cumulative) == (1, 0.25, 1.0)
    assert often.median == pytest.approx(3 * 3600, rel=0.02)
    assert often.p90 == pytest.approx(5 * 3600, rel=0.02)
    assert seldom.median == pytest.approx(2 * 3600, rel=0.02)


def test_what_is_still_open_has_no_path(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    gather(desk, clock)
    assert listed(desk) == Ways(0, 0, [])


def test_gathering_again_counts_nothing_twice(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    desk.do("ask", outcome="yes")
    for _ in range(3):
        gather(desk, clock)
    desk.start()
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    with desk.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(InstanceVariant)) == 2
        assert session.scalar(sa.select(sa.func.count()).select_from(Variant)) == 1


def test_it_is_done_once_a_minute(desk: Desk, clock: ManualClock) -> None:
    gather(desk, clock)
    clock.advance(seconds=59)
    assert not variants.keep_up(desk.engine, desk.sessions)
    clock.advance(seconds=1)
    assert variants.keep_up(desk.engine, desk.sessions)


@pytest.mark.databases
def test_one_look_does_so_many_and_the_next_goes_on(
    desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "AT_ONCE", 2)
    desk.deploy(asking())
    for _ in range(5):
        desk.start()
        desk.do("ask", outcome="yes")
        clock.advance(days=20)
    numbers = []
    while variants.keep_up(desk.engine, desk.sessions):
        numbers.append(listed(desk).instances)
    assert numbers == [2, 4, 5]


def test_two_who_look_at_once_do_it_once(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    desk.start()
    desk.do("ask", outcome="yes")
    clock.advance(minutes=1)
    looked = variants._paths

    def meanwhile(*arguments: object) -> object:
        variants._paths = looked
        assert variants.keep_up(desk.engine, desk.sessions)
        return looked(*arguments)  # type: ignore[arg-type]

    variants._paths = meanwhile  # type: ignore[assignment]
    try:
        assert not variants.keep_up(desk.engine, desk.sessions)
    finally:
        variants._paths = looked
    assert listed(desk).instances == 2


def test_what_ends_late_in_the_day_is_found_after_midnight(desk: Desk, clock: ManualClock) -> None:
    gather(desk, clock)
    desk.run(asking())
    clock.advance(hours=15)
    desk.do("ask", outcome="yes")
    clock.advance(hours=30)
    gather(desk, clock)
    assert listed(desk).instances == 1


def test_a_day_is_the_sites(desk: Desk, clock: ManualClock) -> None:
    desk.bindings.time_zone = lambda _: "Asia/Riyadh"
    clock.advance(hours=14)
    desk.run(asking())
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    day = clock().date()
    assert listed(desk, Which("errand", day, day)).instances == 0
    tomorrow = day + timedelta(days=1)
    assert listed(desk, Which("errand", tomorrow, tomorrow)).instances == 1


def test_versions_have_the_same_paths_and_are_told_apart(desk: Desk, clock: ManualClock) -> None:
    first = desk.run(asking())
    desk.do("ask", outcome="yes")
    desk.run(asking().user("never"))
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    assert [way.number for way in listed(desk).listed] == [2]
    assert listed(desk, Which("errand", SINCE, UNTIL, (first.deployment_id,))).instances == 1


def test_order_in_which_parallel_branches_end_makes_no_other_path(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").parallel("split", "join").user("left").user("right").end("over")
        .path("begin", "split", "left", "join", "over").path("split", "right", "join")
    )  # fmt: skip
    desk.deploy(drawing)
    for order in (("left", "right"), ("right", "left")):
        desk.start()
        for name in order:
            clock.advance(hours=1)
            desk.do(name)
    gather(desk, clock)
    assert [way.number for way in listed(desk).listed] == [2]


def test_the_way_that_rules_chose_is_part_of_a_path(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").exclusive("how_much").user("check").end("over").end("skipped")
        .path("begin", "how_much", "skipped").path("how_much", "check", when="amount > 10")
        .path("check", "over")
    )  # fmt: skip
    desk.deploy(drawing)
    desk.start(amount=5)
    desk.start(amount=50)
    desk.do("check")
    gather(desk, clock)
    assert sorted(told(way) for way in listed(desk).listed) == [
        ["how_much=Check", "check", "over"],
        ["how_much=Skipped", "skipped"],
    ]


def test_what_interrupted_a_task_is_told_instead_of_it(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").user("ask").boundary("stop", "ask", message="stopped").end("over")
        .end("stopped").path("begin", "ask", "over").path("stop", "stopped")
    )  # fmt: skip
    instance = desk.run(drawing)
    desk.send("stopped", instance.business_key)
    assert only(desk, clock) == ["stop", "stopped"]


def test_a_reminder_beside_the_work_is_not_told(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").user("ask").boundary("remind", "ask", interrupting=False, after="PT1H")
        .end("reminded").end("over").path("begin", "ask", "over").path("remind", "reminded")
    )  # fmt: skip
    desk.run(drawing)
    clock.advance(hours=2)
    desk.fire()
    desk.do("ask")
    assert only(desk, clock) == ["ask", "over"]


def test_what_was_moved_by_hand_and_cancelled_is_told(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(
        Drawing().start("begin").user("ask").user("check").end("over").path("begin", "ask", "check", "over")
    )
    with desk.acting() as session:
        moving.move(desk.engine, session, instance.id, ACTORS["boss"], "ask", "check", "a reason")
    desk.operate(operations.cancel, instance)
    assert only(desk, clock) == ["ask=Check", "!cancelled"]


def test_of_a_very_long_path_the_beginning_is_kept(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking())
    for _ in range(paths.KEPT + 5):
        desk.do("ask", outcome="no")
    desk.do("ask", outcome="yes")
    gather(desk, clock)
    (way,) = listed(desk).listed
    assert (len(way.steps), way.length) == (paths.KEPT, paths.KEPT + 7)


def test_one_path_with_its_instances(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    started = []
    for answers in (["yes"], ["no", "yes"], ["yes"], ["yes"]):
        started.append(desk.start())
        for answer in answers:
            desk.do("ask", outcome=answer)
    gather(desk, clock)
    often, seldom = listed(desk).listed
    with desk.sessions() as session:
        assert variants.one(session, WHICH, seldom.variant_id) == Way(
            **{name: getattr(seldom, name) for name in Way.__slots__} | {"cumulative": 0.25}
        )
        assert variants.one(session, Which("other", SINCE, UNTIL), seldom.variant_id) is None
        assert variants.one(session, WHICH, 999_999) is None
        two = variants.instances_of(session, WHICH, often.variant_id, most=2)
        assert [each.id for each in two] == [started[3].id, started[2].id]
        rest = variants.instances_of(session, WHICH, often.variant_id, before=two[-1].id)
        assert [each.id for each in rest] == [started[0].id]


def test_only_so_many_are_listed_and_all_are_counted(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    for length in (0, 1, 1):
        desk.start()
        for _ in range(length):
            desk.do("ask", outcome="no")
        desk.do("ask", outcome="yes")
    gather(desk, clock)
    found = listed(desk, most=1)
    assert (found.instances, found.variants, len(found.listed)) == (3, 2, 1)
    assert told(found.listed[0]) == ["ask=No", "ask=Yes", "over"]
