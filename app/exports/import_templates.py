"""Templates of imports: the headings, an example, and what each column is for."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Protocol

import xlsxwriter


class Described(Protocol):
    """A column, as :class:`app.domain.imports.columns.Column` is one."""

    @property
    def name(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def example(self) -> str: ...
    @property
    def also(self) -> tuple[str, ...]: ...
    @property
    def needed(self) -> str: ...
    @property
    def kind(self) -> str: ...


def as_csv(columns: Sequence[Described]) -> bytes:
    """The headings and an example, in UTF-8 with a byte order mark, by which Excel knows the encoding."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in columns])
    writer.writerow([column.example for column in columns])
    return codecs.BOM_UTF8 + buffer.getvalue().encode()


def as_xlsx(title: str, columns: Sequence[Described]) -> bytes:
    """A sheet with the headings and an example, and one that explains the columns."""
    stream = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(stream, {**options, "in_memory": True}) as workbook:
        bold = workbook.add_format({"bold": True, "bg_color": "#E8ECF1", "bottom": 1})
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        text = workbook.add_format({"num_format": "@"})
        wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
        sheet = workbook.add_worksheet(title[:31])
        for place, column in enumerate(columns):
            form = {"date": day, "text": text}.get(column.kind)
            sheet.set_column(place, place, max(14, min(40, len(column.example) + 2)), form)
            sheet.write_string(0, place, column.name, bold)
            if not column.example:
                continue
            if column.kind == "date":
                sheet.write_datetime(1, place, date.fromisoformat(column.example), day)
            elif column.kind == "number":
                sheet.write_number(1, place, float(column.example))
            else:
                sheet.write_string(1, place, column.example, text)
        sheet.freeze_panes(1, 0)
        about = workbook.add_worksheet("Columns")
        about.set_column(0, 0, 20)
        about.set_column(1, 1, 14)
        about.set_column(2, 2, 80)
        about.set_column(3, 3, 50)
        for place, heading in enumerate(
            ("Column", "Needed", "What it is for", "Headings that mean the same")
        ):
            about.write_string(0, place, heading, bold)
        for line, column in enumerate(columns, 1):
            cells = (column.name, column.needed, column.about, ", ".join(column.also))
            for place, cell in enumerate(cells):
                about.write_string(line, place, cell, wrapped)
        about.freeze_panes(1, 0)
    return stream.getvalue()
