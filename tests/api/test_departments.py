"""Departments over the API."""

from __future__ import annotations

from tests import factories
from tests.api.conftest import Api


def test_an_administrator_creates_reads_changes_and_deletes(api: Api) -> None:
    made = api.admin.post("/departments", {"name": "Paint shop"})
    assert made.status_code == 201
    address = made.headers["Location"].removeprefix("/api/v1")
    found = api.supervisor.get(address)
    assert found.json == made.json
    assert found.json["name"] == "Paint shop" and found.json["active"] is True

    changed = api.admin.put(address, {"name": "Paint and finish"}, tag=found.headers["ETag"])
    assert changed.json["name"] == "Paint and finish"
    assert api.admin.put(address, {"active": False}, tag=found.headers["ETag"]).status_code == 412

    assert api.admin.delete(address).status_code == 204
    assert api.admin.get(address).status_code == 404


def test_a_department_with_machines_is_kept(api: Api) -> None:
    refused = api.admin.delete(f"/departments/{api.department.id}")
    assert refused.status_code == 409
    assert "machine" in refused.json["detail"] and "Deactivate" in refused.json["detail"]


def test_what_is_wrong_stands_at_its_field(api: Api) -> None:
    taken = api.admin.post("/departments", {"name": "Stamping"})
    assert taken.status_code == 422 and taken.json["code"] == "NAME_TAKEN"
    assert list(taken.json["errors"]) == ["name"]
    strange = api.admin.post("/departments", {"name": 5, "colour": "red"})
    assert strange.status_code == 400
    assert set(strange.json["errors"]) == {"name", "colour"}


def test_lists_are_paged_sorted_and_searched(api: Api) -> None:
    for name in ("Assembly", "Welding", "Assembly two"):
        factories.make_department(api.session, name=name, active=name != "Welding")
    api.session.commit()
    page = api.technician.get("/departments?pageSize=2&sort=-name").json
    assert [item["name"] for item in page["items"]] == ["Welding", "Stamping"]
    assert (page["page"], page["pageSize"], page["total"]) == (1, 2, 4)
    found = api.technician.get("/departments?q=assembly&sort=name").json["items"]
    assert [item["name"] for item in found] == ["Assembly", "Assembly two"]
    assert api.technician.get("/departments?active=false").json["total"] == 1
    assert api.technician.get("/departments?sort=colour").status_code == 400
    assert api.technician.get("/departments?color=red").status_code == 400
