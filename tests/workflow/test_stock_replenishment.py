"""Replenishments: opened when a part runs low, once, and what arrives is in stock."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.domain import replenishments, stock
from app.domain.parts import SparePart
from app.domain.replenishments import StockReplenishment
from app.domain.stock import InventoryTransaction
from app.engine import instances
from app.engine.models import ProcessInstance
from app.processes import stock_replenishment
from tests.support.factory_floor import Floor


def take(floor: Floor, part_id: int, quantity: int) -> None:
    with floor.acting() as session:
        stock.record_movement(session, part_id, "OUT", quantity, by=floor.actors["inventory"].user_id)
    floor.settle()


def found(floor: Floor) -> list[StockReplenishment]:
    with floor.sessions() as session:
        return list(session.scalars(sa.select(StockReplenishment).order_by(StockReplenishment.id)))


def test_a_movement_below_the_minimum_opens_one_and_no_second(floor: Floor, clock: ManualClock) -> None:
    part_id = floor.part(10, min_quantity=5, unit_price=10)
    take(floor, part_id, 5)
    assert found(floor) == []  # the minimum itself is enough
    take(floor, part_id, 1)
    (opened,) = found(floor)
    assert (opened.business_key, opened.status, opened.quantity_suggested) == (
        "SR-2026-000001", "PENDING", 6,
    )  # fmt: skip
    take(floor, part_id, 1)
    assert stock_replenishment.open_needed(floor.sessions) == 0
    assert len(found(floor)) == 1
    assert floor.names() == ["Reorder"]


def test_a_movement_that_is_rolled_back_opens_nothing(floor: Floor) -> None:
    part_id = floor.part(10, min_quantity=5)
    with pytest.raises(ZeroDivisionError), floor.acting() as session:
        stock.record_movement(session, part_id, "OUT", 9, by=None)
        raise ZeroDivisionError
    floor.settle()
    assert found(floor) == []


def test_the_sweep_finds_parts_that_no_movement_has_announced(floor: Floor) -> None:
    part_id = floor.part(10)
    with floor.acting() as session:
        session.get_one(SparePart, part_id).min_quantity = 20
    assert stock_replenishment.open_needed(floor.sessions) == 1
    assert stock_replenishment.open_needed(floor.sessions) == 0
    floor.settle()
    assert floor.names() == ["Reorder"]


def test_the_database_has_no_two_open_ones_for_a_part(floor: Floor) -> None:
    part_id = floor.part(0, min_quantity=5)
    with floor.acting() as session:
        assert replenishments.create(session, part_id) is not None
    with pytest.raises(sa.exc.IntegrityError), floor.acting() as session:
        session.add(StockReplenishment(spare_part_id=part_id, open_part_id=part_id))


def test_what_arrives_is_in_stock_at_its_price_and_leaves_room_for_the_next(
    floor: Floor, clock: ManualClock
) -> None:
    part_id = floor.part(6, min_quantity=5, unit_price=10)
    take(floor, part_id, 3)
    order = {"quantity": 8, "unitPrice": 9.5, "supplier": "Seals Ltd", "expectedOn": "2026-03-02"}
    floor.do("Reorder", "inventory", "order", **order)
    (ordered,) = found(floor)
    assert (ordered.status, ordered.total, ordered.quantity_open) == ("ORDERED", Decimal("76.00"), 8)
    with floor.sessions() as session:
        assert replenishments.on_order(session) == {part_id: 8}
        place = session.get_one(SparePart, part_id).default_location_id
    instances.fire_due(floor.engine, floor.sessions)  # the day has come
    received = {"quantity": 9, "unitPrice": 9.75, "locationId": place}  # one more than ordered
    floor.do("Receive delivery", "inventory", "receive", **received)
    (closed,) = found(floor)
    assert (closed.status, closed.quantity_received, closed.open_part_id) == ("RECEIVED", 9, None)
    with floor.sessions() as session:
        movement = session.scalars(
            sa.select(InventoryTransaction).order_by(InventoryTransaction.id.desc())
        ).first()
        assert movement is not None
        assert (movement.transaction_type, movement.quantity, movement.unit_cost) == (
            "IN",
            9,
            Decimal("9.75"),
        )
        assert (movement.reference_type, movement.reference_id) == ("PURCHASE", closed.id)
        assert session.get_one(SparePart, part_id).quantity == 12
        assert replenishments.on_order(session) == {}
    take(floor, part_id, 11)
    assert [each.status for each in found(floor)] == ["RECEIVED", "PENDING"]
    with floor.sessions() as session:
        states = session.scalars(sa.select(ProcessInstance.state).order_by(ProcessInstance.id)).all()
    assert states == ["completed", "running"]
