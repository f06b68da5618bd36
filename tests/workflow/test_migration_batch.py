"""Many requests under way go on in another version, each by itself."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import deployments, history, jobs, migration, migration_batch, operations
from app.engine.migration_batch import Batch, MigrationOutcome
from app.engine.models import Deployment, Job, JobState, ProcessInstance
from app.errors import BusinessError, NotFound
from app.processes.shipped import WORKFLOWS, read_folder
from tests.support.factory_floor import Floor

KEY = "maintenance_request"
FILES = read_folder(WORKFLOWS / KEY)
REASON = "The words have changed"


@pytest.fixture
def second(floor: Floor) -> int:
    """A second version, deployed after three requests were reported; answers its deployment."""
    for number in range(3):
        floor.report(description=f"Fault {number}.")
    diagram = FILES[f"{KEY}.bpmn"].replace(b'name="Accept request"', b'name="Take it on"')
    with floor.acting() as session:
        files = {**FILES, f"{KEY}.bpmn": diagram}
        return deployments.deploy(floor.engine, session, files, by=floor.actors["admin"]).id


def begin(floor: Floor, to_version: int = 2, **given: Any) -> Batch:
    with floor.acting() as session:
        order = {"by": floor.actors["admin"], "reason": REASON, **given}
        return migration_batch.begin(floor.engine, session, KEY, to_version, **order)


def running(floor: Floor) -> list[tuple[int, int]]:
    """Ids and versions of the requests."""
    with floor.sessions() as session:
        query = sa.select(ProcessInstance.id, Deployment.version).join(
            Deployment, Deployment.id == ProcessInstance.deployment_id
        )
        return [tuple(row) for row in session.execute(query.order_by(ProcessInstance.id))]


def told(floor: Floor, batch: Batch) -> tuple[migration_batch.Progress, list[migration_batch.Result]]:
    with floor.sessions() as session:
        return (
            migration_batch.progress(session, KEY, batch.name),
            migration_batch.results(session, batch.name).items,
        )


@pytest.mark.databases
def test_all_that_runs_is_moved_and_the_history_names_who_wanted_it(floor: Floor, second: int) -> None:
    batch = begin(floor)
    before, _ = told(floor, batch)
    assert (before.total, before.waiting, before.moved, before.is_done) == (3, 3, 0, False)
    floor.settle()
    after, results = told(floor, batch)
    assert (after.waiting, after.moved, after.stayed, after.is_done) == (0, 3, 0, True)
    assert (after.by, after.reason, after.to_version) == ("admin", REASON, 2)
    assert [(result.outcome, result.from_version) for result in results] == [(MigrationOutcome.MOVED, 1)] * 3
    assert [version for _, version in running(floor)] == [2, 2, 2]
    assert floor.names() == ["Take it on"] * 3
    with floor.sessions() as session:
        entry = history.entries(session, running(floor)[0][0])[-1]
    assert (entry.kind, entry.actor_id) == ("migrated", floor.actors["admin"].user_id)


@pytest.mark.databases
def test_one_that_fails_keeps_no_other_from_it_and_is_given_up_after_three_attempts(
    floor: Floor, second: int, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = running(floor)[1][0]
    whole = migration.migrate

    def fails(engine: Any, session: Any, instance_id: int, *rest: Any) -> ProcessInstance:
        moved = whole(engine, session, instance_id, *rest)
        if instance_id == broken:
            raise RuntimeError("the disk is full")
        return moved

    monkeypatch.setattr(migration, "migrate", fails)
    batch = begin(floor)
    floor.settle()
    assert [version for _, version in running(floor)] == [2, 1, 2]
    state, results = told(floor, batch)
    assert (state.waiting, state.moved, state.is_done) == (1, 2, False)
    assert (results[0].instance_id, results[0].outcome) == (broken, MigrationOutcome.WAITING)
    for _ in range(3):
        clock.advance(minutes=5)
        floor.settle()
    state, results = told(floor, batch)
    assert (state.stayed, state.is_done) == (1, True)
    assert results[0].outcome == MigrationOutcome.STAYED and "the disk is full" in results[0].reason
    assert "failed 3 times" in results[0].reason
    assert [version for _, version in running(floor)] == [2, 1, 2]


def test_one_that_succeeds_at_last_has_moved(
    floor: Floor, second: int, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = migration.migrate, []

    def fails_once(*given: Any) -> ProcessInstance:
        calls.append(given)
        if len(calls) == 1:
            raise RuntimeError("lost the connection")
        return whole(*given)

    monkeypatch.setattr(migration, "migrate", fails_once)
    batch = begin(floor, instance_ids=[running(floor)[0][0]])
    floor.settle()
    clock.advance(minutes=5)
    floor.settle()
    state, (result,) = told(floor, batch)
    assert (state.moved, result.outcome, result.reason) == (1, MigrationOutcome.MOVED, "")


def test_what_has_ended_meanwhile_stays_and_the_answer_says_so(floor: Floor, second: int) -> None:
    ids = [instance_id for instance_id, _ in running(floor)]
    batch = begin(floor, instance_ids=ids)
    with floor.acting() as session:
        operations.cancel(floor.engine, session, ids[0], floor.actors["admin"], "No longer needed")
    floor.settle()
    state, results = told(floor, batch)
    assert (state.moved, state.stayed) == (2, 1)
    assert (results[0].instance_id, results[0].outcome) == (ids[0], MigrationOutcome.STAYED)
    assert "has ended" in results[0].reason


def test_only_what_was_chosen_or_has_the_version_is_taken(floor: Floor, second: int) -> None:
    ids = [instance_id for instance_id, _ in running(floor)]
    begin(floor, instance_ids=[ids[2], 4711])
    floor.settle()
    assert [version for _, version in running(floor)] == [1, 1, 2]
    begin(floor, to_version=1, from_version=2)
    floor.settle()
    assert [version for _, version in running(floor)] == [1, 1, 1]
    with floor.sessions() as session:
        pages = [
            migration_batch.candidates(session, KEY, 2, from_version=1, page=page, page_size=2)
            for page in (1, 2)
        ]
    assert [page.items for page in pages] == [ids[:2], ids[2:]]
    assert [page.total for page in pages] == [3, 3]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"reason": " "}, "REASON_MISSING"),
        ({"reason": "x" * 501}, "REASON_TOO_LONG"),
        ({"mapping": {"accept_request": "nowhere"}}, "UNKNOWN_ELEMENT"),
        ({"instance_ids": []}, "NO_INSTANCES"),
        ({"instance_ids": [4711]}, "NO_INSTANCES"),
        ({"from_version": 2}, "NO_INSTANCES"),
    ],
)
def test_orders_that_mean_nothing_are_refused(
    floor: Floor, second: int, given: dict[str, Any], code: str
) -> None:
    with pytest.raises(BusinessError) as refused:
        begin(floor, **given)
    assert refused.value.code == code
    with floor.sessions() as session:
        wanted = sa.select(Job).where(Job.kind == migration_batch.KIND, Job.state == JobState.WAITING)
        assert session.scalars(wanted).all() == []


def test_more_than_a_batch_may_hold_is_refused(
    floor: Floor, second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_batch, "MAXIMUM_INSTANCES", 2)
    with pytest.raises(BusinessError) as refused:
        begin(floor)
    assert refused.value.code == "TOO_MANY_INSTANCES"


def test_a_batch_is_found_only_under_its_own_process(floor: Floor, second: int) -> None:
    batch = begin(floor)
    with floor.sessions() as session:
        with pytest.raises(NotFound):
            migration_batch.progress(session, "parts_approval", batch.name)
        with pytest.raises(NotFound):
            migration_batch.progress(session, KEY, batch.name[:-1])
    assert jobs.run_due(floor.engine, floor.sessions) == 3
