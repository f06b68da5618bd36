"""Excel workbooks: one sheet with the table, one with the chart, one that says what it is.

Cells are numbers, dates and texts, never formulas or links, whatever the texts look like.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, BinaryIO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from app.domain.reports.model import Chart, ExportError, Kind, Report, Row, Totals, Value

MOST_ROWS = 1_048_570  # a sheet has six more
MOST_CHARACTERS = 32_767  # in a cell
CHART_ROWS = 20  # more bars nobody can read

_NUMBER_FORMATS = {
    Kind.TEXT: "@",
    Kind.INTEGER: "#,##0",
    Kind.MINUTES: "#,##0",
    Kind.MONEY: "#,##0.00",
    Kind.DECIMAL: "#,##0.00##",
    Kind.PERCENT: "0.0%",
    Kind.DATE: "yyyy-mm-dd",
    Kind.DATETIME: "yyyy-mm-dd hh:mm",
}
_WIDTHS = {Kind.TEXT: 26, Kind.DATE: 12, Kind.DATETIME: 17, Kind.MONEY: 14}
_NARROW = 12
_EARLIEST = date(1900, 1, 1)  # Excel's calendar begins here


def write(report: Report, stream: BinaryIO) -> None:
    """Write a report. The memory that it takes does not depend on how many rows there are.

    :raises ExportError: more rows than a sheet holds
    """
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": True,
    }
    with xlsxwriter.Workbook(stream, options) as workbook:
        workbook.set_properties({"title": report.title, "company": report.site})
        # Made at a time of the report, not of the writer.
        workbook.set_properties({"created": report.generated_at.replace(tzinfo=None)})
        first_rows = _Sheet(workbook, report).write()
        if report.chart is not None and first_rows:
            _draw(workbook, report, report.chart, first_rows)
        _explain(workbook, report)


class _Sheet:
    """The sheet with the table."""

    def __init__(self, workbook: Workbook, report: Report) -> None:
        self._report = report
        self._sheet: Worksheet = workbook.add_worksheet(_sheet_name(report.title))
        self._heading = workbook.add_format(
            {"bold": True, "bg_color": "#E8ECF1", "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self._formats = [
            workbook.add_format({"num_format": _NUMBER_FORMATS[column.kind]}) for column in report.columns
        ]
        self._total_formats = [
            workbook.add_format({"num_format": _NUMBER_FORMATS[column.kind], "bold": True, "top": 1})
            for column in report.columns
        ]

    def write(self) -> list[Row]:
        """Write everything and answer the first rows."""
        report, sheet = self._report, self._sheet
        for place, column in enumerate(report.columns):
            sheet.set_column(place, place, _WIDTHS.get(column.kind, _NARROW))
            sheet.write_string(0, place, column.heading, self._heading)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&R&P / &N")
        totals = Totals(report)
        first: list[Row] = []
        for row in report.rows:
            totals.add(row)
            if totals.rows <= CHART_ROWS:
                first.append(row)
            if totals.rows > MOST_ROWS:
                message = f"A sheet holds {MOST_ROWS:,} rows; choose a shorter period, or CSV."
                raise ExportError(message)
            self._row(totals.rows, row, self._formats)
        if totals.rows:
            sheet.autofilter(0, 0, totals.rows, len(report.columns) - 1)
        if total := totals.row():
            self._row(totals.rows + 1, ("Total", *total[1:]), self._total_formats)
        return first

    def _row(self, number: int, row: Row, formats: list[Format]) -> None:
        for place, value in enumerate(row):
            self._cell(number, place, value, formats[place])

    def _cell(self, row: int, place: int, value: Value, form: Format) -> None:
        if value is None:
            self._sheet.write_blank(row, place, None, form)
        elif isinstance(value, str):
            self._sheet.write_string(row, place, value[:MOST_CHARACTERS], form)
        elif isinstance(value, date):
            if isinstance(value, datetime):
                value = value.astimezone(self._report.zone).replace(tzinfo=None)
            if (value.date() if isinstance(value, datetime) else value) < _EARLIEST:
                self._sheet.write_string(row, place, value.isoformat(), form)
            else:
                self._sheet.write_datetime(row, place, value, form)
        else:
            self._sheet.write_number(row, place, value, form)


def _draw(workbook: Workbook, report: Report, chart: Chart, rows: list[Row]) -> None:
    """A sheet with a chart of the first rows.

    The chart is told its texts and numbers: in constant memory it cannot look them up, and would take
    the texts for numbers.
    """
    sheet = workbook.add_worksheet("Chart")
    last = len(rows)
    table = _sheet_name(report.title)
    value = report.place(chart.value)

    def cells(key: str) -> list[Any]:
        return [table, 1, report.place(key), last, report.place(key)]

    def data(key: str) -> list[Any]:
        return [row[report.place(key)] for row in rows]

    drawing: Any = workbook.add_chart({"type": chart.kind})
    drawing.add_series(
        {
            "name": report.columns[value].heading,
            "categories": cells(chart.label),
            "categories_data": data(chart.label),
            "values": cells(chart.value),
            "values_data": data(chart.value),
            "fill": {"color": "#2F6B9A"},
            "gap": 60,
        }
    )
    if chart.line is not None:
        line: Any = workbook.add_chart({"type": "line"})
        line.add_series(
            {
                "name": report.columns[report.place(chart.line)].heading,
                "categories": cells(chart.label),
                "categories_data": data(chart.label),
                "values": cells(chart.line),
                "values_data": data(chart.line),
                "y2_axis": True,
                "line": {"color": "#B4531F", "width": 2},
                "marker": {"type": "circle", "size": 5},
            }
        )
        line.set_y2_axis({"min": 0, "max": 1, "num_format": "0%"})
        drawing.combine(line)
    drawing.set_title({"name": f"{report.title}, {report.subtitle[0]}" if report.subtitle else report.title})
    if chart.kind == "bar":
        drawing.set_y_axis({"reverse": True})  # the first row at the top
    drawing.set_legend({"none": chart.line is None} if chart.line is None else {"position": "bottom"})
    drawing.set_size({"width": 960, "height": 120 + 26 * last if chart.kind == "bar" else 520})
    sheet.insert_chart("A1", drawing)


def _explain(workbook: Workbook, report: Report) -> None:
    """A sheet that says what the figures are of, so that the table has nothing above its headings."""
    sheet = workbook.add_worksheet("About")
    bold = workbook.add_format({"bold": True})
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    made = f"{report.generated_at.astimezone(report.zone):%Y-%m-%d %H:%M} ({report.zone.key})"
    lines = [
        ("Report", report.title),
        ("Site", report.site),
        *(("Period" if number == 0 else "Only", line) for number, line in enumerate(report.subtitle)),
        ("Made", made),
        ("Currency", report.currency),
        *(("Note", note) for note in report.notes),
    ]
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 1, 100)
    for number, (label, text) in enumerate(lines):
        sheet.write_string(number, 0, label, bold)
        sheet.write_string(number, 1, text[:MOST_CHARACTERS], wrapped)


def _sheet_name(title: str) -> str:
    """The title as far as the name of a sheet may be it."""
    return "".join(character for character in title if character not in "[]:*?/\\'")[:31] or "Report"
