"""Whatever people do in whatever order, the numbers of the store add up."""

from __future__ import annotations

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.orm import Session

import app.domain
from app.database import Base, configure
from app.domain import parts_requests, stock
from app.domain.parts import PartStock, SparePart
from app.domain.reservations import StockReservation
from app.domain.spare_parts_requests import OPEN_STATUSES, SparePartsRequest
from app.domain.stock import InventoryTransaction
from app.domain.usage import PartsUsage
from app.errors import BusinessError
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
        tables = (SparePart, SparePartsRequest, StockReservation, InventoryTransaction, PartsUsage)
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


TestStore = Store.TestCase
TestStore.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
