"""Where a process waits: what is open now, the shades of its figures, bottlenecks, two versions compared."""

from __future__ import annotations

from datetime import date

import pytest

from app.clock import ManualClock
from app.engine.models import Deployment
from app.engine.monitor import heat, statistics
from app.engine.monitor.heat import Heat, Measure, Pair, Place, Scale
from app.engine.monitor.statistics import Figures
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

SINCE, UNTIL = date(2026, 3, 1), date(2030, 1, 1)


def errand() -> Drawing:
    return (
        Drawing().start("begin").user("ask", outcomes=("yes", "no"), due="PT1H")
        .exclusive("answered").catch("wait", message="arrived").service("do", "thing.work").end("over")
        .path("begin", "ask", "answered", "wait", "do", "over")
        .path("answered", "ask", when='outcome = "no"')
    )  # fmt: skip


@pytest.fixture
def working(desk: Desk) -> Desk:
    desk.service("thing.work", lambda context: {})
    return desk


def gather(desk: Desk, clock: ManualClock) -> None:
    clock.advance(minutes=1)
    while statistics.keep_up(desk.engine, desk.sessions):
        pass


def look(desk: Desk, deployment: Deployment, *, only: bool = False) -> dict[str, Place]:
    return {place.element_id: place for place in whole(desk, deployment, only=only).places}


def whole(desk: Desk, deployment: Deployment, *, only: bool = False) -> Heat:
    with desk.sessions() as session:
        return heat.of_process(desk.engine, session, deployment, SINCE, UNTIL, only=only)


def fail(context: object) -> dict[str, object]:
    raise RuntimeError("broken")


@pytest.mark.databases
def test_what_is_open_now_stands_at_its_step(working: Desk, clock: ManualClock) -> None:
    desk = working
    deployment = desk.deploy(errand())
    since = clock()
    first = desk.start()
    clock.advance(hours=1)
    desk.start()
    desk.start()
    desk.do("ask", outcome="yes")
    found = look(desk, deployment)
    assert (found["ask"].tasks, found["ask"].since) == (2, clock())
    assert (found["wait"].events, found["wait"].open_now, found["wait"].since) == (1, 1, clock())
    desk.service("thing.work", fail)
    desk.send("arrived", first.business_key)
    found = look(desk, deployment)
    assert (found["do"].incidents, found["do"].open_now, found["do"].type) == (1, 1, "serviceTask")
    assert found["wait"].open_now == 0
    assert whole(desk, deployment).open_instances == 3
    assert since < clock()


@pytest.mark.databases
def test_shares_of_waiting_and_bottlenecks(working: Desk, clock: ManualClock) -> None:
    desk = working
    deployment = desk.deploy(errand())
    instance = desk.start()
    clock.advance(hours=1)
    desk.do("ask", outcome="yes")
    clock.advance(hours=3)
    desk.send("arrived", instance.business_key)
    gather(desk, clock)
    found = whole(desk, deployment)
    assert [(place.element_id, place.share) for place in found.bottlenecks()] == [
        ("wait", 0.75),
        ("ask", 0.25),
    ]
    assert found.whole.number == 1
    assert [place.element_id for place in found.bottlenecks(most=1)] == ["wait"]


def test_one_version_is_told_from_all(working: Desk, clock: ManualClock) -> None:
    desk = working
    first = desk.deploy(errand())
    desk.start()
    clock.advance(hours=1)
    desk.do("ask", outcome="yes")
    second = desk.deploy(errand().user("never"))
    desk.start()
    gather(desk, clock)
    assert look(desk, second)["wait"].open_now == 1
    assert look(desk, second)["ask"].figures.number == 1
    only = look(desk, second, only=True)
    assert (only["wait"].open_now, only["ask"].open_now, only["ask"].figures.number) == (0, 1, 0)
    assert look(desk, first, only=True)["ask"].figures.number == 1
    assert whole(desk, second, only=True).open_instances == 1


def test_a_step_that_is_gone_keeps_its_figures_and_its_name(working: Desk, clock: ManualClock) -> None:
    desk = working
    desk.run(Drawing().start("begin").user("old_way").end("over").path("begin", "old_way", "over"))
    desk.do("old_way")
    desk.start()
    newest = desk.deploy(errand())
    gather(desk, clock)
    gone = look(desk, newest)["old_way"]
    assert (gone.name, gone.is_drawn, gone.figures.number, gone.tasks) == ("Old way", False, 1, 1)


def test_a_process_in_which_nothing_happened(working: Desk) -> None:
    found = whole(working, working.deploy(errand()))
    assert [place.element_id for place in found.places] == ["ask", "wait"]
    assert not found.has_samples
    assert found.bottlenecks() == []
    assert found.scale(Measure.MEDIAN).limits == ()
    assert found.scale(Measure.MEDIAN).shade(5) == 0


def test_what_listens_beside_the_work_holds_nobody_up(desk: Desk, clock: ManualClock) -> None:
    drawing = (
        Drawing().start("begin").parallel("split").user("ask").end("over", terminate=True)
        .catch("cancelled", message="cancelled").end("gone")
        .path("begin", "split", "ask", "over").path("split", "cancelled", "gone")
    )  # fmt: skip
    deployment = desk.deploy(drawing)
    for _ in range(2):
        desk.start()
    clock.advance(hours=1)
    desk.do("ask")
    gather(desk, clock)
    found = look(desk, deployment)
    assert (found["cancelled"].events, found["cancelled"].listens, found["cancelled"].share) == (1, True, 0)
    assert found["cancelled"].value(Measure.OPEN) is None
    assert (found["ask"].listens, found["ask"].share) == (False, 1)
    assert [place.element_id for place in whole(desk, deployment).bottlenecks()] == ["ask"]


def test_a_message_that_all_wait_for_is_no_listener(working: Desk) -> None:
    assert not look(working, working.deploy(errand()))["wait"].listens


def places(*values: int) -> Heat:
    made = [Place(str(number), str(number), "userTask", tasks=number) for number in values]
    return Heat(Deployment(), made, Figures(), 0)


def test_shades_go_from_none_to_the_hottest() -> None:
    scale = Scale((2.0, 4.0, 6.0, 8.0, 10.0))
    assert [scale.shade(value) for value in (None, 0, 1, 2, 2.1, 7, 10)] == [0, 0, 1, 1, 2, 4, 5]


def test_few_open_tasks_have_few_shades_and_the_most_the_hottest() -> None:
    scale = places(0, 1, 2).scale(Measure.OPEN)
    assert (scale.limits, scale.shades) == ((1.0, 2.0), (3, 5))
    assert [scale.shade(number) for number in (0, 1, 2)] == [0, 3, 5]
    assert places(1).scale(Measure.OPEN).shade(1) == 5


def test_late_is_hot() -> None:
    scale = places().scale(Measure.ON_TIME)
    assert [scale.shade(share) for share in (1, 0.95, 0.8, 0.7, 0.5, 0.3, 0.1, 0)] == [0, 1, 1, 2, 3, 4, 5, 5]


@pytest.mark.databases
def test_two_versions_side_by_side(working: Desk, clock: ManualClock) -> None:
    desk = working
    first = desk.deploy(errand())
    desk.start()
    clock.advance(hours=2)
    desk.do("ask", outcome="yes")
    second = desk.deploy(
        Drawing().start("begin").user("ask").user("check").end("over").path("begin", "ask", "check", "over")
    )
    desk.start()
    clock.advance(hours=1)
    desk.do("ask")
    desk.do("check")
    gather(desk, clock)
    with desk.sessions() as session:
        pairs = heat.compare(desk.engine, session, first, second, SINCE, UNTIL)
    assert [(each.element_id, each.name) for each in pairs] == [("", ""), ("ask", "Ask"), ("check", "Check")]
    assert [(each.before.number, each.after.number) for each in pairs] == [(0, 1), (1, 1), (0, 1)]
    ask = pairs[1]
    assert ask.before.median == pytest.approx(7200, rel=0.02)
    assert ask.after.median == pytest.approx(3600, rel=0.02)


@pytest.mark.parametrize(("before", "after", "thin"), [(19, 50, True), (50, 19, True), (20, 20, False)])
def test_a_comparison_of_few_is_thin(before: int, after: int, thin: bool) -> None:
    assert Pair("ask", "Ask", Figures(before), Figures(after)).is_thin is thin
