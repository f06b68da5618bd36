"""What pages of figures are made of: numbers with what they were before, charts, and tables with links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from app.domain.analytics.definitions import BY_KEY
from app.web import formatting
from app.web.charts import Chart

Number = int | float | Decimal


@dataclass(frozen=True)
class Figure:
    """A number: its definition's key, how it is told, and the change since the period before."""

    key: str
    text: str
    before: str = ""
    change: str = ""
    tone: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or BY_KEY[self.key].name


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, perhaps where it leads, and the share that its bar shows, 0 to 1."""

    text: str
    link: str = ""
    bar: float | None = None


@dataclass(frozen=True)
class Table:
    """A table with its headings; the columns named in ``numbers`` stand to the right."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: Sequence[int] = ()
    empty: str = "Nothing of this kind in the period."
    more: int = 0


@dataclass(frozen=True)
class View:
    """A page of figures."""

    figures: Sequence[Figure] = ()
    charts: Sequence[Chart | None] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = field(default=())
    is_empty: bool = False


def figure(
    key: str,
    value: Number | None,
    before: Number | None = None,
    *,
    unit: str = "number",
    good: str = "",
    label: str = "",
) -> Figure:
    """A number beside that of the period before. ``good`` says whether "less" or "more" of it is better."""
    text = told(value, unit)
    if before is None or value is None:
        return Figure(key, text, label=label)
    difference = float(value) - float(before)
    if abs(difference) < 1e-9:
        change, tone = "as before", ""
    elif unit == "share":
        change = f"{'up' if difference > 0 else 'down'} {abs(difference) * 100:.1f} points"
        tone = _tone(difference, good)
    elif before:
        change = f"{'up' if difference > 0 else 'down'} {formatting.percent(abs(difference) / float(before))}"
        tone = _tone(difference, good)
    else:
        return Figure(key, text, "", "none in the period before", "", label)
    return Figure(key, text, told(before, unit), change, tone, label)


def _tone(difference: float, good: str) -> str:
    if not good:
        return ""
    return "good" if (difference > 0) == (good == "more") else "bad"


def told(value: Number | None, unit: str) -> str:
    """A value in words: ``unit`` is number, minutes, money or share."""
    if value is None:
        return "–"
    if unit == "minutes":
        return formatting.minutes(int(value))
    if unit == "money":
        return formatting.money(Decimal(value))
    if unit == "share":
        return f"{float(value) * 100:.1f}\xa0%"
    return formatting.number(value if isinstance(value, Decimal) else int(value))
