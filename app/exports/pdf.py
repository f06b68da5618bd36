"""PDF: pages in landscape, the headings repeated on each, numbers to the right, text that can be searched."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, cast

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from app.domain.reports.model import Column, ExportError, Kind, Report, Row, Totals, Value
from app.errors import Unavailable

FONTS = Path(__file__).parent / "fonts"
FONT = "DejaVu"
MOST_ROWS = 10_000

_SIZE, _SMALL, _TITLE = 8.0, 7.0, 15.0  # points
_LINE = 4.2  # millimetres
_PADDING = 1.2
_MARGIN = 12
# How much of the width a column takes, relative to the others.
_WEIGHTS = {Kind.TEXT: 26.0, Kind.DATE: 13.0, Kind.DATETIME: 19.0, Kind.MONEY: 16.0}
_NARROW = 13.0
_MOST_LINES = 6  # of a cell


class FontsNotBuilt(Unavailable):
    """The fonts are missing; the message tells whoever runs the installation how to make them."""


def write(report: Report, stream: BinaryIO) -> None:
    """Write a report.

    :raises ExportError: it has too many rows to be read on paper
    :raises FontsNotBuilt: the installation lacks the fonts
    """
    paper = _Paper(report)
    paper.add_page()
    paper.head()
    totals = Totals(report)
    for row in report.rows:
        totals.add(row)
        if totals.rows > MOST_ROWS:
            message = f"A PDF holds {MOST_ROWS:,} rows; choose a shorter period, Excel or CSV."
            raise ExportError(message)
        paper.table_row(row)
    if not totals.rows:
        paper.nothing()
    elif total := totals.row():
        paper.table_row(("Total", *total[1:]), bold=True)
    paper.notes()
    paper.output(stream)


def add_fonts(paper: FPDF) -> None:
    """Let a document use the font that has the letters of all of Europe, plain and bold.

    :raises FontsNotBuilt: the installation lacks it
    """
    for style, name in (("", "DejaVuSansCondensed.ttf"), ("B", "DejaVuSansCondensed-Bold.ttf")):
        if not (FONTS / name).exists():
            raise FontsNotBuilt(
                "PDF files cannot be made here: their fonts are missing. Whoever runs this installation "
                "makes them with “make assets”."
            )
        paper.add_font(FONT, style, FONTS / name)


class _Paper(FPDF):
    """The pages of one report."""

    def __init__(self, report: Report) -> None:
        super().__init__(orientation="landscape", unit="mm", format="A4")
        self._report = report
        add_fonts(self)
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(False)
        self.alias_nb_pages("{nb}")
        self.set_title(printable(report.title))
        self.set_author(printable(report.site))
        self.set_creation_date(report.generated_at)
        self.set_draw_color(150)
        weights = [_WEIGHTS.get(column.kind, _NARROW) for column in report.columns]
        self._widths = [self.epw * weight / sum(weights) for weight in weights]

    def header(self) -> None:
        """On every page but the first, which has a head of its own: title and period."""
        if self.page_no() == 1:
            return
        self.set_font(FONT, "", _SMALL)
        self.set_text_color(90)
        text = " · ".join((self._report.title, *self._report.subtitle))
        self.cell(0, 4, self._wrapped(printable(text), self.epw)[0], new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(0)
        self.ln(2)

    @property
    def _bottom(self) -> float:
        return float(self.h) - _MARGIN - 6

    def footer(self) -> None:
        """The site to the left and the page to the right: “3 of 7”."""
        self.set_y(-_MARGIN - 2)
        self.set_font(FONT, "", _SMALL)
        self.set_text_color(90)
        made = f"{self._report.generated_at.astimezone(self._report.zone):%Y-%m-%d %H:%M}"
        self.cell(self.epw / 2, 4, printable(f"{self._report.site} · {made}"))
        self.cell(self.epw / 2, 4, f"{self.page_no()} of {{nb}}", align="R")
        self.set_text_color(0)

    def head(self) -> None:
        """Title, site, period and filters, then the headings."""
        self.set_font(FONT, "B", _TITLE)
        self.multi_cell(0, 8, printable(self._report.title), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_font(FONT, "", _SIZE + 1)
        for text in (self._report.site, *self._report.subtitle):
            self.multi_cell(0, 5, printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        if any(column.kind == Kind.MONEY for column in self._report.columns):
            text = f"Amounts in {self._report.currency}"
            self.multi_cell(0, 5, printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(3)
        self._headings()

    def _headings(self) -> None:
        self.set_fill_color(232, 236, 241)
        self._cells([column.heading for column in self._report.columns], bold=True, filled=True)

    def table_row(self, row: Row, *, bold: bool = False) -> None:
        """A row of the table, on a page where it has room."""
        texts = [
            shown(value, column, self._report)
            for value, column in zip(row, self._report.columns, strict=True)
        ]
        self._cells(texts, bold=bold)

    def nothing(self) -> None:
        """Say that there are no rows."""
        self.set_font(FONT, "", _SIZE)
        self.cell(0, 8, "There is nothing to show for this period.", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def notes(self) -> None:
        """What the figures mean, below the table."""
        self.ln(3)
        self.set_font(FONT, "", _SMALL)
        for note in self._report.notes:
            lines = self._lines(printable(note), self.epw)
            if self.y + 3.6 * len(lines) > self._bottom:
                self.add_page()
                self.set_font(FONT, "", _SMALL)
            self.multi_cell(0, 3.6, printable(note), new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _cells(self, texts: list[str], *, bold: bool = False, filled: bool = False) -> None:
        """One row of cells, as high as the longest text in it."""
        self.set_font(FONT, "B" if bold else "", _SIZE)
        wrapped = [
            self._wrapped(text, width - 2 * _PADDING) for text, width in zip(texts, self._widths, strict=True)
        ]
        height = _LINE * max(len(lines) for lines in wrapped) + _PADDING
        if self.y + height > self._bottom:
            self.add_page()
            if not filled:
                self._headings()
            self.set_font(FONT, "B" if bold else "", _SIZE)
        top, left = self.y, self.l_margin
        if filled:
            self.rect(left, top, self.epw, height, style="F")
        for lines, width, column in zip(wrapped, self._widths, self._report.columns, strict=True):
            for number, text in enumerate(lines):
                self.set_xy(left + _PADDING, top + _PADDING / 2 + number * _LINE)
                self.cell(width - 2 * _PADDING, _LINE, text, align="R" if column.kind.is_number else "L")
            left += width
        self.line(self.l_margin, top + height, self.l_margin + self.epw, top + height)
        self.set_xy(self.l_margin, top + height)

    def _wrapped(self, text: str, width: float) -> list[str]:
        """A text in lines that fit; the end of a very long one is left out."""
        if self.get_string_width(text) <= width:
            return [text]
        self.c_margin, margin = 0, self.c_margin
        lines = self._lines(text, width)
        self.c_margin = margin
        if len(lines) > _MOST_LINES:
            return [*lines[: _MOST_LINES - 1], "…"]
        return lines

    def _lines(self, text: str, width: float) -> list[str]:
        return cast("list[str]", self.multi_cell(width, _LINE, text, dry_run=True, output="LINES"))


def shown(value: Value, column: Column, report: Report) -> str:
    """A value as it is printed."""
    if value is None:
        return ""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(report.zone):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if column.kind == Kind.PERCENT:
        return f"{value:.1%}"
    if column.kind == Kind.MONEY:
        return f"{value:,.2f}"
    return f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"


def printable(text: str) -> str:
    """A text without control characters, and in composed letters, which the font has."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(character if unicodedata.category(character)[0] != "C" else " " for character in composed)
