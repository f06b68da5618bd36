"""Parts requests: asked for, approved, reserved, issued in full or in part, called off."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.domain import parts_requests, requests, stock
from app.domain.queries.people import activity_of
from app.domain.stock import InventoryTransaction
from app.errors import BusinessError
from tests.factories import (
    make_location,
    make_part,
    make_parts_request,
    make_request,
    make_user,
)

pytestmark = pytest.mark.databases


def issue(session, pr, *quantities, by=None):
    lines = dict(zip([line.id for line in pr.lines], quantities, strict=True))
    return parts_requests.issue(session, pr, by, lines)


def approve(session, pr, *quantities):
    lines = dict(zip([line.id for line in pr.lines], quantities, strict=True))
    parts_requests.approve(session, pr, None, lines)


@pytest.mark.parametrize(
    ("lines", "code", "field"),
    [
        ([], "NO_LINES", "lines"),
        ([{"partId": 4711, "quantity": 1}], "UNKNOWN_PART", "lines.0.partId"),
        ([{"partId": 1, "quantity": 1}, {"partId": 1, "quantity": 0}], "BAD_QUANTITY", "lines.1.quantity"),
        ([{"partId": 1, "quantity": "2"}], "BAD_QUANTITY", "lines.0.quantity"),
        ([{"partId": 1}], "BAD_QUANTITY", "lines.0.quantity"),
    ],
)
def test_a_request_that_makes_no_sense_names_the_line(session, lines, code, field):
    request, part = make_request(session), make_part(session)
    lines = [{**line, "partId": part.id if line["partId"] == 1 else line["partId"]} for line in lines]
    with pytest.raises(BusinessError) as refused:
        parts_requests.create(session, request, None, lines, "PR-2026-000001")
    assert (refused.value.code, refused.value.field) == (code, field)


def test_approval_reserves_what_is_free_and_the_cost_follows_what_is_approved(session):
    part, rare = (
        make_part(session, 10, unit_price=Decimal("2.50")),
        make_part(session, 1, unit_price=Decimal(100)),
    )
    pr = make_parts_request(session, {part: 4, rare: 3})
    assert parts_requests.total_cost(pr) == Decimal("310.00")
    approve(session, pr, 3, 2)
    assert [line.quantity_reserved for line in pr.lines] == [3, 1]
    assert parts_requests.total_cost(pr) == Decimal("207.50")
    assert (part.free, part.quantity) == (7, 10)


@pytest.mark.parametrize(
    ("quantities", "code", "field"),
    [
        ((5, 1), "TOO_MANY", "lines.0.quantityApproved"),
        ((1, -1), "BAD_QUANTITY", "lines.1.quantityApproved"),
        ((0, 0), "NOTHING_APPROVED", "lines"),
    ],
)
def test_an_approval_gives_no_more_than_was_asked_for(session, quantities, code, field):
    pr = make_parts_request(session, {make_part(session, 9): 4, make_part(session, 9): 1})
    with pytest.raises(BusinessError) as refused:
        approve(session, pr, *quantities)
    assert (refused.value.code, refused.value.field, pr.status) == (code, field, "PENDING")


def test_issuing_writes_movements_usage_and_activity(session):
    keeper, technician = make_user(session, "INVENTORY_MANAGER"), make_user(session)
    part = make_part(session, 10, unit_price=Decimal("2.50"), min_quantity=8)
    pr = make_parts_request(session, {part: 4}, requester=technician, approved=True)
    part.unit_price = Decimal("3.00")
    result = issue(session, pr, 4, by=keeper.id)

    assert (result.is_complete, pr.status, part.quantity, part.free) == (True, "ISSUED", 6, 6)
    assert result.low_stock == [part]
    movement = session.scalars(
        sa.select(InventoryTransaction).order_by(InventoryTransaction.id.desc())
    ).first()
    assert (movement.transaction_type, movement.quantity, movement.performed_by) == ("OUT", 4, keeper.id)
    assert (movement.reference_type, movement.reference_id) == ("MAINTENANCE", pr.id)
    [usage] = pr.maintenance_request.work.parts_used
    assert (usage.quantity, usage.unit_cost, usage.cost) == (4, Decimal("2.50"), Decimal("10.00"))
    assert [entry.action for entry in activity_of(session, "SPARE_PARTS_REQUEST", pr.id)] == [
        "REQUEST_PARTS",
        "APPROVE_PARTS",
        "ISSUE_PARTS",
    ]


def test_a_partial_issue_stays_open_until_more_stock_arrives(session):
    part = make_part(session, 3)
    pr = make_parts_request(session, {part: 5}, approved=True)
    assert not issue(session, pr, 3).is_complete
    assert (pr.status, pr.lines[0].quantity_open, part.quantity) == ("PARTIALLY_ISSUED", 2, 0)
    assert parts_requests.outstanding(session, pr.maintenance_request_id) == [pr]
    with pytest.raises(BusinessError, match="2 wanted, 0 available"):
        issue(session, pr, 2)
    stock.record_movement(session, part.id, "IN", 2, by=None)
    assert issue(session, pr, 2).is_complete
    assert parts_requests.outstanding(session, pr.maintenance_request_id) == []


def test_not_enough_stock_changes_nothing_and_names_the_line(session):
    plenty = make_part(session, 10)
    scarce = make_part(session, 2, part_name="Belt", part_number="B-7")
    pr = make_parts_request(session, {plenty: 5, scarce: 3}, approved=True)
    with pytest.raises(BusinessError) as refused:
        issue(session, pr, 5, 3)
    assert refused.value.code == "NOT_ENOUGH_STOCK"
    assert refused.value.field == "lines.1.quantityIssued"
    assert refused.value.message == "Belt (B-7): 3 wanted, 2 available."
    assert (plenty.quantity, scarce.quantity, pr.status) == (10, 2, "APPROVED")
    assert [line.quantity_reserved for line in pr.lines] == [5, 2]


def test_what_is_reserved_for_one_request_is_not_issued_to_another(session):
    part = make_part(session, 5)
    first = make_parts_request(session, {part: 4}, approved=True)
    second = make_parts_request(session, {part: 3}, approved=True)
    assert second.lines[0].quantity_reserved == 1
    with pytest.raises(BusinessError, match=r"2 wanted, 1 available\. 4 more are reserved"):
        issue(session, second, 2)
    parts_requests.cancel(session, first, None, "not needed")
    assert issue(session, second, 3).is_complete


def test_an_issue_draws_on_several_locations_when_one_is_not_enough(session):
    part, van = make_part(session, 3), make_location(session)
    stock.record_movement(session, part.id, "IN", 2, location_id=van.id, by=None)
    pr = make_parts_request(session, {part: 4}, approved=True)
    result = issue(session, pr, 4)
    assert sorted(usage.quantity for usage in result.usage) == [1, 3]
    assert (part.quantity, part.free) == (1, 1)


def test_stock_is_not_drawn_twice_where_a_promise_and_free_stock_lie_together(session):
    part, van = make_part(session, 2), make_location(session)
    pr = make_parts_request(session, {part: 6}, approved=True)
    stock.record_movement(session, part.id, "IN", 1, by=None)
    stock.record_movement(session, part.id, "IN", 3, location_id=van.id, by=None)
    issue(session, pr, 6)
    assert [(place.quantity, place.reserved) for place in part.stock] == [(0, 0), (0, 0)]


def test_two_lines_for_the_same_part_share_what_is_free(session):
    part, request = make_part(session), make_request(session, technician=make_user(session))
    lines = [{"partId": part.id, "quantity": 3}, {"partId": part.id, "quantity": 3}]
    pr = parts_requests.create(session, request, None, lines, "PR-2026-000001")
    parts_requests.approve(session, pr, None)
    stock.record_movement(session, part.id, "IN", 5, by=None)
    with pytest.raises(BusinessError) as refused:
        issue(session, pr, 3, 3)
    assert refused.value.field == "lines.1.quantityIssued"
    assert (part.quantity, [line.quantity_issued for line in pr.lines]) == (5, [0, 0])
    assert not issue(session, pr, 3, 2).is_complete
    assert part.quantity == 0


@pytest.mark.parametrize(
    ("quantity", "code"), [(6, "TOO_MANY"), (0, "NOTHING_TO_ISSUE"), (-1, "BAD_QUANTITY")]
)
def test_no_more_is_issued_than_was_approved(session, quantity, code):
    pr = make_parts_request(session, {make_part(session, 9): 5}, approved=True)
    with pytest.raises(BusinessError) as refused:
        issue(session, pr, quantity)
    assert refused.value.code == code


def test_only_approved_requests_are_issued(session):
    pr = make_parts_request(session, {make_part(session, 9): 5})
    with pytest.raises(BusinessError, match="is PENDING, not APPROVED or PARTIALLY_ISSUED"):
        issue(session, pr, 1)


def test_nothing_is_issued_for_a_cancelled_maintenance_request(session):
    pr = make_parts_request(session, {make_part(session, 9): 5}, approved=True)
    requests.cancel(session, pr.maintenance_request, None, "machine sold")
    with pytest.raises(BusinessError, match="is cancelled"):
        issue(session, pr, 1)


def test_rejecting_needs_a_reason_and_ends_the_request(session):
    pr = make_parts_request(session, {make_part(session, 9): 5})
    with pytest.raises(BusinessError) as refused:
        parts_requests.reject(session, pr, None, " ")
    assert refused.value.field == "reason"
    parts_requests.reject(session, pr, None, "use the old one")
    assert (pr.status, pr.closing_reason) == ("REJECTED", "use the old one")
    with pytest.raises(BusinessError):
        parts_requests.approve(session, pr, None)


def test_cancelling_gives_reservations_back_once(session):
    part = make_part(session, 9)
    pr = make_parts_request(session, {part: 5}, approved=True)
    parts_requests.cancel(session, pr, None, "found one")
    parts_requests.cancel(session, pr, None, "delivered twice")
    assert (pr.status, pr.closing_reason, part.free) == ("CANCELLED", "found one", 9)


def test_a_request_that_nobody_has_decided_on_may_ask_for_less(session):
    bearing, belt = make_part(session), make_part(session)
    pr = make_parts_request(session, {bearing: 4, belt: 2})
    parts_requests.revise(
        session, pr, None, [{"id": pr.lines[0].id, "quantity": 3, "reason": " two will do "}]
    )
    session.commit()
    assert [(line.quantity_requested, line.reason) for line in pr.lines] == [
        (3, "two will do"),
        (2, "worn out"),
    ]
    (entry,) = [
        e for e in activity_of(session, "SPARE_PARTS_REQUEST", pr.id) if e.action == "REVISE_PARTS_REQUEST"
    ]
    assert (entry.before["lines"][0]["quantity"], entry.after["lines"][0]["quantity"]) == (4, 3)
    parts_requests.revise(session, pr, None, [{"id": pr.lines[0].id, "quantity": 3}])
    assert len(activity_of(session, "SPARE_PARTS_REQUEST", pr.id)) == 2


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"quantity": 3}, "MORE_THAN_REQUESTED", "lines.1.quantity"),
        ({"quantity": 0}, "BAD_QUANTITY", "lines.1.quantity"),
        ({"reason": "r" * 501}, "REASON_TOO_LONG", "lines.1.reason"),
        ({"id": 4711, "quantity": 1}, "UNKNOWN_LINE", "lines.1.id"),
        ({"id": None, "quantity": 1}, "UNKNOWN_LINE", "lines.1.id"),
    ],
)
def test_what_was_evaluated_cannot_grow(session, change, code, field):
    pr = make_parts_request(session, {make_part(session): 4, make_part(session): 2})
    lines = [{"id": pr.lines[0].id, "quantity": 1}, {"id": pr.lines[1].id, **change}]
    with pytest.raises(BusinessError) as refused:
        parts_requests.revise(session, pr, None, lines)
    assert (refused.value.code, refused.value.field) == (code, field)
    session.commit()
    assert [line.quantity_requested for line in pr.lines] == [4, 2]


def test_a_line_is_revised_once_at_a_time(session):
    pr = make_parts_request(session, {make_part(session): 4})
    with pytest.raises(BusinessError) as refused:
        parts_requests.revise(session, pr, None, [{"id": pr.lines[0].id, "quantity": n} for n in (1, 2)])
    assert refused.value.code == "UNKNOWN_LINE"


def test_what_was_decided_is_not_revised(session):
    pr = make_parts_request(session, {make_part(session, 9): 4}, approved=True)
    with pytest.raises(BusinessError) as refused:
        parts_requests.revise(session, pr, None, [{"id": pr.lines[0].id, "quantity": 1}])
    assert refused.value.code == "WRONG_STATUS"
