"""In which formats an event log can be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.domain.reports.model import Value
from app.exports import csv, xes
from app.exports.xes import Case

CSV_COLUMNS = ("case_id", "activity", "timestamp", "lifecycle", "resource", "role", "version", "outcome")


class LogFormat(StrEnum):
    """A kind of file."""

    XES = "xes"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        return "application/xml" if self is LogFormat.XES else "text/csv"


def chunks(form: LogFormat, name: str, cases: Iterable[Case], zone: ZoneInfo) -> Iterator[bytes]:
    """The log of the process ``name`` bit by bit, while its cases are read. CSV has times in ``zone``."""
    return xes.chunks(name, cases) if form is LogFormat.XES else csv.encoded(_lines(cases), zone)


def file_name(key: str, since: date, until: date, form: LogFormat) -> str:
    """``parts_approval-2026-03-01-2026-03-30.xes``."""
    return f"{key}-{since}-{until}.{form}"


def _lines(cases: Iterable[Case]) -> Iterator[tuple[Value, ...]]:
    yield CSV_COLUMNS
    for case in cases:
        for event in case.events:
            yield (
                case.key, event.activity, event.at, event.transition, event.resource, event.role,
                case.version, event.attributes.get("outcome", ""),
            )  # fmt: skip
