"""What stock costs: by either method, to the cent, at any time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from app.domain import settings, stock
from app.domain.analytics.scope import Scope
from app.domain.cost_layers import CostLayer, CostLayerUse
from app.domain.costing import MOST_VALUE, each, portion, shares
from app.domain.reports import valuation
from app.errors import BusinessError
from tests.factories import make_location, make_part

pytestmark = pytest.mark.databases


@pytest.fixture
def statements(session):
    """The statements that were sent to the database."""
    sent = []

    def note(connection, cursor, statement, *_):
        sent.append(statement)

    engine = session.get_bind()
    sa.event.listen(engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(engine, "before_cursor_execute", note)


def receive(session, part, quantity, cost):
    return stock.record_movement(session, part.id, "IN", quantity, by=None, unit_cost=Decimal(cost))


def take(session, part, quantity):
    return stock.record_movement(session, part.id, "OUT", quantity, by=None)


def use_fifo(session):
    settings.change_site(session, None, costing_method="FIFO")


def test_a_movement_out_costs_the_average_of_what_lies_there_whatever_the_price_is_now(session):
    part = make_part(session)
    receive(session, part, 10, "4.00")
    receive(session, part, 5, "7.00")
    part.unit_price = Decimal("99.00")
    out = take(session, part, 3)
    assert (out.unit_cost, out.cost, part.average_value) == (Decimal("5.00"), Decimal("-15.00"), 60)


def test_first_in_first_out_takes_the_oldest_layers(session):
    use_fifo(session)
    part = make_part(session)
    first, second = receive(session, part, 10, "4.00"), receive(session, part, 5, "7.00")
    out = take(session, part, 12)
    assert (out.cost, out.unit_cost) == (Decimal("-54.00"), Decimal("4.50"))
    uses = session.execute(sa.select(CostLayer.transaction_id, CostLayerUse.quantity, CostLayerUse.cost).join(
        CostLayer, CostLayer.id == CostLayerUse.layer_id).order_by(CostLayer.id)).all()  # fmt: skip
    assert uses == [(first.id, 10, Decimal("40.00")), (second.id, 2, Decimal("14.00"))]
    left = session.execute(
        sa.select(CostLayer.quantity_left, CostLayer.cost_left).order_by(CostLayer.id)
    ).all()
    assert left == [(0, 0), (3, Decimal("21.00"))]
    assert part.fifo_value == 21


def test_the_last_piece_takes_what_rounding_has_left(session):
    part = make_part(session)
    receive(session, part, 1, "10.00")
    receive(session, part, 2, "0.00")
    costs = [-take(session, part, 1).cost for _ in range(3)]
    assert costs == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33")]
    assert (part.quantity, part.average_value, part.fifo_value) == (0, 0, 0)


def test_pieces_that_are_found_cost_what_the_others_do_or_what_is_said(session):
    part = make_part(session, unit_price=Decimal("9.00"))
    found = stock.record_movement(session, part.id, "ADJUSTMENT", 2, by=None)
    assert found.cost == 18  # none lay there: the price
    receive(session, part, 2, "1.00")
    assert stock.record_movement(session, part.id, "ADJUSTMENT", 4, by=None).cost == 20
    dear = stock.record_movement(session, part.id, "ADJUSTMENT", 1, by=None, unit_cost=Decimal("30.00"))
    assert (dear.cost, part.average_value) == (30, 70)
    lost = stock.record_movement(session, part.id, "ADJUSTMENT", -9, by=None)
    assert (lost.cost, part.average_value, part.fifo_value) == (-70, 0, 0)


def test_a_transfer_keeps_the_value(session):
    part, van = make_part(session), make_location(session)
    receive(session, part, 4, "2.50")
    moved = stock.record_movement(session, part.id, "TRANSFER", 3, to_location_id=van.id, by=None)
    assert (moved.cost, moved.unit_cost, part.average_value) == (0, Decimal("2.50"), 10)
    assert session.scalar(sa.select(sa.func.count()).select_from(CostLayerUse)) == 0


@pytest.mark.parametrize("cost", [Decimal("-0.01"), Decimal("0.001"), Decimal("NaN"), 1.5])
def test_what_costs_less_than_nothing_or_part_of_a_cent_is_refused(session, cost):
    part = make_part(session)
    with pytest.raises(BusinessError) as refused:
        stock.record_movement(session, part.id, "IN", 1, by=None, unit_cost=cost)
    assert (refused.value.code, refused.value.field) == ("BAD_COST", "unitCost")


@pytest.mark.parametrize(("kind", "quantity"), [("OUT", 1), ("ADJUSTMENT", -1)])
def test_what_goes_is_given_no_cost(session, kind, quantity):
    part = make_part(session, 5)
    with pytest.raises(BusinessError, match="what goes costs what the stock costs"):
        stock.record_movement(session, part.id, kind, quantity, by=None, unit_cost=Decimal(1))


def test_what_is_worth_more_than_can_be_summed_is_refused(session):
    part = make_part(session, unit_price=Decimal("9999999999.99"))
    stock.record_movement(session, part.id, "IN", 100, by=None)
    assert MOST_VALUE - part.average_value < 1
    with pytest.raises(BusinessError) as refused:
        stock.record_movement(session, part.id, "IN", 1, by=None)
    assert refused.value.code == "VALUE_TOO_HIGH"


def test_changing_the_method_switches_the_value_of_every_day_and_rewrites_nothing(session, time):
    part = make_part(session)
    receive(session, part, 1, "4.00")
    receive(session, part, 1, "8.00")
    out = take(session, part, 1)
    time.advance(hours=1)
    then = Scope(clock.now() - timedelta(days=1), clock.now())
    receive(session, part, 5, "1.00")
    time.advance(hours=1)
    now = replace(then, until=clock.now())

    def values():
        session.expire_all()
        return [[row[5] for row in valuation.build(session, scope).rows] for scope in (then, now)]

    assert values() == [[6], [11]]
    use_fifo(session)
    assert values() == [[8], [13]]
    assert session.get(type(out), out.id).cost == -6
    assert take(session, part, 1).cost == -8


def test_a_portion_is_rounded_half_up_and_all_of_it_is_all():
    assert portion(Decimal("0.01"), 1, 2) == Decimal("0.01")
    assert portion(Decimal("10.00"), 1, 3) == Decimal("3.33")
    assert portion(MOST_VALUE, 1_999_999_999, 2_000_000_000) == Decimal("999999999499.99")
    assert portion(Decimal("7.77"), 3, 3) == Decimal("7.77")
    assert each(Decimal(0), 0) == 0


@pytest.mark.parametrize(("kind", "quantity", "most"), [("IN", 5, 9), ("OUT", 5, 13), ("TRANSFER", 2, 9)])
def test_a_movement_makes_few_statements(session, statements, kind, quantity, most):
    part, van = make_part(session), make_location(session)
    for cost in ("1.00", "2.00", "3.00"):
        receive(session, part, 2, cost)
    stock.record_movement(session, part.id, "TRANSFER", 1, to_location_id=van.id, by=None)
    statements.clear()
    stock.record_movement(session, part.id, kind, quantity, to_location_id=van.id, by=None)
    session.flush()
    assert len(statements) <= most, "\n".join(statements)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_shares_add_up_and_none_is_a_cent_from_what_is_due(cents: int, quantities: list[int]) -> None:
    total, pieces = Decimal(cents).scaleb(-2), sum(quantities)
    given_out = shares(total, quantities)
    assert sum(given_out) == (total if pieces else 0)
    for share, quantity in zip(given_out, quantities, strict=True):
        assert share >= 0
        assert quantity or share == 0
        assert abs(share * 100 * pieces - cents * quantity) < max(pieces, 1)


def test_what_is_left_goes_to_the_first_of_equal_ones() -> None:
    assert shares(Decimal("0.02"), [1, 1, 1]) == [Decimal("0.01"), Decimal("0.01"), Decimal("0.00")]
