"""Several processes want the last pieces, or count the same shelf, at the same moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Worth, unit_of_work
from app.domain import counting, stock
from app.domain.cost_layers import CostLayer, CostLayerUse
from app.domain.parts import PartStock, SparePart
from app.domain.stock import InventoryTransaction
from app.domain.stock_counts import StockCount, StockCountLine
from app.engine.core import ProcessEngine
from tests.factories import make_location, make_part, make_parts_request
from tests.support.actions import Answer, at_once

pytestmark = pytest.mark.databases


@dataclass(frozen=True)
class Movement:
    """Stock that somebody moves."""

    part_id: int
    kind: str
    quantity: int
    more: Mapping[str, Any] = field(default_factory=dict)

    def do(self, engine: ProcessEngine, session: Session) -> None:
        stock.record_movement(session, self.part_id, self.kind, self.quantity, by=None, **self.more)


@dataclass(frozen=True)
class Issue:
    """A parts request that somebody issues whole."""

    parts_request_id: int

    def do(self, engine: ProcessEngine, session: Session) -> None:
        from app.domain import parts_requests
        from app.domain.spare_parts_requests import SparePartsRequest

        wanted = session.get_one(SparePartsRequest, self.parts_request_id)
        parts_requests.issue(session, wanted, None, {line.id: line.quantity_open for line in wanted.lines})


@dataclass(frozen=True)
class Posting:
    """A stock count that somebody posts."""

    count_id: int

    def do(self, engine: ProcessEngine, session: Session) -> None:
        counting.post(session, session.get_one(StockCount, self.count_id), None)


@dataclass(frozen=True)
class Beginning:
    """A stock count that somebody starts."""

    location_id: int

    def do(self, engine: ProcessEngine, session: Session) -> None:
        counting.start(session, None, location_id=self.location_id)


@dataclass(frozen=True)
class Entry:
    """A line that somebody counts."""

    count_id: int
    line_id: int
    found: int

    def do(self, engine: ProcessEngine, session: Session) -> None:
        count = session.get_one(StockCount, self.count_id)
        counting.enter(session, count, None, self.line_id, self.found)


@pytest.fixture
def session(database: sa.Engine) -> Iterator[Session]:
    with Session(database) as session:
        yield session


def kinds(answers: list[Answer]) -> list[str]:
    """What came of it, in no order: done, or the code of the refusal."""
    assert all(answer.kind in ("done", "BusinessError") for answer in answers), answers
    return sorted(answer.code or answer.kind for answer in answers)


def check(session: Session, part_id: int) -> SparePart:
    """The part, once quantity and value are what movements, places and layers say."""
    session.rollback()
    session.expire_all()
    part = session.get_one(SparePart, part_id)
    moved = session.execute(
        sa.select(
            sa.func.sum(InventoryTransaction.change),
            sa.type_coerce(sa.func.sum(InventoryTransaction.average_cost), Worth),
            sa.type_coerce(sa.func.sum(InventoryTransaction.fifo_cost), Worth),
        ).where(InventoryTransaction.spare_part_id == part_id)
    ).one()
    assert tuple(moved) == (part.quantity, part.average_value, part.fifo_value)
    left = session.execute(
        sa.select(
            sa.func.sum(CostLayer.quantity_left),
            sa.type_coerce(sa.func.sum(CostLayer.cost_left), Worth),
        ).where(CostLayer.spare_part_id == part_id)
    ).one()
    assert tuple(left) == (part.quantity, part.fifo_value)
    places = session.scalars(sa.select(PartStock).where(PartStock.spare_part_id == part_id)).all()
    assert sum(place.quantity for place in places) == part.quantity
    assert all(0 <= place.reserved <= place.quantity for place in places)
    return part


def test_the_last_pieces_are_taken_issued_and_moved_once(session: Session, database_url: str) -> None:
    with unit_of_work(session):
        van = make_location(session)
        part = make_part(session, 2)
        stock.record_movement(session, part.id, "OUT", 1, by=None)
        wanted = make_parts_request(session, {part: 1})
        # Approved while there was none: nothing is reserved for it.
        place = part.default_location_id
        stock.record_movement(session, part.id, "OUT", 1, by=None)
        from app.domain import parts_requests

        parts_requests.approve(session, wanted, None)
        stock.record_movement(session, part.id, "IN", 1, by=None)
        away = {"location_id": place, "to_location_id": van.id}
    actions = [
        Movement(part.id, "OUT", 1, {"location_id": place}),
        Movement(part.id, "TRANSFER", 1, away),
        Issue(wanted.id),
    ]
    answers = at_once(database_url, actions)
    done = kinds(answers)
    quantity = check(session, part.id).quantity
    moved_first = answers[1].kind == "done"
    # Whoever moved it left it to be issued from the van; otherwise one of three got it.
    assert done.count("done") in ((1, 2) if moved_first else (1,))
    assert quantity == (0 if any(answers[n].kind == "done" for n in (0, 2)) else 1)
    assert set(done) <= {"done", "NOT_ENOUGH_STOCK"}


def test_receipts_and_issues_of_many_at_once_lose_nothing(session: Session, database_url: str) -> None:
    with unit_of_work(session):
        part = make_part(session, 4)
    actions = [Movement(part.id, "IN", 3), Movement(part.id, "OUT", 2), Movement(part.id, "OUT", 1),
               Movement(part.id, "IN", 5)]  # fmt: skip
    assert kinds(at_once(database_url, actions)) == ["done"] * 4
    assert check(session, part.id).quantity == 9
    used = session.scalar(sa.select(sa.func.sum(CostLayerUse.quantity)))
    assert used == 3


def test_two_post_the_same_count(session: Session, database_url: str) -> None:
    with unit_of_work(session):
        store = make_location(session)
        part = make_part(session, 5, location=store)
        count = counting.start(session, None, location_id=store.id)
        line = session.scalars(sa.select(StockCountLine)).one()
        counting.enter(session, count, None, line.id, 3)
    assert kinds(at_once(database_url, [Posting(count.id), Posting(count.id)])) == ["WRONG_STATUS", "done"]
    assert check(session, part.id).quantity == 3


def test_the_last_pieces_are_taken_while_a_count_without_them_is_posted(
    session: Session, database_url: str
) -> None:
    with unit_of_work(session):
        store = make_location(session)
        part = make_part(session, 2, location=store)
        count = counting.start(session, None, location_id=store.id)
        line = session.scalars(sa.select(StockCountLine)).one()
        counting.enter(session, count, None, line.id, 0)
    answers = at_once(database_url, [Posting(count.id), Movement(part.id, "OUT", 2)])
    assert kinds(answers) == ["NOT_ENOUGH_STOCK", "done"]
    assert check(session, part.id).quantity == 0


def test_two_begin_to_count_the_same_shelf(session: Session, database_url: str) -> None:
    with unit_of_work(session):
        store = make_location(session)
        for _ in range(3):
            make_part(session, 2, location=store)
    assert kinds(at_once(database_url, [Beginning(store.id), Beginning(store.id)])) == [
        "ALREADY_COUNTED", "done",
    ]  # fmt: skip
    session.rollback()
    assert session.scalar(sa.select(sa.func.count()).select_from(StockCountLine)) == 3


def test_two_count_different_lines_while_parts_move(session: Session, database_url: str) -> None:
    with unit_of_work(session):
        store = make_location(session)
        parts = [make_part(session, 5, location=store) for _ in range(2)]
        count = counting.start(session, None, location_id=store.id)
        lines = {line.spare_part_id: line.id for line in session.scalars(sa.select(StockCountLine))}
    first, second = (part.id for part in parts)
    actions = [
        Entry(count.id, lines[first], 4),
        Entry(count.id, lines[second], 6),
        Movement(first, "OUT", 1),
        Movement(second, "IN", 1),
    ]
    assert kinds(at_once(database_url, actions)) == ["done"] * 4
    session.rollback()
    session.expire_all()
    for line in session.scalars(sa.select(StockCountLine)):
        assert line.expected in ((4, 5) if line.spare_part_id == first else (5, 6))
    with unit_of_work(session):
        counting.post(session, session.get_one(StockCount, count.id), None)
    for part in parts:
        check(session, part.id)
