"""Excel workbooks as they come: dates, numbers, formulas, several sheets, merged cells, and hostile ones."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import openpyxl
import pytest

from app.domain.imports import sheets
from app.domain.imports.problems import Problems
from app.errors import BusinessError

COLUMNS = {"partNumber": ("sku",), "partName": ("name",), "price": ()}


def saved(book):
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def book_of(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def read(data):
    problems = Problems()
    sheet = sheets.read(data, COLUMNS, problems)
    return sheet, [str(problem) for problem in problems.kept]


def test_cells_become_text_that_means_one_thing():
    rows = (
        ["sku", "name", "price"],
        [4711, date(2026, 3, 1), 1.234],
        [4712.0, True, 1e-05],
        ["x", None, 1234],
    )
    sheet, problems = read(saved(book_of(*rows)))
    assert problems == []
    assert [dict(row.cells) for row in sheet.rows] == [
        {"partNumber": "4711", "partName": "2026-03-01", "price": "1.234"},
        {"partNumber": "4712", "partName": "yes", "price": "0.00001"},
        {"partNumber": "x", "price": "1234"},
    ]
    assert [row.line for row in sheet.rows] == [2, 3, 4]


def test_a_number_of_a_spreadsheet_has_no_thousands_separator():
    from app.domain.imports import numbers

    sheet, _ = read(saved(book_of(["sku", "price"], ["A", 1.234])))
    assert str(numbers.read(sheet.rows[0].cells["price"])) == "1.234"


def test_titles_above_the_headings_and_blank_rows_are_passed_over():
    sheet, problems = read(saved(book_of(["Parts of hall 2"], [], ["Sku", "Name"], [], ["A", "Bolt"])))
    assert problems == []
    assert [(row.line, dict(row.cells)) for row in sheet.rows] == [
        (5, {"partNumber": "A", "partName": "Bolt"})
    ]


def test_of_several_sheets_the_first_that_is_visible_is_read_and_said():
    book = book_of(["sku"], ["HIDDEN"])
    book.active.sheet_state = "hidden"
    shown = book.create_sheet("Parts")
    shown.append(["sku"])
    shown.append(["SHOWN"])
    book.active = 1
    sheet, problems = read(saved(book))
    assert problems == []
    assert [row.cells["partNumber"] for row in sheet.rows] == ["SHOWN"]
    assert sheet.notes == ["Of the 2 sheets, “Parts” was read."]


def test_a_formula_gives_what_was_calculated_last_and_without_that_is_refused():
    written = saved(book_of(["sku", "price"], ["A", "=1+1"]))
    _, problems = read(written)
    assert problems == [
        "Line 2, B: This formula has no calculated value; open the file in a spreadsheet and save it."
    ]
    calculated = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(written)) as old, zipfile.ZipFile(calculated, "w") as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                assert b"<v />" in content or b"<v/>" in content or b"<v></v>" in content
                for empty in (b"<v />", b"<v/>", b"<v></v>"):
                    content = content.replace(empty, b"<v>2</v>")
            new.writestr(part.filename, content)
    sheet, problems = read(calculated.getvalue())
    assert problems == []
    assert sheet.rows[0].cells["price"] == "2"
    assert "formulas" in sheet.notes[0]


def test_cells_merged_over_rows_are_refused_and_errors_are_named():
    book = book_of(["sku", "name"], ["A", "Bolt"], ["B", None], ["C", "#REF!"])
    book.active.merge_cells("B2:B3")
    _, problems = read(saved(book))
    assert problems == [
        "Line 2: The cells B2:B3 are merged; split them, so that each row has its own value.",
        "Line 4, B: The spreadsheet shows an error here; mend the formula, or type the value.",
    ]


def test_a_bomb_is_not_unpacked():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (30 * 1024 * 1024))
    with pytest.raises(BusinessError) as refused:
        read(bomb.getvalue())
    assert refused.value.code == "IMPORT_TOO_LARGE"


@pytest.mark.parametrize("name", ["word/document.xml", "xl/workbook.xml"])
def test_other_archives_and_broken_workbooks_are_refused_in_words(name):
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr(name, "<x/>")
    _, problems = read(other.getvalue())
    assert len(problems) == 1
    assert "workbook" in problems[0].lower()


def test_entities_are_never_read():
    hostile = io.BytesIO()
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("xl/workbook.xml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><workbook/>')
    assert read(hostile.getvalue())[1] == [
        "Line 1: The workbook has parts that no spreadsheet writes; save it again."
    ]


def test_rows_beyond_the_most_are_refused(monkeypatch):
    monkeypatch.setattr(sheets, "MAX_ROWS", 2)
    _, problems = read(saved(book_of(["sku"], *(["A"] for _ in range(5)))))
    assert problems == ["Line 4: The file has more than 2 rows; split it."]
