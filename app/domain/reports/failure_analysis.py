"""Failure analysis report: which failures cost most, after Pareto."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.domain.analytics.failures import failures
from app.domain.analytics.scope import Scope
from app.domain.reports import heading
from app.domain.reports.model import Chart, Column, Kind, Report

TITLE = "Failure analysis"

COLUMNS = (
    Column("code", "Code"),
    Column("name", "Failure"),
    Column("failures", "Failures", Kind.INTEGER, total=True),
    Column("share", "Share", Kind.PERCENT, total=True),
    Column("cumulativeShare", "Cumulative share", Kind.PERCENT),
    Column("downtimeMinutes", "Downtime, min", Kind.MINUTES, total=True),
    Column("partsCost", "Parts", Kind.MONEY, total=True),
)

NOTES = (
    "Failures are the maintenance requests reported in the period that were not cancelled. Their "
    "downtime is clipped to the period; their parts are counted whenever they were issued.",
)


def build(session: Session, scope: Scope) -> Report:
    """One row for each failure code, the most frequent first.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    heading.refuse_filters(scope, TITLE, "part_group")
    found = failures(session, scope)
    return heading.report(
        session,
        scope,
        name="failure-analysis",
        title=TITLE,
        columns=COLUMNS,
        rows=[
            (
                row.code,
                row.name,
                row.failures,
                row.share,
                row.cumulative_share,
                row.downtime_minutes,
                row.parts_cost,
            )
            for row in found.codes
        ],
        totals={"downtimeMinutes": found.downtime_minutes, "share": 1.0 if found.failures else None},
        chart=Chart("column", "name", "failures", line="cumulativeShare"),
        notes=NOTES,
    )
