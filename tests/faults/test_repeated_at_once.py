"""The same request with the same Idempotency-Key at the same moment, to a site that really serves.

Two processes of gunicorn answer; what they share is the database. Whichever comes first acts, and all get
its answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.database import configure, engine_options, unit_of_work
from app.domain.activity import ActivityLog
from app.domain.kept_answers import KeptAnswer
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import Department, Role
from app.domain.requests import MaintenanceRequest
from app.domain.stock import InventoryTransaction
from app.engine.models import ProcessInstance
from tests import factories
from tests.support import nodes
from tests.support.nodes import Answer, Node, together

pytestmark = pytest.mark.databases

ROUNDS = 12


class Served:
    """A served site, and its database beside it."""

    def __init__(self, node: Node, sessions: sessionmaker[Session]) -> None:
        self.post = node.call
        self.sessions = sessions

    def at_once(self, times: int, *arguments: Any) -> list[Answer]:
        """The same call from several connections, let go together."""
        return together(*[lambda: self.post(*arguments)] * times)

    def count(self, model: type[Any], *where: Any) -> int:
        with self.sessions() as session:
            return nodes.count(session, model, *where)


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
    bearers = nodes.bearers(deployed_url, tmp_path, people)
    with nodes.node(deployed_url, tmp_path / "node", bearers, workers=2) as node:
        yield Served(node, made)
    database.dispose()


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

    def make(number: int) -> Answer:
        return served.post("admin", "/departments", {"name": f"Bay {number}"}, f"bay-{number}")

    answers = together(*[partial(make, number) for number in range(2 * ROUNDS)])
    assert {answer.status for answer in answers} == {201}
    names = {json.loads(answer.body)["name"] for answer in answers}
    assert names == {f"Bay {number}" for number in range(2 * ROUNDS)}
