"""Excel workbooks (.xlsx), read row by row and never trusted: what they unpack to is limited.

Cells become text that means one thing: dates as in ISO 8601, numbers with a decimal point, yes and no.
Formulas give the value that the spreadsheet calculated last. Hidden sheets, rows and columns are what the
author does not see: hidden sheets are passed over, hidden rows are data like any other.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
from lxml import etree
from openpyxl.utils import range_boundaries

from app.domain.imports.numbers import NumberText
from app.domain.imports.problems import Problems
from app.errors import BusinessError

MAX_UNPACKED = 200 * 1024 * 1024  # bytes of all that is in the file
MAX_RATIO = 200  # how many times smaller than its content a large part may be
MAX_COLUMNS = 200
_HEADINGS_WITHIN = 10  # rows among which the headings are looked for
_SMALL = 5 * 1024 * 1024
_ERROR = re.compile(r"#(REF!|DIV/0!|VALUE!|NAME\?|N/A|NUM!|NULL!|SPILL!)")

Records = Iterator[tuple[int, list[str]]]


def records(
    data: bytes,
    is_known: Callable[[str], bool],
    problems: Problems,
    notes: list[str],
    most: int,
) -> Records:
    """The rows of the first visible sheet that are not blank, from the headings on, each with its line.

    The headings are the first of the first rows that ``is_known`` knows most of. What cannot be read is
    added to ``problems``; after ``most`` rows it ends.

    :raises BusinessError: IMPORT_TOO_LARGE: what it unpacks to is too large
    """
    _check_size(data, problems)
    if problems.total:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that nobody here needs
            yield from _read(data, is_known, problems, notes, most)
    except BusinessError:
        raise
    except Exception:  # whatever a broken file makes the library say
        if not problems.total:
            problems.add(1, "", "The workbook cannot be read; open it in a spreadsheet and save it again.")


def _check_size(data: bytes, problems: Problems) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            declared = any(_declares(archive, part) for part in parts[:200] if part.filename.endswith(".xml"))
    except (zipfile.BadZipFile, ValueError, OSError):
        problems.add(1, "", "The workbook is damaged; save it again and try once more.")
        return
    if declared:
        problems.add(1, "", "The workbook has parts that no spreadsheet writes; save it again.")
        return
    whole = sum(part.file_size for part in parts)
    dense = any(
        part.file_size > _SMALL and part.file_size > MAX_RATIO * max(1, part.compress_size) for part in parts
    )
    if whole > MAX_UNPACKED or dense or len(parts) > 5000:
        message = "The workbook unpacks to more than such a list can be; split it, or save it as CSV."
        raise BusinessError("IMPORT_TOO_LARGE", message, field="file")
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        message = "This is no Excel workbook (.xlsx); save it as one, or as “CSV UTF-8”."
        problems.add(1, "", message)


def _declares(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether a part begins with a declaration of a document type, which could define entities."""
    with archive.open(part) as file:
        return b"<!DOCTYPE" in file.read(2048)


def _read(
    data: bytes, is_known: Callable[[str], bool], problems: Problems, notes: list[str], most: int
) -> Records:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        problems.add(1, "", "The workbook has no visible sheet with a table; show the one to import.")
        return
    sheet = sheets[0]
    if len(book.worksheets) > 1:
        notes.append(f"Of the {len(book.worksheets)} sheets, “{sheet.title}” was read.")
    _refuse_merged(data, sheet, problems)
    values = _values(data, sheet.title) if _has_formulas(sheet, most) else None
    if values is not None:
        notes.append("The file has formulas; what the spreadsheet calculated last was taken.")
    waiting: list[tuple[int, list[str]]] = []
    begun = False
    given = 0
    sheet.reset_dimensions()
    for line, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS), 1):
        calculated = next(values, ()) if values is not None else ()
        texts = _texts(line, cells, calculated, problems)
        if not any(text.strip() for text in texts):
            continue
        if begun:
            yield line, texts
            given += 1
            if given > most:
                return
            continue
        waiting.append((line, texts))
        if len(waiting) == _HEADINGS_WITHIN:
            yield from _from_headings(waiting, is_known)
            begun = True
    if not begun:
        yield from _from_headings(waiting, is_known)


def _from_headings(rows: list[tuple[int, list[str]]], is_known: Callable[[str], bool]) -> Records:
    """The rows from the one on that has most headings; titles above a table are passed over."""
    counts = [sum(1 for text in texts if text.strip() and is_known(text)) for _, texts in rows]
    if rows:
        yield from rows[counts.index(max(counts)) :]


def _has_formulas(sheet: Any, most: int) -> bool:
    sheet.reset_dimensions()
    return any(
        cell.data_type == "f"
        for number, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS))
        if number <= most + _HEADINGS_WITHIN
        for cell in cells
    )


def _values(data: bytes, title: str) -> Iterator[tuple[Any, ...]]:
    """The values of the cells, formulas calculated."""
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    sheet = book[title]
    sheet.reset_dimensions()
    yield from sheet.iter_rows(max_col=MAX_COLUMNS, values_only=True)


def _texts(line: int, cells: tuple[Any, ...], calculated: tuple[Any, ...], problems: Problems) -> list[str]:
    texts = []
    for place, cell in enumerate(cells):
        value = cell.value
        if cell.data_type == "f":
            value = calculated[place] if place < len(calculated) else None
            if value is None:
                message = "This formula has no calculated value; open the file in a spreadsheet and save it."
                problems.add(line, _letter(place), message, str(cell.value))
        if cell.data_type == "e" or (isinstance(value, str) and _ERROR.fullmatch(value)):
            message = "The spreadsheet shows an error here; mend the formula, or type the value."
            problems.add(line, _letter(place), message, str(value))
            value = None
        texts.append(_text(value))
    return texts


def _text(value: Any) -> str:
    """A cell's value as text that means one thing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if isinstance(value, float) and (value != value or abs(value) == float("inf")):
            return ""
        whole = int(value)
        return NumberText(whole if whole == value else f"{Decimal(repr(value)):f}")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if not isinstance(value, timedelta) else f"{value.total_seconds() / 3600:g}"


def _letter(place: int) -> str:
    return openpyxl.utils.get_column_letter(place + 1)


def _refuse_merged(data: bytes, sheet: Any, problems: Problems) -> None:
    """Merged cells below one another would leave all but the first row without their value."""
    path = str(getattr(sheet, "_worksheet_path", "")).lstrip("/")
    with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(path) as part:
        tags = ("{*}mergeCell", "{*}row")
        for _, element in etree.iterparse(part, tag=tags, resolve_entities=False, no_network=True):
            reference = element.get("ref", "")
            element.clear()
            while (before := element.getprevious()) is not None:
                element.getparent().remove(before)
            try:
                _, first, _, last = range_boundaries(reference)
            except (ValueError, TypeError):
                continue
            if last is not None and first is not None and last > first:
                message = f"The cells {reference} are merged; split them, so that each row has its own value."
                problems.add(int(first), "", message)
