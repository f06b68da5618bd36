"""CSV as RFC 4180 has it, in UTF-8 with a byte order mark, by which Excel knows the encoding."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO
from zoneinfo import ZoneInfo

from app.domain.reports.model import Report, Totals, Value

ROWS_A_CHUNK = 500

# A spreadsheet takes a text that begins so for a formula, and a formula can send data elsewhere.
_BEGIN_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(report: Report, stream: BinaryIO) -> None:
    """Write a report: its headings, its rows and its totals, and nothing above or below them."""
    for chunk in chunks(report):
        stream.write(chunk)


def chunks(report: Report) -> Iterator[bytes]:
    """The same, bit by bit."""
    totals = Totals(report)

    def lines() -> Iterator[Sequence[Value]]:
        yield [column.heading for column in report.columns]
        for row in report.rows:
            totals.add(row)
            yield row
        if total := totals.row():
            yield ["Total", *total[1:]]

    return encoded(lines(), report.zone)


def encoded(lines: Iterable[Sequence[Value]], zone: ZoneInfo) -> Iterator[bytes]:
    """Lines of cells as CSV, some hundred at a time. Times are written in ``zone``, with their offset."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    chunk = codecs.BOM_UTF8
    for number, line in enumerate(lines, 1):
        writer.writerow([cell(value, zone) for value in line])
        if number % ROWS_A_CHUNK == 0:
            yield chunk + buffer.getvalue().encode()
            chunk = b""
            buffer.seek(0)
            buffer.truncate()
    yield chunk + buffer.getvalue().encode()


def cell(value: Value, zone: ZoneInfo) -> str:
    """A value as CSV has it: numbers with a point, dates and times as in ISO 8601, texts never formulas."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_BEGIN_FORMULA) else value
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
