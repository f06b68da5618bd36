"""Two people do the same thing at the same moment, in separate processes, on either database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain.parts import PartStock, SparePart
from app.domain.stock import InventoryTransaction
from app.engine.models import HistoryEntry, HistoryKind
from tests.support.actions import Submission, at_once
from tests.support.factory_floor import Floor

pytestmark = pytest.mark.databases


def test_two_technicians_accept_the_same_request(floor: Floor, database_url: str) -> None:
    floor.report()
    task = floor.task("Accept request")
    answers = at_once(
        database_url,
        [Submission(task.id, floor.actors[name], {}, "accept") for name in ("technician", "technician2")],
    )

    assert sorted(answer.kind for answer in answers) == ["AlreadyDone", "done"]
    (refused,) = [answer for answer in answers if answer.kind == "AlreadyDone"]
    winner = "technician" if answers[0].kind == "done" else "technician2"
    assert refused.message == f"“Accept request” has already been done by {winner}."
    work = floor.task("Carry out work")
    assert work.assignee_id == floor.actors[winner].user_id
    with floor.sessions() as session:
        left = sa.select(sa.func.count()).where(
            HistoryEntry.element_id == task.element_id, HistoryEntry.kind == HistoryKind.LEFT
        )
        assert session.scalar(left) == 1


def test_two_inventory_managers_issue_the_last_part(floor: Floor, database_url: str) -> None:
    """Two requests want the last one; it was reserved for neither, as both came before it did."""
    part_id = floor.part(0, part_number="LAST", unit_price=300)
    keys = []
    for _ in range(2):
        keys.append(floor.parts_wanted(part_id, 1))
        floor.do("Approve parts", "manager", "approve")
    with floor.acting() as session:
        from app.domain import stock

        part = session.get_one(SparePart, part_id)
        stock.record_movement(
            session,
            part_id,
            "IN",
            1,
            location_id=part.default_location_id,
            by=floor.actors["inventory"].user_id,
        )
    submissions = []
    for key, name in zip(keys, ("inventory", "inventory2"), strict=True):
        (task,) = floor.open_tasks(key)
        submissions.append(Submission(task.id, floor.actors[name], {"lines": [{"quantityIssued": 1}]}))

    answers = at_once(database_url, submissions)

    assert sorted(answer.kind for answer in answers)[-1] == "done"
    (refused,) = [answer for answer in answers if answer.kind != "done"]
    assert refused.kind in ("BusinessError", "InvalidSubmission")
    assert refused.code in ("NOT_ENOUGH_STOCK", "INVALID")
    with floor.sessions() as session:
        part = session.get_one(SparePart, part_id)
        movements = session.scalars(
            sa.select(InventoryTransaction).where(InventoryTransaction.spare_part_id == part_id)
        ).all()
        assert part.quantity == 0 == sum(movement.change for movement in movements)
        assert [m.transaction_type for m in movements].count("OUT") == 1
        at_locations = session.scalars(sa.select(PartStock).where(PartStock.spare_part_id == part_id)).all()
        assert sum(place.quantity for place in at_locations) == 0
    floor.settle()
    loser = keys[answers.index(refused)]
    assert floor.names(loser) == ["Issue parts"]
