"""While somebody's action on one instance is held open, everybody else's on other instances goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import counting, stock
from app.domain.machines import Criticality
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequest
from app.engine import instances, jobs, monitor, user_tasks
from app.engine.models import HistoryEntry, HistoryKind, Job, JobState, ProcessInstance
from app.patience import asks_for_another_attempt
from app.processes import preventive_opening
from tests import factories
from tests.support.factory_floor import Floor
from tests.support.servers import MariaDb

pytestmark = pytest.mark.services

LONG_ENOUGH = 30  # seconds
Sessions = sessionmaker[Session]


@pytest.fixture
def database_url(_emptied_mariadb_url: str) -> str:
    """Locks of rows are what only a server has."""
    return _emptied_mariadb_url


@pytest.fixture
def database(database_url: str) -> Iterator[sa.Engine]:
    """Whoever has to wait for a lock fails after a second."""
    from tests.conftest import _create_tables

    database = _create_tables(database_url)

    @sa.event.listens_for(database, "connect")
    def hurry(connection: Any, record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")

    yield database
    database.dispose()


@contextmanager
def held(floor: Floor, act: Callable[[Sessions], object]) -> Iterator[None]:
    """Inside the block, everything that ``act`` does is done, and not yet committed."""
    reached, go_on = threading.Event(), threading.Event()
    sessions = sessionmaker(floor.sessions.kw["bind"], expire_on_commit=False)

    def pause(session: Session) -> None:
        if not session.in_nested_transaction():
            reached.set()
            go_on.wait(LONG_ENOUGH)

    failed: list[BaseException] = []

    def work() -> None:
        try:
            act(sessions)
        except BaseException as error:
            failed.append(error)
            reached.set()

    sa.event.listen(sessions, "before_commit", pause)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert reached.wait(LONG_ENOUGH), "it never came to its commit"
        assert not failed, failed
        yield
        assert thread.is_alive(), "it was not held"
    finally:
        go_on.set()
        thread.join(LONG_ENOUGH)
    assert not failed, failed


class Waits:
    """How often a transaction had to wait for a row that another had locked."""

    def __init__(self, server: MariaDb) -> None:
        self._server = server
        self._before = self._count()

    def _count(self) -> int:
        with self._server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'")
            row = cursor.fetchone()
            assert row is not None
            return int(row[1])

    @property
    def since(self) -> int:
        return self._count() - self._before


class Line:
    """A machine with a part of its own, and a fault on it that is repaired step by step."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        with floor.acting() as session:
            machine = factories.make_machine(session, criticality=Criticality.MEDIUM)
            self.machine_id = machine.id
            self.plan_id = factories.make_preventive_task(session, machine=machine).id
        self.part_id = floor.part(50, unit_price=5)
        self.key = ""

    def report(self, sessions: Sessions) -> None:
        floor, by = self.floor, self.floor.actors["supervisor"]
        values = {"machineId": self.machine_id, "priority": "HIGH", "description": "It leaks oil."}
        with sessions() as session, unit_of_work(session):
            instance = instances.start(floor.engine, session, "maintenance_request", by, values)
            self.key = instance.business_key

    def keys(self) -> list[str]:
        """The business keys of the request and of its parts request, if there is one."""
        with self.floor.sessions() as session:
            query = (
                sa.select(SparePartsRequest.business_key)
                .join(MaintenanceRequest)
                .where(MaintenanceRequest.business_key == self.key)
            )
            return [self.key, *session.scalars(query)]

    def done(
        self, name: str, by: str, outcome: str | None = None, **values: Any
    ) -> Callable[[Sessions], None]:
        """What does the open task of that name."""

        def act(sessions: Sessions) -> None:
            floor = self.floor
            (task,) = (task for key in self.keys() for task in floor.open_tasks(key) if task.name == name)
            with sessions() as session, unit_of_work(session):
                user_tasks.submit(
                    floor.engine, session, task.id, floor.actors[by], outcome=outcome, json=values
                )

        return act

    def messages(self, sessions: Sessions) -> None:
        """What workers do next for this fault."""
        mine = sa.select(ProcessInstance.id).where(ProcessInstance.business_key.in_(self.keys()))
        with self.floor.sessions() as session:
            waiting = sa.select(Job.id).where(Job.state == JobState.WAITING, Job.instance_id.in_(mine))
            found = list(session.scalars(waiting))
        assert [jobs.run(self.floor.engine, sessions, job) for job in found] == [True]

    def count(self, sessions: Sessions) -> None:
        """Somebody begins to count a shelf that only this part lies on."""
        with sessions() as session, unit_of_work(session):
            location = factories.make_location(session)
            part = self.part_id
            stock.record_movement(session, part, "IN", 1, location_id=location.id, by=None)
            counting.start(session, None, location_id=location.id)

    def move(self, sessions: Sessions) -> None:
        with sessions() as session, unit_of_work(session):
            stock.record_movement(session, self.part_id, "IN", 1, by=self.floor.actors["inventory"].user_id)

    def life(self) -> list[tuple[str, Callable[[Sessions], object]]]:
        """Everything that happens to a fault, in its order."""
        lines = [{"partId": self.part_id, "quantity": 1, "reason": "worn"}]
        kind = self.floor.maintenance_type_id
        work = {"steps": [{"description": "Done", "minutes": 5}], "cause": "Age", "remedy": "New"}
        return [
            ("report", self.report),
            ("accept", self.done("Accept request", "technician", "accept")),
            ("request parts", self.done("Carry out work", "technician", "request_parts", partLines=lines)),
            ("message that starts the approval", self.messages),
            ("approve", self.done("Approve parts", "manager", "approve")),
            ("issue", self.done("Issue parts", "inventory", lines=[{"quantityIssued": 1}])),
            ("message that parts are there", self.messages),
            ("count", self.count),
            ("move", self.move),
            (
                "complete",
                self.done("Carry out work", "technician", "complete", maintenanceTypeId=kind, **work),
            ),
        ]


def test_no_action_waits_for_one_on_another_instance(floor: Floor, mariadb: MariaDb) -> None:
    """Each step of a fault's life is held open at its commit, all of them at the same time, while yet
    another fault lives through its whole life and the scheduler looks at everything."""
    other, waits = Line(floor), Waits(mariadb)
    names = [name for name, _ in other.life()]
    slow = [Line(floor) for _ in names]
    for number, line in enumerate(slow):
        for _, go in line.life()[:number]:
            go(floor.sessions)
    with ExitStack() as holding:
        try:
            for number, line in enumerate(slow):
                at = f"{names[number]}, held"
                holding.enter_context(held(floor, line.life()[number][1]))
            for name, go in other.life():
                at = name
                go(floor.sessions)
            at = "the scheduler"
            instances.fire_due(floor.engine, floor.sessions)
            preventive_opening.open_due(floor.engine, floor.sessions)
            monitor.keep_up(floor.engine, floor.sessions)
        except sa.exc.DBAPIError as error:
            if not asks_for_another_attempt(error):
                raise
            raise AssertionError(f"{at} waits for another instance: {error}") from error
        assert waits.since == 0
    assert floor.open_tasks(other.key) == []
    with floor.sessions() as session:
        found = sa.select(MaintenanceRequest.status).where(MaintenanceRequest.business_key == other.key)
        assert session.scalars(found).one() == "COMPLETED"
        keys = session.scalars(sa.select(ProcessInstance.business_key)).all()
        assert len(set(keys)) == len(keys)


def test_timers_go_off_while_somebody_acts_on_another_instance(
    floor: Floor, mariadb: MariaDb, clock: ManualClock
) -> None:
    acted_on, left_alone = Line(floor), Line(floor)
    for line in (acted_on, left_alone):
        line.report(floor.sessions)
    clock.time += timedelta(days=2)
    waits = Waits(mariadb)
    with held(floor, acted_on.done("Accept request", "technician", "accept")):
        instances.fire_due(floor.engine, floor.sessions)
        assert waits.since == 0
        assert _timers(floor) == {left_alone.key}


def _timers(floor: Floor) -> set[str]:
    """The business keys of instances whose timers have gone off."""
    with floor.sessions() as session:
        fired = sa.select(ProcessInstance.business_key).join(
            HistoryEntry, HistoryEntry.instance_id == ProcessInstance.id
        )
        return set(session.scalars(fired.where(HistoryEntry.kind == HistoryKind.TIMER)))


def test_a_message_for_an_instance_that_somebody_acts_on_comes_a_moment_later(
    floor: Floor, clock: ManualClock
) -> None:
    line = Line(floor)
    life = line.life()
    for _, go in life[:6]:
        go(floor.sessions)
    work = {"steps": [{"description": "Looked at it", "minutes": 5}]}
    again = [{"partId": line.part_id, "quantity": 1, "reason": "broken"}]
    with floor.sessions() as session:
        (job_id,) = session.scalars(sa.select(Job.id).where(Job.state == JobState.WAITING))
    with held(floor, line.done("Carry out work", "technician", "request_parts", partLines=again, **work)):
        assert not jobs.run(floor.engine, floor.sessions, job_id)
    with floor.sessions() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.attempts) == (JobState.WAITING, 0)
        assert job.run_at == clock.time + jobs.NEXT_MOMENT
    clock.time += jobs.NEXT_MOMENT
    assert jobs.run(floor.engine, floor.sessions, job_id)
