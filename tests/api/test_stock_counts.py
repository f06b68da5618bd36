"""Stock counts through the API: the store keeper counts, reviews and posts."""

from __future__ import annotations

from typing import Any

import pytest

from app.database import unit_of_work
from app.domain import stock
from app.domain.parts import SparePart, StockLocation
from tests import factories
from tests.api.conftest import Api


@pytest.fixture
def store(api: Api) -> StockLocation:
    with unit_of_work(api.session) as session:
        return factories.make_location(session, name="Main store")


@pytest.fixture
def bearing(api: Api, store: StockLocation) -> SparePart:
    """Ten bearings at 12.50 each."""
    with unit_of_work(api.session) as session:
        return factories.make_part(session, 10, location=store)


def started(api: Api, store: StockLocation, **values: Any) -> dict[str, Any]:
    answer = api.storekeeper.post("/stock-counts", {"locationId": store.id, **values})
    assert answer.status_code == 201, answer.json
    return answer.json


def lines(api: Api, count: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    answer = api.storekeeper.get(f"/stock-counts/{count['id']}/lines{query}")
    assert answer.status_code == 200, answer.json
    return answer.json["items"]


def test_counted_reviewed_and_posted(api: Api, store: StockLocation, bearing: SparePart) -> None:
    count = started(api, store)
    address = f"/stock-counts/{count['id']}"
    assert (count["status"], count["blind"], count["startedBy"]["name"]) == ("OPEN", True, "Ivo Petrov")
    [line] = lines(api, count)
    assert (line["expected"], line["counted"], line["difference"]) == (None, None, None)
    counted = api.storekeeper.put(f"{address}/lines/{line['id']}", {"counted": 8, "notes": "two rusty"})
    assert counted.status_code == 200, counted.json
    told = {name: counted.json[name] for name in ("expected", "counted", "difference", "value", "notes")}
    assert told == {
        "expected": 10, "counted": 8, "difference": -2, "value": "-25.00", "notes": "two rusty",
    }  # fmt: skip
    assert api.storekeeper.get(address).json["differences"] == {
        "found": "0.00", "missing": "25.00", "net": "-25.00",
    }  # fmt: skip
    posted = api.storekeeper.post(f"{address}/post", {}, key="post-it")
    assert posted.status_code == 200, posted.json
    assert posted.json["count"]["status"] == "POSTED"
    [adjustment] = posted.json["adjustments"]
    assert (adjustment["change"], adjustment["cost"], adjustment["referenceId"]) == (
        -2,
        "-25.00",
        count["id"],
    )
    again = api.storekeeper.post(f"{address}/post", {}, key="post-it")
    assert (again.status_code, again.json) == (200, posted.json)
    assert api.row(SparePart, bearing.id).quantity == 8
    listed = api.storekeeper.get(f"{address}/adjustments").json
    assert [row["id"] for row in listed["items"]] == [adjustment["id"]]


def test_what_is_expected_is_told_when_the_count_is_not_blind(
    api: Api, store: StockLocation, bearing: SparePart
) -> None:
    count = started(api, store, blind=False)
    assert lines(api, count)[0]["expected"] == 10
    with unit_of_work(api.session) as session:
        stock.record_movement(session, bearing.id, "OUT", 3, by=None)
    assert lines(api, count)[0]["expected"] == 7


def test_counted_again_and_taken_back(api: Api, store: StockLocation, bearing: SparePart) -> None:
    count = started(api, store)
    address = f"/stock-counts/{count['id']}"
    [line] = lines(api, count)
    api.storekeeper.put(f"{address}/lines/{line['id']}", {"counted": 8})
    recount = api.storekeeper.post(f"{address}/recount", {"lineIds": [line["id"]]})
    assert recount.json["progress"] == {
        "lines": 1, "counted": 0, "uncounted": 1, "recount": 1, "differing": 0,
    }  # fmt: skip
    assert lines(api, count, "?recount=true")[0]["earlier"] == 8
    api.storekeeper.put(f"{address}/lines/{line['id']}", {"counted": 9})
    cleared = api.storekeeper.put(f"{address}/lines/{line['id']}", {"counted": None})
    assert cleared.json["counted"] is None
    assert lines(api, count, "?counted=true") == []
    cancelled = api.storekeeper.post(f"{address}/cancel", {"reason": "tomorrow"})
    assert (cancelled.json["status"], cancelled.json["closingReason"]) == ("CANCELLED", "tomorrow")
    assert api.row(SparePart, bearing.id).quantity == 10


def test_refusals_are_at_their_field(api: Api, store: StockLocation, bearing: SparePart) -> None:
    count = started(api, store)
    address = f"/stock-counts/{count['id']}"
    [line] = lines(api, count)
    for method, path, body, status, code in (
        ("POST", "/stock-counts", {"locationId": store.id}, 422, "ALREADY_COUNTED"),
        ("POST", "/stock-counts", {"locationId": 4711}, 422, "UNKNOWN_LOCATION"),
        ("POST", "/stock-counts", {"locationId": store.id, "sample": 0}, 400, "INVALID_REQUEST"),
        ("PUT", f"{address}/lines/{line['id']}", {"counted": -1}, 400, "INVALID_REQUEST"),
        ("PUT", f"{address}/lines/{line['id']}", {}, 400, "INVALID_REQUEST"),
        ("PUT", f"{address}/lines/4711", {"counted": 1}, 422, "UNKNOWN_LINE"),
        (
            "PUT", f"{address}/lines/{line['id']}",
            {"counted": 1, "countedAt": "2001-01-01T00:00:00Z"}, 422, "BAD_TIME",
        ),
        ("POST", f"{address}/lines", {"partId": bearing.id}, 422, "ALREADY_COUNTED"),
        ("POST", f"{address}/post", {"skipUncounted": True}, 422, "NOT_COUNTED"),
        ("GET", "/stock-counts/4711", None, 404, "NOT_FOUND"),
    ):  # fmt: skip
        answer = api.storekeeper.call(method, path, body)
        assert (answer.status_code, answer.json["code"]) == (status, code), (path, answer.json)


def test_lists_make_a_constant_number_of_statements(
    api: Api, store: StockLocation, bearing: SparePart, statements: Any
) -> None:
    def count_of_statements() -> list[int]:
        numbers = []
        for path in ("/stock-counts", f"/stock-counts/{count['id']}/lines"):
            with statements() as sent:
                assert api.storekeeper.get(path).status_code == 200
            numbers.append(len(sent))
        return numbers

    count = started(api, store)
    few = count_of_statements()
    with unit_of_work(api.session) as session:
        others = [factories.make_location(session) for _ in range(3)]
        for place in others:
            factories.make_part(session, 3, location=place)
        parts = [factories.make_part(session, 1) for _ in range(5)]
    for place in others:
        started(api, place)
    for part in parts:
        api.storekeeper.post(f"/stock-counts/{count['id']}/lines", {"partId": part.id})
    assert count_of_statements() == few


def test_what_is_promised_is_told_within_reach(api: Api, bearing: SparePart) -> None:
    with unit_of_work(api.session) as session:
        press = factories.make_request(session, machine=api.press, technician=api.technician.user)
        factories.make_parts_request(
            session, {bearing: 2}, request=press, requester=api.technician.user, approved=True
        )
        factories.make_parts_request(session, {bearing: 1}, approved=True)
    path = f"/spare-parts/{bearing.id}/reservations"
    found = api.storekeeper.get(path).json
    assert (found["total"], [row["quantity"] for row in found["items"]]) == (2, [2, 1])
    assert found["items"][0]["machine"]["name"] == "Hydraulic press"
    for caller in (api.supervisor, api.technician):
        assert [row["quantity"] for row in caller.get(path).json["items"]] == [2]
    there = f"/stock-locations/{bearing.default_location_id}/reservations?sort=-quantity"
    assert [row["quantity"] for row in api.manager.get(there).json["items"]] == [2, 1]


def test_what_has_to_be_ordered_and_what_was_consumed(api: Api, bearing: SparePart) -> None:
    with unit_of_work(api.session) as session:
        session.get_one(SparePart, bearing.id).min_quantity = 9
        stock.record_movement(session, bearing.id, "OUT", 3, by=None)
    [line] = api.storekeeper.get("/spare-parts/reorder-list").json["items"]
    assert line["part"]["partNumber"] == bearing.part_number
    told = {key: line[key] for key in ("free", "available", "dailyConsumption", "daysOfCover")}
    assert told == {"free": 7, "available": 7, "dailyConsumption": "0.03", "daysOfCover": 210}
    assert line["suggestedQuantity"] == 3
    consumed = api.manager.get(f"/spare-parts/{bearing.id}/consumption").json
    assert (consumed["quantity"], consumed["cost"], len(consumed["months"])) == (3, "37.50", 12)


def test_the_method_of_costing_is_a_setting(api: Api) -> None:
    assert api.technician.get("/settings").json["costingMethod"] == "MOVING_AVERAGE"
    changed = api.admin.put("/settings", {"costingMethod": "FIFO"})
    assert (changed.status_code, changed.json["costingMethod"]) == (200, "FIFO")
    assert api.admin.put("/settings", {"costingMethod": "LIFO"}).status_code == 400


def test_pieces_that_were_found_may_have_a_cost(api: Api, bearing: SparePart) -> None:
    body = {"partId": bearing.id, "quantity": 2, "notes": "behind the shelf", "unitCost": "10.00"}
    made = api.storekeeper.post("/inventory-transactions/adjustment", body)
    assert (made.status_code, made.json["cost"]) == (201, "20.00")
    refused = api.storekeeper.post("/inventory-transactions/adjustment", {**body, "quantity": -2})
    assert (refused.status_code, refused.json["code"]) == (422, "BAD_COST")
