"""Spare parts over the API: the catalogue, what is low, and imports."""

from __future__ import annotations

import time
from io import BytesIO
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from app.api.spare_parts import PartSort, UsingFilters
from app.database import unit_of_work
from app.domain.activity import ActivityLog
from app.domain.parts import SparePart, StockLocation
from app.domain.queries import inventory, machines
from app.domain.queries.sorting import names
from app.domain.stock import InventoryTransaction
from tests import factories
from tests.api.conftest import Api, Caller


@pytest.fixture
def store(api: Api) -> StockLocation:
    with unit_of_work(api.session) as session:
        return factories.make_location(session, name="Main store")


def send(caller: Caller, text: str | bytes, query: str = "", **options: Any) -> TestResponse:
    data = text.encode() if isinstance(text, str) else text
    form = {"file": (BytesIO(data), "parts.csv")}
    return caller.post(
        f"/spare-parts/bulk-import{query}", data=form, content_type="multipart/form-data", **options
    )


def test_a_storekeeper_creates_reads_changes_and_deletes(api: Api, store: StockLocation) -> None:
    made = api.storekeeper.post(
        "/spare-parts",
        {
            "partNumber": "BR-6205", "partName": "Ball bearing", "groupNumber": "10", "groupName": "Bearings",
            "quantity": 12, "minQuantity": 20, "unitPrice": "9.80", "location": "Rack 4",
        },
    )  # fmt: skip
    assert made.status_code == 201
    address = made.headers["Location"].removeprefix("/api/v1")
    found = api.technician.get(address)
    assert found.json == made.json and found.headers["ETag"] == made.headers["ETag"]
    place = {"id": store.id, "name": "Main store"}
    assert found.json["stock"] == [{"location": place, "quantity": 12, "reserved": 0}]
    assert (found.json["quantity"], found.json["free"], found.json["isLow"]) == (12, 12, True)
    assert (found.json["unitPrice"], found.json["defaultLocation"]) == ("9.80", place)
    movement = api.session.scalars(sa.select(InventoryTransaction)).one()
    assert (movement.transaction_type, movement.quantity, movement.performed_by) == (
        "IN",
        12,
        api.storekeeper.id,
    )

    changed = api.storekeeper.put(address, {"unitPrice": "10", "quantity": 12}, tag=found.headers["ETag"])
    assert (changed.json["unitPrice"], changed.json["partName"]) == ("10.00", "Ball bearing")
    assert api.storekeeper.put(address, {"minQuantity": 1}, tag=found.headers["ETag"]).status_code == 412
    more = api.storekeeper.put(address, {"quantity": 13})
    assert (more.status_code, more.json["code"]) == (422, "QUANTITY_BY_MOVEMENT")
    assert "adjustment" in more.json["errors"]["quantity"][0]
    kept = api.storekeeper.delete(address)
    assert kept.status_code == 409 and "Deactivate it instead" in kept.json["detail"]
    assert api.storekeeper.put(address, {"active": False}).json["active"] is False

    mistake = api.admin.post("/spare-parts", {"partNumber": "X", "partName": "Y"}).headers["Location"]
    assert api.admin.delete(mistake.removeprefix("/api/v1")).status_code == 204


def test_what_is_wrong_stands_at_its_field(api: Api) -> None:
    api.admin.post("/spare-parts", {"partNumber": "BR-6205", "partName": "Bearing"})
    taken = api.admin.post("/spare-parts", {"partNumber": "br-6205", "partName": "Bearing"})
    assert (taken.status_code, taken.json["code"], list(taken.json["errors"])) == (
        422, "PART_NUMBER_TAKEN", ["partNumber"],
    )  # fmt: skip
    nowhere = api.admin.post("/spare-parts", {"partNumber": "N", "partName": "N", "quantity": 1})
    assert (nowhere.status_code, list(nowhere.json["errors"])) == (422, ["defaultLocationId"])
    strange = api.admin.post(
        "/spare-parts",
        {"partNumber": "", "quantity": -1, "minQuantity": 1.5, "unitPrice": 9.8, "groupNumber": "1" * 101},
    )
    assert strange.status_code == 400
    assert set(strange.json["errors"]) == {
        "partNumber", "partName", "quantity", "minQuantity", "unitPrice", "groupNumber",
    }  # fmt: skip


def test_parts_are_listed(api: Api, store: StockLocation, statements) -> None:
    with unit_of_work(api.session) as session:
        for n, (quantity, minimum) in enumerate(((9, 1), (2, 3), (0, 5))):
            factories.make_part(
                session,
                quantity,
                min_quantity=minimum,
                part_number=f"LIST-{n}",
                part_name=f"Part {n}",
                group_number=str(n),
                location=store,
            )
        factories.make_part(
            session, part_number="LIST-3", part_name="Part 3", min_quantity=9, active=False, location=store
        )

    def found(path: str) -> list[str]:
        return [item["partName"] for item in api.technician.get(f"/spare-parts{path}").json["items"]]

    assert found("") == ["Part 0", "Part 1", "Part 2", "Part 3"]
    assert found("?active=true&sort=-partName&pageSize=2&page=2") == ["Part 0"]
    assert found("?active=false") == found("?q=part+3") == ["Part 3"]
    assert found("?group=1") == ["Part 1"] and found(f"?locationId={store.id}") == ["Part 0", "Part 1"]
    assert found("/low-stock") == ["Part 2", "Part 1"] == found("?lowStock=true&active=true&sort=-shortage")
    assert found("/low-stock?group=1&sort=partName") == ["Part 1"]
    assert api.technician.get("/spare-parts?sort=colour").status_code == 400
    costs = []
    for size in (1, 4):
        with statements() as seen:
            assert len(api.technician.get(f"/spare-parts?pageSize={size}").json["items"]) == size
        costs.append(len(seen))
    assert costs[0] == costs[1]


def test_lists_are_sorted_by_all_that_the_domain_offers() -> None:
    assert set(get_args(PartSort)) == set(names(inventory.PART_SORTS))
    assert set(get_args(UsingFilters.model_fields["sort"].annotation)) < set(names(machines.FITTED_SORTS))


FILE = "Part number;Name;Price;Stock;Minimum\nA-1;Bolt;1,50;10;5\nB-2;=Nut;0,02;;\n"


def test_a_preview_says_what_an_import_would_do(api: Api, store: StockLocation) -> None:
    report = send(api.storekeeper, FILE, "?preview=true")
    assert report.status_code == 200
    assert {name: report.json[name] for name in ("preview", "valid", "rows", "created", "errorsTotal")} == {
        "preview": True, "valid": True, "rows": 2, "created": 2, "errorsTotal": 0,
    }  # fmt: skip
    assert report.json["firstRows"][0] == {
        "line": 2, "action": "CREATE", "partNumber": "A-1", "partName": "Bolt", "before": {},
        "after": {"partName": "Bolt", "unitPrice": "1.50", "quantity": 10, "minQuantity": 5},
    }  # fmt: skip
    assert api.session.scalars(sa.select(SparePart)).all() == []


def test_an_import_is_done_once_and_recorded(api: Api, store: StockLocation) -> None:
    first, second = (send(api.storekeeper, FILE, key="import-of-today") for _ in range(2))
    assert (first.status_code, first.json["created"]) == (200, 2) and second.json == first.json
    parts = api.storekeeper.get("/spare-parts").json["items"]
    assert [(part["partName"], part["quantity"], part["unitPrice"]) for part in parts] == [
        ("=Nut", 0, "0.02"), ("Bolt", 10, "1.50"),
    ]  # fmt: skip
    entry = api.session.scalars(sa.select(ActivityLog).where(ActivityLog.action == "IMPORT_PARTS")).one()
    assert entry.user_id == api.storekeeper.id and entry.source
    unchanged = send(api.storekeeper, FILE).json
    assert (unchanged["created"], unchanged["unchanged"]) == (0, 2)


def test_one_bad_row_in_the_last_line_imports_nothing_and_is_named(api: Api, store: StockLocation) -> None:
    text = FILE + "C-3;Washer;free;;\n"
    refused = send(api.storekeeper, text)
    assert (refused.status_code, refused.json["code"]) == (422, "IMPORT_REFUSED")
    told = "'free' is not a number; use digits only, like 12 or 12.50."
    assert refused.json["errors"] == {"lines.4.Price": [told]}
    assert refused.json["detail"] == f"Nothing was imported. Line 4, Price: {told}"
    assert api.session.scalars(sa.select(SparePart)).all() == []
    report = send(api.storekeeper, text, "?preview=true")
    assert (report.status_code, report.json["valid"], report.json["errorsTotal"]) == (200, False, 1)
    assert report.json["errors"] == [{"line": 4, "column": "Price", "message": told}]


def test_ten_thousand_rows_take_less_than_ten_seconds(api: Api, store: StockLocation) -> None:
    """Seconds of this process, which on SQLite is all there is: a busy machine makes it no slower."""
    lines = [f"P-{n:05d};Part {n};1,50;10;5\n" for n in range(10_000)]
    header = "Part number;Name;Price;Stock;Minimum\n"
    refused = send(api.storekeeper, header + "".join(lines[:-1]) + "P-LAST;Last;1,50;ten;5\n")
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["lines.10001.Stock"])
    assert api.storekeeper.get("/spare-parts").json["total"] == 0
    began = time.process_time()
    assert send(api.storekeeper, header + "".join(lines)).json["created"] == 10_000
    assert time.process_time() - began < 10
    api.session.rollback()
    assert api.session.scalar(sa.select(sa.func.sum(InventoryTransaction.quantity))) == 100_000


def test_what_is_no_import_is_refused(api: Api) -> None:
    assert api.storekeeper.post("/spare-parts/bulk-import", {"file": "A"}).status_code == 415
    empty = api.storekeeper.post("/spare-parts/bulk-import", data={}, content_type="multipart/form-data")
    assert empty.status_code == 400
    two = {"file": [(BytesIO(b"a"), "a.csv"), (BytesIO(b"b"), "b.csv")]}
    assert api.storekeeper.post(
        "/spare-parts/bulk-import", data=two, content_type="multipart/form-data"
    ).json["errors"] == {"file": ["Send one file at a time."]}  # fmt: skip
    assert send(api.storekeeper, b"PK\x03\x04").json["errors"].keys() == {"lines.1"}
    assert send(api.storekeeper, b"").status_code == 422
    assert send(api.storekeeper, FILE, "?preview=perhaps").status_code == 400
    large = send(api.storekeeper, b"x" * (10 * 1024 * 1024 + 1))
    assert large.status_code in (413, 422)
