"""What an earlier version recorded without costs gets the costs that it would have today."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.domain import stock
from app.domain.cost_layers import CostLayer, CostLayerUse
from app.domain.parts import SparePart
from app.domain.revaluation import value_ledger
from app.domain.stock import InventoryTransaction
from app.errors import BusinessError
from tests.factories import make_location, make_part

pytestmark = pytest.mark.databases


def picture(session):
    """All that is known of costs."""
    session.commit()
    moves, uses, layers = (model.__table__.c for model in (InventoryTransaction, CostLayerUse, CostLayer))
    parts = SparePart.__table__.c
    used = sa.select(layers.transaction_id, uses.transaction_id, uses.quantity, uses.cost)
    used = used.join_from(CostLayerUse.__table__, CostLayer.__table__, uses.layer_id == layers.id)
    return [
        session.execute(query).all()
        for query in (
            sa.select(moves.id, moves.unit_cost, moves.cost, moves.average_cost, moves.fifo_cost)
            .where(moves.transaction_type != "TRANSFER")
            .order_by(moves.id),
            sa.select(
                layers.transaction_id, layers.quantity, layers.cost, layers.quantity_left, layers.cost_left
            ).order_by(layers.transaction_id),
            used.order_by(uses.transaction_id, layers.transaction_id),
            sa.select(parts.id, parts.average_value, parts.fifo_value, parts.updated_at).order_by(parts.id),
        )
    ]


def test_the_ledger_is_valued_as_if_costs_had_always_been_kept(session):
    chance = random.Random(7)  # noqa: S311 - the same story each time
    van = make_location(session)
    parts = [make_part(session, unit_price=Decimal("3.33")) for _ in range(3)]
    for _ in range(150):
        part, kind = chance.choice(parts), chance.choice(("IN", "IN", "OUT", "ADJUSTMENT", "TRANSFER"))
        quantity = chance.choice((-3, -1, 2)) if kind == "ADJUSTMENT" else chance.randint(1, 7)
        cost = Decimal(chance.randint(0, 999)).scaleb(-2) if kind == "IN" else None
        try:
            stock.record_movement(
                session, part.id, kind, quantity, to_location_id=van.id, by=None, unit_cost=cost
            )
        except BusinessError:
            continue
    known = picture(session)
    assert any(known[2])
    session.execute(sa.delete(CostLayerUse.__table__))
    session.execute(sa.delete(CostLayer.__table__))
    session.execute(sa.update(InventoryTransaction.__table__).values(cost=0, average_cost=0, fifo_cost=0))
    session.execute(sa.update(SparePart.__table__).values(average_value=0, fifo_value=0))
    for _ in range(2):  # it can be repeated
        count = session.scalar(sa.select(sa.func.count()).select_from(InventoryTransaction))
        assert value_ledger(session.connection()) == count
    valued = picture(session)
    for mine, theirs in zip(valued[:3], known[:3], strict=True):
        assert mine == theirs
    assert [row[:3] for row in valued[3]] == [row[:3] for row in known[3]]
