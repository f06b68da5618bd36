"""A scenario made of a real run passes against the files of its run, and says what it leaves out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from app.clock import ManualClock
from app.domain import stock
from app.domain.people import User
from app.domain.requests import MaintenanceRequest
from app.engine import instances, messages, operations, user_tasks
from app.engine.core import ProcessEngine
from app.engine.models import ProcessInstance
from app.processes.scenarios import Allowance, Recorded, Scenario, read_scenarios, record
from app.processes.scenarios.running import tell
from app.processes.scenarios.stepping import Run
from app.processes.scenarios.world import new_world
from app.processes.shipped import folders, read_folder
from tests.support.factory_floor import Floor

# Every shipped scenario is a real run in its small factory.
CASES = [
    pytest.param(folder.name, scenario, id=f"{folder.name}: {scenario.name}")
    for folder in folders()
    if folder.name in ("maintenance_request", "parts_approval")
    for scenario in read_scenarios(read_folder(folder)["scenarios.yaml"])
]


@pytest.mark.parametrize(("key", "scenario"), CASES)
def test_the_record_of_a_run_passes(engine: ProcessEngine, key: str, scenario: Scenario) -> None:
    folder = next(folder for folder in folders() if folder.name == key)
    with new_world(scenario.given) as world:
        run = Run(engine, world, Allowance.unlimited())
        run.deploy(read_folder(folder))
        assert tell(run, scenario) == []
        with world.sessions() as session:
            instance = session.scalars(
                sa.select(ProcessInstance).where(ProcessInstance.business_key == run.business_key)
            ).one()
            recorded = record(engine, session, instance.id)
    assert recorded.passed, recorded.yaml
    # It tells the same: whatever steps of people there were are there again.
    (again,) = read_scenarios(recorded.yaml.encode())
    done = [step["do"] for step in scenario.steps if "do" in step]
    assert [step["do"] for step in again.steps if "do" in step] == done


@pytest.fixture
def floor(floor: Floor, clock: ManualClock) -> Floor:
    """At a time that stands still until told."""
    return floor


def recorded(floor: Floor, business_key: str) -> tuple[Recorded, dict[str, Any]]:
    with floor.sessions() as session:
        instance = session.scalars(
            sa.select(ProcessInstance).where(ProcessInstance.business_key == business_key)
        ).one()
        found = record(floor.engine, session, instance.id)
    (told,) = yaml.safe_load(found.yaml)
    return found, told


def test_a_story_has_what_was_given_who_did_what_when_and_how_it_ended(
    floor: Floor, clock: ManualClock
) -> None:
    part = floor.part(
        3,
        part_number="SEAL-7",
        part_name="Shaft seal",
        unit_price=Decimal("119.50"),
        group_name="Seals",
    )
    key = floor.parts_wanted(part, 5)
    clock.advance(minutes=31)
    floor.do("Approve parts", "manager", "approve", lines=[{"quantityApproved": 4}])
    clock.advance(hours=26)
    floor.do("Issue parts", "inventory", "issue", lines=[{"quantityIssued": 3}])
    clock.advance(minutes=10)
    with floor.acting() as session:
        stock.record_movement(session, part, "IN", 9, by=floor.actors["inventory"].user_id)
    found, told = recorded(floor, key)
    assert found.passed, found.yaml
    assert told["given"] == {
        "machine": {"name": "Press 4", "criticality": "MEDIUM"},
        "parts": [{"number": "SEAL-7", "name": "Shaft seal", "price": 119.5, "stock": 3, "group": "Seals"}],
        "request": {"priority": "HIGH", "description": "It leaks oil."},
    }
    assert told["start"] == {
        "process": "parts_approval",
        "by": "technician",
        "lines": [{"part": "SEAL-7", "quantity": 5, "reason": "worn"}],
    }
    assert told["steps"] == [
        {"wait": "PT30M"},
        {
            "do": "Approve parts",
            "by": "manager",
            "outcome": "approve",
            "values": {"lines": [{"part": "SEAL-7", "quantityApproved": 4}]},
        },
        {"wait": "P1DT1H59M"},
        {
            "do": "Issue parts",
            "by": "inventory",
            "outcome": "issue",
            "values": {"lines": [{"part": "SEAL-7", "quantityIssued": 3}]},
        },
    ]
    assert told["expect"] == {
        "state": "running",
        "status": "PARTIALLY_ISSUED",
        "open": ["Issue back-ordered parts"],
        "stock": {"SEAL-7": 0},
    }
    assert found.warnings == []

    # What arrived in between is told once somebody has gone on.
    floor.do("Issue back-ordered parts", "inventory", "issue", lines=[{"quantityIssued": 1}])
    found, told = recorded(floor, key)
    assert found.passed, found.yaml
    assert told["steps"][4:6] == [{"wait": "PT10M"}, {"stock": {"part": "SEAL-7", "add": 9}}]
    assert told["expect"]["stock"] == {"SEAL-7": 8}
    assert told["expect"]["state"] == "completed"


def test_timers_that_went_off_go_off_again(floor: Floor, clock: ManualClock) -> None:
    instance = floor.report(priority="CRITICAL")
    for _ in range(2):
        clock.advance(minutes=20, seconds=7)
        instances.fire_due(floor.engine, floor.sessions)
    found, told = recorded(floor, instance.business_key)
    assert found.passed, found.yaml
    assert told["steps"] == [{"wait": "PT40M14S"}]
    assert told["expect"]["open"] == ["Accept request"]


def test_people_are_called_by_their_parts(floor: Floor) -> None:
    """Also those who are named in texts."""
    with floor.acting() as session:
        boss = session.get_one(User, floor.actors["manager"].user_id)
        boss.name = "Maria Duarte"
        worker = session.get_one(User, floor.actors["technician2"].user_id)
        worker.name = "Tomasz Wolski"
    instance = floor.report(description="Tomasz Wolski says it leaks.")
    floor.do("Accept request", "technician2", "accept")
    floor.do("Carry out work", "technician2", "hand_back", handBackReason="Maria Duarte wants it so.")
    floor.do("Accept request", "technician", "accept")
    found, told = recorded(floor, instance.business_key)
    assert found.passed, found.yaml
    assert [step["by"] for step in told["steps"] if "do" in step] == [
        "technician",
        "technician",
        "technician2",
    ]
    assert "Wolski" not in found.yaml
    assert told["start"]["values"]["description"] == "technician says it leaks."


def test_what_a_story_cannot_say_is_listed(floor: Floor, clock: ManualClock) -> None:
    part = floor.part(10, part_number="SEAL-7", unit_price=Decimal(100))
    key = floor.parts_wanted(part, 2)
    clock.advance(minutes=1)
    with floor.acting() as session:
        stock.record_movement(session, part, "OUT", 3, by=floor.actors["inventory"].user_id)
        user_tasks.claim(floor.engine, session, floor.task("Approve parts").id, floor.actors["manager"])
    clock.advance(minutes=5)
    floor.do("Approve parts", "manager", "approve")
    task = floor.task("Issue parts")
    with floor.acting() as session:
        user_tasks.claim(floor.engine, session, task.id, floor.actors["inventory"])
        user_tasks.delegate(
            floor.engine, session, task.id, floor.actors["inventory"], floor.actors["inventory2"].user_id or 0
        )
    floor.do("Issue parts", "inventory2", "issue", lines=[{"quantityIssued": 2}])
    found, told = recorded(floor, key)
    assert found.passed, found.yaml
    assert any("others took 3 of SEAL-7" in warning for warning in found.warnings)
    assert any("had been handed over" in warning for warning in found.warnings)
    assert told["steps"][-1]["by"] == "inventory"
    assert told["expect"]["stock"] == {"SEAL-7": 8}
    for warning in found.warnings:
        assert f"# {warning}" in found.yaml


def test_a_run_that_an_overseer_ended_stops_before_that(floor: Floor) -> None:
    instance = floor.report()
    with floor.acting() as session:
        operations.cancel(floor.engine, session, instance.id, floor.actors["manager"], "Reported twice.")
    found, told = recorded(floor, instance.business_key)
    assert "expect" not in told
    assert any("cancelled by an overseer" in warning for warning in found.warnings)


def test_messages_of_people_are_told_and_those_of_the_story_itself_are_not(floor: Floor) -> None:
    part = floor.part(10, part_number="SEAL-7", unit_price=Decimal(100))
    key = floor.parts_wanted(part, 2)
    with floor.sessions() as session:
        main = session.scalars(
            sa.select(ProcessInstance.business_key).where(ProcessInstance.key == "maintenance_request")
        ).one()
    with floor.acting() as session:
        messages.deliver(
            floor.engine,
            session,
            "cancel requested",
            key,
            {"reason": "Not needed."},
            floor.actors["technician"],
        )
    floor.settle()
    found, told = recorded(floor, main)
    assert found.passed, found.yaml
    assert told["steps"][-1] == {
        "message": {
            "name": "cancel requested",
            "to": "parts_approval",
            "by": "technician",
            "payload": {"reason": "Not needed."},
        }
    }
    assert told["expect"]["related"] == {"parts_approval": "CANCELLED"}

    found, told = recorded(floor, key)
    assert found.passed, found.yaml
    assert "to" not in told["steps"][-1]["message"]


def test_a_record_of_what_was_changed_by_hand_says_so_and_that_it_fails(floor: Floor) -> None:
    """Somebody has the work who never accepted it: no story leads there."""
    instance = floor.report()
    floor.do("Accept request", "technician", "accept")
    with floor.acting() as session:
        request = session.scalars(sa.select(MaintenanceRequest)).one()
        request.status = "PENDING"
    found, _ = recorded(floor, instance.business_key)
    assert not found.passed
    assert any("As it stands the scenario fails" in warning for warning in found.warnings)
