"""Inboxes: whose tasks they list, in what order, and at what price."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import inbox
from app.engine.actors import Actor, Identity
from app.engine.models import ProcessInstance, TaskState, UserTask
from app.engine.projection import urgency
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

pytestmark = pytest.mark.databases

ANN, BOB, BOSS = (ACTORS[name] for name in ("ann", "bob", "boss"))


@pytest.fixture
def instance(desk: Desk) -> ProcessInstance:
    """Something that tasks can belong to, without a task of its own."""
    return desk.run(Drawing().start("begin").catch("wait", message="go").path("begin", "wait"))


class Pile:
    """Tasks that lie there, without an engine that made them."""

    def __init__(self, desk: Desk, instance: ProcessInstance, clock: ManualClock) -> None:
        self.desk, self.instance, self.clock = desk, instance, clock
        self.count = 0

    def add(self, title: str = "", **values: Any) -> None:
        self.count += 1
        defaults: dict[str, Any] = {
            "instance_id": self.instance.id, "engine_task": f"{self.count:032}", "element_id": "ask",
            "name": "Ask", "candidate_role": "CLERK", "priority": "MEDIUM", "state": TaskState.OPEN,
            "created_at": self.clock(), "process_key": "errand", "business_key": "E-1",
            "subject_type": "errand", "subject_id": 1, "title": title, "detail": "",
        }  # fmt: skip
        values = {**defaults, **values}
        values.setdefault("urgency", urgency(values["created_at"], values.get("due_at"), values["priority"]))
        with self.desk.acting() as session:
            session.add(UserTask(**values))

    def titles(self, actor: Actor = ANN, **options: Any) -> list[str]:
        with self.desk.sessions() as session:
            return [task.title for task in inbox.list_tasks(session, actor, **options).items]


@pytest.fixture
def pile(desk: Desk, instance: ProcessInstance, clock: ManualClock) -> Pile:
    return Pile(desk, instance, clock)


# -- whose -----------------------------------------------------------------------------------------


def test_scopes(pile: Pile) -> None:
    pile.add("anns", assignee_id=1)
    pile.add("bobs", assignee_id=2)
    pile.add("free")
    pile.add("for department 20", candidate_department_id=20)
    pile.add("for visitors", candidate_role="VISITOR")
    pile.add("escalated to clerks", candidate_role="VISITOR", assignee_id=4, escalation_role="CLERK")
    pile.add("over", state=TaskState.COMPLETED, assignee_id=1)
    assert pile.titles(ANN) == ["anns"]
    assert pile.titles(ANN, scope="group") == ["free", "escalated to clerks"]
    assert pile.titles(BOB, scope="group") == ["free", "for department 20", "escalated to clerks"]
    assert len(pile.titles(BOSS, scope="all")) == 6
    assert pile.titles(ANN, scope="all") == ["anns", "bobs", "free", "escalated to clerks"]
    assert pile.titles(BOB, scope="all") == [
        "anns", "bobs", "free", "for department 20", "escalated to clerks",
    ]  # fmt: skip
    assert pile.titles(ANN, scope="everything") == ["anns"]
    assert pile.titles(BOSS, scope="group") == []


def test_a_substitute_sees_the_tasks_of_whom_they_stand_in_for(pile: Pile) -> None:
    pile.add("bobs", assignee_id=2)
    pile.add("for department 20", candidate_department_id=20)
    stand_in = Actor(4, "Visitor", "VISITOR", stands_in_for=(Identity(2, "CLERK", 20, "Bob"),))
    assert pile.titles(stand_in) == ["bobs"]
    assert pile.titles(stand_in, scope="group") == ["for department 20"]


def test_counts_of_badges(pile: Pile, desk: Desk, clock: ManualClock) -> None:
    pile.add(assignee_id=1)
    pile.add(assignee_id=1, due_at=clock() - timedelta(hours=1))
    pile.add(due_at=clock() - timedelta(hours=1))
    pile.add(due_at=clock() + timedelta(hours=1))
    pile.add(candidate_role="VISITOR", due_at=clock() - timedelta(hours=1))
    with desk.sessions() as session:
        counted = inbox.counts(session, ANN)
    assert (counted.mine, counted.group, counted.overdue) == (2, 2, 2)


def test_what_a_badge_does_not_show_is_not_counted(
    pile: Pile, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        pile.add(assignee_id=1)
        pile.add()
    monkeypatch.setattr(inbox, "MOST_COUNTED", 3)
    with desk.sessions() as session:
        counted = inbox.counts(session, ANN)
    assert (counted.mine, counted.group, counted.overdue) == (3, 3, 0)


# -- finding and sorting ---------------------------------------------------------------------------


def test_a_search_takes_every_character_for_itself(pile: Pile) -> None:
    for title in ("100 % oil", "100 litres of oil", "part_7", "part 7", "back\\slash", "Ölwanne", "it's"):
        pile.add(title)
    assert pile.titles(scope="group", q="100 %") == ["100 % oil"]
    assert pile.titles(scope="group", q="part_") == ["part_7"]
    assert pile.titles(scope="group", q="k\\s") == ["back\\slash"]
    assert pile.titles(scope="group", q="OIL") == ["100 % oil", "100 litres of oil"]
    assert pile.titles(scope="group", q="Ölw") == ["Ölwanne"]
    assert pile.titles(scope="group", q="t's") == ["it's"]
    assert len(pile.titles(scope="group", q="  ")) == 7


def test_a_search_looks_at_title_detail_step_and_key(pile: Pile) -> None:
    pile.add("one", detail="needle")
    pile.add("two", name="Needle")
    pile.add("three", business_key="NEEDLE-1")
    pile.add("needles")
    pile.add("hay")
    assert pile.titles(scope="group", q="needle") == ["one", "two", "three", "needles"]


def test_filters(pile: Pile, clock: ManualClock) -> None:
    pile.add("other", process_key="other")
    pile.add("high", priority="HIGH")
    pile.add("late", due_at=clock() - timedelta(minutes=1))
    assert pile.titles(scope="group", process="other") == ["other"]
    assert pile.titles(scope="group", priority="HIGH") == ["high"]
    assert pile.titles(scope="group", overdue=True) == ["late"]


def test_what_hurts_most_if_left_comes_first(pile: Pile, clock: ManualClock) -> None:
    hour = timedelta(hours=1)
    pile.add("low, due in 1 h", priority="LOW", due_at=clock() + hour)
    pile.add("medium, due in 5 h", due_at=clock() + 5 * hour)
    pile.add("no hurry")
    pile.add("high, due in 6 h", priority="HIGH", due_at=clock() + 6 * hour)
    pile.add("critical, due in 40 h", priority="CRITICAL", due_at=clock() + 40 * hour)
    pile.add("medium, late", due_at=clock() - hour)
    assert pile.titles(scope="group") == [
        "critical, due in 40 h", "high, due in 6 h", "medium, late", "medium, due in 5 h",
        "low, due in 1 h", "no hurry",
    ]  # fmt: skip
    assert pile.titles(scope="group", sort="due") == [
        "medium, late", "low, due in 1 h", "medium, due in 5 h", "high, due in 6 h",
        "critical, due in 40 h", "no hurry",
    ]  # fmt: skip
    assert pile.titles(scope="group", sort="newest")[0] == "medium, late"
    assert pile.titles(scope="group", sort="nonsense") == pile.titles(scope="group")


def test_pages(pile: Pile, desk: Desk) -> None:
    for number in range(7):
        pile.add(str(number))
    with desk.sessions() as session:

        def page(number: int, size: int = 3) -> inbox.Page:
            return inbox.list_tasks(session, ANN, scope="group", page=number, page_size=size)

        found = [page(number) for number in (1, 2, 3, 4)]
        assert [[task.title for task in p.items] for p in found] == [
            ["0", "1", "2"], ["3", "4", "5"], ["6"], [],
        ]  # fmt: skip
        assert {(p.total, p.pages) for p in found} == {(7, 3)}
        assert page(0).items == page(-5).items == found[0].items
        assert page(1, 0).page_size == 1
        assert page(1, 10**6).page_size == 200
        assert (page(1, 100).total, page(1, 100).pages) == (7, 1)
        assert page(1, 7).total == 7


# -- what it costs ---------------------------------------------------------------------------------


@contextmanager
def statements(database: sa.Engine) -> Iterator[list[tuple[str, Any]]]:
    """The statements sent to the database, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            sent.append((statement, parameters))

    sa.event.listen(database, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(database, "before_cursor_execute", note)


@pytest.mark.parametrize("scope", inbox.SCOPES)
def test_a_page_costs_the_same_few_statements_however_many_tasks_there_are(
    pile: Pile, desk: Desk, scope: str
) -> None:
    for _ in range(30):
        pile.add(assignee_id=1)
        pile.add()
    with statements(desk.database) as sent, desk.sessions() as session:
        page = inbox.list_tasks(session, ANN, scope=scope, q="")
        assert [task.title for task in page.items] == [""] * 25
        inbox.counts(session, ANN)
    assert len(sent) <= 3


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("scope", "index"),
    [("mine", "ix_user_tasks_assignee"), ("group", "ix_user_tasks_"), ("all", "ix_user_tasks_urgency")],
)
def test_a_page_is_read_by_an_index_in_its_order(pile: Pile, desk: Desk, scope: str, index: str) -> None:
    for _ in range(30):
        pile.add(assignee_id=1)
        pile.add()
    with statements(desk.database) as sent, desk.sessions() as session:
        inbox.list_tasks(session, BOSS if scope == "all" else ANN, scope=scope)
        statement, parameters = sent[0]
    with desk.database.connect() as connection:
        explained = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plan = " / ".join(str(row[-1]) for row in explained)
    assert index in plan
    if scope != "group":
        assert "TEMP B-TREE" not in plan
