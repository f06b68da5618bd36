"""Reports: tables of a period with totals and a chart, to read and to take away."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import cast

from flask import Blueprint, abort, render_template, url_for
from flask_login import login_required

from app.access import permissions
from app.access.reports import NEEDS, readable
from app.domain.queries.paging import Page
from app.domain.reports import catalogue
from app.domain.reports.catalogue import ReportName
from app.domain.reports.model import Column, Kind, Report, Row, Totals, Value
from app.errors import BusinessError
from app.extensions import db
from app.web import charts, formatting, listing, periods
from app.web.people import current_actor

pages = Blueprint("reports", __name__)

ROWS = 50  # a page
CHART_ROWS = 20
# What each is called and is about, and what it can be narrowed to.
ABOUT: dict[str, tuple[str, str, str]] = {
    ReportName.DOWNTIME: ("Downtime", "How long each machine stood still.", "pause"),
    ReportName.MAINTENANCE_EFFICIENCY: (
        "Maintenance efficiency", "How quickly and lastingly machines are repaired, how reliable they are.",
        "wrench",
    ),
    ReportName.FAILURE_ANALYSIS: ("Failure analysis", "Which failures cost most, after Pareto.", "alert"),
    ReportName.INVENTORY: ("Inventory", "What lay in the store at the beginning and the end.", "box"),
    ReportName.CONSUMPTION: ("Consumption", "Which parts left the store, and what they cost.", "cart"),
    ReportName.VALUATION: ("Inventory valuation", "What the stock was worth at the end.", "tag"),
    ReportName.VALUATION_BY_LOCATION: (
        "Inventory valuation by location", "What lay at each stock location was worth at the end.", "pin",
    ),
}  # fmt: skip
ON_MACHINES = (
    ReportName.DOWNTIME,
    ReportName.MAINTENANCE_EFFICIENCY,
    ReportName.FAILURE_ANALYSIS,
    ReportName.CONSUMPTION,
)
ON_PARTS = (
    ReportName.INVENTORY,
    ReportName.CONSUMPTION,
    ReportName.VALUATION,
    ReportName.VALUATION_BY_LOCATION,
)


@pages.get("/reports")
@login_required
def choose() -> str:
    """Which reports there are."""
    permissions.require(current_actor(), "reports:export")
    return render_template("reports/choose.html", reports=[(name, *ABOUT[name]) for name in mine()])


def mine() -> list[ReportName]:
    """The reports that the signed-in person may read."""
    return readable(current_actor())


def report_name(name: str) -> ReportName:
    """A name of an address as that of a report; 404 for others."""
    if name not in list(ReportName):
        abort(404)
    return ReportName(name)


def asked_for(name: ReportName) -> periods.Asked:
    """The period and narrowing that the address asks for, as far as the report can be narrowed."""
    reach = permissions.require(current_actor(), NEEDS[name])
    return periods.asked(reach, parts=name in ON_PARTS, machines=name in ON_MACHINES)


@pages.get("/reports/<name>")
@login_required
def show(name: str) -> str:
    """One report."""
    found = report_name(name)
    asked = asked_for(found)
    try:
        report = catalogue.build(db.session(), found, asked.scope)
    except BusinessError:
        abort(404)
    page, rows, first, totals = _page(report, listing.page_number())
    choices = periods.choices(asked, parts=found in ON_PARTS)
    if found not in ON_MACHINES:
        choices = {**choices, "departments": [], "machines": []}
    return render_template(
        "reports/show.html",
        name=found,
        title=report.title,
        lead=ABOUT[found][1],
        report=report,
        rows=[
            [cell_text(column, value) for column, value in zip(report.columns, row, strict=True)]
            for row in rows
        ],
        headings=[heading(column) for column in report.columns],
        totals=None
        if totals is None
        else [
            cell_text(column, value) if value is not None else ""
            for column, value in zip(report.columns, totals, strict=True)
        ],
        found=page,
        chart=_chart(report, first),
        asked=asked,
        periods=periods.PERIODS,
        choices=choices,
        here=url_for("reports.show", name=found),
        url_with=listing.url_with,
        may_export=permissions.may(current_actor(), "reports:export"),
    )


def _page(report: Report, number: int) -> tuple[Page[Row], list[Row], list[Row], Row | None]:
    """The rows of a page, the first ones for the chart, and the totals of all; rows are read once."""
    totals = Totals(report)
    first: list[Row] = []
    rows: list[Row] = []
    begin = (number - 1) * ROWS
    for place, row in enumerate(report.rows):
        totals.add(row)
        if place < CHART_ROWS:
            first.append(row)
        if begin <= place < begin + ROWS:
            rows.append(row)
    return Page(rows, totals.rows, number, ROWS), rows, first, totals.row()


def _chart(report: Report, rows: list[Row]) -> charts.Chart | None:
    """The chart that the report describes, of its first rows."""
    described = report.chart
    if described is None or not rows:
        return None
    label, value = report.place(described.label), report.place(described.value)
    column = report.columns[value]
    # Minutes are drawn as hours: longer ones nobody can imagine.
    scale = 60 if column.kind is Kind.MINUTES else 1
    units = {Kind.MINUTES: "h", Kind.MONEY: formatting.currency()}
    values = [
        charts.Value(
            str(row[label]), float(cast(float, row[value] or 0)) / scale, cell_text(column, row[value])
        )
        for row in islice(rows, CHART_ROWS)
    ]
    shares: list[float] = []
    if described.line is not None:
        line = report.place(described.line)
        shares = [float(cast(float, row[line] or 0)) for row in rows]
    legend = report.columns[report.place(described.line)].heading if described.line else ""
    return charts.columns(
        heading(column),
        values,
        units.get(column.kind, ""),
        shares=shares,
        legend=f"Line: {legend}, 0 to 100\xa0%" if legend else "",
    )


def heading(column: Column) -> str:
    """A heading on a page, where cells bear their units."""
    return column.heading.removesuffix(", min") if column.kind is Kind.MINUTES else column.heading


def cell_text(column: Column, value: Value) -> str:
    """A cell as people read it."""
    if value is None:
        return "–"
    if column.kind is Kind.MONEY:
        return formatting.money(Decimal(str(value)))
    if column.kind is Kind.MINUTES:
        return formatting.minutes(int(cast(int, value)))
    if column.kind is Kind.PERCENT:
        return f"{float(cast(float, value)) * 100:.1f}\xa0%"
    if column.kind in (Kind.INTEGER, Kind.DECIMAL):
        return formatting.number(cast(Decimal, value))
    if isinstance(value, datetime):
        return formatting.minute(value)
    return formatting.day(value) if isinstance(value, date) else str(value)
