"""Inventory report: what lay in the store at the beginning and the end of a period, and what moved."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.analytics.scope import Scope
from app.domain.analytics.stops import ROWS_AT_ONCE
from app.domain.parts import SparePart
from app.domain.reports import heading
from app.domain.reports.model import Column, Kind, Report, Row
from app.domain.stock import InventoryTransaction, MovementKind

TITLE = "Inventory"

COLUMNS = (
    Column("partNumber", "Part number"),
    Column("partName", "Part"),
    Column("group", "Group"),
    Column("location", "Location"),
    Column("opening", "At the beginning", Kind.INTEGER, total=True),
    Column("received", "Received", Kind.INTEGER, total=True),
    Column("issued", "Issued", Kind.INTEGER, total=True),
    Column("adjusted", "Adjusted", Kind.INTEGER, total=True),
    Column("closing", "At the end", Kind.INTEGER, total=True),
    Column("minimum", "Minimum", Kind.INTEGER),
    Column("missing", "Below minimum by", Kind.INTEGER),
)

NOTES = (
    "Quantities are the sums of the movements until then: at the end = at the beginning + received - "
    "issued + adjusted. Transfers between locations change none of them.",
    "The minimum is the one that is set now. Parts that are no longer in use are listed while there is "
    "stock of them or something moved.",
)


def build(session: Session, scope: Scope) -> Report:
    """One row for each part, by name; read from the database as it is consumed.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    heading.refuse_filters(scope, TITLE, "department_id", "machine_id")
    return heading.report(
        session,
        scope,
        name="inventory",
        title=TITLE,
        columns=COLUMNS,
        rows=_rows(session, scope),
        notes=NOTES,
    )


def _rows(session: Session, scope: Scope) -> Iterator[Row]:
    at, change = InventoryTransaction.transaction_date, InventoryTransaction.change

    def moved(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(*conditions), change), else_=0)), 0)

    def kind(name: MovementKind) -> sa.ColumnElement[bool]:
        return InventoryTransaction.transaction_type == name

    now = scope.contains(at)
    moves = (
        sa.select(
            InventoryTransaction.spare_part_id,
            moved(at < scope.since).label("opening"),
            moved(now, kind(MovementKind.IN)).label("received"),
            moved(now, kind(MovementKind.OUT)).label("issued"),
            moved(now, kind(MovementKind.ADJUSTMENT)).label("adjusted"),
        )
        .where(at < scope.until)
        .group_by(InventoryTransaction.spare_part_id)
        .subquery()
    )
    counts = [sa.func.coalesce(moves.c[name], 0) for name in ("opening", "received", "issued", "adjusted")]
    query = (
        sa.select(
            SparePart.part_number,
            SparePart.part_name,
            SparePart.group_number,
            SparePart.group_name,
            SparePart.location,
            SparePart.min_quantity,
            SparePart.active,
            *counts,
        )
        .join_from(SparePart, moves, moves.c.spare_part_id == SparePart.id, isouter=True)
        .where(*scope.parts())
        .order_by(SparePart.part_name, SparePart.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for row in session.execute(query):
        opening, received, change_out, adjusted = (int(count) for count in row[7:])
        closing = opening + received + change_out + adjusted
        if not (row.active or closing or received or change_out or adjusted):
            continue
        yield (
            row.part_number,
            row.part_name,
            row.group_name or row.group_number,
            row.location,
            opening,
            received,
            -change_out,
            adjusted,
            closing,
            row.min_quantity,
            max(0, row.min_quantity - closing),
        )
