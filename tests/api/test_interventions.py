"""What overseers do to instances over the API: who may, what is told, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain.people import Role
from app.engine import instances
from app.engine.monitor import survey
from app.engine.monitor.models import Obstacle
from app.engine.services import ServiceTask
from tests.api.conftest import Api
from tests.support import consistency


def report(api: Api) -> dict[str, Any]:
    """Report a problem; answers the instance."""
    body = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks."}
    made = api.supervisor.post("/maintenance-requests", body)
    assert made.status_code == 201, made.json
    api.settle()
    (found,) = api.manager.get(f"/instances?businessKey={made.json['businessKey']}").json["items"]
    return found  # type: ignore[no-any-return]


def task_of(instance: dict[str, Any]) -> str:
    (task,) = [task for task in instance["openTasks"] if task["elementId"] == "accept_request"]
    return f"/tasks/{task['id']}"


def told(api: Api, instance: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = api.manager.get(f"/instances/{instance['id']}/history?kind={kind}&pageSize=200").json
    return [entry["detail"] for entry in found["items"]]


def agrees(api: Api) -> bool:
    api.session.rollback()
    return consistency.problems(api.engine, api.session) == []


def test_a_task_is_given_to_anybody_with_a_reason(api: Api) -> None:
    instance = report(api)
    address = f"{task_of(instance)}/reassign"
    body = {"person": api.storekeeper.id, "reason": "The technicians are ill"}
    given = api.manager.post(address, body)
    assert given.status_code == 200, given.json
    assert given.json["assigneeId"] == api.storekeeper.id
    assert told(api, instance, "delegated")[-1]["reason"] == "The technicians are ill"
    notes = api.storekeeper.get("/notifications").json["items"]
    assert notes[0]["title"] == "“Accept request” is yours now"
    again = api.manager.post(address, body)
    assert (again.status_code, again.json["code"]) == (422, "HAS_IT_ALREADY")
    nobody = api.manager.post(address, {**body, "person": 9999})
    assert (nobody.status_code, list(nobody.json["errors"])) == (422, ["person"])
    assert api.manager.post(address, {"person": api.storekeeper.id}).status_code == 400
    assert api.manager.post("/tasks/9999/reassign", body).status_code == 404
    assert api.storekeeper.post(f"{task_of(instance)}/complete", {}).status_code == 200
    assert api.manager.post(address, body).status_code == 409
    assert agrees(api)


def test_somebody_is_reminded_once_an_hour(api: Api) -> None:
    instance = report(api)
    address = f"{task_of(instance)}/nudge"
    before = len(api.technician.get("/notifications").json["items"])
    assert api.manager.post(address, {"reason": "The press stands still"}).status_code == 200
    notes = api.technician.get("/notifications").json["items"]
    assert len(notes) == before + 1
    assert notes[0]["title"] == "“Accept request” waits for you"
    assert told(api, instance, "nudged")[0]["reason"] == "The press stands still"
    again = api.manager.post(address, {"reason": "Now"})
    assert (again.status_code, again.json["code"]) == (422, "JUST_NUDGED")


def test_a_task_is_escalated_to_a_role(api: Api) -> None:
    instance = report(api)
    address = f"{task_of(instance)}/escalate"
    assert api.storekeeper.post(f"{task_of(instance)}/claim").status_code == 404
    done = api.manager.post(address, {"role": "INVENTORY_MANAGER", "reason": "Nobody else is there"})
    assert done.status_code == 200, done.json
    assert api.storekeeper.post(f"{task_of(instance)}/claim").status_code == 200
    for role, code in (("INVENTORY_MANAGER", "ESCALATED_ALREADY"), ("BAKER", "UNKNOWN_ROLE")):
        refused = api.manager.post(address, {"role": role, "reason": "x"})
        assert (refused.status_code, refused.json["code"]) == (422, code)


@pytest.fixture
def silent(api: Api, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An instance whose first step failed."""
    services = api.engine.services.tasks
    radio = services["notify.role"]

    def refuse(ctx: Any, **arguments: Any) -> dict[str, Any]:
        raise RuntimeError("The radio is silent.")

    broken = ServiceTask(radio.name, radio.title, "", refuse, radio.inputs, radio.outputs, radio.errors)
    monkeypatch.setitem(services, "notify.role", broken)
    return report(api)


def test_a_step_done_outside_lets_its_token_go_on(api: Api, silent: dict[str, Any]) -> None:
    (incident,) = silent["incidents"]
    address = f"/incidents/{incident['id']}/resolve"
    survey.keep_up(api.engine, api.jobs.sessions)
    api.session.rollback()
    assert api.session.scalar(sa.select(sa.func.count(Obstacle.id))) == 1
    named = {"reason": "Called them", "variables": {"two words": 1}}
    refused = api.manager.post(address, named)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["variables.two words"])
    done = api.manager.post(address, {"reason": "Called them", "variables": {"told": 3}})
    assert done.status_code == 200, done.json
    assert (done.json["state"], [t["elementId"] for t in done.json["openTasks"]]) == (
        "running",
        ["accept_request"],
    )
    assert told(api, silent, "resolved") == [
        {"incident": incident["id"], "values": {"told": 3}, "reason": "Called them"}
    ]
    api.session.rollback()
    assert api.session.scalar(sa.select(sa.func.count(Obstacle.id))) == 0
    assert api.manager.post(address, {"reason": "Again"}).status_code == 409
    assert api.manager.post("/incidents/9999/resolve", {"reason": "x"}).status_code == 404
    assert api.manager.post(address, {"variables": {}}).status_code == 400
    assert agrees(api)


def test_timers_that_are_due_go_off(api: Api) -> None:
    instance = report(api)
    address = f"/instances/{instance['id']}/fire-timers"
    early = api.manager.post(address, {"reason": "The scheduler was down"})
    assert (early.status_code, early.json["detail"]) == (
        409,
        f"No timer of {instance['businessKey']} is due.",
    )
    assert api.manager.post("/instances/9999/fire-timers", {"reason": "x"}).status_code == 404


def test_each_is_for_those_who_oversee_the_work(api: Api) -> None:
    instance = report(api)
    owner = api.someone(Role.MAINTENANCE_TECH, process_owner=True)
    calls = (
        (f"{task_of(instance)}/reassign", {"person": api.technician.id, "reason": "x"}),
        (f"{task_of(instance)}/nudge", {"reason": "x"}),
        (f"{task_of(instance)}/escalate", {"role": "ADMIN", "reason": "x"}),
        (f"/instances/{instance['id']}/fire-timers", {"reason": "x"}),
        ("/incidents/1/resolve", {"reason": "x"}),
    )
    for caller in (api.supervisor, api.technician, api.storekeeper, owner):
        for address, body in calls:
            assert caller.post(address, body).status_code == 403, address
    with unit_of_work(api.session) as session:
        assert instances.get(session, instance["id"]).revision == instance["revision"]
