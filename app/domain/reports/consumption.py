"""Consumption report: which parts left the store, and what they cost."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.domain.analytics.consumption import consumption
from app.domain.analytics.scope import Scope
from app.domain.reports import heading
from app.domain.reports.model import Chart, Column, Kind, Report

TITLE = "Spare parts consumption"

COLUMNS = (
    Column("partNumber", "Part number"),
    Column("partName", "Part"),
    Column("group", "Group"),
    Column("movements", "Issues", Kind.INTEGER, total=True),
    Column("quantity", "Quantity", Kind.INTEGER, total=True),
    Column("cost", "Cost", Kind.MONEY, total=True),
    Column("share", "Share of cost", Kind.PERCENT),
)

NOTES = (
    "Consumption is what movements OUT took from the store, at what each movement cost by the "
    "method of costing that was in force (moving average, or first in, first out).",
    "Narrowed to a department or machine it is what was issued for their maintenance work.",
)


def build(session: Session, scope: Scope) -> Report:
    """One row for each part that left the store in the period, the dearest first."""
    found = consumption(session, scope)
    return heading.report(
        session,
        scope,
        name="consumption",
        title=TITLE,
        columns=COLUMNS,
        rows=[
            (
                row.part_number,
                row.part_name,
                row.group_name or row.group_number,
                row.movements,
                row.quantity,
                row.cost,
                row.share,
            )
            for row in found.parts
        ],
        chart=Chart("bar", "partName", "cost"),
        notes=NOTES,
    )
