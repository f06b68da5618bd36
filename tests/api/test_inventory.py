"""The stock ledger over the API."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.domain.parts import SparePart, StockLocation
from tests import factories
from tests.api.conftest import Api

LEDGER = "/inventory-transactions"


@pytest.fixture
def part(api: Api) -> SparePart:
    """Ten bearings at 12.50 each."""
    made = factories.make_part(api.session, 10, part_name="Bearing", part_number="6204")
    api.session.commit()
    return made


@pytest.fixture
def van(api: Api) -> StockLocation:
    made = factories.make_location(api.session, name="Van")
    api.session.commit()
    return made


def quantity(api: Api, part: SparePart) -> int:
    return int(api.row(SparePart, part.id).quantity)


def test_stock_comes_and_goes(api: Api, part: SparePart) -> None:
    came = api.storekeeper.post(
        f"{LEDGER}/in",
        {"partId": part.id, "quantity": 5, "unitCost": "13.10", "referenceId": 4711, "notes": "delivered"},
    )
    assert came.status_code == 201, came.json
    address = came.headers["Location"].removeprefix("/api/v1")
    assert api.manager.get(address).json == came.json
    movement = came.json
    assert (movement["transactionType"], movement["quantity"], movement["change"], movement["balance"]) == (
        "IN", 5, 5, 15,
    )  # fmt: skip
    assert movement["part"] == {"id": part.id, "partNumber": "6204", "partName": "Bearing"}
    assert (movement["referenceType"], movement["referenceId"], movement["unitCost"]) == (
        "PURCHASE", 4711, "13.10",
    )  # fmt: skip
    assert movement["performer"]["name"] == "Ivo Petrov"

    went = api.storekeeper.post(f"{LEDGER}/out", {"partId": part.id, "quantity": 4}).json
    assert (went["change"], went["balance"], went["referenceType"], went["unitCost"]) == (
        -4, 11, None, "12.70",
    )  # fmt: skip
    assert quantity(api, part) == 11


def test_a_count_is_corrected_by_its_difference_and_says_why(api: Api, part: SparePart) -> None:
    body = {"partId": part.id, "quantity": -3, "notes": "counted"}
    found = api.storekeeper.post(f"{LEDGER}/adjustment", body)
    assert (found.status_code, found.json["change"], found.json["balance"]) == (201, -3, 7)
    unsaid = api.storekeeper.post(f"{LEDGER}/adjustment", {"partId": part.id, "quantity": 1})
    assert (unsaid.status_code, list(unsaid.json["errors"])) == (400, ["notes"])
    nothing = api.storekeeper.post(f"{LEDGER}/adjustment", {**body, "quantity": 0})
    assert (nothing.status_code, list(nothing.json["errors"])) == (422, ["quantity"])


def test_a_transfer_keeps_the_sum(api: Api, part: SparePart, van: StockLocation) -> None:
    body = {"partId": part.id, "quantity": 4, "toLocationId": van.id}
    moved = api.storekeeper.post(f"{LEDGER}/transfer", body).json
    assert (moved["change"], moved["balance"], moved["toLocation"]) == (0, 10, {"id": van.id, "name": "Van"})
    back = {"partId": part.id, "quantity": 1, "locationId": van.id, "toLocationId": part.default_location_id}
    assert api.storekeeper.post(f"{LEDGER}/transfer", back).status_code == 201
    same = {"partId": part.id, "quantity": 1, "locationId": van.id, "toLocationId": van.id}
    refused = api.storekeeper.post(f"{LEDGER}/transfer", same)
    assert (refused.status_code, refused.json["code"]) == (422, "SAME_LOCATION")


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"quantity": 11}, 409, "NOT_ENOUGH_STOCK", "quantity"),
        ({"partId": 987654}, 422, "UNKNOWN_PART", "partId"),
        ({"locationId": 987654}, 422, "UNKNOWN_LOCATION", "locationId"),
        ({"referenceType": "MAINTENANCE", "referenceId": 987654}, 422, "BAD_REFERENCE", "referenceId"),
        ({"referenceType": "MAINTENANCE"}, 422, "BAD_REFERENCE", "referenceId"),
        ({"referenceId": 1}, 422, "BAD_REFERENCE", "referenceType"),
        ({"referenceType": "TRANSFER"}, 400, "INVALID_REQUEST", "referenceType"),
        ({"quantity": 0}, 400, "INVALID_REQUEST", "quantity"),
        ({"quantity": 1_000_001}, 400, "INVALID_REQUEST", "quantity"),
        ({"quantity": 1.5}, 400, "INVALID_REQUEST", "quantity"),
        ({"unitCost": "1.00"}, 400, "INVALID_REQUEST", "unitCost"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_changes_nothing(
    api: Api, part: SparePart, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    refused = api.storekeeper.post(f"{LEDGER}/out", {"partId": part.id, "quantity": 1, **change})
    assert (refused.status_code, refused.json["code"]) == (status, code), refused.json
    assert list(refused.json["errors"]) == [field]
    assert quantity(api, part) == 10
    assert api.manager.get(LEDGER).json["total"] == 1


def test_a_movement_may_name_the_parts_request_it_was_for(api: Api, part: SparePart) -> None:
    request = factories.make_parts_request(api.session, {part: 1})
    api.session.commit()
    body = {
        "partId": part.id, "quantity": 1, "referenceType": "MAINTENANCE", "referenceId": request.id,
    }  # fmt: skip
    returned = api.storekeeper.post(f"{LEDGER}/in", body).json
    assert (returned["referenceType"], returned["referenceId"]) == ("MAINTENANCE", request.id)


def test_movements_are_never_changed_or_deleted(api: Api, part: SparePart) -> None:
    movement = api.manager.get(LEDGER).json["items"][0]
    address = f"{LEDGER}/{movement['id']}"
    for method in ("PUT", "PATCH", "DELETE"):
        assert api.storekeeper.call(method, address, {"quantity": 1}).status_code == 405
    assert api.manager.get(address).json == movement
    assert api.manager.get(f"{LEDGER}/987654").status_code == 404


def test_a_repeat_with_the_same_key_moves_nothing_again(api: Api, part: SparePart) -> None:
    body = {"partId": part.id, "quantity": 3}
    first, second = (api.storekeeper.post(f"{LEDGER}/out", body, key="k") for _ in range(2))
    assert first.json == second.json
    assert quantity(api, part) == 7


def test_lists_are_filtered_and_sorted(api: Api, part: SparePart, van: StockLocation) -> None:
    other = factories.make_part(api.session, 20, unit_price=Decimal("1.00"))
    api.session.commit()
    api.storekeeper.post(f"{LEDGER}/out", {"partId": part.id, "quantity": 2, "notes": "scrapped"})
    api.storekeeper.post(f"{LEDGER}/transfer", {"partId": part.id, "quantity": 1, "toLocationId": van.id})

    def kinds(query: str) -> list[str]:
        answer = api.admin.get(f"{LEDGER}{query}")
        assert answer.status_code == 200, answer.json
        return [item["transactionType"] for item in answer.json["items"]]

    assert kinds("") == ["TRANSFER", "OUT", "IN", "IN"]
    assert kinds("?sort=transactionDate&pageSize=1") == ["IN"]
    assert kinds("?transactionType=OUT") == ["OUT"]
    assert kinds(f"?partId={other.id}") == ["IN"]
    assert kinds(f"?locationId={van.id}") == ["TRANSFER"]
    assert kinds(f"?performedBy={api.storekeeper.id}") == ["TRANSFER", "OUT"]
    assert kinds("?referenceType=PURCHASE") == ["IN", "IN"]
    assert kinds("?q=scrapped") == ["OUT"]
    assert kinds("?until=2000-01-01T00:00:00Z") == []
    assert kinds(f"/spare-part/{part.id}?sort=quantity") == ["TRANSFER", "OUT", "IN"]
    assert api.admin.get(f"{LEDGER}/spare-part/987654").status_code == 404
    assert api.admin.get(f"{LEDGER}/spare-part/{part.id}?partId=1").status_code == 400
    assert api.admin.get(f"{LEDGER}?sort=notes").status_code == 400


def test_lists_take_the_same_number_of_statements_however_long_they_are(
    api: Api, statements: Callable[[], Any]
) -> None:
    def count() -> int:
        with statements() as seen:
            assert api.manager.get(f"{LEDGER}?pageSize=200").status_code == 200
        return len(seen)

    factories.make_part(api.session, 1)
    api.session.commit()
    few = count()
    for _ in range(8):
        factories.make_part(api.session, 1)
    api.session.commit()
    assert count() == few
