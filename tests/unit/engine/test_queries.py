"""Lists for those who watch processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import operations, queries, user_tasks
from app.engine.models import ProcessInstance
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

pytestmark = pytest.mark.databases


def drawing(**ask: Any) -> Drawing:
    return (
        Drawing().start("begin").user("ask", **ask).service("work", "thing.do").user("after").end("done")
        .path("begin", "ask", "work", "after", "done")
    )  # fmt: skip


@pytest.fixture
def busy(desk: Desk, clock: ManualClock) -> list[ProcessInstance]:
    """Four instances of two versions: one waits at its start, one failed, one went on, one was stopped."""

    def sometimes(ctx: Any) -> None:
        if ctx.instance.business_key == "E-2":
            raise RuntimeError("the printer is off")

    desk.service("thing.do", sometimes)
    desk.deploy(drawing())
    made = []
    for by in ("ann", "bob", "ann"):
        made.append(desk.start(by=by))
        clock.advance(hours=1)
    desk.deploy(drawing(candidateRole="VISITOR"))
    made.append(desk.start(by="bob"))
    for task in desk.tasks()[1:3]:
        with desk.acting() as session:
            user_tasks.complete(desk.engine, session, task.id, ACTORS["ann"], {})
    desk.operate(operations.cancel, made[3])
    return made


def keys(desk: Desk, **filters: Any) -> list[str]:
    with desk.sessions() as session:
        return [row.instance.business_key for row in queries.list_instances(session, **filters).items]


def test_instances_are_filtered(desk: Desk, busy: list[ProcessInstance], clock: ManualClock) -> None:
    hour = timedelta(hours=1)
    start = busy[0].started_at
    assert keys(desk) == ["E-4", "E-3", "E-2", "E-1"]
    expected: list[tuple[dict[str, Any], list[str]]] = [
        ({"process": "errand"}, ["E-4", "E-3", "E-2", "E-1"]),
        ({"process": "other"}, []),
        ({"version": 2}, ["E-4"]),
        ({"states": ["incident", "cancelled"]}, ["E-4", "E-2"]),
        ({"element": "ask"}, ["E-1"]),
        ({"element": "work"}, ["E-2"]),
        ({"element": "after"}, ["E-3"]),
        ({"business_key": "E-3"}, ["E-3"]),
        ({"subject_type": "errand", "subject_id": busy[1].subject_id}, ["E-2"]),
        ({"department_id": 10, "version": 2}, ["E-4"]),
        ({"department_id": 11}, []),
        ({"machine_id": 1}, []),
        ({"started_from": start + hour, "started_until": start + 2 * hour}, ["E-2"]),
        ({"started_by": ACTORS["bob"].user_id}, ["E-4", "E-2"]),
        ({"q": "e-2"}, ["E-2"]),
        ({"q": "%"}, []),
        ({"only": ProcessInstance.started_by == 1}, ["E-3", "E-1"]),
        ({"sort": "businessKey", "page": 2, "page_size": 3}, ["E-4"]),
        ({"sort": "-endedAt", "page_size": 1}, ["E-4"]),
        ({"sort": "state"}, ["E-4", "E-2", "E-1", "E-3"]),
    ]
    for filters, found in expected:
        assert keys(desk, **filters) == found, filters
    with desk.sessions() as session:
        page = queries.list_instances(session, page_size=3)
        assert (page.total, len(page.items)) == (4, 3)
        rows = {row.instance.business_key: row for row in page.items}
    assert [task.element_id for task in rows["E-3"].open_tasks] == ["after"]
    assert [incident.message for incident in rows["E-2"].incidents] == ["the printer is off"]
    assert (rows["E-4"].version, rows["E-2"].version, rows["E-4"].name) == (2, 1, "Errand")


def test_incidents_are_filtered(desk: Desk, busy: list[ProcessInstance]) -> None:
    with desk.sessions() as session:

        def found(**filters: Any) -> list[str]:
            return [row.instance.business_key for row in queries.list_incidents(session, **filters).items]

        assert found() == found(resolved=None) == found(q="printer") == found(q="work e-2") == ["E-2"]
        assert found(element="work", process="errand", instance_id=busy[1].id) == ["E-2"]
        assert found(resolved=True) == found(q="scanner") == found(process="other") == []
        assert found(instance_id=busy[0].id) == found(element="ask") == []
    desk.operate(operations.cancel, busy[1])
    with desk.sessions() as session:
        assert (found(), found(resolved=True), found(resolved=None)) == ([], ["E-2"], ["E-2"])


def test_versions_and_processes_say_how_many_instances_run(desk: Desk, busy: list[ProcessInstance]) -> None:
    desk.deploy(Drawing("other").start("begin").user("ask").path("begin", "ask"))
    with desk.sessions() as session:
        versions = queries.list_versions(session, "errand")
        assert [(row.deployment.version, row.open_instances) for row in versions.items] == [(2, 0), (1, 3)]
        assert versions.total == 2
        last = queries.list_versions(session, "errand", page=2, page_size=1)
        assert [row.deployment.version for row in last.items] == [1]
        assert queries.list_versions(session, "nothing").items == []
        processes = [
            (r.deployment.key, r.deployment.version, r.versions, r.open_instances, r.open_incidents)
            for r in queries.list_processes(session)
        ]
    assert processes == [("errand", 2, 2, 3, 1), ("other", 1, 1, 0, 0)]


def test_history_is_paged_both_ways(desk: Desk, busy: list[ProcessInstance]) -> None:
    with desk.sessions() as session:

        def kinds(**options: Any) -> list[str]:
            return [entry.kind for entry in queries.list_history(session, busy[2].id, **options).items]

        whole = kinds()
        assert (whole[0], whole[-1]) == ("started", "entered")
        assert kinds(sort="-at") == whole[::-1]
        assert kinds(page=2, page_size=2) == whole[2:4]
        assert kinds(kinds=["left", "started"]) == ["started", "left"]
        assert kinds(element="ask") == ["entered", "left"]
        assert queries.list_history(session, busy[2].id, page_size=2).total == len(whole)


def test_jobs_of_an_instance(desk: Desk, busy: list[ProcessInstance]) -> None:
    with desk.sessions() as session:
        found = queries.jobs_of(session, busy[1].id)
        assert ([job.kind for job in found.items], found.total) == (["retry"], 1)
        assert queries.jobs_of(session, busy[0].id).items == []


def test_the_messages_that_are_awaited(desk: Desk) -> None:
    inside = Drawing().start("in").catch("deep", message="wake up").end("out").path("in", "deep", "out")
    tree = (
        Drawing().start("begin").parallel("fork").user("ask")
        .boundary("off", on="ask", message="call off").catch("timed", after="PT1H").inside("sub", inside)
        .throw("later", message="told").receive("answer", message="reply").end("done")
        .path("begin", "fork", "ask", "later", "done").path("fork", "sub").path("fork", "timed")
        .path("fork", "answer").path("off", "done")
    )  # fmt: skip
    instance = desk.run(tree)
    with desk.sessions() as session:
        found = queries.awaited_messages(desk.engine, session, instance.id)
    assert sorted((a.name, a.element_id) for a in found) == [
        ("call off", "off"), ("reply", "answer"), ("wake up", "deep"),
    ]  # fmt: skip
    desk.operate(operations.cancel, instance)
    with desk.sessions() as session:
        assert queries.awaited_messages(desk.engine, session, instance.id) == []


def test_lists_take_the_same_number_of_statements_however_long_they_are(desk: Desk) -> None:
    desk.deploy(drawing())

    def statements(list_: Any) -> int:
        seen: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            seen.append(statement)

        sa.event.listen(desk.database, "before_cursor_execute", note)
        try:
            with desk.sessions() as session:
                list_(session)
        finally:
            sa.event.remove(desk.database, "before_cursor_execute", note)
        return len(seen)

    lists = (queries.list_instances, queries.list_incidents, queries.list_processes)
    desk.start()
    few = [statements(list_) for list_ in lists]
    for _ in range(8):
        desk.start()
    assert [statements(list_) for list_ in lists] == few
