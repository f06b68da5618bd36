"""Who is in charge of a repair, and who may call one off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.requests import MaintenanceRequest
from app.engine import messages, user_tasks
from app.engine.actors import Identity
from app.engine.models import InstanceState, ProcessInstance
from app.errors import Forbidden
from tests.support.factory_floor import Floor

pytestmark = pytest.mark.databases

STEP = {"description": "Had a look", "minutes": 10}


def hand_over(floor: Floor, to: str) -> None:
    task, person = floor.task("Carry out work"), floor.actors[to].user_id
    assert person is not None
    with floor.acting() as session:
        user_tasks.delegate(floor.engine, session, task.id, floor.actors["manager"], person)


def in_charge(floor: Floor, instance: ProcessInstance) -> int | None:
    with floor.sessions() as session:
        return session.get_one(MaintenanceRequest, instance.subject_id).assigned_technician_id


@pytest.fixture
def accepted(floor: Floor) -> ProcessInstance:
    """A request that the technician has accepted."""
    instance = floor.report()
    floor.do("Accept request", "technician", "accept")
    return instance


def test_work_that_was_handed_over_stays_with_whoever_does_it(
    floor: Floor, accepted: ProcessInstance
) -> None:
    part = floor.part(5)
    hand_over(floor, "technician2")
    lines = [{"partId": part, "quantity": 1, "reason": "worn"}]
    floor.do("Carry out work", "technician2", "request_parts", steps=[STEP], partLines=lines)
    assert floor.task("Carry out work").assignee_name == "technician2"
    assert in_charge(floor, accepted) == floor.actors["technician2"].user_id


def test_work_saved_halfway_stays_with_whoever_saved_it(floor: Floor, accepted: ProcessInstance) -> None:
    hand_over(floor, "technician2")
    floor.do("Carry out work", "technician2", "save", cause="Perhaps the seal")
    assert floor.task("Carry out work").assignee_name == "technician2"


def test_a_substitute_does_not_take_the_work_over(floor: Floor, accepted: ProcessInstance) -> None:
    part = floor.part(5)
    absent = floor.actors["technician"]
    stand_in = Identity(absent.user_id, absent.role, absent.department_id, absent.name)
    floor.actors["technician2"] = replace(floor.actors["technician2"], stands_in_for=(stand_in,))
    lines = [{"partId": part, "quantity": 1, "reason": "worn"}]
    floor.do("Carry out work", "technician2", "request_parts", partLines=lines)
    assert floor.task("Carry out work").assignee_name == "technician"
    assert in_charge(floor, accepted) == absent.user_id


def call_off(floor: Floor, instance: ProcessInstance, by: str) -> None:
    payload = {"reason": "A false alarm"}
    with floor.acting() as session:
        messages.deliver(
            floor.engine, session, "cancel requested", instance.business_key, payload, floor.actors[by]
        )
    floor.settle()


def state(floor: Floor, instance: ProcessInstance) -> tuple[str, str, str]:
    with floor.sessions() as session:
        request = session.get_one(MaintenanceRequest, instance.subject_id)
        found = session.get_one(ProcessInstance, instance.id)
        return found.state, request.status, request.cancellation_reason


def test_the_reporter_calls_a_pending_request_off(floor: Floor) -> None:
    instance = floor.report()
    call_off(floor, instance, "supervisor")
    assert state(floor, instance) == (InstanceState.COMPLETED, "CANCELLED", "A false alarm")
    assert floor.names() == []


@pytest.mark.parametrize("by", ["supervisor", "technician", "technician2", "inventory"])
def test_an_accepted_request_is_called_off_by_overseers_only(
    floor: Floor, accepted: ProcessInstance, by: str
) -> None:
    with pytest.raises(Forbidden):
        call_off(floor, accepted, by)
    assert state(floor, accepted) == (InstanceState.RUNNING, "IN_PROGRESS", "")
    assert floor.names() == ["Carry out work"]


@pytest.mark.parametrize("by", ["manager", "admin"])
def test_overseers_call_off_work_that_has_begun(floor: Floor, accepted: ProcessInstance, by: str) -> None:
    call_off(floor, accepted, by)
    assert state(floor, accepted) == (InstanceState.COMPLETED, "CANCELLED", "A false alarm")
