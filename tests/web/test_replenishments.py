"""The pages of stock replenishments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.database import unit_of_work
from app.domain import stock
from app.domain.replenishments import StockReplenishment
from app.engine import jobs, user_tasks
from app.engine.models import UserTask
from tests import factories
from tests.web.conftest import Factory, SignIn

ORDER = {"quantity": 8, "unitPrice": 9.5, "supplier": "Seals Ltd", "expectedOn": "2026-03-20"}


@pytest.fixture
def low(factory: Factory, clock: ManualClock) -> StockReplenishment:
    """A part that has fallen below its minimum."""
    with unit_of_work(factory.session):
        part = factories.make_part(factory.session, 6, part_name="Shaft seal", min_quantity=5)
        stock.record_movement(factory.session, part.id, "OUT", 3, by=factory.storekeeper.id)
    jobs.drain(factory.engine, factory.jobs.sessions)
    return only(factory)


def only(factory: Factory) -> StockReplenishment:
    factory.session.rollback()
    return factory.session.scalars(sa.select(StockReplenishment)).one()


def order(factory: Factory) -> None:
    with unit_of_work(factory.session):
        task = factory.session.scalars(sa.select(UserTask).filter_by(name="Reorder")).one()
        user_tasks.submit(
            factory.engine, factory.session, task.id, factory.actor(factory.storekeeper),
            outcome="order", json=ORDER,
        )  # fmt: skip


def test_what_is_low_is_listed_shown_and_exported(
    factory: Factory, sign_in: SignIn, low: StockReplenishment
) -> None:
    browser = sign_in(factory.storekeeper)
    page = browser.get("/replenishments").text
    assert "Shaft seal" in page and "To be ordered" in page
    assert "Shaft seal" in browser.get("/replenishments?q=seal&sort=-part&show=every").text
    assert "No replenishment fits" in browser.get("/replenishments?late=yes").text
    shown = browser.get(f"/replenishments/{low.id}").text
    assert "SR-2026-000001" in shown and "Reorder" in shown and "3, minimum 5" in shown
    assert "Shaft seal" in browser.get("/replenishments/export.csv").text
    assert browser.get("/replenishments/987654").status_code == 404
    assert sign_in(factory.technician).get("/replenishments").status_code == 403


def test_the_day_is_changed_and_the_delivery_is_there(
    factory: Factory, sign_in: SignIn, low: StockReplenishment
) -> None:
    order(factory)
    browser, address = sign_in(factory.storekeeper), f"/replenishments/{low.id}"
    page = browser.get(address).text
    assert "It has arrived" in page and "76.00" in page
    wrong = browser.post(f"{address}/date", data={"expected_on": "soon"})
    assert wrong.status_code == 422 and "Give the day" in wrong.text
    moved = browser.post(f"{address}/date", data={"expected_on": "2026-04-01"}, follow_redirects=True)
    assert "is expected on another day" in moved.text and "1 Apr 2026" in moved.text
    arrived = browser.post(f"{address}/arrived", follow_redirects=True)
    assert "Receive delivery" in arrived.text
    again = browser.post(f"{address}/arrived", follow_redirects=True)
    assert "cannot be said" in again.text


def test_it_is_called_off_with_a_reason_by_who_may(
    factory: Factory, sign_in: SignIn, low: StockReplenishment
) -> None:
    address = f"/replenishments/{low.id}"
    assert "Call it off" not in sign_in(factory.manager).get(address).text
    assert sign_in(factory.manager).post(f"{address}/call-off", data={"reason": "No"}).status_code == 403
    browser = sign_in(factory.storekeeper)
    assert browser.post(f"{address}/call-off").status_code == 422
    ended = browser.post(f"{address}/call-off", data={"reason": "Another seal"}, follow_redirects=True)
    assert "is called off" in ended.text and "Another seal" in ended.text
    assert (only(factory).status, only(factory).open_part_id) == ("CANCELLED", None)


def test_the_list_takes_the_same_statements_however_long_it_is(
    factory: Factory, sign_in: SignIn, low: StockReplenishment, statements: Callable[[], Any]
) -> None:
    browser = sign_in(factory.storekeeper)

    def count() -> int:
        with statements() as seen:
            assert browser.get("/replenishments").status_code == 200
        return len(seen)

    count()
    few = count()
    with unit_of_work(factory.session):
        for _ in range(6):
            part = factories.make_part(factory.session)
            factory.session.add(
                StockReplenishment(spare_part_id=part.id, open_part_id=part.id, ordered_by=factory.admin.id)
            )
    assert count() == few
