"""What is stuck is listed by urgency, filtered, grouped, in words, and without what is over by now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from app.clock import ManualClock
from app.engine import monitor, operations, user_tasks
from app.engine.models import ProcessInstance, UserTask
from app.engine.monitor import instance_list, overview, stuck, survey
from app.engine.monitor.filters import Filters
from app.engine.monitor.obstacles import Reason
from app.engine.monitor.stuck import Stuck
from app.engine.monitor.words import explain, explain_group
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def asking(key: str = "errand", **attributes: str) -> Drawing:
    return Drawing(key).start("begin").user("ask", **attributes).end("over").path("begin", "ask", "over")


def look(desk: Desk, clock: ManualClock, **later: float) -> list[Stuck]:
    """Let time pass and the next survey be due; what is listed then."""
    clock.advance(**(later or {"seconds": 31}))
    survey.keep_up(desk.engine, desk.sessions)
    return listed(desk)


def listed(desk: Desk, **filters: Any) -> list[Stuck]:
    with desk.sessions() as session:
        return stuck.listing(session, Filters(**filters), size=100).items


def words(desk: Desk, found: Stuck, departments: dict[int, str] | None = None) -> tuple[str, str]:
    told = explain(found, desk.bindings, departments)
    assert str(told) == f"{told.matter} {told.advice}"
    return told.matter, told.advice


def assign(desk: Desk, task: UserTask, user: int, name: str) -> None:
    with desk.acting() as session:
        found = user_tasks.get(session, task.id)
        found.assignee_id, found.assignee_name = user, name


def make_late(desk: Desk, instance: ProcessInstance, due: datetime) -> None:
    with desk.acting() as session:
        session.execute(sa.update(UserTask).where(UserTask.instance_id == instance.id).values(due_at=due))


@contextmanager
def statements(desk: Desk) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    event.listen(desk.database, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(desk.database, "before_cursor_execute", note)


# -- in words --------------------------------------------------------------------------------------


def test_an_overdue_task_names_who_has_it(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H", candidateRole="CLERK"))
    (found,) = look(desk, clock, hours=4)
    assert words(desk, found) == (
        "“Ask” is overdue by 3 hours; it waits for the role Clerk.",
        "Remind them, or give it to somebody else.",
    )
    assign(desk, desk.task("ask"), 2, "Bob")
    (found,) = listed(desk)
    assert words(desk, found)[0] == "“Ask” is overdue by 3 hours; it is with Bob."


def test_a_failed_step_tells_its_error_and_how_often_it_was_tried(desk: Desk, clock: ManualClock) -> None:
    def mend(ctx: Any) -> None:
        raise RuntimeError("Not enough stock")

    desk.service("press.mend", mend)
    drawing = Drawing().start("begin").user("ask").service("repair", "press.mend").end("over")
    desk.run(drawing.path("begin", "ask", "repair", "over"))
    desk.do("ask")
    (found,) = look(desk, clock)
    assert words(desk, found) == (
        "The step “Repair” failed: Not enough stock.",
        "Mend the cause and retry it, or move the token.",
    )
    found.obstacle.detail = {**found.obstacle.detail, "attempts": 3}
    assert words(desk, found)[0].endswith("Not enough stock. It was tried 3 times.")


@pytest.mark.parametrize(
    ("attributes", "away", "matter"),
    [
        (
            {"candidateRole": "CLERK"}, {"ann", "bob"},
            "Nobody who is there today holds the role Clerk; “Ask” waits for it.",
        ),
        (
            {"candidateRole": "CLERK", "candidateDepartment": "20"}, {"bob"},
            "Nobody who is there today holds the role Clerk in Packing; “Ask” waits for it.",
        ),
        (
            {"candidateRole": "NIGHT_WATCH"}, set(),
            "Nobody who is there today holds the role NIGHT_WATCH; “Ask” waits for it.",
        ),
        ({"assignee": "1"}, {"ann"}, "“Ask” is with Ann, who has left or is away, and nobody stands in."),
    ],
)  # fmt: skip
def test_that_nobody_can_do_a_task_is_told_with_whom_it_takes(
    desk: Desk, clock: ManualClock, attributes: dict[str, str], away: set[str], matter: str
) -> None:
    desk.run(asking(**attributes))
    desk.away |= away
    (found,) = look(desk, clock)
    assert words(desk, found, {20: "Packing"})[0] == matter


def test_a_missed_timer_and_a_late_message_tell_since_when(desk: Desk, clock: ManualClock) -> None:
    desk.run(Drawing().start("begin").catch("pause", after="PT1H").user("ask").path("begin", "pause", "ask"))
    (timer,) = look(desk, clock, hours=3)
    assert words(desk, timer)[0] == "A timer should have gone off 2 hours ago, and has not."
    desk.fire()
    drawing = Drawing().start("begin").catch("wait", message="arrived", due="P2D").end("over")
    desk.run(drawing.path("begin", "wait", "over"))
    (message,) = look(desk, clock, days=3)
    assert words(desk, message)[0] == (
        "The message “arrived” was expected at “Wait” 24 hours ago, and has not come."
    )


def test_a_slow_task_tells_what_is_usual(desk: Desk, clock: ManualClock) -> None:
    for _ in range(20):
        desk.run(asking())
        clock.advance(minutes=10)
        desk.do("ask")
    monitor.keep_up(desk.engine, desk.sessions)
    desk.start()
    (found,) = look(desk, clock, minutes=70)
    assert words(desk, found)[0].startswith(
        "“Ask” has waited longer than nine in ten did (10 minutes), by 60 minutes; "
    )


def test_many_instances_at_one_step_are_one_line(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking(due="PT1H", candidateRole="CLERK"))
    first = [desk.start() for _ in range(4)]
    clock.advance(hours=1)
    desk.deploy(asking("other", due="PT2H"))
    desk.start("other")
    desk.deploy(Drawing().start("begin").user("check", candidateRole="NIGHT_WATCH").path("begin", "check"))
    desk.start()
    look(desk, clock, hours=4)
    with desk.sessions() as session:
        groups = stuck.groups(session, stuck.piles(session))
        told = [explain_group(group, desk.bindings).matter for group in groups]
        assert [(group.process_key, group.reason, group.element_id, group.instances) for group in groups] == [
            ("errand", Reason.NOBODY_ELIGIBLE, "check", 1),
            ("errand", Reason.OVERDUE, "ask", 4),
            ("other", Reason.OVERDUE, "ask", 1),
        ]
        assert stuck.groups(session, stuck.piles(session), limit=1)[0].element_id == "check"
        assert [
            group.reason for group in stuck.groups(session, stuck.piles(session, Filters(process="other")))
        ] == ["overdue"]
        assert stuck.by_process(stuck.piles(session)) == {
            "errand": {Reason.NOBODY_ELIGIBLE: 1, Reason.OVERDUE: 4},
            "other": {Reason.OVERDUE: 1},
        }
    assert told[0].startswith("Nobody who is there today holds the role NIGHT_WATCH")
    assert told[1] == "“Ask” is overdue in 4 instances, the longest by 4 hours."
    assert told[2].startswith("“Ask” is overdue by 2 hours; ")
    assert groups[1].since == NOW + timedelta(hours=1)
    assert groups[1].sample.instance.id in [instance.id for instance in first]


# -- what is listed --------------------------------------------------------------------------------


@pytest.mark.databases
def test_the_most_urgent_comes_first_part_by_part(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking(due="PT1H", candidateRole="CLERK"))
    desk.start()
    clock.advance(minutes=30)
    desk.start()
    clock.advance(minutes=30)
    desk.run(Drawing().start("begin").user("check", candidateRole="NIGHT_WATCH").path("begin", "check"))
    expected = [(found.reason, found.obstacle.since) for found in look(desk, clock, hours=4)]
    assert expected == [
        (Reason.NOBODY_ELIGIBLE, NOW + timedelta(hours=5)),
        (Reason.OVERDUE, NOW + timedelta(hours=1)),
        (Reason.OVERDUE, NOW + timedelta(hours=1, minutes=30)),
    ]
    with desk.sessions() as session:
        first = stuck.listing(session, Filters(), size=2)
        second = stuck.listing(session, Filters(), size=2, after=first.after or "")
        assert [(x.reason, x.obstacle.since) for x in [*first.items, *second.items]] == expected
        assert second.after is None
        assert [x.obstacle.id for x in stuck.page(session, Filters(), page=2, page_size=2).items] == [
            x.obstacle.id for x in second.items
        ]
        assert stuck.page(session, Filters()).total == 3


@pytest.mark.databases
def test_what_is_over_is_left_out_before_the_next_survey(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking(due="PT1H", candidateRole="CLERK"))
    done, ended, held, stays = (desk.start() for _ in range(4))
    assert len(look(desk, clock, hours=2)) == 4
    with desk.acting() as session:
        (task,) = desk.tasks(done)
        user_tasks.complete(desk.engine, session, task.id, ACTORS["ann"], {}, None)
    desk.operate(operations.cancel, ended)
    desk.operate(operations.suspend, held)
    assert [found.instance.id for found in listed(desk)] == [stays.id]
    with desk.sessions() as session:
        assert stuck.by_process(stuck.piles(session)) == {"errand": {Reason.OVERDUE: 1}}
        assert stuck.page(session, Filters()).total == 1
        assert [row.instance.id for row in urgent(desk)] == [stays.id]
        assert instance_list.count(session, Filters(reasons=tuple(Reason))) == 1


def test_a_timer_that_went_off_is_left_out_before_the_next_survey(desk: Desk, clock: ManualClock) -> None:
    drawing = Drawing().start("begin").catch("pause", after="PT1H").catch("again", after="PT1H").user("ask")
    desk.run(drawing.path("begin", "pause", "again", "ask"))
    assert [found.reason for found in look(desk, clock, hours=2)] == [Reason.TIMER_MISSED]
    desk.fire()
    assert listed(desk) == []


def test_a_retried_step_is_left_out_before_the_next_survey(desk: Desk, clock: ManualClock) -> None:
    from app.engine import incidents

    broken = True

    def mend(ctx: Any) -> None:
        if broken:
            raise RuntimeError("The press is jammed.")

    desk.service("press.mend", mend)
    drawing = Drawing().start("begin").user("ask").service("repair", "press.mend").user("check").end("over")
    instance = desk.run(drawing.path("begin", "ask", "repair", "check", "over"))
    desk.do("ask")
    assert len(look(desk, clock)) == 1
    broken = False
    with desk.acting() as session:
        incidents.retry(desk.engine, session, desk.incidents(instance)[0].id, ACTORS["boss"])
    assert listed(desk) == []


@pytest.mark.databases
def test_the_list_is_filtered(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking(due="PT1H", candidateRole="CLERK"))
    one, other = desk.start(by="ann"), desk.start(by="bob")
    desk.deploy(asking("other", candidateRole="NIGHT_WATCH"))
    desk.start("other", by="boss")
    with desk.acting() as session:
        session.execute(
            sa.update(UserTask).where(UserTask.instance_id == one.id).values(machine_id=7, assignee_id=2)
        )
    look(desk, clock, hours=2)

    def ids(**filters: Any) -> list[int]:
        return sorted(found.instance.id for found in listed(desk, **filters))

    assert ids(process="errand") == [one.id, other.id]
    assert len(ids(reasons=(Reason.NOBODY_ELIGIBLE,))) == 1
    assert ids(reasons=(Reason.OVERDUE, Reason.SLOW)) == [one.id, other.id]
    assert ids(element="ask", process="errand", version=1) == [one.id, other.id]
    assert ids(version=2) == [] and ids(element="nowhere") == []
    assert ids(machine_id=7) == [one.id] and ids(machine_id=8) == []
    assert ids(department_id=10, process="errand") == [one.id, other.id] and ids(department_id=11) == []
    assert ids(person_id=2) == [one.id, other.id] and ids(person_id=1) == [one.id] and ids(person_id=9) == []
    assert ids(q=one.business_key[-1] + " e", process="errand") == [one.id]
    assert ids(ids=(other.id,)) == [other.id] and ids(ids=()) == []


# -- instances -------------------------------------------------------------------------------------


def urgent(desk: Desk, **filters: Any) -> list[instance_list.Row]:
    with desk.sessions() as session:
        return instance_list.listing(session, Filters(**filters), sort="urgent", size=100).items


@pytest.mark.databases
def test_an_instance_that_is_stuck_twice_is_listed_once_with_both(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H", candidateRole="CLERK"))
    desk.away |= {"ann", "bob"}
    look(desk, clock, hours=2)
    (row,) = urgent(desk)
    assert [found.reason for found in row.obstacles] == [Reason.NOBODY_ELIGIBLE, Reason.OVERDUE]
    assert (row.name, row.version, [task.element_id for task in row.open_tasks]) == (row.name, 1, ["ask"])
    assert row.place is not None and row.place.department_id == 10
    (row,) = urgent(desk, reasons=(Reason.OVERDUE,))
    assert len(row.obstacles) == 2
    with desk.sessions() as session:
        assert instance_list.count(session, Filters(), sort="urgent") == 1


@pytest.mark.databases
def test_instances_are_sorted_and_cut(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    made = []
    for _ in range(5):
        made.append(desk.start().id)
        clock.advance(minutes=1)
    for instance in (made[3], made[0]):
        with desk.acting() as session:
            (task,) = session.scalars(sa.select(UserTask.id).where(UserTask.instance_id == instance))
            user_tasks.complete(desk.engine, session, task, ACTORS["ann"], {}, None)
        clock.advance(minutes=1)

    def ids(sort: str, **filters: Any) -> list[int]:
        with desk.sessions() as session:
            found, after = [], ""
            while True:
                part = instance_list.listing(session, Filters(**filters), sort=sort, size=2, after=after)
                found += [row.instance.id for row in part.items]
                if part.after is None:
                    assert instance_list.count(session, Filters(**filters), sort=sort) == len(found)
                    return found
                after = part.after

    assert ids("newest") == made[::-1]
    assert ids("oldest") == made
    assert ids("key") == made
    assert ids("ended") == [made[0], made[3]]
    assert ids("newest", ended=False) == [made[4], made[2], made[1]]
    assert ids("newest", ended=True) == [made[3], made[0]]
    assert ids("oldest", states=("completed",)) == [made[0], made[3]]
    assert ids(
        "oldest", started_from=NOW + timedelta(minutes=1), started_until=NOW + timedelta(minutes=3)
    ) == [
        made[1],
        made[2],
    ]
    assert ids("oldest", element="ask") == [made[1], made[2], made[4]]
    with desk.sessions() as session:
        assert instance_list.count(session, Filters(), most=3) == 4
        assert instance_list.ids(session, Filters(ended=False)) == [made[1], made[2], made[4]]
        assert instance_list.ids(session, Filters(ended=False), most=2) == [made[1], made[2]]


# -- the overview ----------------------------------------------------------------------------------


def test_an_overview_has_each_process_with_its_figures(desk: Desk, clock: ManualClock) -> None:
    desk.run(asking(due="PT1H"))
    clock.advance(minutes=30)
    desk.do("ask")
    desk.deploy(Drawing("other").start("begin").user("check").path("begin", "check"))
    desk.start("other")
    clock.advance(weeks=1)
    desk.start()
    clock.advance(hours=2)
    desk.do("ask")
    desk.start()
    monitor.keep_up(desk.engine, desk.sessions)
    with desk.sessions() as session:
        one, other = overview.processes(desk.engine, session, stuck.piles(session))
    assert (one.key, one.open, other.key, other.open) == ("errand", 1, "other", 1)
    assert one.instances.number == 2 and one.steps.on_time_share == 0.5
    weeks = [(monday.isoformat(), figures.number) for monday, figures in sorted(one.weeks.items())]
    assert len(weeks) == 8 and weeks[-2:] == [("2026-03-02", 1), ("2026-03-09", 1)]
    assert other.instances.number == 0 and all(not each.number for each in other.weeks.values())


@pytest.mark.databases
def test_the_revision_changes_with_what_is_open_or_stuck(desk: Desk, clock: ManualClock) -> None:
    seen: list[str] = []

    def revision() -> str:
        with desk.sessions() as session:
            seen.append(overview.revision(session))
        return seen[-1]

    survey.keep_up(desk.engine, desk.sessions)
    revision()
    desk.run(asking(due="PT1H", candidateRole="CLERK"))
    revision()
    look(desk, clock, hours=2)
    revision()
    desk.operate(operations.suspend, desk.tasks() and desk.now(_instance(desk)))
    revision()
    look(desk, clock)
    revision()
    assert len(set(seen)) == 5
    clock.advance(seconds=31)
    survey.keep_up(desk.engine, desk.sessions)
    assert revision() == seen[-2], "a survey that finds nothing new changes nothing"
    clock.advance(minutes=3)
    assert revision() != seen[-2], "nobody surveys any more"


def _instance(desk: Desk) -> ProcessInstance:
    with desk.sessions() as session:
        return session.scalars(sa.select(ProcessInstance)).one()


def test_a_survey_is_old_after_two_minutes(desk: Desk, clock: ManualClock) -> None:
    with desk.sessions() as session:
        assert stuck.age(session) == stuck.Age(None, True)
        survey.keep_up(desk.engine, desk.sessions)
        session.rollback()
        clock.advance(minutes=2)
        assert stuck.age(session) == stuck.Age(NOW, False)
        clock.advance(seconds=1)
        assert stuck.age(session) == stuck.Age(NOW, True)


def test_lists_take_the_same_statements_however_long_they_are(desk: Desk, clock: ManualClock) -> None:
    def asked() -> list[int]:
        numbers = []
        with desk.sessions() as session:
            for read in (
                lambda: stuck.listing(session, Filters(), size=50),
                lambda: stuck.groups(session, stuck.piles(session)),
                lambda: stuck.by_process(stuck.piles(session)),
                lambda: instance_list.listing(session, Filters(), size=50),
                lambda: instance_list.listing(session, Filters(), sort="urgent", size=50),
                lambda: overview.processes(desk.engine, session, stuck.piles(session)),
            ):
                with statements(desk) as seen:
                    read()
                numbers.append(len(seen))
        return numbers

    desk.run(asking(due="PT1H", candidateRole="CLERK"))
    look(desk, clock, hours=2)
    few = asked()
    for _ in range(20):
        desk.start()
    assert len(look(desk, clock, hours=2)) == 21
    assert asked() == few
    assert few == [1, 2, 1, 4, 4, 4]
