"""Reports: figures as tables, to be read as JSON or taken away as files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from app.access import permissions
from app.access.reports import NEEDS
from app.api.core import calls
from app.api.core.endpoints import Download, Resource
from app.api.core.schemas import Id, In, Instant, Out, left_out
from app.api.periods import MachinePeriod, PartGroup, PartsPeriod, Period, WholePeriod, scope_of
from app.domain.queries.paging import MAX_PAGE_SIZE
from app.domain.reports import catalogue
from app.domain.reports.catalogue import ReportName
from app.domain.reports.model import Column, Kind, Report, Row, Totals, Value
from app.exports import formats
from app.exports.formats import FileFormat

resource = Resource(
    "Reports",
    "Six reports of a period (the last 30 days unless told otherwise), page by page or as a file.",
)

PageNumber = Annotated[int, Field(ge=1, le=1_000_000, description="The page, counted from 1.")]
PageSize = Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Rows a page.")]


class MachineReportQuery(MachinePeriod):
    """Which page of a report on machines."""

    page: PageNumber = 1
    page_size: PageSize = 25


class PartsReportQuery(PartsPeriod):
    """Which page of a report on parts."""

    page: PageNumber = 1
    page_size: PageSize = 25


class ConsumptionReportQuery(WholePeriod):
    """Which page of a report on parts that machines used."""

    page: PageNumber = 1
    page_size: PageSize = 25


class ReportColumnOut(Out):
    """A column: `key` is what its cells are called in the rows."""

    key: str
    heading: str
    kind: Kind
    total: bool = Field(description="Whether its cells add up.")


class ReportChartOut(Out):
    """How the rows could be drawn: one column's texts against the numbers of another, by their keys."""

    kind: str
    label: str
    value: str
    line: str | None = Field(description="A column of shares to draw over them.")


Cell = str | int | float | None


class ReportOut(Out):
    """One page of a report. Amounts and decimals are texts, shares parts of 1. `total` counts all rows."""

    name: ReportName
    title: str
    subtitle: list[str]
    site: str
    time_zone: str
    currency: str
    generated_at: Instant
    columns: list[ReportColumnOut]
    rows: list[dict[str, Cell]]
    totals: dict[str, Cell] = Field(description="The totals of all pages, by column.")
    chart: ReportChartOut | None
    notes: list[str] = Field(description="What the figures mean, in sentences.")
    page: int
    page_size: int
    total: int


class ExportFilters(In):
    """What the report is narrowed to."""

    department_id: Id = left_out()
    machine_id: Id = left_out()
    part_group: PartGroup = left_out()


class ReportExport(Period):
    """Which report, and as what kind of file."""

    report: ReportName
    format: FileFormat
    filters: ExportFilters = left_out()


@resource.get("/reports/downtime", needs="reports:maintenance", answers=ReportOut)
def get_downtime_report(query: MachineReportQuery) -> ReportOut:
    """How long each machine stood still. Supervisors get their department's report."""
    return _page(ReportName.DOWNTIME, query)


@resource.get("/reports/maintenance-efficiency", needs="reports:maintenance", answers=ReportOut)
def get_maintenance_efficiency_report(query: MachineReportQuery) -> ReportOut:
    """How quickly and lastingly machines are repaired, and how reliable they are."""
    return _page(ReportName.MAINTENANCE_EFFICIENCY, query)


@resource.get("/reports/failure-analysis", needs="reports:maintenance", answers=ReportOut)
def get_failure_analysis_report(query: MachineReportQuery) -> ReportOut:
    """Which failures cost most, after Pareto."""
    return _page(ReportName.FAILURE_ANALYSIS, query)


@resource.get("/reports/inventory", needs="reports:inventory", answers=ReportOut)
def get_inventory_report(query: PartsReportQuery) -> ReportOut:
    """What lay in the store at the beginning and the end, and what moved."""
    return _page(ReportName.INVENTORY, query)


@resource.get("/reports/consumption", needs="reports:inventory", answers=ReportOut)
def get_consumption_report(query: ConsumptionReportQuery) -> ReportOut:
    """Which parts left the store, and what they cost."""
    return _page(ReportName.CONSUMPTION, query)


@resource.get("/reports/valuation", needs="reports:inventory", answers=ReportOut)
def get_valuation_report(query: PartsReportQuery) -> ReportOut:
    """What the stock was worth at the end of the period, part by part, by the site's method of costing."""
    return _page(ReportName.VALUATION, query)


@resource.get("/reports/valuation-by-location", needs="reports:inventory", answers=ReportOut)
def get_valuation_by_location_report(query: PartsReportQuery) -> ReportOut:
    """What lay at each stock location was worth at the end of the period.

    The value of a part is divided by the pieces that lie at each; the locations add up to the valuation.
    """
    return _page(ReportName.VALUATION_BY_LOCATION, query)


def _written(body: ReportExport) -> Download:
    """The file, made before the transaction begins: nobody waits for its lock meanwhile."""
    reach = permissions.require(calls.actor(), NEEDS[body.report])
    scope = scope_of(body, reach, body.filters)
    report = catalogue.build(calls.session(), body.report, scope)
    stream = io.BytesIO()
    formats.write(report, body.format, stream)
    return Download(stream.getvalue(), body.format.media_type, formats.file_name(report, body.format))


@resource.post(
    "/reports/export",
    needs="reports:export",
    answers=Download,
    media=[form.media_type for form in FileFormat],
    prepares=_written,
)
def export_report(body: ReportExport, prepared: Download) -> Download:
    """Take a report away as a file: Excel, PDF or CSV.

    Cells are numbers, dates and texts, never formulas. Who may read a report may export it. Filters that a
    report cannot be narrowed to are refused.
    """
    return prepared


def _page(name: ReportName, query: Any) -> ReportOut:
    """One page of a report, with the totals of all."""
    report = catalogue.build(calls.session(), name, scope_of(query, calls.scope()))
    totals = Totals(report)
    first = (query.page - 1) * query.page_size
    rows = []
    for number, row in enumerate(report.rows):
        totals.add(row)
        if first <= number < first + query.page_size:
            rows.append(dict(_cells(report, row)))
    total = totals.row()
    return ReportOut(
        name=name,
        title=report.title,
        subtitle=list(report.subtitle),
        site=report.site,
        time_zone=report.zone.key,
        currency=report.currency,
        generated_at=report.generated_at,
        columns=[ReportColumnOut.model_validate(column) for column in report.columns],
        rows=rows,
        totals={}
        if total is None
        else {key: cell for key, cell in _cells(report, total) if cell is not None},
        chart=None if report.chart is None else ReportChartOut.model_validate(report.chart),
        notes=list(report.notes),
        page=query.page,
        page_size=query.page_size,
        total=totals.rows,
    )


def _cells(report: Report, row: Row) -> Iterator[tuple[str, Cell]]:
    for column, value in zip(report.columns, row, strict=True):
        yield column.key, _cell(column, value)


def _cell(column: Column, value: Value) -> Cell:
    """A value as JSON has it."""
    if isinstance(value, Decimal):
        return f"{value:.2f}" if column.kind == Kind.MONEY else f"{value:f}"
    if column.kind == Kind.MONEY and value is not None:
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date | datetime) else value
