"""CSV files of many kinds, and what is said about those that cannot be read."""

from __future__ import annotations

import pytest

from app.domain.imports import sheets
from app.domain.imports.problems import Problems
from app.errors import BusinessError

COLUMNS = {"partNumber": ("part no", "sku"), "partName": ("name",), "price": ()}


def read(data):
    problems = Problems()
    sheet = sheets.read(data if isinstance(data, bytes) else data.encode(), COLUMNS, problems)
    return [(row.line, dict(row.cells)) for row in sheet.rows], [str(problem) for problem in problems.kept]


ONE = ([(2, {"partNumber": "A", "partName": "Bolt"})], [])


@pytest.mark.parametrize(
    "data",
    [
        "partNumber,partName\nA,Bolt\n",
        "partNumber;partName\r\nA;Bolt",
        "partNumber\tpartName\rA\tBolt\r",
        "PART_NUMBER, Part name \nA, Bolt\n\n\n".replace(" Bolt", "Bolt"),
        '"Part No.","Name"\n"A","Bolt"\n',
        "sku,name,price\nA,Bolt,\n",
        "sku,name,price\nA,Bolt\n",
        "sku,name,,\nA,Bolt,,\n",
        b"\xef\xbb\xbfpartNumber,partName\nA,Bolt\n",
        "partNumber,partName\nA,Bolt\n".encode("utf-16"),
        "partNumber,partName\nA,Bolt\n".encode("utf-32"),
    ],
)
def test_the_same_table_in_many_dialects(data):
    assert read(data) == ONE


def test_a_first_line_may_say_what_separates_the_cells():
    rows, problems = read("sep=;\npartNumber;partName\nA;Bolt, long\n")
    assert (rows, problems) == ([(3, {"partNumber": "A", "partName": "Bolt, long"})], [])


def test_cells_are_kept_as_they_were_typed_and_lines_counted_as_editors_do():
    data = 'partNumber,partName\n\n"A","Bolt\nlong"\nB,=1+1\nC,"@x ""y"""\n'
    rows, problems = read(data)
    assert rows == [
        (3, {"partNumber": "A", "partName": "Bolt\nlong"}),
        (5, {"partNumber": "B", "partName": "=1+1"}),
        (6, {"partNumber": "C", "partName": '@x "y"'}),
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "Line 1: The file is empty"),
        (b"\n \n", "Line 1: The file is empty"),
        (b"partNumber,partName\n", "Line 1: There is no line below the headers"),
        (b"PK\x03\x04...", "Line 1: The workbook is damaged; save it again"),
        (b"\xd0\xcf\x11\xe0...", "Line 1: This is a spreadsheet of an old kind (.xls). Save it as .xlsx"),
        (b"partNumber,partName\nA,Bolt\nB,\x81\n", "Line 3: The text is in no encoding that is known."),
        (b"\xef\xbb\xbfpartNumber\n\xfc\n", "Line 2: The text is in no encoding that is known."),
        ("partNumber,partName\nA,B\n".encode("utf-16-le"), "Line 1: The file is not plain text in UTF-8."),
        (b"\xff\xfeA", "Line 1: The text is in no encoding that is known."),
        (b'partNumber,partName\nA,Bolt\nB,"Nut\nC,Washer\n', "Line 3: A quotation mark opens a cell here"),
        (b'partNumber,partName\nA,"Bolt"s"\n', "Line 2: A quotation mark inside a quoted cell"),
        (b"partNumber,partname,colour\nA,B,C\n", "Line 1, colour: There is no such column; remove"),
        (b"partNumber,sku\nA,B\n", "Line 1, sku: Another column is partNumber already"),
        (b"partNumber,partName\nA,Bolt, long\n", "Line 2: 'long' stands below no header; quote"),
        (b"partNumber,\nA,Bolt\n", "Line 2: 'Bolt' stands below no header; quote"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_line_and_what_to_do(data, problem):
    _, problems = read(data)
    assert len(problems) == 1 and problems[0].startswith(problem)


def test_a_file_has_at_most_so_many_rows_and_bytes(monkeypatch):
    monkeypatch.setattr(sheets, "MAX_ROWS", 2)
    rows, problems = read("partNumber\nA\nB\nC\nD\n")
    assert (len(rows), problems) == (2, ["Line 4: The file has more than 2 rows; split it."])
    monkeypatch.setattr(sheets, "MAX_BYTES", 10)
    with pytest.raises(BusinessError) as refused:
        read("partNumber\n")
    assert (refused.value.code, refused.value.field) == ("IMPORT_TOO_LARGE", "file")
