"""In which formats a report can be written, and what such a file is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from app.domain.reports.model import Report
from app.exports import csv, pdf, xlsx


class FileFormat(StrEnum):
    """A kind of file."""

    XLSX = "xlsx"
    PDF = "pdf"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        return _WRITERS[self].media_type


@dataclass(frozen=True)
class _Writer:
    media_type: str
    write: Callable[[Report, BinaryIO], None]
    most_rows: int | None = None


_WRITERS = {
    FileFormat.XLSX: _Writer(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx.write, xlsx.MOST_ROWS
    ),
    FileFormat.PDF: _Writer("application/pdf", pdf.write, pdf.MOST_ROWS),
    FileFormat.CSV: _Writer("text/csv", csv.write),
}


def write(report: Report, form: str, stream: BinaryIO) -> None:
    """Write a report to a binary stream, reading its rows once.

    :raises ExportError: it has more rows than the format can hold
    """
    _WRITERS[FileFormat(form)].write(report, stream)


def too_long(form: str, rows: int) -> int | None:
    """The most rows that such a file holds, where it would have more; else None."""
    most = _WRITERS[FileFormat(form)].most_rows
    return most if most is not None and rows > most else None


def file_name(report: Report, form: str) -> str:
    """``downtime-2026-03-02.xlsx``: the report's name and the day on which it was made."""
    day = report.generated_at.astimezone(report.zone).date()
    return f"{re.sub(r'[^a-z0-9-]+', '-', report.name)}-{day:%Y-%m-%d}.{FileFormat(form)}"
