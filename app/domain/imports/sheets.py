"""A table of a file as rows of named cells: a workbook, or CSV in whatever encoding and dialect."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.imports import workbooks
from app.domain.imports.problems import Problems
from app.errors import BusinessError

MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 50_000
SEPARATORS = (",", ";", "\t")
LEAVE_OUT = "-"  # what is chosen for a column of the file that is not to be read

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_WORKBOOK = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_SAVE_AS = "Save it as “CSV UTF-8” and try again."


@dataclass(frozen=True, slots=True)
class Row:
    """A line with its cells that are not empty, by column, exactly as they were typed."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Title:
    """A header of the file: its position, its text, and the column that it stands for, if it is known."""

    position: int
    text: str
    column: str | None


@dataclass(frozen=True)
class Sheet:
    """The rows of a file; ``headers`` has the header that the file uses for each of its columns.

    ``titles`` are all headers in their order, ``notes`` say how the file was read.
    """

    headers: Mapping[str, str]
    rows: list[Row]
    titles: Sequence[Title] = ()
    notes: Sequence[str] = field(default=())


def read(
    data: bytes,
    columns: Mapping[str, tuple[str, ...]],
    problems: Problems,
    choices: Mapping[int, str] | None = None,
) -> Sheet:
    """Read a file. ``columns`` has the names that a header may have, for each column that is known.

    A header is recognised in any case, with or without spaces and signs between its words; ``choices``
    say by position what the others stand for (:data:`LEAVE_OUT`: nothing). What cannot be read is added to
    ``problems``.

    :raises BusinessError: IMPORT_TOO_LARGE
    """
    if len(data) > MAX_BYTES:
        message = f"The file is larger than {MAX_BYTES // 1024 // 1024} MB; split it."
        raise BusinessError("IMPORT_TOO_LARGE", message, field="file")
    known = {_plain(name): column for column, names in columns.items() for name in (column, *names)}
    notes: list[str] = []
    if data.startswith(_WORKBOOK):
        separator = ""
        records = workbooks.records(data, lambda title: _plain(title) in known, problems, notes, MAX_ROWS + 1)
    else:
        text = _decode(data, problems, notes)
        if text is None:
            return Sheet({}, [])
        separator, skipped = _separator(text, known)
        records = _records(text, separator, skipped, problems)
    first = next(records, None)
    if first is None:
        if not problems.total:
            problems.add(1, "", "The file is empty; its first line has to name the columns.")
        return Sheet({}, [], notes=notes)
    line, titles = first
    found = _columns(line, titles, known, columns, choices or {}, problems)
    rows = _rows(records, found, titles, separator, problems)
    if not rows and not problems.total:
        problems.add(line, "", "There is no line below the headers; add the rows to import.")
    return Sheet(
        {column: titles[index].strip() or f"column {index + 1}" for index, column in found.items()},
        rows,
        [Title(i, title.strip(), found.get(i)) for i, title in enumerate(titles) if title.strip()],
        notes,
    )


def _decode(data: bytes, problems: Problems, notes: list[str]) -> str | None:
    """The text of a file that says how it is encoded; otherwise it is in UTF-8 or Windows-1252."""
    if data.startswith(_OLD_WORKBOOK):
        message = f"This is a spreadsheet of an old kind (.xls). Save it as .xlsx, or: {_SAVE_AS}"
        problems.add(1, "", message)
        return None
    wide = data.startswith(_UTF32 + _UTF16)
    encoding = "utf-32" if data.startswith(_UTF32) else "utf-16" if wide else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        try:
            if wide or data.startswith(b"\xef\xbb\xbf"):
                raise
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            problems.add(line, "", f"The text is in no encoding that is known. {_SAVE_AS}")
            return None
        notes.append("The text is not in UTF-8 and was read as Windows-1252; look at letters with accents.")
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
    choices: Mapping[int, str],
    problems: Problems,
) -> dict[int, str]:
    """The columns by position; a title that is not known, or means the same as another, is a problem."""
    found: dict[int, str] = {}
    for index, title in enumerate(titles):
        if not title.strip() or choices.get(index) == LEAVE_OUT:
            continue
        chosen = choices.get(index)
        column = chosen if chosen in columns else known.get(_plain(title))
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
            remedy = f"quote texts that have a {separator!r} in them" if separator else "give it one"
            problems.add(line, "", f"{shown!r} stands below no header; {remedy}.", stray[0])
            continue
        given = zip(range(len(cells)), cells, strict=True)
        rows.append(Row(line, {found[i]: cell for i, cell in given if i in found and cell.strip()}))
    return rows


def _plain(title: str) -> str:
    """A header without what people write differently."""
    return "".join(letter for letter in title.casefold() if letter.isalnum())
