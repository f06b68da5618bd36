"""Rows of a parts file as values of spare parts, each cell checked by itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import part_catalogue
from app.domain.imports import numbers
from app.domain.imports.columns import CellKind, Column, Needed
from app.domain.imports.problems import Problems
from app.domain.imports.sheets import Row, Sheet
from app.domain.parts import StockLocation
from app.errors import BusinessError

COLUMNS = (
    Column(
        "partNumber",
        "By what the part is known.",
        "BR-6205",
        ("part no", "part nr", "number", "article number", "item number", "sku"),
        Needed.ALWAYS,
    ),
    Column("partName", "What people call the part.", "Deep groove ball bearing", ("name",), Needed.FOR_NEW),
    Column("description", "What belongs to it, in a sentence or two.", "25 x 52 x 15 mm, sealed"),
    Column("groupNumber", "The number of the group it belongs to.", "100", ("group no", "group")),
    Column("groupName", "What that group is called.", "Bearings"),
    Column(
        "quantity",
        "Opening stock of a new part. Of a known one it is what is in stock: movements change that.",
        "12",
        ("qty", "stock", "in stock", "on hand", "opening stock"),
        kind=CellKind.NUMBER,
    ),
    Column(
        "minQuantity",
        "How many there should be at least; with fewer it is reordered.",
        "4",
        ("min", "minimum", "min qty", "minimum quantity", "minimum stock", "reorder point"),
        kind=CellKind.NUMBER,
    ),
    Column("unitPrice", "What one costs, in the site's currency.", "6.80", ("price",), kind=CellKind.NUMBER),
    Column("location", "Where to look, in words.", "Rack A-03", ("bin", "rack", "place")),
    Column(
        "defaultLocation",
        "The name of its usual stock location. It can be left out where there is only one.",
        "Main store",
        ("stock location", "usual location", "store", "store room", "warehouse"),
    ),
)
ATTRIBUTES: Mapping[str, str] = {
    "partName": "part_name",
    "description": "description",
    "groupNumber": "group_number",
    "groupName": "group_name",
    "minQuantity": "min_quantity",
    "unitPrice": "unit_price",
    "location": "location",
}
_NUMBERS = {"minQuantity": numbers.read_whole, "unitPrice": numbers.read}


@dataclass(frozen=True, slots=True)
class PartRow:
    """What one line says about a part: values by column of the API, without those it leaves open."""

    line: int
    part_number: str
    values: Mapping[str, Any]
    quantity: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A stock location."""

    id: int
    name: str
    active: bool


def key(text: str) -> str:
    """A part number or name without what databases may not tell apart: case, accents, spaces at its end."""
    decomposed = unicodedata.normalize("NFKD", text.strip())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()


def places(session: Session) -> list[Place]:
    """All stock locations."""
    columns = sa.select(StockLocation.id, StockLocation.name, StockLocation.active)
    return [Place(*row) for row in session.execute(columns)]


def read(sheet: Sheet, places: Iterable[Place], problems: Problems) -> list[PartRow]:
    """The rows of a file that make sense by themselves; the others are added to ``problems``."""
    by_name = {key(place.name): place for place in places}
    lines: dict[str, int] = {}
    rows = []
    for row in sheet.rows:
        read_row = _read_row(row, sheet.headers, by_name, problems)
        if read_row is None:
            continue
        first = lines.setdefault(key(read_row.part_number), row.line)
        if first != row.line:
            message = (
                f"{read_row.part_number} is in line {first} already; a part has one line, so remove one."
            )
            problems.add(row.line, sheet.headers["partNumber"], message, read_row.part_number)
            continue
        rows.append(read_row)
    return rows


def _read_row(
    row: Row, headers: Mapping[str, str], places: Mapping[str, Place], problems: Problems
) -> PartRow | None:
    """A row whose cells all make sense, or None."""
    before = problems.total
    values: dict[str, Any] = {}
    number, quantity = "", None
    if "partNumber" not in row.cells:
        problems.add(row.line, headers["partNumber"], "Give a part number.")
    for column, cell in row.cells.items():
        try:
            if column == "partNumber":
                number = part_catalogue.checked_part_number(cell)
            elif column == "quantity":
                quantity = part_catalogue.checked_quantity(numbers.read_whole(cell))
            elif column == "defaultLocation":
                values[column] = _place(cell, places)
            else:
                value = _NUMBERS[column](cell) if column in _NUMBERS else cell
                values[column] = part_catalogue.CHECKS[ATTRIBUTES[column]](value)
        except (ValueError, BusinessError) as error:
            problems.add(row.line, headers[column], str(error), cell)
    return PartRow(row.line, number, values, quantity) if problems.total == before else None


def _place(cell: str, places: Mapping[str, Place]) -> Place:
    place = places.get(key(cell))
    if place is None:
        listed = ", ".join(sorted(place.name for place in places.values() if place.active)[:10])
        offered = f"use one of {listed}" if listed else "add it first"
        raise ValueError(f"There is no stock location {cell.strip()[:60]!r}; {offered}.")
    return place
