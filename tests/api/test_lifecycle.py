"""The two core lifecycles over the API: each endpoint completes the task that the diagram has for it."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from app.access.permissions import RIGHTS
from app.api import endpoints
from app.database import unit_of_work
from app.domain.machines import Criticality, Machine
from app.domain.parts import SparePart
from tests import factories
from tests.api.conftest import Api, Caller

pytestmark = pytest.mark.databases


def report(api: Api, by: Caller | None = None, **values: Any) -> dict[str, Any]:
    body = {"machineId": api.press.id, "priority": "HIGH", "description": "Oil leaks.", **values}
    made = (by or api.supervisor).post("/maintenance-requests", body)
    assert made.status_code == 201, made.json
    api.settle()
    return made.json  # type: ignore[no-any-return]


def accepted(api: Api, **values: Any) -> dict[str, Any]:
    request = report(api, **values)
    answer = api.technician.patch(f"/maintenance-requests/{request['id']}/status", {"status": "IN_PROGRESS"})
    assert answer.status_code == 200, answer.json
    return answer.json  # type: ignore[no-any-return]


def part(api: Api, price: str = "10.00", stock: int = 5) -> SparePart:
    with unit_of_work(api.session) as session:
        return factories.make_part(session, stock, unit_price=Decimal(price))


def asked(api: Api, request: dict[str, Any], wanted: SparePart, quantity: int = 2) -> dict[str, Any]:
    lines = [{"partId": wanted.id, "quantity": quantity, "reason": "Worn out."}]
    body = {"maintenanceRequestId": request["id"], "lines": lines}
    made = api.technician.post("/spare-parts-requests", body)
    assert made.status_code == 201, made.json
    api.settle()
    return made.json  # type: ignore[no-any-return]


def test_from_the_report_to_the_repaired_machine(api: Api) -> None:
    request = report(api)
    assert request["status"] == "PENDING"
    assert [task["name"] for task in request["openTasks"]] == ["Accept request"]
    address = f"/maintenance-requests/{request['id']}"

    taken = api.technician.patch(f"{address}/status", {"status": "IN_PROGRESS"}).json
    assert taken["status"] == "IN_PROGRESS"
    assert taken["assignedTechnician"]["name"] == "Tomasz Wolski"

    body = {"maintenanceRequestId": request["id"], "steps": [{"description": "Opened it.", "minutes": 20}]}
    work = api.technician.post("/maintenance-work", body)
    assert work.status_code == 201, work.json
    assert work.json["minutesSpent"] == 20
    work_address = work.headers["Location"].removeprefix("/api/v1")

    seal = part(api, price="700.00")
    wanted = asked(api, request, seal)
    assert wanted["status"] == "PENDING"
    assert wanted["totalCost"] == "1400.00"
    assert api.technician.get(address).json["status"] == "WAITING_PARTS"

    parts_address = f"/spare-parts-requests/{wanted['id']}"
    approved = api.manager.patch(f"{parts_address}/approve")
    assert approved.status_code == 200, approved.json
    assert approved.json["status"] == "APPROVED"
    issued = api.storekeeper.patch(f"{parts_address}/issue", {"quantityIssued": 2})
    assert issued.json["status"] == "ISSUED"
    assert api.row(SparePart, seal.id).quantity == 3
    api.settle()
    assert api.technician.get(address).json["status"] == "IN_PROGRESS"

    with unit_of_work(api.session) as session:
        kind = factories.make_maintenance_type(session)
    done = api.technician.post(
        f"{work_address}/complete",
        {"cause": "Seal worn", "remedy": "New seal", "maintenanceTypeId": kind.id},
    )
    assert done.status_code == 200, done.json["errors"]
    assert done.json["partsUsed"][0]["cost"] == "1400.00"
    finished = api.supervisor.get(address).json
    if finished["openTasks"]:
        finished = api.supervisor.patch(f"{address}/status", {"status": "COMPLETED"}).json
    assert finished["status"] == "COMPLETED"
    assert api.row(Machine, api.press.id).status == "OPERATIONAL"

    kinds = {event["kind"] for event in api.supervisor.get(f"{address}/history").json}
    assert {"CREATE_REQUEST", "ACCEPT_REQUEST", "RECORD_WORK", "ISSUE_PARTS", "started", "completed"} <= kinds


def test_a_task_that_is_open_for_others_is_forbidden(api: Api) -> None:
    request = accepted(api)
    wanted = asked(api, request, part(api, price="700.00"))
    for caller in (api.technician, api.supervisor, api.storekeeper, api.admin):
        refused = caller.patch(f"/spare-parts-requests/{wanted['id']}/approve")
        assert refused.status_code == 403
        assert refused.json["detail"] == "“Approve parts” is for: Maintenance manager."


def test_where_no_task_answers_the_open_ones_are_told(api: Api) -> None:
    request = accepted(api)
    wanted = asked(api, request, part(api, price="700.00"))
    refused = api.storekeeper.patch(f"/spare-parts-requests/{wanted['id']}/issue")
    assert refused.status_code == 409
    assert refused.json["code"] == "NO_OPEN_TASK"
    (task,) = refused.json["openTasks"]
    assert task["name"] == "Approve parts" and task["verbs"] == ["approve", "reject"]
    assert task["candidateRoles"] == ["MAINTENANCE_MANAGER"]


def test_a_second_approval_in_the_diagram_needs_no_other_api(api: Api) -> None:
    """Over 5,000 the policy asks for the administrator too: the first approval leaves it pending."""
    request = accepted(api)
    wanted = asked(api, request, part(api, price="4000.00"), quantity=2)
    address = f"/spare-parts-requests/{wanted['id']}"
    assert api.admin.patch(f"{address}/approve").status_code == 403
    first = api.manager.patch(f"{address}/approve")
    assert first.status_code == 200, first.json
    assert first.json["status"] == "PENDING"
    assert [task["candidateRole"] for task in first.json["openTasks"]] == ["ADMIN"]
    assert api.manager.patch(f"{address}/approve").status_code == 403
    second = api.admin.patch(f"{address}/approve")
    assert second.json["status"] == "APPROVED"


def test_errors_of_a_form_stand_at_the_fields_of_the_body(api: Api) -> None:
    request = accepted(api)
    lines = [{"partId": 987654, "quantity": 1}]
    body = {"maintenanceRequestId": request["id"], "lines": lines}
    refused = api.technician.post("/spare-parts-requests", body)
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == ["lines.0.partId"]
    assert api.technician.get(f"/maintenance-requests/{request['id']}").json["status"] == "IN_PROGRESS"


def test_too_little_in_stock_changes_nothing(api: Api) -> None:
    request = accepted(api)
    seal = part(api, price="700.00", stock=1)
    wanted = asked(api, request, seal)
    address = f"/spare-parts-requests/{wanted['id']}"
    api.manager.patch(f"{address}/approve")
    refused = api.storekeeper.patch(f"{address}/issue", {"quantityIssued": 2})
    assert refused.status_code == 409 and refused.json["code"] == "NOT_ENOUGH_STOCK"
    assert api.row(SparePart, seal.id).quantity == 1
    partly = api.storekeeper.patch(f"{address}/issue", {"quantityIssued": 1})
    assert partly.json["status"] == "PARTIALLY_ISSUED"
    closed = api.storekeeper.patch(f"{address}/close-rest", {"reason": "No longer made."})
    assert closed.json["status"] == "ISSUED"


def test_parts_are_rejected_with_a_reason_or_called_off(api: Api) -> None:
    request = accepted(api)
    seal = part(api, price="700.00")
    first, second = asked(api, request, seal), asked(api, request, seal)
    assert api.manager.patch(f"/spare-parts-requests/{first['id']}/reject", {}).status_code == 400
    rejected = api.manager.patch(f"/spare-parts-requests/{first['id']}/reject", {"reason": "Too dear."})
    assert rejected.json["status"] == "REJECTED" and rejected.json["closingReason"] == "Too dear."
    called_off = api.technician.patch(
        f"/spare-parts-requests/{second['id']}/cancel", {"reason": "Found one."}
    )
    assert called_off.json["status"] == "CANCELLED"


def test_asking_for_less_is_possible_and_for_more_is_not(api: Api) -> None:
    request = accepted(api)
    wanted = asked(api, request, part(api, price="700.00"), quantity=2)
    address, line = f"/spare-parts-requests/{wanted['id']}", wanted["lines"][0]["id"]
    less = api.technician.put(address, {"lines": [{"id": line, "quantity": 1}]})
    assert less.json["totalCost"] == "700.00"
    more = api.technician.put(address, {"lines": [{"id": line, "quantity": 3}]})
    assert more.status_code == 422 and list(more.json["errors"]) == ["lines.0.quantity"]
    assert api.manager.put(address, {"lines": [{"id": line, "quantity": 1}]}).status_code == 403


def test_a_request_is_cancelled_by_whom_the_diagram_allows(api: Api) -> None:
    request = report(api)
    address = f"/maintenance-requests/{request['id']}/status"
    assert api.technician.patch(address, {"status": "CANCELLED", "reason": "No."}).status_code == 403
    assert api.supervisor.patch(address, {"status": "CANCELLED"}).status_code == 422
    cancelled = api.supervisor.patch(address, {"status": "CANCELLED", "reason": "It runs again."})
    assert cancelled.json["status"] == "CANCELLED"
    assert cancelled.json["cancellationReason"] == "It runs again."


def test_work_is_handed_back(api: Api) -> None:
    request = accepted(api)
    address = f"/maintenance-requests/{request['id']}/status"
    assert api.technician.patch(address, {"status": "PENDING"}).status_code == 422
    back = api.technician.patch(address, {"status": "PENDING", "reason": "I lack the tool."})
    assert back.json["status"] == "PENDING" and back.json["assignedTechnician"] is None


def test_what_has_history_is_not_deleted(api: Api) -> None:
    request = accepted(api)
    kept = api.admin.delete(f"/maintenance-requests/{request['id']}")
    assert kept.status_code == 409 and "CANCELLED" in kept.json["detail"]
    work = api.technician.delete(f"/maintenance-work/{request['workId']}")
    assert work.status_code == 409


def test_a_request_is_corrected_while_it_waits(api: Api) -> None:
    request = report(api)
    address = f"/maintenance-requests/{request['id']}"
    tag = api.supervisor.get(address).headers["ETag"]
    changed = api.supervisor.put(address, {"description": "Oil leaks at the valve."}, tag=tag)
    assert changed.json["description"] == "Oil leaks at the valve."
    assert api.supervisor.put(address, {"priority": "LOW"}, tag=tag).status_code == 412
    (task,) = api.technician.get("/tasks?scope=group").json["items"]
    assert task["detail"] == "Oil leaks at the valve."
    api.technician.patch(f"{address}/status", {"status": "IN_PROGRESS"})
    assert api.supervisor.put(address, {"priority": "LOW"}).status_code == 403
    assert api.manager.put(address, {"priority": "LOW"}).json["priority"] == "LOW"


def test_supervisors_see_their_department_and_technicians_what_is_theirs(api: Api) -> None:
    with unit_of_work(api.session) as session:
        elsewhere = factories.make_machine(session, criticality=Criticality.LOW)
    here = report(api)
    there = report(api, by=api.admin, machineId=elsewhere.id)
    listed = api.supervisor.get("/maintenance-requests").json
    assert [item["id"] for item in listed["items"]] == [here["id"]]
    assert api.supervisor.get(f"/maintenance-requests/{there['id']}").status_code == 404
    assert api.supervisor.get(f"/maintenance-requests/{there['id']}/history").status_code == 404
    other = f"/maintenance-requests/department/{elsewhere.department_id}"
    assert api.supervisor.get(other).status_code == 403
    assert api.manager.get(other).json["total"] == 1
    widened = f"/maintenance-requests?departmentId={elsewhere.department_id}"
    assert api.supervisor.get(widened).json["total"] == 0

    api.technician.patch(f"/maintenance-requests/{here['id']}/status", {"status": "IN_PROGRESS"})
    assert [item["id"] for item in api.technician.get("/maintenance-requests").json["items"]] == [here["id"]]
    colleague = api.someone("MAINTENANCE_TECH")
    assert colleague.get("/maintenance-requests").json["total"] == 0
    assert colleague.get(f"/maintenance-requests/{here['id']}").status_code == 404
    assert colleague.get("/maintenance-work").json["total"] == 0
    work_id = api.technician.get(f"/maintenance-requests/{here['id']}").json["workId"]
    assert colleague.get(f"/maintenance-work/{work_id}").status_code == 404


@pytest.mark.parametrize("sort", ["priority", "-machine", "status"])
def test_lists_filter_and_sort(api: Api, sort: str) -> None:
    for priority in ("LOW", "CRITICAL"):
        report(api, priority=priority)
    found = api.manager.get(f"/maintenance-requests?sort={sort}&status=PENDING&status=IN_PROGRESS").json
    assert found["total"] == 2
    assert api.manager.get("/maintenance-requests?priority=CRITICAL").json["total"] == 1
    assert api.manager.get("/maintenance-requests?status=COMPLETED").json["total"] == 0


def test_photos_are_uploaded_first_and_belong_to_who_uploaded_them(api: Api) -> None:
    picture = BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    picture.seek(0)
    uploaded = api.supervisor.post("/attachments/upload", data={"files": (picture, "leak.png")})
    assert uploaded.status_code == 201, uploaded.json
    photo = uploaded.json[0]["id"]
    request = report(api, photos=[photo])
    files = api.manager.get(f"/attachments/entity/MAINTENANCE_REQUEST/{request['id']}").json["items"]
    assert [file["id"] for file in files] == [photo]
    stolen = api.admin.post(
        "/maintenance-requests", {"machineId": api.press.id, "description": "x", "photos": [photo]}
    )
    assert stolen.status_code in (403, 422)


def test_notifications_are_the_callers_own(api: Api) -> None:
    report(api)
    told = api.technician.get("/notifications").json
    assert told["total"] == 1 and told["items"][0]["readAt"] is None
    assert api.technician.post("/notifications/read").json == {"marked": 1, "unread": 0}
    assert api.supervisor.get("/notifications").json["total"] == 0


def test_every_right_is_known(api: Api) -> None:
    used = {endpoint.needs for endpoint in endpoints()} - {None}
    assert used <= set(RIGHTS)
