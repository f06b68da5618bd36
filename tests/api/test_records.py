"""Records of processes that no programmer has prepared, over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.api import endpoints
from app.database import unit_of_work
from app.domain.people import Role
from app.engine import deployments
from app.engine.actors import SYSTEM
from app.processes.generic import RESERVED_KEYS
from tests import factories
from tests.api.conftest import Api, Caller
from tests.support import calibration
from tests.support.calibration import CALIBRATED, KEY, REQUESTED


@pytest.fixture
def lab(api: Api) -> Api:
    """The factory, with tool calibration drawn and deployed."""
    with unit_of_work(api.session) as session:
        deployments.deploy(api.engine, session, calibration.files(api.engine), by=SYSTEM)
    return api


def start(caller: Caller, **changes: Any) -> dict[str, Any]:
    """Start one; answers its record as the caller sees it."""
    answer = caller.post(f"/processes/{KEY}/start", {"values": {**REQUESTED, **changes}})
    assert answer.status_code == 201, answer.json
    listed = caller.get("/records", query_string={"pageSize": 1}).json["items"]
    return dict(caller.get(f"/records/{listed[0]['id']}").json)


def do(caller: Caller, record: dict[str, Any], values: dict[str, Any], outcome: str | None = None) -> None:
    """Complete the open task of a record."""
    (task,) = caller.get(f"/records/{record['id']}").json["openTasks"]
    body = {"values": values, **({"outcome": outcome} if outcome else {})}
    answer = caller.post(f"/tasks/{task['id']}/complete", body)
    assert answer.status_code == 200, answer.json


def test_a_request_is_started_worked_and_read(lab: Api) -> None:
    record = start(lab.supervisor, machineId=lab.press.id)
    assert record["businessKey"].startswith("TC-")
    assert record == {
        **record,
        "process": KEY,
        "title": "Torque wrench 20–100 Nm",
        "status": "IN_APPROVAL",
        "machine": {"id": lab.press.id, "name": "Hydraulic press", "qrCode": "PRESS-1"},
        "department": {"id": lab.department.id, "name": "Stamping"},
        "creator": {"id": lab.supervisor.id, "name": "Ann Keller"},
        "closedAt": None,
    }
    assert record["fields"]["serialNumber"] == "TW-0042"
    assert [task["name"] for task in record["openTasks"]] == ["Approve calibration"]

    do(lab.manager, record, {}, "approve")
    do(lab.technician, record, CALIBRATED)

    ended = lab.supervisor.get(f"/records/{record['id']}").json
    assert (ended["status"], ended["openTasks"]) == ("DONE", [])
    assert ended["closedAt"] is not None
    assert ended["fields"]["points"] == CALIBRATED["points"]


def test_the_history_has_steps_and_changes(lab: Api) -> None:
    record = start(lab.supervisor)
    do(lab.manager, record, {"reason": "It is scrap."}, "reject")
    events = lab.supervisor.get(f"/records/{record['id']}/history").json
    assert {event["source"] for event in events} == {"process", "record"}
    changed = next(event for event in events if event["kind"] == "CHANGE_RECORD")
    assert changed["by"] == {"id": lab.manager.id, "name": "Maria Duarte"}
    assert changed["detail"]["after"] == {"reason": "It is scrap."}
    decided = next(event for event in events if event["kind"] == "left")
    assert (decided["elementId"], decided["elementName"]) == ("approve_request", "Approve calibration")
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


def test_records_are_for_those_who_have_to_do_with_them(lab: Api) -> None:
    record = start(lab.supervisor)
    colleague = lab.someone(Role.SUPERVISOR, department_id=lab.department.id)
    with unit_of_work(lab.session) as session:
        other = factories.make_department(session)
    elsewhere = lab.someone(Role.SUPERVISOR, department_id=other.id)
    owner = lab.someone(Role.MAINTENANCE_TECH, process_owner=True)
    address = f"/records/{record['id']}"
    for caller in (lab.supervisor, colleague, lab.manager, lab.admin, owner):
        assert caller.get(address).status_code == 200
        assert caller.get("/records").json["total"] == 1
    for caller in (elsewhere, lab.technician, lab.storekeeper, lab.someone(None)):
        assert caller.get(address).status_code == 404
        assert caller.get(f"{address}/history").status_code == 404
        assert caller.get("/records").json["total"] == 0
    do(lab.manager, record, {}, "approve")
    assert lab.technician.get(address).status_code == 200  # a task of their group is open
    assert lab.technician.get("/records").json["total"] == 1
    do(lab.technician, record, CALIBRATED)
    assert lab.technician.get("/records").json["total"] == 1  # they have done it
    assert lab.someone(Role.MAINTENANCE_TECH).get("/records").json["total"] == 0


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"process": KEY}, 2),
        ({"process": "nothing"}, 0),
        ({"status": "IN_APPROVAL"}, 1),
        ({"status": ["IN_APPROVAL", "APPROVED"]}, 2),
        ({"isOpen": "false"}, 0),
        ({"q": "tw-0042"}, 2),
        ({"q": "wrench scale"}, 0),
        ({"createdBy": 987654}, 0),
        ({"sort": "-title", "pageSize": 1}, 2),
    ],
)
def test_the_list_is_filtered(lab: Api, query: dict[str, Any], found: int) -> None:
    start(lab.supervisor)
    start(lab.supervisor, subject="Scale", kind="SCALE")
    assert lab.admin.get("/records", query_string=query).json["total"] == found


@pytest.mark.parametrize("query", [{"status": "done"}, {"sort": "fields"}, {"machineId": 0}, {"other": 1}])
def test_what_does_not_fit_the_schema_is_refused(lab: Api, query: dict[str, Any]) -> None:
    assert lab.admin.get("/records", query_string=query).status_code == 400


def test_lists_take_the_same_statements_however_long_they_are(
    lab: Api, statements: Callable[[], Any]
) -> None:
    start(lab.supervisor, machineId=lab.press.id)
    with statements() as few:
        lab.supervisor.get("/records")
    for _ in range(4):
        start(lab.supervisor, machineId=lab.press.id)
    with statements() as many:
        lab.supervisor.get("/records")
    assert len(many) == len(few)


def test_files_are_added_while_the_record_is_open(lab: Api) -> None:
    record = start(lab.supervisor)
    address = f"/attachments/entity/PROCESS_RECORD/{record['id']}"
    assert lab.supervisor.get(address).json["total"] == 0
    assert lab.technician.get(address).status_code == 404


def test_no_process_can_have_the_name_of_a_part_of_the_api() -> None:
    parts = {endpoint.rule.strip("/").split("/")[0].replace("-", "_") for endpoint in endpoints()}
    assert parts - RESERVED_KEYS == set()
