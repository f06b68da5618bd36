"""Inventory valuation: what the stock is worth at a moment, by the site's method of costing.

By moving average, or first in, first out: :mod:`app.domain.costing` has the formulas, their source and the
rounding. Every movement has recorded by how much it changed the value of its part by either method; the
value at a moment is the sum of these until then, so that it is right for any day, whichever method is in
force now and was then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Worth
from app.domain import costing, settings
from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import ROWS_AT_ONCE
from app.domain.costing import EXPLAINED, NAMES, CostingMethod
from app.domain.parts import SparePart, StockLocation
from app.domain.reports import heading
from app.domain.reports.model import Chart, Column, Kind, Report, Row
from app.domain.stock import InventoryTransaction, MovementKind

TITLE = "Inventory valuation"
LOCATION_TITLE = "Inventory valuation by location"
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

ROUNDING = (
    "What a movement costs is rounded half up to the cent, once; the rest stays with the stock, and the "
    "last piece takes all that is left. Average cost = value / quantity."
)


LOCATIONS = (
    "All pieces of a part are worth the same wherever they lie: at a location lies value x pieces there / "
    "all pieces. That is rounded down to the cent, and the cents that are left go to the locations that lost "
    "most by it (largest remainder), so that the locations add up to the total."
)
LOCATION_COLUMNS = (
    Column("location", "Location"),
    Column("parts", "Parts", Kind.INTEGER),
    Column("quantity", "Quantity", Kind.INTEGER, total=True),
    Column("value", "Value", Kind.MONEY, total=True),
)


@dataclass
class Valued:
    """How many kinds of parts and pieces something has, and their value by either method."""

    parts: int = 0
    quantity: int = 0
    average_value: Decimal = Decimal("0.00")
    fifo_value: Decimal = Decimal("0.00")

    def value(self, method: str) -> Decimal:
        """The value by one of the methods."""
        return self.fifo_value if method == CostingMethod.FIFO else self.average_value


@dataclass(kw_only=True)
class GroupValue(Valued):
    """What the parts of one group are worth."""

    group_number: str
    group_name: str


@dataclass(kw_only=True)
class LocationValue(Valued):
    """What lies at one stock location is worth."""

    location_id: int
    name: str


def notes(method: str) -> tuple[str, ...]:
    """What the figures mean by a method, in sentences."""
    named = NAMES[CostingMethod(method)]
    return f"Valued by {named} (IAS 2). {EXPLAINED[CostingMethod(method)]}", ROUNDING


def build(session: Session, scope: Scope) -> Report:
    """One row for each part of which there was stock at the end of the period, by number.

    The rows are read from the database as they are consumed.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    heading.refuse_filters(scope, TITLE, "department_id", "machine_id")
    method = settings.costing_method(session)
    return heading.report(
        session,
        scope,
        as_of=True,
        name="valuation",
        title=TITLE,
        columns=COLUMNS,
        rows=_rows(session, scope, method),
        chart=Chart("bar", "partName", "value"),
        notes=notes(method),
    )


def by_group(session: Session, scope: Scope) -> list[GroupValue]:
    """What each group of parts was worth at the end of the period, the most valuable first; one statement."""
    parts = _values(scope)
    query = (
        sa.select(
            SparePart.group_number,
            sa.func.max(SparePart.group_name),
            sa.func.count(),
            sa.func.sum(parts.c.quantity),
            sa.type_coerce(sa.func.sum(parts.c.average_value), Worth),
            sa.type_coerce(sa.func.sum(parts.c.fifo_value), Worth),
        )
        .join(parts, parts.c.spare_part_id == SparePart.id)
        .where(*scope.parts())
        .group_by(SparePart.group_number)
    )
    method = settings.costing_method(session)
    found = [
        GroupValue(kinds, int(quantity), average, fifo, group_number=number, group_name=name)
        for number, name, kinds, quantity, average, fifo in session.execute(query)
    ]
    return sorted(found, key=lambda group: (-group.value(method), group.group_number))


def build_by_location(session: Session, scope: Scope) -> Report:
    """One row for each stock location at which something lay at the end of the period, the dearest first.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    heading.refuse_filters(scope, LOCATION_TITLE, "department_id", "machine_id")
    method = settings.costing_method(session)
    return heading.report(
        session,
        scope,
        as_of=True,
        name="valuation-by-location",
        title=LOCATION_TITLE,
        columns=LOCATION_COLUMNS,
        rows=[
            (place.name, place.parts, place.quantity, place.value(method))
            for place in by_location(session, scope)
        ],
        chart=Chart("bar", "location", "value"),
        notes=(*notes(method), LOCATIONS),
    )


def by_location(session: Session, scope: Scope) -> list[LocationValue]:
    """What lay at each location was worth at the end of the period, the most valuable first; one statement.

    Layers of cost belong to parts, not to places: the value of a part is divided by :func:`costing.shares`.
    """
    parts, places = _values(scope), _lying(scope)
    query = (
        sa.select(
            parts.c.spare_part_id, parts.c.average_value, parts.c.fifo_value,
            places.c.quantity, StockLocation.id, StockLocation.name,
        )
        .join(SparePart, SparePart.id == parts.c.spare_part_id)
        .join(places, places.c.spare_part_id == parts.c.spare_part_id)
        .join(StockLocation, StockLocation.id == places.c.location_id)
        .where(*scope.parts())
        .order_by(parts.c.spare_part_id, StockLocation.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )  # fmt: skip
    found: dict[int, LocationValue] = {}
    for _, rows in groupby(session.execute(query), key=lambda row: row[0]):
        lying = list(rows)
        quantities = [int(row.quantity) for row in lying]
        average = costing.shares(lying[0].average_value, quantities)
        fifo = costing.shares(lying[0].fifo_value, quantities)
        for row, quantity, by_average, by_fifo in zip(lying, quantities, average, fifo, strict=True):
            place = found.setdefault(row.id, LocationValue(location_id=row.id, name=row.name))
            place.parts += 1
            place.quantity += quantity
            place.average_value += by_average
            place.fifo_value += by_fifo
    method = settings.costing_method(session)
    return sorted(found.values(), key=lambda place: (-place.value(method), place.name, place.location_id))


def _lying(scope: Scope) -> sa.Subquery:
    """How many of each part lay at each location at the end of the period."""
    moves = InventoryTransaction
    leaves = moves.transaction_type.in_([MovementKind.OUT, MovementKind.TRANSFER])
    here = sa.select(
        moves.spare_part_id,
        moves.location_id,
        sa.case((leaves, -moves.quantity), else_=moves.quantity).label("quantity"),
    )
    arrived = sa.select(moves.spare_part_id, moves.to_location_id, moves.quantity).where(
        moves.to_location_id.is_not(None)
    )
    moved = sa.union_all(
        here.where(moves.transaction_date < scope.until), arrived.where(moves.transaction_date < scope.until)
    ).subquery()
    quantity = sa.func.sum(moved.c.quantity)
    return (
        sa.select(moved.c.spare_part_id, moved.c.location_id, quantity.label("quantity"))
        .group_by(moved.c.spare_part_id, moved.c.location_id)
        .having(quantity > 0)
        .subquery()
    )


def _values(scope: Scope) -> sa.Subquery:
    """Quantity and values of the parts of which there was stock at the end of the period."""
    quantity = sa.func.sum(InventoryTransaction.change)
    return (
        sa.select(
            InventoryTransaction.spare_part_id,
            quantity.label("quantity"),
            sa.type_coerce(sa.func.sum(InventoryTransaction.average_cost), Worth).label("average_value"),
            sa.type_coerce(sa.func.sum(InventoryTransaction.fifo_cost), Worth).label("fifo_value"),
        )
        .where(InventoryTransaction.transaction_date < scope.until)
        .group_by(InventoryTransaction.spare_part_id)
        .having(quantity > 0)
        .subquery()
    )


def _rows(session: Session, scope: Scope, method: str) -> Iterator[Row]:
    parts = _values(scope)
    value = parts.c.fifo_value if method == CostingMethod.FIFO else parts.c.average_value
    query = (
        sa.select(
            SparePart.part_number,
            SparePart.part_name,
            SparePart.group_number,
            SparePart.group_name,
            SparePart.unit_price,
            parts.c.quantity,
            value.label("value"),
        )
        .join(parts, parts.c.spare_part_id == SparePart.id)
        .where(*scope.parts())
        .order_by(SparePart.part_number, SparePart.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in session.execute(query):
        quantity = int(row.quantity)
        yield (
            row.part_number,
            row.part_name,
            row.group_name or row.group_number,
            quantity,
            (row.value / quantity).quantize(AVERAGE_PLACES, ROUND_HALF_UP),
            row.value,
            row.unit_price,
        )
