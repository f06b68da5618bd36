"""Failure codes, maintenance types and stock locations over the API."""

from __future__ import annotations

from typing import get_args

import pytest

from app.api.failure_codes import FailureCodeFilters
from app.api.maintenance_types import MaintenanceTypeFilters
from app.api.stock_locations import StockLocationFilters
from app.domain.queries import catalogues
from app.domain.queries.sorting import names
from tests import factories
from tests.api.conftest import Api

KINDS = {
    "/failure-codes": ({"code": "HYD-LEAK", "name": "Hydraulic leak"}, "code", "CODE_TAKEN"),
    "/maintenance-types": ({"code": "CORR", "name": "Corrective"}, "code", "CODE_TAKEN"),
    "/stock-locations": ({"name": "Main store"}, "name", "NAME_TAKEN"),
}


@pytest.mark.parametrize("path", KINDS)
def test_an_entry_is_created_read_changed_and_deleted(api: Api, path: str) -> None:
    values, _, _ = KINDS[path]
    made = api.admin.post(path, values)
    assert made.status_code == 201 and made.json["active"] is True
    address = made.headers["Location"].removeprefix("/api/v1")
    found = api.technician.get(address)
    assert found.json == made.json and found.json["name"] == values["name"]
    changed = api.admin.put(address, {"name": "Another", "active": False}, tag=found.headers["ETag"])
    assert (changed.json["name"], changed.json["active"]) == ("Another", False)
    assert api.admin.put(address, {"name": "X"}, tag=found.headers["ETag"]).status_code == 412
    assert api.admin.delete(address, tag=found.headers["ETag"]).status_code == 412
    assert api.admin.delete(address).status_code == 204
    assert api.admin.get(address).status_code == 404


@pytest.mark.parametrize("path", KINDS)
def test_what_is_wrong_stands_at_its_field(api: Api, path: str) -> None:
    values, field, code = KINDS[path]
    api.admin.post(path, values)
    taken = api.admin.post(path, {**values, field: values[field].lower()})
    assert (taken.status_code, taken.json["code"], list(taken.json["errors"])) == (422, code, [field])
    other = api.admin.post(path, {**values, field: "OTHER"}).headers["Location"].removeprefix("/api/v1")
    assert api.admin.put(other, {field: values[field]}).json["code"] == code
    strange = api.admin.post(path, {"name": "n" * 256, "active": "yes", "colour": "red"})
    assert strange.status_code == 400
    assert set(strange.json["errors"]) - {"code"} == {"name", "active", "colour"}
    blank = api.admin.post(path, {**values, field: " "})
    assert (blank.status_code, blank.json["errors"][field]) == (422, [f"Give a {field}."])
    unreadable = api.admin.post(path, {**values, field: "OK", "name": "a\u0000b"})
    assert (unreadable.status_code, list(unreadable.json["errors"])) == (422, ["name"])


@pytest.mark.parametrize("path", KINDS)
def test_a_creation_is_repeated_without_effect(api: Api, path: str) -> None:
    values, _, _ = KINDS[path]
    first, second = (api.admin.post(path, values, key="one-and-only") for _ in range(2))
    assert (first.status_code, first.json) == (second.status_code, second.json)
    assert api.admin.get(path).json["total"] == 1


@pytest.mark.parametrize("path", KINDS)
def test_entries_are_listed(api: Api, path: str, statements) -> None:
    values, field, _ = KINDS[path]
    for n, active in enumerate((True, False, True)):
        api.admin.post(path, {**values, field: f"E{n}", "name": f"Entry {n}" if field == "code" else f"E{n}"})
        if not active:
            last = api.admin.get(f"{path}?q=E{n}").json["items"][0]["id"]
            api.admin.put(f"{path}/{last}", {"active": False})

    def found(query: str) -> list[str]:
        return [item[field] for item in api.technician.get(f"{path}?{query}").json["items"]]

    assert found("") == ["E0", "E1", "E2"] and found(f"sort=-{field}&pageSize=2&page=2") == ["E0"]
    assert found("active=false") == found("q=E1") == ["E1"]
    assert api.technician.get(f"{path}?sort=colour").status_code == 400
    costs = []
    for size in (1, 3):
        with statements() as seen:
            assert len(api.technician.get(f"{path}?pageSize={size}").json["items"]) == size
        costs.append(len(seen))
    assert costs[0] == costs[1]


def test_lists_are_sorted_by_all_that_the_domain_offers() -> None:
    for filters, sorts in (
        (FailureCodeFilters, catalogues.FAILURE_CODE_SORTS),
        (MaintenanceTypeFilters, catalogues.MAINTENANCE_TYPE_SORTS),
        (StockLocationFilters, catalogues.LOCATION_SORTS),
    ):
        assert set(get_args(filters.model_fields["sort"].annotation)) == set(names(sorts))


def test_what_was_used_is_kept(api: Api) -> None:
    code, kind = factories.make_failure_code(api.session), factories.make_maintenance_type(api.session)
    factories.make_request(api.session, failure_code_id=code.id).maintenance_type_id = kind.id
    place = factories.make_part(api.session, 5).default_location
    api.session.commit()
    for address in (
        f"/failure-codes/{code.id}", f"/maintenance-types/{kind.id}", f"/stock-locations/{place.id}",
    ):  # fmt: skip
        refused = api.admin.delete(address)
        assert refused.status_code == 409 and "eactivate it instead" in refused.json["detail"]
    full = api.storekeeper.put(f"/stock-locations/{place.id}", {"active": False})
    assert (full.status_code, list(full.json["errors"])) == (422, ["active"])
