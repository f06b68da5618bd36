"""The same request with the same Idempotency-Key at the same moment, to a site that really serves.

Two processes of gunicorn answer; what they share is the database. Whichever comes first acts, and all get
its answer.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app import create_app
from app.api.core import tokens
from app.database import configure, engine_options, unit_of_work
from app.domain import sessions
from app.domain.activity import ActivityLog
from app.domain.kept_answers import KeptAnswer
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import Department, Role, User
from app.domain.requests import MaintenanceRequest
from app.domain.stock import InventoryTransaction
from app.engine.models import ProcessInstance
from app.extensions import db
from tests import factories
from tests.support import site as sites
from tests.support.servers import Server, free_port

pytestmark = pytest.mark.databases

ROUNDS = 12
LONG_ENOUGH = 60  # seconds


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    replayed: bool


class Served:
    """A served site, its database beside it, and people to call it as."""

    def __init__(self, server: Server, sessions_: sessionmaker[Session], people: dict[str, str]) -> None:
        self.server = server
        self.sessions = sessions_
        self.tokens = people

    def post(self, who: str, path: str, body: Any, key: str, method: str = "POST") -> Answer:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}/api/v1{path}",
            data=json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.tokens[who]}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
        )
        try:
            answer = urllib.request.urlopen(request, timeout=LONG_ENOUGH)  # noqa: S310
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            return Answer(answer.status, answer.read(), "Idempotency-Replayed" in answer.headers)

    def at_once(self, times: int, *arguments: Any) -> list[Answer]:
        """The same call from several connections, let go together."""
        barrier = threading.Barrier(times)
        answers: list[Answer] = []

        def call() -> None:
            barrier.wait(LONG_ENOUGH)
            answers.append(self.post(*arguments))

        threads = [threading.Thread(target=call) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG_ENOUGH)
        assert len(answers) == times, "somebody got no answer"
        return answers

    def count(self, model: type[Any], *where: Any) -> int:
        with self.sessions() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(model).where(*where)) or 0


def one_answer(answers: list[Answer]) -> Answer:
    """What all were answered; all but one of them were told that it is a repeat."""
    assert len({(answer.status, answer.body) for answer in answers}) == 1, answers
    assert [answer.replayed for answer in answers].count(False) == 1, answers
    return answers[0]


@pytest.fixture
def served(deployed_url: str, tmp_path: Path) -> Iterator[Served]:
    database = sa.create_engine(deployed_url, **engine_options(deployed_url))
    configure(database)
    made = sessionmaker(database, expire_on_commit=False)
    with made() as session, unit_of_work(session):
        department = factories.make_department(session, name="Stamping")
        factories.make_machine(session, name="Press", department_id=department.id)
        people = {
            "admin": factories.make_user(session, Role.ADMIN),
            "supervisor": factories.make_user(session, Role.SUPERVISOR, department_id=department.id),
            "storekeeper": factories.make_user(session, Role.INVENTORY_MANAGER),
        }
        rows = {name: begin(session, user) for name, user in people.items()}
    config = {
        "SQLALCHEMY_DATABASE_URI": deployed_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(deployed_url),
        "MILLWRIGHT_DATA": tmp_path,
    }
    app = create_app(config)
    with app.app_context():
        bearers = {name: tokens.issue(row).access for name, row in rows.items()}
        db.engine.dispose()
    port = free_port()
    settings = {
        "MILLWRIGHT_DATABASE_URL": deployed_url,
        "MILLWRIGHT_SECRET_KEY": os.environ["MILLWRIGHT_SECRET_KEY"],
    }
    server = Server(
        [
            sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4",
            "--bind", f"127.0.0.1:{port}", "app:create_app()",
        ],
        port=port,
        log=tmp_path / "gunicorn.log",
        environment=sites.environment(tmp_path, **settings),
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}/healthz"
        server.wait_until(lambda: urllib.request.urlopen(url, timeout=5).close(), (OSError,))
        yield Served(server, made, bearers)
    finally:
        server.stop()
        database.dispose()


def begin(session: Session, user: User) -> sessions.UserSession:
    return sessions.begin(session, user.id, sessions.SessionKind.API, lifetime=sessions.REFRESH_LIFETIME)


def test_a_department_is_made_once(served: Served) -> None:
    for number in range(ROUNDS):
        name = f"Hall {number}"
        answer = one_answer(served.at_once(3, "admin", "/departments", {"name": name}, f"hall-{number}"))
        assert answer.status == 201
        assert served.count(Department, Department.name == name) == 1
    assert served.count(ActivityLog, ActivityLog.action == "CREATE_DEPARTMENT") == ROUNDS


def test_a_problem_is_reported_once(served: Served) -> None:
    with served.sessions() as session:
        machine_id = session.scalars(sa.select(Machine.id)).one()
    for number in range(ROUNDS):
        problem = {"machineId": machine_id, "priority": "HIGH", "description": f"Leak {number}"}
        path = "/maintenance-requests"
        answer = one_answer(served.at_once(2, "supervisor", path, problem, f"leak-{number}"))
        assert answer.status == 201, answer.body
    assert served.count(MaintenanceRequest) == ROUNDS == served.count(ProcessInstance)


def test_stock_goes_out_once(served: Served) -> None:
    with served.sessions() as session, unit_of_work(session):
        part = factories.make_part(session, 2 * ROUNDS)
    for number in range(ROUNDS):
        taken = {"partId": part.id, "quantity": 2}
        path = "/inventory-transactions/out"
        answer = one_answer(served.at_once(3, "storekeeper", path, taken, f"out-{number}"))
        assert answer.status == 201, answer.body
    with served.sessions() as session:
        assert session.get_one(SparePart, part.id).quantity == 0
    assert served.count(InventoryTransaction, InventoryTransaction.transaction_type == "OUT") == ROUNDS


def test_whoever_waits_for_one_who_is_refused_is_refused_alike(served: Served) -> None:
    """The first one's action is rolled back, and with it the row that the others wait for; then they all
    want to write that row anew, which InnoDB breaks by telling some of them to try again."""
    for number in range(ROUNDS):
        key = f"refused-{number}"
        answers = served.at_once(3, "admin", "/departments", {"name": "Stamping"}, key)
        answer = one_answer(answers)
        assert answer.status == 422 and json.loads(answer.body)["code"] == "NAME_TAKEN"
    assert served.count(KeptAnswer) == ROUNDS
    assert served.count(Department) == 1


def test_different_keys_at_once_are_different_requests(served: Served) -> None:
    """None is lost, and none is answered with what another was."""
    answers: list[Answer] = []

    def make(number: int) -> None:
        answers.append(served.post("admin", "/departments", {"name": f"Bay {number}"}, f"bay-{number}"))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(2 * ROUNDS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_ENOUGH)
    assert {answer.status for answer in answers} == {201}
    names = {json.loads(answer.body)["name"] for answer in answers}
    assert names == {f"Bay {number}" for number in range(2 * ROUNDS)}
