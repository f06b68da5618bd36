"""Stock counts: what is chosen, what is found, and what posting makes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import clock
from app.domain import counting, stock
from app.domain.activity import ActivityLog
from app.domain.counting import Selection
from app.domain.stock import InventoryTransaction
from app.domain.stock_counts import StockCountLine
from app.errors import BusinessError
from tests.factories import make_location, make_part, make_parts_request, make_user

pytestmark = pytest.mark.databases


def begin(session, location, **values):
    count = counting.start(session, None, location_id=location.id, **values)
    return count, lines_of(session, count)


def lines_of(session, count):
    found = session.scalars(sa.select(StockCountLine).where(StockCountLine.count_id == count.id))
    return {line.spare_part_id: line for line in found}


def refused(code, field, action, *arguments, **keywords):
    with pytest.raises(BusinessError) as error:
        action(*arguments, **keywords)
    assert (error.value.code, error.value.field) == (code, field)
    return str(error.value)


def test_differences_become_adjustments_that_name_the_count(session):
    store, keeper = make_location(session), make_user(session, "INVENTORY_MANAGER")
    fewer, more, right = (make_part(session, 10, location=store) for _ in range(3))
    count, lines = begin(session, store)
    for part, found in ((fewer, 7), (more, 12), (right, 10)):
        counting.enter(session, count, keeper.id, lines[part.id].id, found)
    movements = counting.post(session, count, keeper.id)
    assert [(m.spare_part_id, m.quantity) for m in movements] == [(fewer.id, -3), (more.id, 2)]
    assert {(m.reference_type, m.reference_id, m.notes, m.performed_by) for m in movements} == {
        ("ADJUSTMENT", count.id, count.business_key, keeper.id)
    }
    assert (fewer.quantity, more.quantity, right.quantity, count.status) == (7, 12, 10, "POSTED")
    assert lines[fewer.id].transaction_id == movements[0].id
    assert lines[right.id].transaction_id is None


def test_what_moves_while_it_is_counted_stays_right(session, clock):
    store, van = make_location(session), make_location(session)
    part = make_part(session, 10, location=store)
    count, lines = begin(session, store)
    clock.advance(hours=1)
    counting.enter(session, count, None, lines[part.id].id, 9)
    clock.advance(hours=1)
    stock.record_movement(session, part.id, "OUT", 2, by=None)
    stock.record_movement(session, part.id, "TRANSFER", 3, to_location_id=van.id, by=None)
    assert lines[part.id].difference == -1
    counting.post(session, count, None)
    assert {place.location_id: place.quantity for place in part.stock} == {store.id: 4, van.id: 3}


def test_counted_on_paper_means_what_lay_there_then(session, clock):
    store, van = make_location(session), make_location(session)
    part = make_part(session, 10, location=store)
    stock.record_movement(session, part.id, "TRANSFER", 2, to_location_id=van.id, by=None)
    count, lines = begin(session, store)
    clock.advance(hours=1)
    counted_at = _now()
    clock.advance(hours=1)
    stock.record_movement(session, part.id, "IN", 5, by=None)
    stock.record_movement(session, part.id, "OUT", 1, by=None)
    stock.record_movement(session, part.id, "ADJUSTMENT", -1, by=None)
    stock.record_movement(
        session, part.id, "TRANSFER", 2, location_id=van.id, to_location_id=store.id, by=None
    )
    line = counting.enter(session, count, None, lines[part.id].id, 7, counted_at=counted_at)
    assert (line.expected, line.difference) == (8, -1)
    counting.post(session, count, None)
    assert {place.location_id: place.quantity for place in part.stock}[store.id] == 12


def _now():
    return clock.now()


@pytest.mark.parametrize("minutes", [-1, 120])
def test_it_is_counted_neither_before_the_count_nor_in_the_future(session, minutes):
    store = make_location(session)
    part = make_part(session, 1, location=store)
    count, lines = begin(session, store)
    at = _now() + timedelta(minutes=minutes)
    line = lines[part.id].id
    refused("BAD_TIME", "countedAt", counting.enter, session, count, None, line, 1, counted_at=at)


@pytest.mark.parametrize("counted", [-1, 1.5, None, True, 2_000_000_001])
def test_what_is_no_quantity_is_refused(session, counted):
    store = make_location(session)
    part = make_part(session, 1, location=store)
    count, lines = begin(session, store)
    line = lines[part.id].id
    refused("BAD_QUANTITY", "counted", counting.enter, session, count, None, line, counted)


def test_a_part_is_in_one_open_count_of_a_location(session):
    store, van = make_location(session), make_location(session)
    part = make_part(session, 4, location=store)
    stock.record_movement(session, part.id, "TRANSFER", 1, to_location_id=van.id, by=None)
    count, _ = begin(session, store)
    begin(session, van)  # elsewhere it may be counted too
    said = refused("ALREADY_COUNTED", "locationId", begin, session, store)
    assert count.business_key in said
    counting.cancel(session, count, None, "begun by mistake")
    begin(session, store)


def test_the_database_refuses_what_two_began_at_the_same_moment(session, monkeypatch):
    store = make_location(session)
    make_part(session, 4, location=store)
    begin(session, store)
    monkeypatch.setattr(counting, "_refuse_counted", lambda *_, **__: None)
    assert "Somebody has just begun" in refused("ALREADY_COUNTED", "locationId", begin, session, store)


def test_a_cancelled_count_changes_nothing(session):
    store = make_location(session)
    part = make_part(session, 4, location=store)
    count, lines = begin(session, store)
    counting.enter(session, count, None, lines[part.id].id, 1)
    refused("REASON_MISSING", "reason", counting.cancel, session, count, None, " ")
    counting.cancel(session, count, None, "the shelf is being moved")
    assert (part.quantity, count.status) == (4, "CANCELLED")
    line = lines[part.id].id
    for action in (
        lambda: counting.enter(session, count, None, line, 1),
        lambda: counting.post(session, count, None),
        lambda: counting.cancel(session, count, None, "again"),
        lambda: counting.add_line(session, count, None, part.id),
    ):
        refused("WRONG_STATUS", None, action)


def test_what_nobody_counted_is_left_only_when_that_is_said(session):
    store = make_location(session)
    counted, uncounted = (make_part(session, 4, location=store) for _ in range(2))
    count, lines = begin(session, store)
    refused("NOT_COUNTED", None, counting.post, session, count, None, skip_uncounted=True)
    counting.enter(session, count, None, lines[counted.id].id, 5)
    refused("NOT_COUNTED", "skipUncounted", counting.post, session, count, None)
    counting.post(session, count, None, skip_uncounted=True)
    assert (counted.quantity, uncounted.quantity) == (5, 4)


def test_counting_again_keeps_what_was_found_before(session):
    store, first, second = make_location(session), make_user(session), make_user(session)
    part = make_part(session, 10, location=store)
    count, lines = begin(session, store)
    line = lines[part.id]
    refused("NOT_COUNTED", "lineIds", counting.request_recount, session, count, None, [line.id])
    refused("NOTHING_CHOSEN", "lineIds", counting.request_recount, session, count, None, [])
    counting.enter(session, count, first.id, line.id, 1)
    counting.request_recount(session, count, None, [line.id])
    assert (line.counted, line.earlier, line.recount, line.difference) == (None, 1, True, None)
    counting.enter(session, count, second.id, line.id, 10)
    assert (line.counted_by, line.recount, line.difference) == (second.id, False, 0)
    assert counting.post(session, count, None) == []
    log = session.scalars(sa.select(ActivityLog.action).where(ActivityLog.entity_type == "STOCK_COUNT"))
    assert list(log) == ["START_COUNT", "COUNT_STOCK", "RECOUNT", "COUNT_STOCK", "POST_COUNT"]


def test_a_count_that_would_leave_less_than_nothing_is_refused_whole(session):
    store = make_location(session)
    other, part = (make_part(session, 5, location=store) for _ in range(2))
    count, lines = begin(session, store)
    counting.enter(session, count, None, lines[other.id].id, 6)
    counting.enter(session, count, None, lines[part.id].id, 2)
    stock.record_movement(session, part.id, "OUT", 4, by=None)
    session.commit()
    said = refused("NOT_ENOUGH_STOCK", "lines", counting.post, session, count, None)
    session.rollback()
    assert "Count it again" in said and part.part_number in said
    assert (other.quantity, part.quantity, count.status) == (5, 1, "OPEN")


def test_fewer_than_were_promised_take_the_promise_back(session):
    store = make_location(session)
    part = make_part(session, 5, location=store)
    pr = make_parts_request(session, {part: 4}, approved=True)
    count, lines = begin(session, store)
    counting.enter(session, count, None, lines[part.id].id, 3)
    counting.post(session, count, None)
    session.expire_all()
    assert (part.quantity, part.free, pr.lines[0].quantity_reserved) == (3, 0, 3)


def test_what_is_chosen(session, clock):
    store = make_location(session)
    bearing = make_part(session, 1, location=store, group_number="10")
    seal = make_part(session, 1, location=store, group_number="20")
    empty = make_part(session, 0, location=store, group_number="20")
    make_part(session, 1)

    def chosen(**selection):
        count, lines = begin(session, store, selection=Selection(**selection))
        counting.cancel(session, count, None, "only looking")
        return set(lines)

    assert chosen() == {bearing.id, seal.id}
    assert chosen(group="20") == {seal.id}
    assert chosen(group="20", with_empty=True) == {seal.id, empty.id}
    assert len(chosen(sample=1)) == 1
    assert chosen(sample=99) == {bearing.id, seal.id}
    count, lines = begin(session, store, selection=Selection(group="10"))
    counting.enter(session, count, None, lines[bearing.id].id, 1)
    counting.post(session, count, None)
    clock.advance(hours=24 * 5)
    assert chosen(not_counted_days=6) == {seal.id}
    assert chosen(not_counted_days=4) == {bearing.id, seal.id}


def test_what_cannot_be_chosen(session):
    store, unused = make_location(session), make_location(session, active=False)
    refused("NOTHING_TO_COUNT", "locationId", begin, session, store)
    refused("UNKNOWN_LOCATION", "locationId", begin, session, unused)
    refused("BAD_SAMPLE", "sample", begin, session, store, selection=Selection(sample=0))
    refused("BAD_DAYS", "notCountedDays", begin, session, store, selection=Selection(not_counted_days=0))


def test_what_lies_there_and_is_not_on_the_sheet_is_added(session):
    store = make_location(session)
    make_part(session, 1, location=store)
    found = make_part(session, 2)
    count, _ = begin(session, store)
    line = counting.add_line(session, count, None, found.id)
    refused("ALREADY_COUNTED", "partId", counting.add_line, session, count, None, found.id)
    counting.enter(session, count, None, line.id, 3)
    assert line.difference == 3
    counting.post(session, count, None, skip_uncounted=True)
    assert found.quantity == 5


def test_what_was_typed_can_be_taken_back(session):
    store = make_location(session)
    part = make_part(session, 1, location=store)
    count, lines = begin(session, store)
    line = counting.enter(session, count, None, lines[part.id].id, 3, notes="one is rusty")
    counting.clear(session, count, None, line.id)
    assert (line.counted, line.expected, line.counted_at, line.notes) == (None, None, None, "one is rusty")
    assert session.scalar(sa.select(sa.func.count()).select_from(InventoryTransaction)) == 1
