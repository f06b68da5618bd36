"""A process that is killed at any point of an action leaves all of it or none of it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.domain.activity import ActivityLog
from app.domain.parts import SparePart
from app.domain.parts_requests import SparePartsRequest
from app.domain.stock import InventoryTransaction
from app.domain.usage import PartsUsage
from app.engine.models import HistoryEntry, Job, ProcessInstance, UserTask
from tests.support.actions import Submission, killed_at
from tests.support.factory_floor import Floor

COUNTED = (InventoryTransaction, PartsUsage, ActivityLog, HistoryEntry, Job, UserTask)


def everything(floor: Floor, part_id: int, task_id: int) -> dict[str, Any]:
    """What issuing parts changes, all over the database."""
    with floor.sessions() as session:
        counts = {
            model.__tablename__: session.scalar(sa.select(sa.func.count()).select_from(model))
            for model in COUNTED
        }
        parts_request = session.scalars(sa.select(SparePartsRequest)).one()
        instance = session.scalars(
            sa.select(ProcessInstance).where(ProcessInstance.key == "parts_approval")
        ).one()
        return {
            **counts,
            "stock": session.get_one(SparePart, part_id).quantity,
            "status": parts_request.status,
            "task": session.get_one(UserTask, task_id).state,
            "instance": instance.state,
            "revision": instance.revision,
        }


@pytest.mark.databases
def test_issuing_parts_is_all_or_nothing(floor: Floor, database_url: str) -> None:
    part_id = floor.part(5, part_number="SEAL", unit_price=300)
    floor.parts_wanted(part_id, 2)
    floor.do("Approve parts", "manager", "approve")
    task = floor.task("Issue parts")
    submission = Submission(task.id, floor.actors["inventory"], {})
    before = everything(floor, part_id, task.id)
    assert (before["stock"], before["status"], before["task"]) == (5, "APPROVED", "open")

    points, point = 0, 0
    while everything(floor, part_id, task.id) == before:
        point += 1 if point < 3 else 3  # each of the first, then a sample, always the last ones
        assert point < 300, "the action never ended"
        answer = killed_at(database_url, submission, point)
        points += answer is None

    after = everything(floor, part_id, task.id)
    assert points >= 5
    assert (after["stock"], after["status"], after["task"]) == (3, "ISSUED", "completed")
    assert after["instance"] == "completed"
    assert after["revision"] == before["revision"] + 1
    assert after["spare_parts_inventory_transactions"] == before["spare_parts_inventory_transactions"] + 1
    # What is to happen outside the transaction was written with it, and is done later by anybody.
    floor.settle()
    with floor.sessions() as session:
        assert session.scalars(sa.select(Job.state).where(Job.state != "done")).all() == []
