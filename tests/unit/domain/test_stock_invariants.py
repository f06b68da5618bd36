"""Whatever people do in whatever order, the numbers of the store add up."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.orm import Session

import app.domain
from app import clock
from app.database import Base, Worth, configure
from app.domain import counting, parts_requests, stock
from app.domain import settings as site_settings
from app.domain.analytics.scope import Scope
from app.domain.cost_layers import CostLayer, CostLayerUse
from app.domain.parts import PartStock, SparePart
from app.domain.reports import valuation
from app.domain.reservations import StockReservation
from app.domain.spare_parts_requests import OPEN_STATUSES, SparePartsRequest
from app.domain.stock import InventoryTransaction
from app.domain.stock_counts import StockCount, StockCountLine
from app.domain.usage import PartsUsage
from app.errors import BusinessError
from tests.conftest import START
from tests.factories import make_location, make_part, make_request, make_user

PARTS = st.integers(0, 1)
PLACES = st.integers(0, 2)
QUANTITIES = st.integers(1, 9)


class Store(RuleBasedStateMachine):
    """Two parts in three places, and people who move, ask for, approve, issue and call off."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = sa.create_engine("sqlite://")
        configure(self.engine)
        tables = [getattr(app.domain.models, name).__table__ for name in app.domain.models.__all__]
        Base.metadata.create_all(self.engine, tables=tables)
        self.session = Session(self.engine)
        self.places = [make_location(self.session) for _ in range(3)]
        self.parts = [make_part(self.session, 5, location=self.places[0]) for _ in range(2)]
        self.request = make_request(self.session, technician=make_user(self.session))
        self.prs: list[SparePartsRequest] = []
        self.counts: list[StockCount] = []

    def teardown(self) -> None:
        self.session.close()
        self.engine.dispose()

    def attempt(self, action, *arguments, **keywords):
        """Do it, or be refused: then nothing may have changed."""
        before = self.picture()
        try:
            return action(self.session, *arguments, **keywords)
        except BusinessError:
            assert self.picture() == before
            return None

    def picture(self):
        self.session.flush()
        tables = (
            SparePart, SparePartsRequest, StockReservation, InventoryTransaction, PartsUsage,
            CostLayer, CostLayerUse,
        )  # fmt: skip
        rows = [self.session.execute(sa.select(model.__table__).order_by(model.id)).all() for model in tables]
        stock_rows = sa.select(PartStock.__table__).where(PartStock.quantity > 0).order_by(PartStock.id)
        return [*rows, self.session.execute(stock_rows).all()]

    @rule(part=PARTS, place=PLACES, to=PLACES, quantity=QUANTITIES, kind=st.sampled_from(stock.MovementKind))
    def move(self, part, place, to, quantity, kind):
        self.attempt(
            stock.record_movement, self.parts[part].id, kind, quantity,
            location_id=self.places[place].id, to_location_id=self.places[to].id, by=None,
        )  # fmt: skip

    @rule(part=PARTS, place=PLACES, difference=st.integers(-9, -1))
    def count_fewer(self, part, place, difference):
        self.attempt(
            stock.record_movement, self.parts[part].id, "ADJUSTMENT", difference,
            location_id=self.places[place].id, by=None,
        )  # fmt: skip

    @rule(part=PARTS, place=PLACES, quantity=QUANTITIES, cents=st.integers(0, 999))
    def buy(self, part, place, quantity, cents):
        self.attempt(
            stock.record_movement, self.parts[part].id, "IN", quantity,
            location_id=self.places[place].id, by=None, unit_cost=Decimal(cents).scaleb(-2),
        )  # fmt: skip

    @rule(method=st.sampled_from(["MOVING_AVERAGE", "FIFO"]))
    def change_the_method(self, method):
        worth = [(part.average_value, part.fifo_value) for part in self.parts]
        site_settings.change_site(self.session, None, costing_method=method)
        assert [(part.average_value, part.fifo_value) for part in self.parts] == worth

    @rule(place=PLACES)
    def start_a_count(self, place):
        made = self.attempt(counting.start, None, location_id=self.places[place].id)
        if made is not None:
            self.counts.append(made)

    @precondition(lambda self: self.counts)
    @rule(data=st.data(), found=st.integers(0, 9))
    def count(self, data, found):
        count = data.draw(st.sampled_from(self.counts))
        lines = self.session.scalars(sa.select(StockCountLine).where(StockCountLine.count_id == count.id))
        line = data.draw(st.sampled_from(sorted(lines, key=lambda line: line.id)))
        self.attempt(counting.enter, count, None, line.id, found)

    @precondition(lambda self: self.counts)
    @rule(data=st.data())
    def post(self, data):
        count = data.draw(st.sampled_from(self.counts))
        self.session.commit()  # a refusal takes back what had been posted by then
        lines = list(
            self.session.scalars(sa.select(StockCountLine).where(StockCountLine.count_id == count.id))
        )
        before = {line.spare_part_id: self.lying(line) for line in lines}
        try:
            counting.post(self.session, count, None, skip_uncounted=True)
        except BusinessError:
            self.session.rollback()
            return
        for line in lines:
            assert self.lying(line) == before[line.spare_part_id] + (line.difference or 0)

    @precondition(lambda self: self.counts)
    @rule(data=st.data())
    def give_up_a_count(self, data):
        count = data.draw(st.sampled_from(self.counts))
        self.attempt(counting.cancel, count, None, "not now")

    def lying(self, line):
        query = sa.select(sa.func.sum(PartStock.quantity)).where(
            PartStock.spare_part_id == line.spare_part_id, PartStock.location_id == line.location_id
        )
        return self.session.scalar(query) or 0

    @rule(lines=st.lists(st.tuples(PARTS, QUANTITIES), min_size=1, max_size=3))
    def ask(self, lines):
        wanted = [{"partId": self.parts[part].id, "quantity": quantity} for part, quantity in lines]
        key = f"PR-2026-{len(self.prs):06d}"
        self.prs.append(parts_requests.create(self.session, self.request, None, wanted, key))

    @precondition(lambda self: self.prs)
    @rule(data=st.data())
    def approve(self, data):
        pr = data.draw(st.sampled_from(self.prs))
        self.attempt(parts_requests.approve, pr, None, self.quantities(data, pr))

    @precondition(lambda self: self.prs)
    @rule(data=st.data())
    def issue(self, data):
        pr = data.draw(st.sampled_from(self.prs))
        self.attempt(parts_requests.issue, pr, None, self.quantities(data, pr))

    @precondition(lambda self: self.prs)
    @rule(data=st.data())
    def cancel(self, data):
        self.attempt(parts_requests.cancel, data.draw(st.sampled_from(self.prs)), None, "not needed")

    @precondition(lambda self: self.prs)
    @rule(data=st.data())
    def reject(self, data):
        self.attempt(parts_requests.reject, data.draw(st.sampled_from(self.prs)), None, "too dear")

    def quantities(self, data, pr):
        return {line.id: data.draw(st.integers(0, line.quantity_requested)) for line in pr.lines}

    @invariant()
    def quantities_are_the_sum_of_movements_and_of_places(self):
        self.session.expire_all()
        for part in self.parts:
            movements = sa.select(sa.func.sum(InventoryTransaction.change)).where(
                InventoryTransaction.spare_part_id == part.id
            )
            assert part.quantity == self.session.scalar(movements)
            assert part.quantity == sum(place.quantity for place in part.stock)
            for place in part.stock:
                assert 0 <= place.reserved <= place.quantity

    @invariant()
    def every_place_is_the_sum_of_what_came_and_went(self):
        for part in self.parts:
            for place in part.stock:
                total = 0
                for movement in self.session.scalars(
                    sa.select(InventoryTransaction).where(InventoryTransaction.spare_part_id == part.id)
                ):
                    if movement.location_id == place.location_id:
                        leaves = movement.transaction_type in ("OUT", "TRANSFER")
                        total += -movement.quantity if leaves else movement.quantity
                    if movement.to_location_id == place.location_id:
                        total += movement.quantity
                assert place.quantity == total

    @invariant()
    def values_are_the_sum_of_layers_and_what_a_naive_recomputation_gives(self):
        for part in self.parts:
            layers = sa.select(
                sa.func.coalesce(sa.func.sum(CostLayer.quantity_left), 0),
                sa.type_coerce(sa.func.coalesce(sa.func.sum(CostLayer.cost_left), 0), Worth),
            ).where(CostLayer.spare_part_id == part.id)
            assert self.session.execute(layers).one() == (part.quantity, part.fifo_value)
            movements = self.session.scalars(
                sa.select(InventoryTransaction)
                .where(InventoryTransaction.spare_part_id == part.id)
                .order_by(InventoryTransaction.id)
            )
            average, pieces = naive_values(list(movements))
            assert (part.average_value, part.fifo_value) == (average, sum(pieces))
            assert part.quantity or part.average_value == part.fifo_value == 0

    @invariant()
    def locations_add_up_to_the_value_of_each_part_and_of_all(self):
        self.session.flush()
        places = valuation.by_location(self.session, Scope(START, clock.now() + timedelta(days=1)))
        lying = {place.location_id: place.quantity for place in places}
        for location in self.places:
            there = sa.select(sa.func.sum(PartStock.quantity)).where(PartStock.location_id == location.id)
            assert lying.get(location.id, 0) == (self.session.scalar(there) or 0)
        assert sum(place.average_value for place in places) == sum(part.average_value for part in self.parts)
        assert sum(place.fifo_value for place in places) == sum(part.fifo_value for part in self.parts)

    @invariant()
    def reservations_belong_to_open_lines_and_are_counted_once(self):
        for place in self.session.scalars(sa.select(PartStock)):
            promised = sa.select(sa.func.sum(StockReservation.quantity)).where(
                StockReservation.stock_id == place.id
            )
            assert place.reserved == (self.session.scalar(promised) or 0)
        for pr in self.prs:
            for line in pr.lines:
                assert line.quantity_reserved <= line.quantity_open
                assert pr.status in OPEN_STATUSES or line.quantity_reserved == 0
                assert line.quantity_issued <= (line.quantity_approved or 0) <= line.quantity_requested

    @invariant()
    def usage_is_what_was_issued(self):
        for pr in self.prs:
            for line in pr.lines:
                used = sa.select(sa.func.sum(PartsUsage.quantity)).where(PartsUsage.line_id == line.id)
                assert line.quantity_issued == (self.session.scalar(used) or 0)


def cents(amount):
    """Half up to the cent."""
    exact = Decimal(amount.numerator * 10**6 // amount.denominator).scaleb(-6)
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def naive_values(movements):
    """The value by moving average, and by FIFO of what is left of each receipt, oldest first.

    Recomputed from the movements alone, in fractions, with nothing of the product's arithmetic.
    """
    average, quantity, heaps = Decimal(0), 0, []
    for movement in movements:
        change = movement.change
        if change > 0:
            average += movement.average_cost
            heaps.append([change, movement.fifo_cost])
            if movement.transaction_type == "IN":
                assert movement.average_cost == movement.fifo_cost == change * movement.unit_cost
        elif change < 0:
            gone = average if -change == quantity else cents(Fraction(average) * -change / quantity)
            assert movement.average_cost == -gone
            average -= gone
            left, cost = -change, Decimal(0)
            while left:
                pieces, worth = heaps[0]
                taken = min(left, pieces)
                part = worth if taken == pieces else cents(Fraction(worth) * taken / pieces)
                heaps[0] = [pieces - taken, worth - part]
                if taken == pieces:
                    heaps.pop(0)
                left, cost = left - taken, cost + part
            assert movement.fifo_cost == -cost
        else:
            assert movement.cost == movement.average_cost == movement.fifo_cost == 0
        quantity += change
    return average, [worth for _, worth in heaps]


TestStore = Store.TestCase
TestStore.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
