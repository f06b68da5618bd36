"""A site whose stock has moved for years gets the cost of each movement, and what is left of each receipt."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa

from app import database
from app.extensions import db
from tests.services.test_migrations import MIGRATIONS, flask_app

__all__ = ["flask_app"]

pytestmark = pytest.mark.databases

AT = datetime(2025, 5, 1, tzinfo=UTC)
# kind, quantity, unit cost of the movements of one part
MOVED = (
    ("IN", 3, "10.00"),
    ("IN", 2, "20.00"),
    ("OUT", 4, "12.00"),
    ("TRANSFER", 1, "12.00"),
    ("ADJUSTMENT", 5, "7.00"),
    ("ADJUSTMENT", -1, "7.00"),
)


def insert(table: str, **values: Any) -> None:
    columns = {
        **dict.fromkeys(("created_at", "updated_at", "transaction_date"), database.UtcDateTime()),
        **dict.fromkeys(("unit_price", "unit_cost"), database.Money()),
    }
    made = sa.table(table, *(sa.column(name, columns.get(name)) for name in values))
    db.session.execute(made.insert().values(**values))


def before() -> None:
    """Two parts of which one has moved, and a preventive task, as they were in the third version."""
    times = {"created_at": AT, "updated_at": AT}
    insert("stock_locations", id=1, name="Store", active=True, **times)
    insert("stock_locations", id=2, name="Van", active=True, **times)
    for number, quantity in ((1, 5), (2, 0)):
        insert(
            "spare_parts", id=number, part_number=f"P-{number}", part_name="Seal", description="",
            group_number="", group_name="", quantity=quantity, min_quantity=0, unit_price=Decimal("12.00"),
            location="", active=True, **times,
        )  # fmt: skip
    balance = 0
    for number, (kind, quantity, cost) in enumerate(MOVED, 1):
        balance += {"OUT": -quantity, "TRANSFER": 0}.get(kind, quantity)
        insert(
            "spare_parts_inventory_transactions", id=number, spare_part_id=1, transaction_type=kind,
            quantity=quantity, balance=balance, location_id=1,
            to_location_id=2 if kind == "TRANSFER" else None, transaction_date=AT,
            notes="", unit_cost=Decimal(cost),
        )  # fmt: skip
    insert("departments", id=1, name="Stamping", active=True, **times)
    insert(
        "machines", id=1, qr_code="M-1", name="Press", department_id=1, status="OPERATIONAL",
        criticality="HIGH", model="", serial_number="", location="", **times,
    )  # fmt: skip
    insert(
        "preventive_maintenance_tasks", id=1, machine_id=1, title="Grease", description="",
        rrule="FREQ=DAILY", starts_on=date(2025, 5, 1), lead_days=3, checklist="[]", role="MAINTENANCE_TECH",
        active=True, next_due_on=date(2025, 6, 1), **times,
    )  # fmt: skip
    db.session.commit()


@pytest.mark.usefixtures("flask_app")
def test_what_has_moved_gets_its_cost_by_both_methods() -> None:
    flask_migrate.upgrade(MIGRATIONS, "0003")
    before()
    flask_migrate.upgrade(MIGRATIONS)

    from app.domain.cost_layers import CostLayer, CostLayerUse
    from app.domain.parts import SparePart
    from app.domain.stock import InventoryTransaction

    moved = db.session.scalars(sa.select(InventoryTransaction).order_by(InventoryTransaction.id)).all()
    # Average: 70.00 for 5 pieces, 4 of them go for 56.00; 14.00 stay, and 35.00 come for 5; one of 6 goes.
    assert [str(row.average_cost) for row in moved] == ["30.00", "40.00", "-56.00", "0.00", "35.00", "-8.17"]
    # First in, first out: three at 10.00 and one at 20.00 go; then the one that is left at 20.00.
    assert [str(row.fifo_cost) for row in moved] == ["30.00", "40.00", "-50.00", "0.00", "35.00", "-20.00"]
    assert [row.cost for row in moved] == [row.average_cost for row in moved]

    part, other = db.session.scalars(sa.select(SparePart).order_by(SparePart.id)).all()
    assert (part.average_value, part.fifo_value) == (Decimal("40.83"), Decimal("35.00"))
    assert (other.average_value, other.fifo_value) == (0, 0)
    layers = db.session.scalars(sa.select(CostLayer).order_by(CostLayer.id)).all()
    assert [(row.quantity_left, row.cost_left) for row in layers] == [(0, 0), (0, 0), (5, Decimal("35.00"))]
    assert sum(row.cost_left for row in layers) == part.fifo_value
    uses = db.session.scalars(sa.select(CostLayerUse).order_by(CostLayerUse.id)).all()
    assert [(row.transaction_id, row.quantity, row.cost) for row in uses] == [
        (3, 3, Decimal("30.00")), (3, 1, Decimal("20.00")), (6, 1, Decimal("20.00"))
    ]  # fmt: skip


@pytest.mark.usefixtures("flask_app")
def test_the_next_job_of_a_preventive_task_is_that_of_its_next_due_date() -> None:
    flask_migrate.upgrade(MIGRATIONS, "0003")
    before()
    flask_migrate.upgrade(MIGRATIONS)

    from app.domain.preventive.models import PreventiveTask

    task = db.session.get_one(PreventiveTask, 1)
    assert (task.next_job_on, task.opens_on) == (date(2025, 6, 1), date(2025, 5, 29))


@pytest.mark.usefixtures("flask_app")
def test_going_back_keeps_what_was_there() -> None:
    flask_migrate.upgrade(MIGRATIONS, "0003")
    before()
    flask_migrate.upgrade(MIGRATIONS)
    flask_migrate.downgrade(MIGRATIONS, "0003")
    count = sa.text("SELECT COUNT(*), SUM(quantity) FROM spare_parts_inventory_transactions")
    assert tuple(db.session.execute(count).one()) == (6, 14)
