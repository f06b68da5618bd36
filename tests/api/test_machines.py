"""Machines over the API: the register, labels, history and parts lists."""

from __future__ import annotations

from io import BytesIO
from typing import get_args

import pytest
from PIL import Image

from app.api.machine_parts import FittedFilters
from app.api.machines import MachineFilters
from app.database import unit_of_work
from app.domain import machine_parts, requests, work
from app.domain.machines import Machine
from app.domain.queries import machines as lists
from app.domain.queries.sorting import names
from tests import factories
from tests.api.conftest import Api


@pytest.fixture
def press(api: Api) -> str:
    return f"/machines/{api.press.id}"


def test_an_administrator_registers_reads_changes_and_deletes(api: Api) -> None:
    made = api.admin.post(
        "/machines",
        {
            "name": "Coil feeder", "departmentId": api.department.id, "qrCode": "CF-12", "model": "CF 12",
            "serialNumber": "CF12-884", "location": "Hall 1", "installationDate": "2016-05-01",
            "criticality": "HIGH",
        },
    )  # fmt: skip
    assert made.status_code == 201
    address = made.headers["Location"].removeprefix("/api/v1")
    found = api.technician.get(address)
    assert found.json == made.json and found.headers["ETag"] == made.headers["ETag"]
    assert found.json["department"] == {"id": api.department.id, "name": "Stamping"}
    assert (found.json["installationDate"], found.json["status"]) == ("2016-05-01", "OPERATIONAL")
    assert api.technician.get(address, headers={"If-None-Match": found.headers["ETag"]}).status_code == 304

    hall = factories.make_department(api.session)
    api.session.commit()
    moved = api.admin.put(
        address, {"departmentId": hall.id, "installationDate": None}, tag=found.headers["ETag"]
    )
    assert moved.json["department"]["id"] == hall.id and moved.json["installationDate"] is None
    assert moved.json["serialNumber"] == "CF12-884"
    assert api.admin.put(address, {"name": "X"}, tag=found.headers["ETag"]).status_code == 412
    assert api.admin.delete(address, tag=found.headers["ETag"]).status_code == 412
    assert api.admin.delete(address, tag=moved.headers["ETag"]).status_code == 204
    assert api.admin.get(address).status_code == 404


def test_a_machine_without_a_code_gets_one(api: Api) -> None:
    made = api.admin.post("/machines", {"name": "Feeder", "departmentId": api.department.id}).json
    assert made["qrCode"].startswith("M-")
    assert api.technician.get(f"/qr-machines/{made['qrCode'].lower()}").json == made
    assert api.technician.get("/qr-machines/nobody").status_code == 404


def test_what_is_wrong_stands_at_its_field(api: Api, press: str) -> None:
    taken = api.admin.post("/machines", {"name": "A", "departmentId": api.department.id, "qrCode": "press-1"})
    assert (taken.status_code, taken.json["code"], list(taken.json["errors"])) == (
        422,
        "QR_CODE_TAKEN",
        ["qrCode"],
    )
    unknown = api.admin.post("/machines", {"name": "A", "departmentId": 4711})
    assert (unknown.status_code, list(unknown.json["errors"])) == (422, ["departmentId"])
    strange = api.admin.post(
        "/machines",
        {
            "departmentId": "1",
            "qrCode": "a/b",
            "criticality": "A",
            "installationDate": "1.5.2016",
            "colour": 1,
        },
    )
    assert strange.status_code == 400
    assert set(strange.json["errors"]) == {
        "name", "departmentId", "qrCode", "criticality", "installationDate", "colour",
    }  # fmt: skip
    assert set(api.admin.put(press, {"name": None, "departmentId": None}).json["errors"]) == {
        "name",
        "departmentId",
    }


def test_a_machine_with_history_is_kept(api: Api, press: str) -> None:
    with unit_of_work(api.session) as session:
        request = factories.make_request(session, machine=session.get(Machine, api.press.id))
    refused = api.admin.delete(press)
    assert refused.status_code == 409 and "Decommission it instead" in refused.json["detail"]
    open_still = api.admin.put(press, {"status": "DECOMMISSIONED"})
    assert (open_still.status_code, open_still.json["code"]) == (422, "OPEN_REQUESTS")
    assert request.business_key in open_still.json["errors"]["status"][0]
    assert api.admin.put(press, {"status": "DOWN"}).json["status"] == "DOWN"


def test_machines_are_listed(api: Api, statements) -> None:
    with unit_of_work(api.session) as session:
        hall = factories.make_department(session, name="Assembly")
        for n, status in enumerate(("OPERATIONAL", "DOWN", "MAINTENANCE")):
            factories.make_machine(
                session, name=f"Robot {n}", department=hall, status=status, criticality="HIGH"
            )

    def found(query: str) -> list[str]:
        return [item["name"] for item in api.technician.get(f"/machines?{query}").json["items"]]

    assert found("") == ["Hydraulic press", "Robot 0", "Robot 1", "Robot 2"]
    assert found("sort=-name&pageSize=2&page=2") == ["Robot 0", "Hydraulic press"]
    assert found(f"departmentId={hall.id}&status=DOWN&status=MAINTENANCE") == ["Robot 1", "Robot 2"]
    assert found("q=hydraulic") == found("criticality=MEDIUM") == ["Hydraulic press"]
    assert found("sort=criticality")[-1] == "Hydraulic press"
    assert api.technician.get("/machines?status=BROKEN").status_code == 400
    costs = []
    for size in (1, 4):
        with statements() as seen:
            assert len(api.technician.get(f"/machines?pageSize={size}").json["items"]) == size
        costs.append(len(seen))
    assert costs[0] == costs[1]


def test_lists_are_sorted_by_all_that_the_domain_offers() -> None:
    assert set(get_args(MachineFilters.model_fields["sort"].annotation)) == set(names(lists.SORTS))
    assert set(get_args(FittedFilters.model_fields["sort"].annotation)) < set(names(lists.FITTED_SORTS))


@pytest.mark.parametrize(
    ("query", "accept", "media"),
    [
        ("", "*/*", "image/png"),
        ("", "image/svg+xml", "image/svg+xml"),
        ("", "image/svg+xml;q=0.5, image/png", "image/png"),
        ("", "text/html", "image/png"),
        ("?format=svg", "image/png", "image/svg+xml"),
        ("?format=png", "image/svg+xml", "image/png"),
    ],
)
def test_a_label_is_drawn_as_asked_for(api: Api, press: str, query: str, accept: str, media: str) -> None:
    answer = api.supervisor.get(f"{press}/qr-code{query}", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, media)
    assert "Accept" in answer.headers["Vary"] and "PRESS-1" in answer.headers["Content-Disposition"]
    if media == "image/png":
        width, height = Image.open(BytesIO(answer.data)).size
        assert width == height > 200
    else:
        assert b"<svg" in answer.data


def test_a_label_of_no_machine_is_not_drawn(api: Api) -> None:
    assert api.supervisor.get("/machines/4711/qr-code").status_code == 404
    assert api.supervisor.get(f"/machines/{api.press.id}/qr-code?format=gif").status_code == 400


def test_a_history_tells_what_failed_and_what_helped(api: Api, press: str, statements) -> None:
    with unit_of_work(api.session) as session:
        machine = session.get(Machine, api.press.id)
        code = factories.make_failure_code(session, code="LEAK")
        request = factories.make_request(
            session,
            machine=machine,
            technician=api.technician.user,
            failure_code_id=code.id,
            description="Oil!",
        )
        work.record(session, request.work, api.technician.id, cause="worn seal", remedy="new seal")
        requests.complete(session, request, api.technician.id)
    history = f"{press}/history"
    entries = api.manager.get(history).json["items"]
    assert {entry["kind"] for entry in entries} == {"REQUEST", "DOWNTIME", "CHANGE"}
    (repair,) = api.manager.get(f"{history}?kind=REQUEST").json["items"]
    assert repair["by"]["name"] == "Tomasz Wolski"
    assert (repair["request"]["businessKey"], repair["request"]["description"]) == (
        request.business_key,
        "Oil!",
    )
    assert (repair["request"]["cause"], repair["request"]["remedy"]) == ("worn seal", "new seal")
    assert repair["request"]["failureCode"]["code"] == "LEAK"
    (stop,) = api.manager.get(f"{history}?kind=DOWNTIME").json["items"]
    assert stop["downtime"]["minutes"] == 0 and stop["downtime"]["endedAt"]
    changes = api.manager.get(f"{history}?kind=CHANGE&sort=at").json["items"]
    assert [entry["change"]["after"]["status"] for entry in changes] == ["MAINTENANCE", "OPERATIONAL"]
    assert api.manager.get(f"{history}?until={repair['at']}").json["total"] == 0
    assert api.manager.get(f"{history}?since={repair['at']}&pageSize=1").json["total"] == len(entries)
    assert api.manager.get("/machines/4711/history").status_code == 404
    costs = []
    for size in (3, 50):
        with statements() as seen:
            api.manager.get(f"{history}?pageSize={size}")
        costs.append(len(seen))
    assert costs[0] <= costs[1] <= 12


def test_a_history_shows_requests_to_those_who_may_see_them(api: Api, press: str) -> None:
    with unit_of_work(api.session) as session:
        request = factories.make_request(
            session, machine=session.get(Machine, api.press.id), description="Oil!"
        )
    elsewhere = api.someone("SUPERVISOR", department_id=None)
    for caller, sees in (
        (api.admin, True), (api.manager, True), (api.storekeeper, True), (api.supervisor, True),
        (api.technician, False), (elsewhere, False),
    ):  # fmt: skip
        (entry,) = caller.get(f"{press}/history?kind=REQUEST").json["items"]
        shown = entry["request"]
        assert (shown["id"] == request.id) is sees is (shown["description"] == "Oil!"), caller.user.role
        assert (shown["businessKey"] is not None) is sees and shown["priority"] == "MEDIUM"


def test_a_parts_list_is_kept(api: Api, press: str) -> None:
    part = factories.make_part(api.session, 3, min_quantity=5)
    api.session.commit()
    made = api.admin.post(f"{press}/spare-parts", {"sparePartId": part.id, "quantity": 2, "notes": "left"})
    assert made.status_code == 201
    address = made.headers["Location"].removeprefix("/api/v1")
    found = api.technician.get(address)
    assert found.json == made.json
    assert found.json["part"] == {
        "id": part.id, "partNumber": part.part_number, "partName": part.part_name, "active": True,
        "inStock": 3, "minQuantity": 5, "isLow": True,
    }  # fmt: skip
    again = api.admin.post(f"{press}/spare-parts", {"sparePartId": part.id})
    assert (again.status_code, again.json["code"]) == (422, "PART_ASSIGNED")
    changed = api.admin.put(address, {"quantity": 4}, tag=found.headers["ETag"])
    assert (changed.json["quantity"], changed.json["notes"]) == (4, "left")
    assert api.admin.put(address, {"quantity": 5}, tag=found.headers["ETag"]).status_code == 412
    assert api.admin.put(address, {"quantity": 0}).status_code == 400
    assert api.technician.get(f"{press}/spare-parts").json["total"] == 1
    using = api.technician.get(f"/spare-parts/{part.id}/machines").json["items"]
    assert [(row["machine"]["qrCode"], row["quantity"]) for row in using] == [("PRESS-1", 4)]
    assert api.admin.delete(address, tag=changed.headers["ETag"]).status_code == 204
    for method in ("GET", "DELETE", "PUT"):
        assert api.admin.call(method, address, {} if method == "PUT" else None).status_code == 404


def test_parts_lists_take_a_constant_number_of_statements(api: Api, press: str, statements) -> None:
    with unit_of_work(api.session) as session:
        machine, part = session.get(Machine, api.press.id), factories.make_part(session)
        for _ in range(5):
            machine_parts.assign_part(session, machine, None, spare_part_id=factories.make_part(session).id)
            machine_parts.assign_part(session, factories.make_machine(session), None, spare_part_id=part.id)
    for address in (f"{press}/spare-parts", f"/spare-parts/{part.id}/machines"):
        costs = []
        for size in (1, 5):
            with statements() as seen:
                assert len(api.manager.get(f"{address}?pageSize={size}").json["items"]) == size
            costs.append(len(seen))
        assert costs[0] == costs[1]
