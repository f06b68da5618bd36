"""Running processes over the API: who sees them, and putting them right."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.database import unit_of_work
from app.domain.people import Role
from app.engine.services import ServiceTask
from tests import factories
from tests.api.conftest import Api


def report(api: Api, **values: Any) -> dict[str, Any]:
    """Report a problem; answers the instance."""
    body = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks.", **values}
    made = api.supervisor.post("/maintenance-requests", body)
    assert made.status_code == 201, made.json
    api.settle()
    (found,) = api.manager.get(f"/instances?businessKey={made.json['businessKey']}").json["items"]
    return found  # type: ignore[no-any-return]


def accept(api: Api, instance: dict[str, Any]) -> None:
    task = next(task for task in instance["openTasks"] if task["elementId"] == "accept_request")
    assert api.technician.post(f"/tasks/{task['id']}/complete", {}).status_code == 200


# -- looking ---------------------------------------------------------------------------------------


def test_those_who_oversee_the_work_list_instances(api: Api) -> None:
    first, second = report(api), report(api, priority="LOW")
    accept(api, first)

    def found(query: str) -> list[int]:
        answer = api.manager.get(f"/instances?{query}")
        assert answer.status_code == 200, answer.json
        return [instance["id"] for instance in answer.json["items"]]

    ids = [second["id"], first["id"]]
    assert found("") == found("process=maintenance_request&version=1&state=running&state=incident") == ids
    assert found("element=carry_out_work") == [first["id"]]
    assert found(f"machineId={api.press.id}") == found(f"departmentId={api.department.id}") == ids
    assert found(f"startedBy={api.supervisor.id}&sort=startedAt") == ids[::-1]
    assert found(f"q={first['businessKey']}") == [first["id"]]
    assert found(f"subjectType=maintenance_request&subjectId={second['subjectId']}") == [second["id"]]
    assert found("startedFrom=2020-01-01T00:00:00Z&pageSize=1&page=2") == [first["id"]]
    assert found("startedUntil=2020-01-01T00:00:00Z") == found("state=completed") == found("version=2") == []
    assert api.manager.get("/instances?state=odd").status_code == 400
    assert api.manager.get("/instances?sort=odd").status_code == 400


def test_a_list_takes_the_same_number_of_statements_however_long_it_is(
    api: Api, statements: Callable[[], Any]
) -> None:
    report(api)
    with statements() as few:
        api.manager.get("/instances")
    for _ in range(3):
        report(api)
    with statements() as many:
        assert api.manager.get("/instances").json["total"] == 4
    assert len(many) == len(few)


def test_an_instance_tells_where_it_stands_to_those_it_concerns(api: Api) -> None:
    instance = report(api)
    address = f"/instances/{instance['id']}"
    for caller in (api.supervisor, api.technician, api.manager, api.admin):
        found = caller.get(address)
        assert found.status_code == 200
        stands = {element["id"] for element in found.json["standsAt"]}
        assert {"accept_request", "cancellation_requested"} <= stands
        assert "tell_technicians" in found.json["passedElements"]
    awaited = {a["name"]: a["maySend"] for a in api.supervisor.get(address).json["awaitedMessages"]}
    assert awaited == {"cancel requested": True, "parts settled": False}
    assert api.supervisor.get(address, headers={"If-None-Match": api.supervisor.get(address).headers["ETag"]}
                              ).status_code == 304  # fmt: skip
    elsewhere = api.someone(Role.SUPERVISOR, department_id=factory_department(api))
    for stranger in (elsewhere, api.storekeeper, api.someone(None)):
        hidden = stranger.get(address).status_code, stranger.get(f"{address}/history").status_code
        assert hidden in ((404, 404), (200, 200)) and (stranger is api.storekeeper or hidden == (404, 404))
        assert stranger.get(f"{address}/variables").status_code == 403


def factory_department(api: Api) -> int:
    with unit_of_work(api.session) as session:
        return int(factories.make_department(session, name="Paint shop").id)


def test_the_history_hides_what_was_answered_from_those_who_only_follow(api: Api) -> None:
    instance = report(api)
    address = f"/instances/{instance['id']}/history"
    told = api.manager.get(f"{address}?pageSize=200").json
    assert (told["items"][0]["kind"], told["items"][0]["actorName"]) == ("started", "Ann Keller")
    assert told["items"][0]["detail"]["values"]["description"] == "Oil leaks."
    followed = api.supervisor.get(f"{address}?pageSize=200").json
    assert len(followed["items"]) == told["total"]
    assert {entry["detail"] for entry in followed["items"]} == {None}
    newest = api.manager.get(f"{address}?sort=-at&pageSize=1").json["items"]
    assert newest == told["items"][-1:]
    assert {e["kind"] for e in api.manager.get(f"{address}?kind=decided").json["items"]} == {"decided"}
    assert api.manager.get(f"{address}?element=accept_request").json["total"] == 1


# -- variables -------------------------------------------------------------------------------------


def test_variables_are_corrected_with_a_reason(api: Api) -> None:
    instance = report(api)
    address = f"/instances/{instance['id']}/variables"
    before = api.manager.get(address)
    assert before.json["variables"]["description"] == "Oil leaks."
    body = {"variables": {"note": {"seen": [1, 2.5, True]}, "description": None}, "reason": "Typed wrong"}
    after = api.manager.patch(address, body, tag=before.headers["ETag"])
    assert after.status_code == 200, after.json
    assert after.json["variables"]["note"] == {"seen": [1, 2.5, True]}
    assert "description" not in after.json["variables"]
    assert api.manager.patch(address, body, tag=before.headers["ETag"]).status_code == 412
    entry = api.manager.get(f"/instances/{instance['id']}/history?kind=variables").json["items"][-1]
    assert (entry["detail"]["reason"], entry["detail"]["before"]["description"]) == (
        "Typed wrong",
        "Oil leaks.",
    )
    for variables, code in (({"two words": 1}, "BAD_VARIABLE_NAME"), ({"request": {}}, "BAD_VARIABLE_NAME")):
        refused = api.manager.patch(address, {"variables": variables, "reason": "x"})
        assert (refused.status_code, refused.json["code"]) == (422, code)
    for wrong in ({"variables": {}, "reason": "x"}, {"variables": {"a": 1}}, {"reason": "x"}):
        assert api.manager.patch(address, wrong).status_code == 400


# -- moving, holding, stopping ---------------------------------------------------------------------


def test_a_token_is_moved_after_a_look_at_what_would_happen(api: Api) -> None:
    instance = report(api)
    accept(api, instance)
    address = f"/instances/{instance['id']}/move"
    body = {"from": "carry_out_work", "to": "to_be_accepted"}
    seen = api.manager.post(address, {**body, "dryRun": True}).json
    assert [task["name"] for task in seen["cancelled"]] == ["Carry out work"]
    assert [(task["id"], task["name"]) for task in seen["opened"]] == [(None, "Accept request")]
    assert api.technician.get("/tasks").json["items"][0]["name"] == "Carry out work"
    assert api.manager.post(address, body).json["code"] == "REASON_MISSING"
    moved = api.manager.post(address, {**body, "reason": "Somebody else shall do it"})
    assert moved.status_code == 200, moved.json
    assert [task["name"] for task in api.technician.get("/tasks?scope=group").json["items"]] == [
        "Accept request"
    ]
    skipped = api.manager.post(address, {"from": "parts_settled", "dryRun": True})
    assert skipped.json["toElement"] == "count_open_parts_requests", skipped.json
    for wrong in ({"from": "carry_out_work", "to": "accept_request"}, {"from": "accept_request", "to": "no"}):
        refused = api.manager.post(address, {**wrong, "reason": "x"})
        assert (refused.status_code, refused.json["code"]) == (409, "CONFLICT")
    assert api.manager.post("/instances/987654/move", {**body, "reason": "x"}).status_code == 404


def test_an_instance_is_held_let_go_on_and_stopped(api: Api) -> None:
    instance = report(api)
    address = f"/instances/{instance['id']}"
    task = f"/tasks/{instance['openTasks'][0]['id']}"
    assert api.manager.post(f"{address}/suspend", {"reason": "Holidays"}).json["state"] == "suspended"
    assert api.technician.post(f"{task}/complete", {}).status_code == 409
    assert api.manager.post(f"{address}/suspend", {"reason": "Again"}).status_code == 409
    assert api.manager.post(f"{address}/resume", {"reason": "Over"}).json["state"] == "running"
    stopped = api.manager.post(f"{address}/cancel", {"reason": "Reported twice"}).json
    assert (stopped["state"], stopped["endReason"], stopped["openTasks"]) == (
        "cancelled",
        "Reported twice",
        [],
    )
    assert api.manager.post(f"{address}/cancel", {"reason": "x"}).status_code == 409
    for reason in ("", "x" * 501):
        assert api.manager.post(f"{address}/suspend", {"reason": reason}).status_code == 400
    assert api.manager.post(f"{address}/suspend", {"reason": "  "}).json["code"] == "REASON_MISSING"
    for caller in (api.technician, api.supervisor, api.someone(Role.MAINTENANCE_TECH, process_owner=True)):
        assert caller.post(f"{address}/resume", {"reason": "x"}).status_code == 403


# -- incidents -------------------------------------------------------------------------------------


@pytest.fixture
def broken(api: Api) -> Any:
    """The service that puts a technician in charge, out of order until it is mended."""
    service = api.engine.services.tasks["requests.accept"]

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the bridge is out")

    api.engine.services.tasks["requests.accept"] = ServiceTask(
        service.name,
        service.title,
        service.description,
        fail,
        service.inputs,
        service.outputs,
        service.errors,
    )

    def mend() -> None:
        api.engine.services.tasks["requests.accept"] = service

    yield mend
    mend()


@pytest.mark.parametrize("whole", [True, False])
def test_a_failed_step_is_found_and_tried_again(api: Api, broken: Callable[[], None], whole: bool) -> None:
    instance = report(api)
    assert api.manager.post(f"/instances/{instance['id']}/retry").status_code == 409
    accept(api, instance)
    owner = api.someone(Role.MAINTENANCE_TECH, process_owner=True)
    (incident,) = owner.get("/incidents").json["items"]
    assert (incident["elementId"], incident["message"], incident["businessKey"]) == (
        "take_on_request", "the bridge is out", instance["businessKey"],
    )  # fmt: skip
    address = f"/incidents/{incident['id']}"
    assert owner.get(address).json["traceback"] is None
    assert "RuntimeError" in api.admin.get(address).json["traceback"]
    assert api.supervisor.get(f"/instances/{instance['id']}").json["incidents"][0]["message"] == ""
    jobs = owner.get(f"/instances/{instance['id']}/jobs").json["items"]
    assert "retry" in [job["kind"] for job in jobs]

    retry = f"/instances/{instance['id']}/retry" if whole else f"{address}/retry"
    again = api.manager.post(retry)
    assert (again.status_code, again.json["state"]) == (200, "incident")
    assert api.manager.get(address).json["attempts"] == 2
    broken()
    done = api.manager.post(retry)
    assert (done.json["state"], [task["name"] for task in done.json["openTasks"]]) == (
        "running",
        ["Carry out work"],
    )
    assert api.manager.post(retry).status_code == 409
    assert owner.get("/incidents").json["items"] == []
    assert [i["id"] for i in owner.get("/incidents?status=resolved&q=bridge").json["items"]] == [
        incident["id"]
    ]
    assert owner.get("/incidents?status=all&process=parts_approval").json["total"] == 0
    assert owner.get("/incidents/987654").status_code == 404


# -- messages --------------------------------------------------------------------------------------


def test_people_send_messages_where_the_diagram_lets_them(api: Api) -> None:
    instance = report(api)
    body = {
        "name": "cancel requested",
        "businessKey": instance["businessKey"],
        "payload": {"reason": "Twice."},
    }
    assert api.technician.post("/messages", body).status_code == 403
    assert api.someone(None).post("/messages", body).status_code == 404
    assert api.supervisor.post("/messages", {**body, "name": "nothing"}).status_code == 409
    assert api.supervisor.post("/messages", {**body, "businessKey": "MR-0"}).status_code == 404
    assert api.supervisor.post("/messages", {**body, "name": "parts settled"}).status_code == 403
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    refused = api.supervisor.post("/messages", {**body, "payload": {"reason": deep}})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["payload.reason"])
    sent = api.supervisor.post("/messages", body)
    assert (sent.status_code, sent.json["state"]) == (200, "completed"), sent.json
    status = api.supervisor.get(f"/maintenance-requests/{instance['subjectId']}").json["status"]
    assert status == "CANCELLED"


# -- decisions -------------------------------------------------------------------------------------


def test_decisions_are_tried_on_given_inputs(api: Api) -> None:
    body = {
        "inputs": {
            "request": {"priority": "CRITICAL"},
            "machine": {"criticality": "HIGH"},
        }
    }
    made = api.manager.post("/decisions/response_times/evaluate", body)
    assert made.status_code == 200, made.json
    assert (made.json["processKey"], made.json["version"]) == ("maintenance_request", 1)
    assert made.json["outputs"]["acceptWithin"].startswith("PT")
    assert len(made.json["matchedRules"]) == 1
    named = {**body, "process": "maintenance_request", "version": 1}
    assert api.manager.post("/decisions/response_times/evaluate", named).json == made.json
    for change, status in (
        ({"process": "parts_approval"}, 404),
        ({"process": "maintenance_request", "version": 7}, 404),
        ({"version": 1}, 422),
        ({"inputs": []}, 400),
    ):
        answer = api.manager.post("/decisions/response_times/evaluate", {**body, **change})
        assert answer.status_code == status, answer.json
    assert api.manager.post("/decisions/nothing/evaluate", body).status_code == 404
    empty = api.manager.post("/decisions/response_times/evaluate", {})
    assert empty.status_code in (200, 422)


def test_amounts_are_compared_exactly(api: Api) -> None:
    with unit_of_work(api.session) as session:
        factories.make_part(session, 1, unit_price=Decimal("1.00"))
    table = "/decisions/approval_policy/evaluate"

    def policy(total: Any) -> Any:
        inputs = {
            "partsRequest": {"totalCost": total, "groups": ["Bearings"]},
            "machine": {"criticality": "LOW"},
            "request": {"priority": "LOW"},
            "requester": {"role": "MAINTENANCE_TECH"},
        }
        answer = api.manager.post(table, {"inputs": inputs})
        assert answer.status_code == 200, answer.json
        return answer.json["outputs"]["approval"]

    assert [policy(5000), policy(5000.01)] == ["MANAGER", "MANAGER_THEN_ADMIN"]
