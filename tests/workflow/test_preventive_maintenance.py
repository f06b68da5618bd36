"""Preventive jobs through their process: what the scenarios cannot say."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from app.clock import ManualClock
from app.domain.machines import Machine
from app.domain.people import User
from app.domain.preventive import completion, plans
from app.domain.preventive.models import PreventiveJob, PreventiveLog, PreventiveTask
from app.domain.requests import MaintenanceRequest
from app.engine import messages, relations
from app.engine.models import Job, ProcessInstance
from app.errors import BusinessError
from app.processes import preventive_opening
from app.processes.scenarios import read_scenarios, record
from tests import factories
from tests.support.factory_floor import Floor
from tests.support.failing import DEADLOCK, FULL, LOST, failing

CHECKLIST = [{"text": "Guard closed"}, {"text": "Oil", "kind": "text"}]


@pytest.fixture
def plan(floor: Floor, clock: ManualClock) -> int:
    """Every day from today on."""
    with floor.acting() as session:
        machine = session.get_one(Machine, floor.machine_id)
        task = factories.make_preventive_task(
            session, machine=machine, rrule="FREQ=DAILY", checklist=CHECKLIST
        )
        number: int = task.id
    return number


def sweep(floor: Floor) -> int:
    opened = preventive_opening.open_due(floor.engine, floor.sessions)
    floor.settle()
    return opened


def answers(result: str = "pass") -> dict[str, Any]:
    return {"items": [{"result": result}, {"answer": "clean"}], "minutesSpent": 10}


def jobs(floor: Floor) -> list[PreventiveJob]:
    with floor.sessions() as session:
        return list(session.scalars(sa.select(PreventiveJob).order_by(PreventiveJob.due_on)))


@pytest.mark.parametrize("number", [LOST, FULL])
def test_no_plan_is_put_off_while_the_database_cannot(
    floor: Floor, database: sa.Engine, plan: int, number: int
) -> None:
    with (
        failing(database, number, 1, at="INSERT INTO preventive_maintenance_jobs"),
        pytest.raises(OperationalError),
    ):
        sweep(floor)
    assert (jobs(floor), sweep(floor)) == ([], 1)


def test_a_job_whose_opening_the_database_gave_up_is_opened_once(
    floor: Floor, database: sa.Engine, plan: int
) -> None:
    with failing(database, DEADLOCK, 1, at="INSERT INTO preventive_maintenance_jobs"):
        assert sweep(floor) == 0
    assert (sweep(floor), len(jobs(floor))) == (1, 1)


def test_several_jobs_are_open_and_the_newer_is_done_first(
    floor: Floor, plan: int, clock: ManualClock
) -> None:
    assert (sweep(floor), sweep(floor)) == (1, 0)
    clock.advance(days=1)
    assert sweep(floor) == 1
    assert floor.names() == ["Carry out checklist"] * 2
    floor.do("Carry out checklist", "technician", "complete", **answers())  # the newest
    first, second = jobs(floor)
    assert (first.status, second.status) == ("OPEN", "DONE")
    with floor.sessions() as session:
        assert session.get_one(PreventiveTask, plan).next_due_on == first.due_on
        log = session.scalars(sa.select(PreventiveLog)).one()
        assert (log.due_on, log.performed_by) == (second.due_on, floor.actors["technician"].user_id)


def test_a_request_about_what_failed_is_related_and_never_opened_twice(floor: Floor, plan: int) -> None:
    sweep(floor)
    floor.do("Carry out checklist", "technician", "complete", **answers("fail"), reportProblem=True)
    (job,) = jobs(floor)
    with floor.acting() as session:
        found = session.scalars(sa.select(MaintenanceRequest)).one()
        assert (job.status, job.maintenance_request_id) == ("FAILED", found.id)
        assert found.reporter_id == floor.actors["technician"].user_id
        assert "Guard closed" in found.problem_description and job.business_key in found.problem_description
        instance = session.scalars(
            sa.select(ProcessInstance).where(ProcessInstance.business_key == job.business_key)
        ).one()
        assert found.business_key in {
            each.instance.business_key for each in relations.related(floor.engine, session, instance)
        }
        # Whoever sends the message again, as by a token that was moved, opens no second request.
        payload = {
            "machineId": floor.machine_id, "priority": "LOW", "description": "Again",
            "preventiveJobId": job.id,
        }  # fmt: skip
        messages.send(session, "problem found", to=None, payload=payload)
    floor.settle()
    with floor.sessions() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(MaintenanceRequest)) == 1
        refused = session.scalars(sa.select(Job).where(Job.last_error.like("%was reported before%"))).one()
        assert refused.attempts == 1


def test_taking_a_plan_out_of_use_ends_its_processes(floor: Floor, plan: int) -> None:
    sweep(floor)
    with floor.acting() as session:
        plans.deactivate_task(session, session.get_one(PreventiveTask, plan), None)
    floor.settle()
    assert floor.names() == []
    with floor.sessions() as session:
        assert [each.state for each in session.scalars(sa.select(ProcessInstance))] == ["completed"]
        assert session.scalars(sa.select(PreventiveLog)).all() == []
    # In use again on the same day: the same job, with a process and a number of its own.
    with floor.acting() as session:
        plans.update_task(session, session.get_one(PreventiveTask, plan), None, active=True)
    assert sweep(floor) == 1
    floor.do("Carry out checklist", "technician", "complete", **answers())
    assert [job.status for job in jobs(floor)] == ["DONE"]


def test_one_plan_that_fails_does_not_stop_the_others(
    floor: Floor, plan: int, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    with floor.acting() as session:
        machine = session.get_one(Machine, floor.machine_id)
        other = factories.make_preventive_task(session, machine=machine, rrule="FREQ=DAILY").id
    opening = preventive_opening._open

    def failing(engine: Any, session: Any, task: PreventiveTask, *rest: Any) -> Any:
        if task.id == plan:
            raise RuntimeError("the disk is full")
        return opening(engine, session, task, *rest)

    monkeypatch.setattr(preventive_opening, "_open", failing)
    assert sweep(floor) == 1
    assert [job.task_id for job in jobs(floor)] == [other]
    assert f"preventive plan {plan}" in caplog.text
    with floor.sessions() as session:
        assert "the disk is full" in session.get_one(PreventiveTask, plan).opening_error
    monkeypatch.undo()
    assert sweep(floor) == 0  # not again at once
    clock.advance(minutes=10)
    assert sweep(floor) == 1


def test_a_refused_completion_leaves_everything_as_it_was(floor: Floor, plan: int) -> None:
    part_id = floor.part(1, part_number="FLT")
    with floor.acting() as session:
        task = session.get_one(PreventiveTask, plan)
        plans.update_task(session, task, None, parts=[{"partId": part_id, "quantity": 2}])
    sweep(floor)
    with pytest.raises(BusinessError) as refused:
        floor.do(
            "Carry out checklist", "technician", "complete",
            **answers(), issueKit=True, kit=[{"quantityUsed": 2}],
        )  # fmt: skip
    assert (refused.value.code, refused.value.field) == ("NOT_ENOUGH_STOCK", "kit.0.quantityUsed")
    with floor.sessions() as session:
        assert session.scalars(sa.select(PreventiveLog)).all() == []
    assert floor.names() == ["Carry out checklist"]


def test_what_somebody_has_logged_meanwhile_is_not_logged_twice(floor: Floor, plan: int) -> None:
    sweep(floor)
    with floor.acting() as session:
        user = session.get_one(User, floor.actors["manager"].user_id)
        done = [{"item": 1, "passed": True}, {"item": 2, "text": "clean"}]
        completion.log_completion(session, session.get_one(PreventiveTask, plan), user.id, answers=done)
    with pytest.raises(BusinessError, match="dealt with already, by manager"):
        floor.do("Carry out checklist", "technician", "complete", **answers())


def test_a_real_job_is_told_as_a_scenario_that_holds(floor: Floor, plan: int) -> None:
    sweep(floor)
    floor.do("Carry out checklist", "technician", "complete", **answers())
    with floor.sessions() as session:
        run = session.scalars(sa.select(ProcessInstance)).one()
        told = record(floor.engine, session, run.id)
    assert told.passed, told.warnings
    (scenario,) = read_scenarios(told.yaml.encode())
    assert scenario.start == {"process": "preventive_maintenance"}
    assert scenario.given["plan"]["checklist"] == [
        {"text": "Guard closed", "kind": "pass_fail"}, {"text": "Oil", "kind": "text"},
    ]  # fmt: skip
    assert scenario.expect["status"] == "DONE"
