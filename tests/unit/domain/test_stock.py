"""The stock ledger: the only way in which a quantity changes, and what it never allows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain import notifications, parts_requests, stock
from app.domain.append_only import AppendOnlyError
from app.domain.parts import PartStock
from app.domain.queries import inventory
from app.domain.stock import InventoryTransaction
from app.errors import BusinessError
from tests.factories import make_location, make_part, make_parts_request, make_user

pytestmark = pytest.mark.databases


def at(session, part, location):
    query = sa.select(PartStock.quantity).where(
        PartStock.spare_part_id == part.id, PartStock.location_id == location.id
    )
    return session.scalar(query) or 0


def test_in_and_out_change_the_quantity_and_keep_the_balance(session):
    part = make_part(session, 10)
    movement = stock.record_movement(session, part.id, "OUT", 4, by=None, notes="broken in the store")
    assert (part.quantity, movement.balance, movement.change) == (6, 6, -4)
    assert session.scalar(sa.select(sa.func.sum(InventoryTransaction.change))) == 6


def test_a_transfer_moves_between_locations_and_nets_zero(session):
    part, van = make_part(session, 10), make_location(session)
    movement = stock.record_movement(session, part.id, "TRANSFER", 4, to_location_id=van.id, by=None)
    assert (part.quantity, at(session, part, part.default_location), at(session, part, van)) == (10, 6, 4)
    assert movement.change == 0
    assert movement.reference_type == "TRANSFER"


@pytest.mark.parametrize(
    ("kind", "quantity", "code", "field"),
    [
        ("OUT", 11, "NOT_ENOUGH_STOCK", "quantity"),
        ("TRANSFER", 11, "NOT_ENOUGH_STOCK", "quantity"),
        ("ADJUSTMENT", -11, "NOT_ENOUGH_STOCK", "quantity"),
        ("ADJUSTMENT", 0, "BAD_QUANTITY", "quantity"),
        ("IN", 0, "BAD_QUANTITY", "quantity"),
        ("IN", -3, "BAD_QUANTITY", "quantity"),
        ("IN", 1.5, "BAD_QUANTITY", "quantity"),
        ("OUT", True, "BAD_QUANTITY", "quantity"),
        ("LOST", 1, "BAD_MOVEMENT", "kind"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(session, kind, quantity, code, field):
    part, van = make_part(session, 10), make_location(session)
    with pytest.raises(BusinessError) as refused:
        stock.record_movement(session, part.id, kind, quantity, to_location_id=van.id, by=None)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert part.quantity == 10
    assert session.scalar(sa.select(sa.func.count()).select_from(InventoryTransaction)) == 1


def test_there_is_a_most_that_can_be_counted(session):
    part = make_part(session, stock.MOST_STOCK - 1)
    with pytest.raises(BusinessError) as refused:
        stock.record_movement(session, part.id, "IN", 2, by=None)
    assert (refused.value.code, refused.value.field) == ("BAD_QUANTITY", "quantity")
    assert stock.record_movement(session, part.id, "IN", 1, by=None).balance == stock.MOST_STOCK


def test_the_message_names_part_location_wanted_and_available(session):
    part = make_part(session, 3, part_name="Bearing", part_number="6204")
    with pytest.raises(BusinessError, match=r"Bearing \(6204\), Store \d+: 5 wanted, 3 available\."):
        stock.record_movement(session, part.id, "OUT", 5, by=None)


def test_places_must_exist_and_differ(session):
    part, closed = make_part(session, 1), make_location(session, active=False)
    for keywords, code in (
        ({"to_location_id": part.default_location_id}, "SAME_LOCATION"),
        ({"to_location_id": None}, "UNKNOWN_LOCATION"),
        ({"to_location_id": closed.id}, "UNKNOWN_LOCATION"),
    ):
        with pytest.raises(BusinessError) as refused:
            stock.record_movement(session, part.id, "TRANSFER", 1, by=None, **keywords)
        assert (refused.value.code, refused.value.field) == (code, "toLocationId")
    with pytest.raises(BusinessError) as refused:
        stock.record_movement(session, 4711, "IN", 1, by=None)
    assert refused.value.code == "UNKNOWN_PART"


def test_what_is_promised_to_a_request_cannot_be_taken_or_moved(session):
    part, van = make_part(session, 10), make_location(session)
    make_parts_request(session, {part: 8}, approved=True)
    for kind in ("OUT", "TRANSFER"):
        with pytest.raises(BusinessError, match=r"2 available\. 8 more are reserved"):
            stock.record_movement(session, part.id, kind, 3, to_location_id=van.id, by=None)


def test_a_count_below_the_promised_takes_the_newest_promise_back(session):
    part = make_part(session, 10)
    first = make_parts_request(session, {part: 6}, approved=True)
    second = make_parts_request(session, {part: 4}, approved=True)
    stock.record_movement(session, part.id, "ADJUSTMENT", -3, by=None)
    session.expire_all()
    assert (first.lines[0].quantity_reserved, second.lines[0].quantity_reserved) == (6, 1)
    assert (part.quantity, part.free) == (7, 0)


def test_inventory_managers_hear_once_that_a_part_runs_low(session):
    keeper = make_user(session, "INVENTORY_MANAGER")
    part = make_part(session, 10, min_quantity=5)
    for _ in range(3):
        stock.record_movement(session, part.id, "OUT", 3, by=None)
    assert notifications.unread_count(session, keeper.id) == 1
    assert inventory.low_stock(session) == [part]


@pytest.mark.parametrize("change", ["update", "delete", "bulk update", "bulk delete"])
def test_movements_are_never_changed_or_deleted(session, change):
    part = make_part(session, 10)
    movement = session.scalars(sa.select(InventoryTransaction)).one()
    assert movement.part is part
    session.commit()
    with pytest.raises(AppendOnlyError):
        if change == "update":
            movement.quantity = 99
            session.flush()
        elif change == "delete":
            session.delete(movement)
            session.flush()
        elif change == "bulk update":
            session.execute(sa.update(InventoryTransaction).values(quantity=99))
        else:
            session.execute(sa.delete(InventoryTransaction))


def test_parts_requests_are_not_in_the_way_of_an_empty_issue(session):
    pr = make_parts_request(session, {make_part(session, 1): 1}, approved=True)
    with pytest.raises(BusinessError) as refused:
        parts_requests.issue(session, pr, None, {})
    assert refused.value.code == "NOTHING_TO_ISSUE"
