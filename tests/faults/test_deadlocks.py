"""Two transactions that wait for each other: the database ends one, and nobody at a page need know."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.domain.catalogues import FailureCode
from app.domain.people import User
from app.domain.requests import MaintenanceRequest
from app.engine.core import ProcessEngine
from app.engine.models import HistoryEntry, HistoryKind, TaskState
from app.extensions import db
from tests import factories
from tests.support.application import application
from tests.support.factory_floor import Floor
from tests.support.servers import MariaDb

LONG_ENOUGH = 20  # seconds
HEAVY = 60  # rows that the other transaction has changed, so that the database ends ours


class Rival:
    """A transaction that holds the machine and then wants the task's request, which the page holds."""

    def __init__(self, database: sa.Engine, machine_id: int, server: MariaDb) -> None:
        self._database, self._machine_id, self._server = database, machine_id, server
        self._holds, self._goes_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._act)
        self.got_it = False

    def start(self) -> None:
        self._thread.start()
        assert self._holds.wait(LONG_ENOUGH)

    def want_the_request(self) -> None:
        """Wait for the request's row, which our transaction holds; answers once the rival waits."""
        self._goes_on.set()
        deadline = time.monotonic() + LONG_ENOUGH
        with self._server.connect() as connection, connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(
                    "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
                )
                if cursor.fetchone()[0]:
                    return
                time.sleep(0.05)
        raise AssertionError("the rival never had to wait")

    def join(self) -> None:
        self._thread.join(LONG_ENOUGH)
        assert not self._thread.is_alive()

    def _act(self) -> None:
        with self._database.connect() as connection:
            codes = [{"code": f"F{n}", "name": f"Failure {n}", "description": ""} for n in range(HEAVY)]
            connection.execute(sa.insert(FailureCode), codes)
            machine = sa.text("SELECT id FROM machines WHERE id = :id FOR UPDATE")
            connection.execute(machine, {"id": self._machine_id})
            self._holds.set()
            if self._goes_on.wait(LONG_ENOUGH):
                connection.execute(sa.text("SELECT id FROM maintenance_requests FOR UPDATE"))
                self.got_it = True
            connection.rollback()


def test_completing_a_task_on_its_page_outlives_a_deadlock(
    engine: ProcessEngine, mariadb: MariaDb, mariadb_url: str, tmp_path: Path
) -> None:
    from tests.conftest import _create_tables

    database = _create_tables(mariadb_url)
    floor = Floor(engine, database)
    floor.report()
    task = floor.task("Accept request")
    with floor.sessions() as session:
        technician = session.get_one(User, floor.actors["technician"].user_id)
    rival = Rival(database, floor.machine_id, mariadb)
    met: list[str] = []
    ended: list[int] = []

    def meet(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        """Right before the page locks the machine, the rival wants the request, which the page holds."""
        if "FROM machines" in statement and "FOR UPDATE" in statement and not met:
            met.append(statement)
            rival.want_the_request()

    def note(context: Any) -> None:
        ended.append(context.original_exception.args[0])

    with application(mariadb_url, tmp_path) as app:
        browser = app.test_client()
        signed = browser.post("/sign-in", data={"email": technician.email, "password": factories.PASSWORD})
        assert signed.status_code == 302
        with app.app_context():
            sa.event.listen(db.engine, "before_cursor_execute", meet)
            sa.event.listen(db.engine, "handle_error", note)
        rival.start()
        answer = browser.post(f"/tasks/{task.id}", data={"_outcome": "accept"})
    rival.join()

    assert met and rival.got_it
    assert ended[0] == 1213, "the database has ended the other one"
    assert answer.status_code == 302, answer.text
    with floor.sessions() as session:
        done = session.scalars(sa.select(HistoryEntry).where(
            HistoryEntry.element_id == "accept_request", HistoryEntry.kind == HistoryKind.LEFT
        )).all()  # fmt: skip
        assert len(done) == 1
        assert session.scalars(sa.select(MaintenanceRequest.status)).one() == "IN_PROGRESS"
    assert [t.state for t in floor.open_tasks()] == [TaskState.OPEN]
    assert floor.names() == ["Carry out work"]
    database.dispose()
