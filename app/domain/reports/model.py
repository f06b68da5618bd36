"""What a report is: a title, columns, rows and totals. Knows nothing of where the numbers come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.errors import MillwrightError

Value = str | int | float | Decimal | date | datetime | None
Row = tuple[Value, ...]


class ExportError(MillwrightError):
    """A report cannot be written as it was asked for; the message says what to do."""


class Kind(StrEnum):
    """What the cells of a column are. A percent is a part of 1; minutes are whole."""

    TEXT = "text"
    INTEGER = "integer"
    MONEY = "money"
    DECIMAL = "decimal"
    PERCENT = "percent"
    DATE = "date"
    DATETIME = "datetime"
    MINUTES = "minutes"

    @property
    def is_number(self) -> bool:
        return self not in (Kind.TEXT, Kind.DATE, Kind.DATETIME)


@dataclass(frozen=True)
class Column:
    """A column. ``total`` says that its cells add up."""

    key: str
    heading: str
    kind: Kind = Kind.TEXT
    total: bool = False


@dataclass(frozen=True)
class Chart:
    """How the rows could be drawn: one column's texts against the numbers of another.

    ``line`` is a column of percents that is drawn over them, as in a Pareto chart.
    """

    kind: str
    label: str
    value: str
    line: str | None = None


@dataclass(frozen=True)
class Report:
    """A table with its heading.

    ``rows`` may be read once only, as they come from the database. ``totals`` are the totals that are
    not sums of the rows, by column; ``notes`` say what the figures mean. Times are shown in ``zone``.
    """

    name: str
    title: str
    subtitle: tuple[str, ...]
    site: str
    zone: ZoneInfo
    currency: str
    generated_at: datetime
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    totals: Mapping[str, Value] = field(default_factory=dict)
    chart: Chart | None = None
    notes: tuple[str, ...] = ()

    def place(self, key: str) -> int:
        """The position of a column."""
        return next(place for place, column in enumerate(self.columns) if column.key == key)


class Totals:
    """Adds up the rows of a report while somebody reads them."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._places = [place for place, column in enumerate(report.columns) if column.total]
        self._sums: dict[int, int | float | Decimal] = dict.fromkeys(self._places, 0)
        self.rows = 0

    def add(self, row: Row) -> None:
        """Count a row."""
        self.rows += 1
        for place in self._places:
            value = row[place]
            if isinstance(value, int | float | Decimal):
                self._sums[place] += value  # type: ignore[operator]

    def row(self) -> Row | None:
        """The totals of the rows so far, None in columns without; None in all where there are none."""
        known = self._report.totals
        cells: list[Value] = [
            known[column.key] if column.key in known else self._sums.get(place)
            for place, column in enumerate(self._report.columns)
        ]
        return tuple(cells) if self._places or known else None
