"""A CSV file as rows of named cells, whoever wrote it: which encoding, which separator, which headers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.domain.imports.problems import Problems
from app.errors import BusinessError

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 50_000
SEPARATORS = (",", ";", "\t")

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_SAVE_AS = "Save it as “CSV UTF-8” and try again."


@dataclass(frozen=True, slots=True)
class Row:
    """A line with its cells that are not empty, by column, exactly as they were typed."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Sheet:
    """The rows of a file; ``headers`` has the header that the file uses for each of its columns."""

    headers: Mapping[str, str]
    rows: list[Row]


def read(data: bytes, columns: Mapping[str, tuple[str, ...]], problems: Problems) -> Sheet:
    """Read a file. ``columns`` has the names that a header may have, for each column that is known.

    A header is recognised in any case, with or without spaces and signs between its words. What cannot
    be read is added to ``problems``.

    :raises BusinessError: IMPORT_TOO_LARGE
    """
    if len(data) > MAX_BYTES:
        message = f"The file is larger than {MAX_BYTES // 1024 // 1024} MB; split it."
        raise BusinessError("IMPORT_TOO_LARGE", message, field="file")
    text = _decode(data, problems)
    if text is None:
        return Sheet({}, [])
    known = {_plain(name): column for column, names in columns.items() for name in (column, *names)}
    separator, skipped = _separator(text, known)
    records = _records(text, separator, skipped, problems)
    first = next(records, None)
    if first is None:
        if not problems.total:
            problems.add(1, "", "The file is empty; its first line has to name the columns.")
        return Sheet({}, [])
    line, titles = first
    found = _columns(line, titles, known, columns, problems)
    rows = _rows(records, found, titles, separator, problems)
    if not rows and not problems.total:
        problems.add(line, "", "There is no line below the headers; add the rows to import.")
    return Sheet({column: titles[index].strip() for index, column in found.items()}, rows)


def _decode(data: bytes, problems: Problems) -> str | None:
    """The text of a file that says, or shows, how it is encoded."""
    if data.startswith(_SPREADSHEETS):
        problems.add(1, "", f"This is a spreadsheet, not a CSV file. {_SAVE_AS}")
        return None
    encoding = "utf-32" if data.startswith(_UTF32) else "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.add(line, "", f"The text is not in UTF-8. {_SAVE_AS}")
        return None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        problems.add(line, "", f"The file is not plain text in UTF-8. {_SAVE_AS}")
        return None
    return text


def _separator(text: str, known: Mapping[str, str]) -> tuple[str, int]:
    """What separates the cells, and how many lines to skip: 1 when the first one says so (``sep=;``)."""
    first = text.partition("\n")[0]
    declared = first.strip().lower()
    if declared.startswith("sep=") and declared.removeprefix("sep=") in (*SEPARATORS, ""):
        return declared.removeprefix("sep=") or "\t", 1

    def recognised(separator: str) -> tuple[int, int]:
        titles = next((titles for _, titles in _records(text, separator, 0, Problems())), [])
        return sum(_plain(title) in known for title in titles), len(titles)

    return max(SEPARATORS, key=recognised), 0


def _records(text: str, separator: str, skipped: int, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line it begins in; ends at one that cannot be read."""
    source = io.StringIO(text, newline="")
    for _ in range(skipped):
        source.readline()
    reader = csv.reader(source, delimiter=separator, strict=True, skipinitialspace=separator != "\t")
    while True:
        line = skipped + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(line, "", _explained(str(error)))
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _explained(error: str) -> str:
    """What the reader says about a record, for people."""
    if "end of data" in error or "field larger" in error:
        return "A quotation mark opens a cell here and is not closed; close or remove it."
    return "A quotation mark inside a quoted cell has to be doubled, and one outside removed."


def _columns(
    line: int,
    titles: list[str],
    known: Mapping[str, str],
    columns: Mapping[str, tuple[str, ...]],
    problems: Problems,
) -> dict[int, str]:
    """The columns by position; a title that is not known, or means the same as another, is a problem."""
    found: dict[int, str] = {}
    for index, title in enumerate(titles):
        if not title.strip():
            continue
        column = known.get(_plain(title))
        shown = title.strip()[:60]
        if column is None:
            offered = ", ".join(columns)
            problems.add(
                line, shown, f"There is no such column; remove it, or rename it to one of {offered}."
            )
        elif column in found.values():
            problems.add(line, shown, f"Another column is {column} already; remove one of them.")
        else:
            found[index] = column
    return found


def _rows(
    records: Iterator[tuple[int, list[str]]],
    found: Mapping[int, str],
    titles: list[str],
    separator: str,
    problems: Problems,
) -> list[Row]:
    rows: list[Row] = []
    named = {index for index, title in enumerate(titles) if title.strip()}
    for line, cells in records:
        if len(rows) == MAX_ROWS:
            problems.add(line, "", f"The file has more than {MAX_ROWS} rows; split it.")
            break
        stray = [cell for index, cell in enumerate(cells) if index not in named and cell.strip()]
        if stray:
            shown = stray[0].strip()[:40]
            message = f"{shown!r} stands below no header; quote texts that have a {separator!r} in them."
            problems.add(line, "", message)
            continue
        given = zip(range(len(cells)), cells, strict=True)
        rows.append(Row(line, {found[i]: cell for i, cell in given if i in found and cell.strip()}))
    return rows


def _plain(title: str) -> str:
    """A header without what people write differently."""
    return "".join(letter for letter in title.casefold() if letter.isalnum())
