"""Parts requests under way go on in a changed diagram."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import deployments, history, instances, messages, migration
from app.engine.actors import SYSTEM
from app.engine.migration import Forecast
from app.engine.models import ProcessInstance
from app.processes.shipped import WORKFLOWS, read_folder
from tests.support.factory_floor import Floor

FILES = read_folder(WORKFLOWS / "parts_approval")
DIAGRAM = FILES["parts_approval.bpmn"].decode()


def deploy(floor: Floor, diagram: str) -> int:
    files = {**FILES, "parts_approval.bpmn": diagram.encode()}
    with floor.acting() as session:
        return deployments.deploy(floor.engine, session, files, by=SYSTEM, note="test").id


def renamed(diagram: str, old: str, new: str) -> str:
    """The diagram with another id for an element, wherever the id is meant and not a form's name."""
    diagram = re.sub(
        rf'\b(id|sourceRef|targetRef|attachedToRef|bpmnElement)="{old}"', rf'\1="{new}"', diagram
    )
    return diagram.replace(f"<bpmn:flowNodeRef>{old}<", f"<bpmn:flowNodeRef>{new}<")


def with_signature(diagram: str) -> str:
    """One more user task between the approval and whoever issues the parts."""
    flow = 'id="tell_inventory_to_issue_parts" sourceRef="tell_inventory" targetRef="issue_parts"'
    assert flow in diagram
    diagram = diagram.replace(flow, flow.replace('targetRef="issue_parts"', 'targetRef="sign"'))
    sign = (
        '<bpmn:userTask id="sign" name="Sign" millwright:candidateRole="ADMIN"/>'
        '<bpmn:sequenceFlow id="sign_to_issue_parts" sourceRef="sign" targetRef="issue_parts"/>'
    )
    return diagram.replace("</bpmn:process>", sign + "</bpmn:process>")


def without_administrator(diagram: str) -> str:
    """No second approval, whatever the table says."""
    flow = 'id="administrator_too_to_approve_parts_admin" sourceRef="administrator_too" targetRef='
    assert flow in diagram
    return diagram.replace(f'{flow}"approve_parts_admin"', f'{flow}"approval_given"')


def instance_of(floor: Floor, business_key: str) -> ProcessInstance:
    with floor.sessions() as session:
        query = sa.select(ProcessInstance).where(ProcessInstance.business_key == business_key)
        return session.scalars(query).one()


def move(floor: Floor, business_key: str, deployment_id: int, mapping: dict[str, str] | None = None) -> None:
    with floor.acting() as session:
        migration.migrate(
            floor.engine,
            session,
            instance_of(floor, business_key).id,
            deployment_id,
            floor.actors["manager"],
            "The rules have changed",
            mapping,
        )
    floor.settle()


def forecast(floor: Floor, mapping: dict[str, str] | None = None) -> Forecast:
    with floor.sessions() as session:
        (found,) = migration.plan(floor.engine, session, "parts_approval", 2, mapping=mapping)
        return found


@pytest.fixture
def wanted(floor: Floor) -> str:
    """A parts request that the manager has to decide, and the administrator after that."""
    return floor.parts_wanted(floor.part(10, part_number="SPINDLE", unit_price=3000), 2)


def finish(floor: Floor, business_key: str) -> None:
    floor.do("Issue parts", "inventory", "issue")  # as much as was approved
    assert instance_of(floor, business_key).state == "completed"
    assert floor.names(business_key) == []


@pytest.mark.databases
def test_a_renamed_task_an_added_step_and_a_removed_one(floor: Floor, wanted: str) -> None:
    task = floor.task("Approve parts")
    changed = without_administrator(with_signature(renamed(DIAGRAM, "approve_parts", "decide_parts")))
    deployment_id = deploy(floor, changed.replace('name="Approve parts"', 'name="Decide about parts"'))
    assert not forecast(floor).can_move
    mapping = {"approve_parts": "decide_parts"}
    assert forecast(floor, mapping).can_move
    move(floor, wanted, deployment_id, mapping)

    assert floor.names(wanted) == ["Decide about parts"]
    same = floor.task("Decide about parts")
    assert (same.id, same.due_at, same.candidate_role) == (task.id, task.due_at, task.candidate_role)
    floor.do("Decide about parts", "manager", "approve")
    assert floor.names(wanted) == ["Sign"]
    floor.do("Sign", "admin")
    assert floor.names(wanted) == ["Issue parts"]
    finish(floor, wanted)
    with floor.sessions() as session:
        kinds = [entry.kind for entry in history.entries(session, instance_of(floor, wanted).id)]
    assert (kinds.count("migrated"), kinds[-1]) == (1, "completed")


def test_what_stands_at_a_removed_step_cannot_move_until_somebody_says_where_to(
    floor: Floor, wanted: str
) -> None:
    floor.do("Approve parts", "manager", "approve")
    assert floor.names(wanted) == ["Approve parts (administrator)"]
    start, end = '<bpmn:userTask id="approve_parts_admin"', "</bpmn:userTask>"
    at = DIAGRAM.index(start)
    shorter = without_administrator(DIAGRAM[:at] + DIAGRAM[DIAGRAM.index(end, at) + len(end) :])
    gone = "approve_parts_admin"
    timer = rf'<bpmn:boundaryEvent id="\w+"[^>]*attachedToRef="{gone}".*?</bpmn:boundaryEvent>'
    shorter = re.sub(timer, "", shorter, flags=re.DOTALL)
    shorter = re.sub(rf'<bpmn:sequenceFlow [^>]*sourceRef="{gone}"[^>]*/>', "", shorter)
    deployment_id = deploy(floor, shorter)
    told = forecast(floor)
    assert sorted(told.stands_at) == ["approve_parts_admin", "cancellation_requested"]
    assert told.reasons == [
        "It stands at “Approve parts (administrator)”, which version 2 does not have: "
        "say which element takes its place."
    ]
    with pytest.raises(migration.CannotMigrate):
        move(floor, wanted, deployment_id)
    assert floor.names(wanted) == ["Approve parts (administrator)"]
    move(floor, wanted, deployment_id, {"approve_parts_admin": "approve_parts"})
    assert floor.names(wanted) == ["Approve parts"]
    floor.do("Approve parts", "manager", "approve")
    finish(floor, wanted)


def test_reminders_go_on_where_they_were_and_it_can_still_be_called_off(
    floor: Floor, wanted: str, clock: ManualClock
) -> None:
    due = instance_of(floor, wanted).next_due_at
    assert due is not None
    move(floor, wanted, deploy(floor, with_signature(DIAGRAM)))
    assert instance_of(floor, wanted).next_due_at == due
    clock.time = due + timedelta(seconds=1)
    assert instances.fire_due(floor.engine, floor.sessions) >= 1
    with floor.acting() as session:
        messages.deliver(
            floor.engine,
            session,
            "cancel requested",
            wanted,
            {"reason": "Not needed"},
            floor.actors["manager"],
        )
    assert instance_of(floor, wanted).state == "completed"
