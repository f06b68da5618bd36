"""Inventory valuation: what the stock is worth, at the moving average of what it cost.

The moving average cost of a part follows from its movements in their order:

- IN: average = (quantity before x average before + quantity in x its unit cost) / quantity after
- OUT, and an adjustment for parts that are missing: quantity falls, the average stays
- an adjustment for parts that were found: they are worth the average, or, where there is no stock to
  have one, the unit cost that the adjustment recorded
- TRANSFER: neither changes

Value = quantity x average, rounded to cents for each part; the total is the sum of the rounded values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import ROWS_AT_ONCE
from app.domain.parts import SparePart
from app.domain.reports import heading
from app.domain.reports.model import Chart, Column, Kind, Report, Row
from app.domain.stock import InventoryTransaction, MovementKind

TITLE = "Inventory valuation"
CENT = Decimal("0.01")
AVERAGE_PLACES = Decimal("0.0001")

COLUMNS = (
    Column("partNumber", "Part number"),
    Column("partName", "Part"),
    Column("group", "Group"),
    Column("quantity", "Quantity", Kind.INTEGER, total=True),
    Column("averageCost", "Average cost", Kind.DECIMAL),
    Column("value", "Value", Kind.MONEY, total=True),
    Column("unitPrice", "Price today", Kind.MONEY),
)

NOTES = (
    "Value = quantity x moving average cost. A receipt changes the average to (quantity before x "
    "average before + quantity received x its unit cost) / quantity after; issues and missing parts "
    "leave it as it is; parts that were found are worth the average.",
)


@dataclass
class MovingAverage:
    """The stock of one part and what it cost on average, movement by movement."""

    quantity: int = 0
    average: Decimal = Decimal(0)

    def move(self, kind: str, quantity: int, unit_cost: Decimal) -> None:
        """Count a movement; ``quantity`` as the movement has it."""
        if kind == MovementKind.TRANSFER:
            return
        if kind == MovementKind.OUT:
            self.quantity -= quantity
            return
        if kind == MovementKind.ADJUSTMENT and (quantity < 0 or self.quantity > 0):
            self.quantity += quantity
            return
        before = max(self.quantity, 0)
        self.average = (before * self.average + quantity * unit_cost) / (before + quantity)
        self.quantity += quantity

    @property
    def value(self) -> Decimal:
        return (self.quantity * self.average).quantize(CENT)


def build(session: Session, scope: Scope) -> Report:
    """One row for each part of which there was stock at the end of the period, by number.

    The movements are read as the rows are consumed.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    heading.refuse_filters(scope, TITLE, "department_id", "machine_id")
    return heading.report(
        session,
        scope,
        as_of=True,
        name="valuation",
        title=TITLE,
        columns=COLUMNS,
        rows=_rows(session, scope),
        chart=Chart("bar", "partName", "value"),
        notes=NOTES,
    )


def _rows(session: Session, scope: Scope) -> Iterator[Row]:
    query = (
        sa.select(
            SparePart.id,
            SparePart.part_number,
            SparePart.part_name,
            SparePart.group_number,
            SparePart.group_name,
            SparePart.unit_price,
            InventoryTransaction.transaction_type,
            InventoryTransaction.quantity,
            InventoryTransaction.unit_cost,
        )
        .join(SparePart, SparePart.id == InventoryTransaction.spare_part_id)
        .where(InventoryTransaction.transaction_date < scope.until, *scope.parts())
        .order_by(
            SparePart.part_number,
            SparePart.id,
            InventoryTransaction.transaction_date,
            InventoryTransaction.id,
        )
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for _, movements in groupby(session.execute(query), key=lambda row: row.id):
        stock = MovingAverage()
        for row in movements:
            stock.move(row.transaction_type, row.quantity, row.unit_cost)
        if stock.quantity:
            yield (
                row.part_number,
                row.part_name,
                row.group_name or row.group_number,
                stock.quantity,
                stock.average.quantize(AVERAGE_PLACES),
                stock.value,
                row.unit_price,
            )
