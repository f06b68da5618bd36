"""The pages of the stock: parts, movements, locations, counts, the reorder list and the value."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.database import unit_of_work
from app.domain import counting, stock
from app.domain.parts import SparePart, StockLocation
from app.domain.replenishments import StockReplenishment
from app.domain.stock import InventoryTransaction
from app.domain.stock_counts import StockCount, StockCountLine
from tests import factories
from tests.web.conftest import Factory, SignIn


@pytest.fixture
def keeper(factory: Factory, sign_in: SignIn) -> Any:
    return sign_in(factory.storekeeper)


@pytest.fixture
def store(factory: Factory) -> StockLocation:
    with unit_of_work(factory.session) as session:
        return factories.make_location(session, name="Main store")


@pytest.fixture
def bearing(factory: Factory, store: StockLocation) -> SparePart:
    """Ten bearings at 12.50."""
    with unit_of_work(factory.session) as session:
        return factories.make_part(session, 10, location=store, part_name="Ball bearing", part_number="6204")


def now(factory: Factory, row: Any) -> Any:
    """The row as it is in the database."""
    factory.session.rollback()
    factory.session.refresh(row)
    return row


def newest(factory: Factory) -> InventoryTransaction:
    factory.session.rollback()
    query = sa.select(InventoryTransaction).order_by(InventoryTransaction.id.desc()).limit(1)
    return factory.session.scalars(query).one()


# -- spare parts --------------------------------------------------------------------------------------


def test_a_part_is_added_with_opening_stock_changed_and_taken_out_of_use(
    factory: Factory, keeper: Any, store: StockLocation
) -> None:
    typed = {
        "part_number": "SEAL-1", "part_name": "Shaft seal", "min_quantity": "2", "unit_price": "4,50",
        "default_location_id": str(store.id), "quantity": "6",
    }  # fmt: skip
    made = keeper.post("/parts/new", data=typed)
    assert made.status_code == 302
    part = factory.session.scalars(sa.select(SparePart).where(SparePart.part_number == "SEAL-1")).one()
    assert (part.quantity, part.unit_price, part.average_value) == (6, Decimal("4.50"), 27)
    page = keeper.get(made.location).text
    assert "Shaft seal is added." in page and "27.00\xa0€" in page

    edit = f"/parts/{part.id}/edit"
    assert 'name="quantity"' not in keeper.get(edit).text
    refused = keeper.post(edit, data={**typed, "part_number": " "})
    assert (refused.status_code, "Give a part number." in refused.text) == (422, True)
    keeper.post(edit, data={**typed, "part_name": "Seal"})
    assert (now(factory, part).part_name, part.active, part.quantity) == ("Seal", False, 6)
    assert "SEAL-1" not in keeper.get("/parts").text
    assert "SEAL-1" in keeper.get("/parts?show=every").text
    assert "has history" in keeper.post(f"/parts/{part.id}/delete").text


def test_the_list_of_parts_narrows_and_sorts_and_can_be_taken_away(
    factory: Factory, keeper: Any, bearing: SparePart
) -> None:
    with unit_of_work(factory.session) as session:
        factories.make_part(session, 1, part_name="Drive belt", min_quantity=3, group_number="20")
    assert "Drive belt" not in keeper.get("/parts?group=10").text
    assert "Ball bearing" not in keeper.get("/parts?low=1").text
    assert "Drive belt" not in keeper.get(f"/parts?location={bearing.default_location_id}").text
    by_number = keeper.get("/parts?sort=-quantity").text
    assert by_number.index("Ball bearing") < by_number.index("Drive belt")
    rows = list(csv.reader(io.StringIO(keeper.get("/parts/export.csv?q=ball").data.decode("utf-8-sig"))))
    assert any("6204" in row and "125.00" in row for row in rows), rows
    assert keeper.get("/parts/export.doc").status_code == 404


def test_who_may_not_see_movements_sees_stock_and_no_costs(
    factory: Factory, sign_in: SignIn, bearing: SparePart
) -> None:
    page = sign_in(factory.technician).get(f"/parts/{bearing.id}").text
    assert "Main store" in page
    for hidden in ("Latest movements", "Used in the last", "<dt>Value</dt>", "Receive", "Change"):
        assert hidden not in page
    assert "Latest movements" in sign_in(factory.manager).get(f"/parts/{bearing.id}").text


def test_a_part_says_for_whom_it_is_reserved_and_what_was_used(
    factory: Factory, sign_in: SignIn, bearing: SparePart
) -> None:
    with unit_of_work(factory.session) as session:
        request = factories.make_request(session, machine=factory.press, technician=factory.technician)
        mine = factories.make_parts_request(
            session, {bearing: 2}, request=request, requester=factory.technician, approved=True
        )
        others = factories.make_parts_request(session, {bearing: 1}, approved=True)
        stock.record_movement(session, bearing.id, "OUT", 3, by=factory.storekeeper.id)
    page = sign_in(factory.storekeeper).get(f"/parts/{bearing.id}").text
    assert mine.business_key in page and others.business_key in page
    assert "Used in the last 12 months" in page and "37.50\xa0€" in page
    page = sign_in(factory.technician).get(f"/parts/{bearing.id}").text
    assert mine.business_key in page and others.business_key not in page


# -- movements ----------------------------------------------------------------------------------------


def test_what_came_went_moved_and_was_wrong_is_recorded(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    with unit_of_work(factory.session) as session:
        van = factories.make_location(session, name="Van")
    part = f"?part={bearing.id}"
    typed: dict[str, Any] = {"quantity": "5", "location_id": store.id, "unit_cost": "13,10", "notes": "DN 7"}
    assert keeper.post(f"/stock/movements/new/in{part}", data=typed).location == f"/parts/{bearing.id}"
    came = newest(factory)
    assert (came.quantity, came.unit_cost, came.reference_type, came.notes) == (
        5, Decimal("13.10"), "PURCHASE", "DN 7",
    )  # fmt: skip
    keeper.post(f"/stock/movements/new/out{part}", data={"quantity": "2", "location_id": store.id})
    assert newest(factory).change == -2
    moved = {"quantity": "4", "location_id": store.id, "to_location_id": van.id}
    keeper.post(f"/stock/movements/new/transfer{part}", data=moved)
    assert newest(factory).to_location_id == van.id
    wrong = {"quantity": "3", "location_id": van.id, "notes": "one is broken"}
    answer = keeper.post(f"/stock/movements/new/adjustment{part}", data=wrong)
    assert newest(factory).quantity == -1
    assert "1 fewer at Van. 12 in stock." in keeper.get(answer.location).text
    assert now(factory, bearing).quantity == 12


@pytest.mark.parametrize(
    ("kind", "typed", "field", "said"),
    [
        ("out", {"quantity": "11"}, "quantity", "11 wanted, 10 available"),
        ("out", {"quantity": ""}, "quantity", "whole number of at least 1"),
        ("in", {"quantity": "1", "unit_cost": "-3"}, "unit_cost", "cannot be below zero"),
        ("in", {"quantity": "x"}, "quantity", "Write a whole number"),
        ("transfer", {"quantity": "1"}, "to_location_id", "Choose where the parts go."),
        ("adjustment", {"quantity": "10", "notes": "why"}, "quantity", "10 are booked there already"),
        ("adjustment", {"quantity": "9"}, "notes", "Say what happened."),
    ],
)
def test_a_refused_movement_says_so_at_its_field(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation, kind: str, typed: Any,
    field: str, said: str,
) -> None:  # fmt: skip
    answer = keeper.post(
        f"/stock/movements/new/{kind}?part={bearing.id}", data={"location_id": store.id, **typed}
    )
    assert answer.status_code == 422
    assert said in answer.text
    assert f'id="{field}-error"' in answer.text
    assert now(factory, bearing).quantity == 10


def test_a_correction_is_refused_when_something_moved_since_the_page_was_opened(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    address = f"/stock/movements/new/adjustment?part={bearing.id}"
    booked = f"{store.id}:10"
    assert f'value="{booked}"' in keeper.get(address).text
    with unit_of_work(factory.session) as session:
        stock.record_movement(session, bearing.id, "OUT", 4, by=None)
    typed = {"quantity": "9", "location_id": store.id, "notes": "one is missing", "booked": booked}
    refused = keeper.post(address, data=typed)
    assert (refused.status_code, "has moved since" in refused.text) == (422, True)
    assert f'value="{store.id}:6"' in refused.text


def test_the_part_is_chosen_first(keeper: Any, bearing: SparePart) -> None:
    page = keeper.get("/stock/movements/new/in?q=ball").text
    assert f"/stock/movements/new/in?part={bearing.id}" in page
    assert keeper.get("/stock/movements/new/gift").status_code == 404
    assert keeper.get("/stock/movements/new/in?part=4711").status_code == 404


def test_the_ledger_narrows_and_can_be_taken_away(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    with unit_of_work(factory.session) as session:
        stock.record_movement(session, bearing.id, "OUT", 3, by=factory.storekeeper.id, notes="for a test")
    day = newest(factory).transaction_date.date()
    page = keeper.get("/stock/movements").text
    assert "for a test" in page
    for query in (
        "kind=IN",
        "person=4711",
        "since=2001-01-01&until=2001-01-02",
        "q=nothing",
        "location=4711",
    ):
        assert "for a test" not in keeper.get(f"/stock/movements?{query}").text, query
    for query in (
        f"kind=OUT&part={bearing.id}",
        f"since={day}&until={day}",
        f"location={store.id}",
        "since=x",
    ):
        assert "for a test" in keeper.get(f"/stock/movements?{query}").text, query
    text = keeper.get("/stock/movements/export.csv?kind=OUT").data.decode("utf-8-sig")
    assert "-37.50" in text and "for a test" in text


# -- locations ----------------------------------------------------------------------------------------


def test_a_location_is_added_renamed_and_taken_out_of_use_once_it_is_empty(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    keeper.post("/stock/locations/new", data={"name": "Cabinet 4"})
    assert "Cabinet 4" in keeper.get("/stock/locations").text
    assert "already in use" in keeper.post("/stock/locations/new", data={"name": "cabinet 4"}).text
    assert "Ball bearing" in keeper.get(f"/stock/locations/{store.id}").text
    refused = keeper.post(f"/stock/locations/{store.id}/edit", data={"name": "Main store"})
    assert (refused.status_code, "transfer them first" in refused.text) == (422, True)
    keeper.post(f"/stock/locations/{store.id}/edit", data={"name": "Store A", "active": "1"})
    assert now(factory, store).name == "Store A"
    assert keeper.post(f"/stock/locations/{store.id}/delete").status_code == 409
    assert "10" in keeper.get("/stock/locations/export.csv").text


# -- counts -------------------------------------------------------------------------------------------


def started(factory: Factory, keeper: Any, store: StockLocation, **typed: Any) -> StockCount:
    answer = keeper.post("/stock/counts/new", data={"location_id": store.id, "blind": "1", **typed})
    assert answer.status_code == 302, answer.text
    factory.session.rollback()
    query = sa.select(StockCount).order_by(StockCount.id.desc()).limit(1)
    return factory.session.scalars(query).one()


def line_of(factory: Factory, count: StockCount) -> StockCountLine:
    factory.session.rollback()
    return factory.session.scalars(sa.select(StockCountLine).where(StockCountLine.count_id == count.id)).one()


def test_a_count_is_started_counted_reviewed_and_posted(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    count = started(factory, keeper, store)
    address = f"/stock/counts/{count.id}"
    line = line_of(factory, count)
    page = keeper.get(address).text
    assert "Ball bearing" in page and "Expected" not in page
    answer = keeper.post(f"{address}/lines/{line.id}", data={"counted": "8", "notes": "two rusty"})
    assert answer.location == f"{address}#line-{line.id}"
    assert "−2, expected 10" in keeper.get(address).text
    review = keeper.get(f"{address}/review").text
    assert "25.00\xa0€" in review and "-25.00\xa0€" in review and "two rusty" in review
    assert "two rusty" in keeper.get(f"{address}/review/export.csv").text
    posted = keeper.post(f"{address}/post")
    assert posted.location == f"{address}/review"
    assert "1 adjustments" in keeper.get(posted.location).text
    assert (now(factory, bearing).quantity, now(factory, count).status) == (8, "POSTED")
    assert "Post the count" not in keeper.get(f"{address}/review").text
    assert count.business_key in keeper.get("/stock/counts?status=POSTED").text


def test_a_script_saves_a_line_and_gets_it_back(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    count = started(factory, keeper, store)
    address = f"/stock/counts/{count.id}/lines/{line_of(factory, count).id}"
    fetched = {"X-Requested-With": "fetch"}
    saved = keeper.post(address, data={"counted": "10"}, headers=fetched)
    assert saved.status_code == 200
    assert "As expected" in saved.text and "1 of 1 counted" in saved.text and "<html" not in saved.text
    refused = keeper.post(address, data={"counted": "ten"}, headers=fetched)
    assert 'value="ten"' in refused.text and 'aria-invalid="true"' in refused.text
    assert "Write how many were found" in refused.text
    assert line_of(factory, count).counted == 10
    keeper.post(address, data={"counted": ""}, headers=fetched)
    assert line_of(factory, count).counted is None


def test_without_scripts_a_refusal_stands_at_its_line(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    count = started(factory, keeper, store)
    address = f"/stock/counts/{count.id}/lines/{line_of(factory, count).id}"
    for typed in (
        {"counted": "-1"},
        {"counted": "1", "counted_at": "2001-01-01T10:00"},
        {"counted": "12345678901"},
    ):
        refused = keeper.post(address, data=typed)
        assert refused.status_code == 422
        assert 'aria-invalid="true"' in refused.text
    assert line_of(factory, count).counted is None


def test_lines_are_counted_again_left_out_and_added(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    with unit_of_work(factory.session) as session:
        found = factories.make_part(session, part_number="FOUND-1", part_name="Fuse")
    count = started(factory, keeper, store)
    address, line = f"/stock/counts/{count.id}", line_of(factory, count)
    keeper.post(f"{address}/lines/{line.id}", data={"counted": "3"})
    assert "Choose what is to be counted again." in keeper.post(f"{address}/recount").text
    keeper.post(f"{address}/recount", data={"line": str(line.id)})
    assert "Count again" in keeper.get(f"{address}?show=recount").text
    keeper.post(f"{address}/lines/{line.id}", data={"counted": "10"})
    keeper.post(f"{address}/lines", data={"partNumber": "no such"}, follow_redirects=True)
    added = keeper.post(f"{address}/lines", data={"partNumber": "found-1"}, follow_redirects=True)
    assert "Fuse is on the sheet now." in added.text
    refused = keeper.post(f"{address}/post")
    assert (refused.status_code, "have not been counted" in refused.text) == (422, True)
    assert "Leave the 1 that nobody has counted" in refused.text
    assert keeper.post(f"{address}/post", data={"skip_uncounted": "1"}).status_code == 302
    assert (now(factory, bearing).quantity, now(factory, found).quantity) == (10, 0)


def test_a_count_is_given_up_with_a_reason(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    count = started(factory, keeper, store)
    again = keeper.post("/stock/counts/new", data={"location_id": store.id})
    assert (again.status_code, count.business_key in again.text) == (422, True)
    address = f"/stock/counts/{count.id}/cancel"
    assert "Give a reason." in keeper.post(address, data={"reason": ""}).text
    keeper.post(address, data={"reason": "the shelf moves"})
    assert now(factory, count).status == "CANCELLED"
    page = keeper.get(f"/stock/counts/{count.id}").text
    assert "the shelf moves" in page and "data-count-form" not in page


def test_the_sheet_of_a_blind_count_does_not_say_what_is_expected(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation
) -> None:
    blind = started(factory, keeper, store)
    assert "Expected" not in keeper.get(f"/stock/counts/{blind.id}/sheet").text
    keeper.post(f"/stock/counts/{blind.id}/cancel", data={"reason": "again"})
    with unit_of_work(factory.session) as session:
        seen = counting.start(session, None, location_id=store.id, blind=False)
    page = keeper.get(f"/stock/counts/{seen.id}/sheet").text
    assert "Expected" in page and "Ball bearing" in page
    assert "Expected 10" in keeper.get(f"/stock/counts/{seen.id}").text


def test_the_maintenance_manager_looks_at_counts_and_changes_nothing(
    factory: Factory, keeper: Any, sign_in: SignIn, bearing: SparePart, store: StockLocation
) -> None:
    count = started(factory, keeper, store)
    manager = sign_in(factory.manager)
    page = manager.get(f"/stock/counts/{count.id}").text
    assert "Ball bearing" in page and "data-count-form" not in page and "Give up" not in page
    line = line_of(factory, count)
    for path in (f"lines/{line.id}", "lines", "recount", "post", "cancel"):
        assert manager.post(f"/stock/counts/{count.id}/{path}").status_code == 403
    assert manager.get("/stock/counts/new").status_code == 403


# -- planning -----------------------------------------------------------------------------------------


def test_the_reorder_list(factory: Factory, keeper: Any, bearing: SparePart) -> None:
    assert "Nothing has to be ordered" in keeper.get("/stock/reorder").text
    with unit_of_work(factory.session) as session:
        session.get_one(SparePart, bearing.id).min_quantity = 30
        session.add(
            StockReplenishment(
                spare_part_id=bearing.id, status="ORDERED", quantity_suggested=5, quantity_ordered=5
            )
        )
        factories.make_part(session, 1, min_quantity=3)
    page = keeper.get("/stock/reorder").text
    assert "/replenishments?q=6204" in page
    assert "Ball bearing" in page and "187.50\xa0€" in page
    assert "Nothing matches" in keeper.get("/stock/reorder?group=99").text
    assert "6204" in keeper.get("/stock/reorder/export.csv?days=0").text


def test_the_value_by_group_as_of_a_day(factory: Factory, sign_in: SignIn, bearing: SparePart) -> None:
    manager = sign_in(factory.manager)
    page = manager.get("/stock/valuation").text
    assert "by moving average" in page and "125.00\xa0€" in page
    assert "Nothing was in stock" in manager.get("/stock/valuation?as_of=2001-01-01").text
    assert "That is no date" in manager.get("/stock/valuation?as_of=yesterday").text
    assert "125.00" in manager.get("/stock/valuation/export.csv").text
    page = manager.get("/stock/valuation?by=location").text
    assert "largest remainder" in page and page.count("125.00\xa0€") >= 2  # where it lies, and all
    assert "Location" in manager.get("/stock/valuation/export.csv?by=location").text
    assert sign_in(factory.technician).get("/stock/valuation").status_code == 403


def test_lists_make_a_constant_number_of_statements(
    factory: Factory, keeper: Any, bearing: SparePart, store: StockLocation, statements: Any
) -> None:
    count = started(factory, keeper, store)
    addresses = (
        "/parts", "/parts?low=1", f"/parts/{bearing.id}", "/stock/movements", "/stock/locations",
        f"/stock/locations/{store.id}", "/stock/counts", f"/stock/counts/{count.id}",
        f"/stock/counts/{count.id}/review", "/stock/reorder", "/stock/valuation",
    )  # fmt: skip

    def measured() -> dict[str, int]:
        found = {}
        for address in addresses:
            keeper.get(address)  # what is asked once, such as who is signed in, is known then
            with statements() as made:
                assert keeper.get(address).status_code == 200
            found[address] = len(made)
        return found

    few = measured()
    with unit_of_work(factory.session) as session:
        for _ in range(4):
            part = factories.make_part(session, 3, location=store, min_quantity=9)
            stock.record_movement(session, part.id, "OUT", 1, by=factory.admin.id)
            stock.record_movement(session, bearing.id, "OUT", 1, by=factory.admin.id)
            factories.make_parts_request(session, {part: 1, bearing: 1}, approved=True)
            line = counting.add_line(session, count, None, part.id)
            counting.enter(session, count, factory.admin.id, line.id, 7)
            elsewhere = factories.make_location(session)
            factories.make_part(session, 2, location=elsewhere)
            counting.start(session, factory.admin.id, location_id=elsewhere.id)
    many = measured()
    # A table that was empty asks for what hangs on its rows once it has any.
    assert {
        address: many[address] - few[address] for address in addresses if many[address] - few[address] > 3
    } == {}
