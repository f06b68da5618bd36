"""The catalogue of spare parts, and that it never changes a quantity."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.domain import machine_parts, part_catalogue
from app.domain.activity import ActivityLog
from app.domain.parts import SparePart
from app.domain.stock import InventoryTransaction
from app.errors import BusinessError, Conflict
from tests.factories import make_location, make_machine, make_part, make_user


def create(session, **values):
    given = {"part_number": "BR-6205", "part_name": "Ball bearing", **values}
    return part_catalogue.create_part(session, None, **given)


def test_opening_stock_is_a_movement(session):
    store, keeper = make_location(session), make_user(session)
    part = part_catalogue.create_part(
        session, keeper.id, part_number="BR-6205", part_name="Ball bearing", quantity=12, min_quantity=20,
        unit_price=Decimal("9.8"), default_location_id=store.id,
    )  # fmt: skip
    session.commit()
    movement = session.scalars(sa.select(InventoryTransaction)).one()
    assert (part.quantity, part.is_low, part.unit_price) == (12, True, Decimal("9.80"))
    assert (movement.transaction_type, movement.quantity, movement.balance) == ("IN", 12, 12)
    assert (movement.reference_type, movement.notes, movement.location_id) == (
        "ADJUSTMENT", "Opening stock", store.id,
    )  # fmt: skip
    assert (movement.performed_by, movement.unit_cost) == (keeper.id, Decimal("9.80"))
    actions = session.scalars(sa.select(ActivityLog.action).order_by(ActivityLog.id)).all()
    assert actions == ["CREATE_PART", "STOCK_IN"]


def test_opening_stock_lies_at_the_only_location_there_is_or_has_to_be_told(session):
    with pytest.raises(BusinessError) as refused:
        create(session, quantity=1)
    assert (refused.value.code, refused.value.field) == ("LOCATION_MISSING", "defaultLocationId")
    store = make_location(session)
    make_location(session, active=False)
    assert create(session, quantity=1).default_location is store
    make_location(session)
    with pytest.raises(BusinessError) as refused:
        create(session, part_number="OTHER", quantity=1)
    assert refused.value.code == "LOCATION_MISSING"
    assert create(session, part_number="OTHER").default_location_id is None


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"part_number": " "}, "PART_NUMBER_MISSING", "partNumber"),
        ({"part_number": "A\tB"}, "PART_NUMBER_UNREADABLE", "partNumber"),
        ({"part_name": ""}, "PART_NAME_MISSING", "partName"),
        ({"quantity": -1}, "BAD_QUANTITY", "quantity"),
        ({"min_quantity": 1.5}, "BAD_QUANTITY", "minQuantity"),
        ({"unit_price": Decimal("-0.01")}, "BAD_PRICE", "unitPrice"),
        ({"unit_price": Decimal("0.001")}, "BAD_PRICE", "unitPrice"),
        ({"unit_price": Decimal("NaN")}, "BAD_PRICE", "unitPrice"),
        ({"unit_price": Decimal("1e10")}, "BAD_PRICE", "unitPrice"),
        ({"unit_price": Decimal("1e-50000")}, "BAD_PRICE", "unitPrice"),
        ({"unit_price": 1.5}, "BAD_PRICE", "unitPrice"),
        ({"group_number": "1" * 101}, "GROUP_NUMBER_TOO_LONG", "groupNumber"),
        ({"default_location_id": 4711}, "UNKNOWN_LOCATION", "defaultLocationId"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(session, values, code, field):
    with pytest.raises(BusinessError) as refused:
        create(session, **values)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert session.scalars(sa.select(SparePart)).all() == []


@pytest.mark.databases
def test_the_dearest_part_keeps_its_price_to_the_cent(session):
    part = create(session, unit_price=Decimal("9999999999.99"))
    session.commit()
    assert part.unit_price == Decimal("9999999999.99")


@pytest.mark.databases
def test_a_part_number_is_used_once(session):
    create(session)
    with pytest.raises(BusinessError) as refused:
        create(session, part_number="br-6205")
    assert (refused.value.code, refused.value.field) == ("PART_NUMBER_TAKEN", "partNumber")


def test_all_but_the_quantity_can_be_changed(session):
    part, van = make_part(session, 5), make_location(session)
    part_catalogue.update_part(
        session,
        part,
        None,
        part_name="Roller bearing",
        quantity=5,
        min_quantity=2,
        default_location_id=van.id,
    )
    assert (part.part_name, part.quantity, part.default_location) == ("Roller bearing", 5, van)
    with pytest.raises(BusinessError, match="record an adjustment") as refused:
        part_catalogue.update_part(session, part, None, quantity=6)
    assert (refused.value.code, refused.value.field) == ("QUANTITY_BY_MOVEMENT", "quantity")
    assert part.quantity == 5


def test_a_part_with_stock_history_or_a_place_in_a_machine_stays(session):
    with pytest.raises(Conflict, match=r"stock movements \(1\).*Deactivate it instead"):
        part_catalogue.delete_part(session, make_part(session, 1), None)
    fitted, mistake = make_part(session), make_part(session)
    machine_parts.assign_part(session, make_machine(session), None, spare_part_id=fitted.id)
    with pytest.raises(Conflict, match="machine spare parts"):
        part_catalogue.delete_part(session, fitted, None)
    part_catalogue.delete_part(session, mistake, None)
    session.commit()
    assert mistake.part_number not in session.scalars(sa.select(SparePart.part_number)).all()
