"""What is promised, what is consumed and what has to be ordered, against examples calculated by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.domain import parts_requests, settings, stock
from app.domain.queries import reservations
from app.domain.queries.paging import EVERY
from app.domain.queries.part_consumption import consumption_of
from app.domain.queries.reorder import list_reorder
from app.domain.replenishments import ReplenishmentStatus, StockReplenishment
from tests.factories import (
    make_location,
    make_machine,
    make_part,
    make_parts_request,
    make_request,
    make_user,
)

pytestmark = pytest.mark.databases


def take(session, part, quantity):
    stock.record_movement(session, part.id, "OUT", quantity, by=None)


def order(session, part, quantity, received=0, status=ReplenishmentStatus.ORDERED):
    session.add(
        StockReplenishment(
            spare_part_id=part.id,
            status=status,
            quantity_suggested=quantity,
            quantity_ordered=quantity,
            quantity_received=received,
        )
    )
    session.flush()


def listed(session, **filters):
    return {line.part.id: line for line in list_reorder(session, **filters).items}


def test_a_part_below_its_minimum_is_ordered_up_to_minimum_and_a_month(session):
    part = make_part(session, 100, min_quantity=20)
    take(session, part, 90)
    line = listed(session)[part.id]
    assert (line.free, line.available, line.consumed, line.daily) == (10, 10, 90, 1)
    assert line.cover == 10
    assert line.suggested == 20 + 30 - 10


def test_what_will_be_below_its_minimum_soon_is_listed(session):
    part = make_part(session, 120, min_quantity=20)
    take(session, part, 90)  # one a day; 30 are left, which is the minimum in ten days
    assert part.id not in listed(session, days=10)
    assert listed(session, days=11)[part.id].suggested == 20


def test_what_was_consumed_long_ago_counts_no_more(session, clock):
    part = make_part(session, 120, min_quantity=20)
    take(session, part, 90)
    clock.advance(hours=24 * 91)
    assert listed(session, days=365) == {}


def test_what_is_ordered_counts_as_if_it_were_there(session):
    part = make_part(session, 1, min_quantity=5)
    order(session, part, 10, received=7, status=ReplenishmentStatus.PARTIALLY_RECEIVED)
    line = listed(session)[part.id]
    assert (line.on_order, line.available, line.suggested) == (3, 4, 1)
    order(session, part, 1)
    assert listed(session) == {}
    other = make_part(session, 1, min_quantity=5)
    order(session, other, 10, status=ReplenishmentStatus.NOT_NEEDED)
    assert listed(session)[other.id].on_order == 0


def test_what_is_promised_is_not_there_and_what_is_waited_for_is_owed(session):
    part = make_part(session, 6, min_quantity=3)
    make_parts_request(session, {part: 4}, approved=True)
    line = listed(session)[part.id]
    assert (line.reserved, line.free, line.waiting, line.available, line.suggested) == (4, 2, 0, 2, 1)
    make_parts_request(session, {part: 5}, approved=True)
    line = listed(session)[part.id]
    assert (line.reserved, line.free, line.waiting, line.available, line.suggested) == (6, 0, 3, -3, 6)


def test_without_a_minimum_only_what_is_waited_for_is_listed(session):
    empty, wanted = make_part(session), make_part(session)
    unused = make_part(session, min_quantity=5, active=False)
    make_parts_request(session, {wanted: 2}, approved=True)
    found = listed(session)
    assert set(found) == {wanted.id}
    assert found[wanted.id].suggested == 2
    assert empty.id not in found and unused.id not in found


def test_the_list_sorts_and_pages_and_can_be_taken_whole(session):
    parts = [make_part(session, n, min_quantity=10, part_name=f"Part {n}") for n in range(4)]
    take(session, parts[3], 1)
    assert next(line.part.id for line in list_reorder(session).items) == parts[0].id
    by_cover = [line.part.id for line in list_reorder(session, sort="cover").items]
    assert by_cover[0] == parts[3].id
    page = list_reorder(session, sort="partName", page=2, page_size=3)
    assert ([line.part.id for line in page.items], page.total) == ([parts[3].id], 4)
    assert len(list(list_reorder(session, page_size=EVERY).items)) == 4
    assert [line.part.id for line in list_reorder(session, q=parts[2].part_number).items] == [parts[2].id]
    assert list_reorder(session, group="99").items == []


def test_reservations_say_for_which_request_and_since_when(session, clock):
    store, van = make_location(session), make_location(session)
    part = make_part(session, 3, location=store)
    stock.record_movement(session, part.id, "IN", 2, location_id=van.id, by=None)
    first = make_parts_request(session, {part: 3}, approved=True)
    clock.advance(hours=1)
    second = make_parts_request(session, {part: 1}, approved=True)
    make_parts_request(session, {make_part(session, 1): 1}, approved=True)
    rows = reservations.list_reservations(session, part_id=part.id).items
    assert [(row.line.parts_request.id, row.stock.location_id, row.quantity) for row in rows] == [
        (first.id, store.id, 3), (second.id, van.id, 1),
    ]  # fmt: skip
    assert (rows[1].reserved_at - rows[0].reserved_at).total_seconds() == 3600
    in_van = reservations.list_reservations(session, location_id=van.id).items
    assert [row.line.parts_request.id for row in in_van] == [second.id]
    mine = reservations.list_reservations(session, part_id=part.id, requester_id=first.requester_id)
    assert [row.line.parts_request.id for row in mine.items] == [first.id]
    parts_requests.cancel(session, first, None, "not needed")
    assert [row.quantity for row in reservations.list_reservations(session, part_id=part.id).items] == [1]


def test_consumption_by_month_of_the_sites_clock_and_by_machine(session, clock):
    settings.change_site(session, None, time_zone="Pacific/Auckland")
    part = make_part(session, unit_price=Decimal("2.00"))
    stock.record_movement(session, part.id, "IN", 100, by=None)
    press = make_machine(session)
    technician = make_user(session)
    request = make_request(session, machine=press, technician=technician)
    pr = make_parts_request(session, {part: 5}, request=request, requester=technician, approved=True)
    parts_requests.issue(session, pr, None, {pr.lines[0].id: 5})
    take(session, part, 2)
    clock.time = datetime(2026, 3, 31, 13, tzinfo=UTC)  # in Auckland it is April
    take(session, part, 3)
    found = consumption_of(session, part.id)
    assert len(found.months) == 12
    assert [(m.first, m.movements, m.quantity, m.cost) for m in found.months[-2:]] == [
        (date(2026, 3, 1), 2, 7, Decimal("14.00")), (date(2026, 4, 1), 1, 3, Decimal("6.00")),
    ]  # fmt: skip
    assert (found.quantity, found.cost) == (10, Decimal("20.00"))
    [row] = found.machines
    assert (row.machine_id, row.quantity, row.cost) == (press.id, 5, Decimal("10.00"))
