"""Reports as files, read back with other programs than those that wrote them."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pypdf
import pytest

from app.domain.reports.model import Chart, Column, ExportError, Kind, Report
from app.exports import formats, pdf, xlsx

ROOT = Path(__file__).resolve().parents[3]

COLUMNS = (
    Column("machine", "Machine"),
    Column("count", "Count", Kind.INTEGER, total=True),
    Column("cost", "Cost", Kind.MONEY, total=True),
    Column("average", "Average", Kind.DECIMAL),
    Column("share", "Share", Kind.PERCENT),
    Column("minutes", "Downtime, min", Kind.MINUTES, total=True),
    Column("day", "Day", Kind.DATE),
    Column("at", "At", Kind.DATETIME),
)
AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
ROWS = (
    ("Prasa łódzka", 3, Decimal("12.50"), Decimal("4.1667"), 0.75, 90, date(2026, 3, 2), AT),
    ("Жёлтый пресс, őrült", 1234, Decimal("1240.00"), None, 0.25, 1500, None, None),
)
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0")


def make_report(rows=ROWS, columns=COLUMNS, **values):
    defaults = {
        "name": "downtime",
        "title": "Downtime",
        "subtitle": ("2026-03-01 to 2026-03-31", "Department: Press shop"),
        "site": "Zakład Północ",
        "zone": ZoneInfo("Europe/Berlin"),
        "currency": "EUR",
        "generated_at": datetime(2026, 3, 31, 23, 15, tzinfo=UTC),
        "notes": ("Downtimes that overlap count once.",),
    }
    return Report(columns=columns, rows=iter(rows), **{**defaults, **values})


def written(report, form):
    stream = io.BytesIO()
    formats.write(report, form, stream)
    return stream.getvalue()


def text_report(texts):
    return make_report([(text,) for text in texts], (Column("text", "Text"),))


def test_a_files_name_has_the_day_on_the_wall():
    assert formats.file_name(make_report(), "xlsx") == "downtime-2026-04-01.xlsx"


# -- Excel -------------------------------------------------------------------------------------------


def workbook(report):
    return openpyxl.load_workbook(io.BytesIO(written(report, "xlsx")))


def test_excel_has_real_numbers_and_dates():
    sheet = workbook(make_report()).worksheets[0]
    first = [cell.value for cell in sheet[2]]
    # 8:30 UTC is 9:30 in Berlin.
    assert first == [
        "Prasa łódzka", 3, 12.5, 4.1667, 0.75, 90, datetime(2026, 3, 2), datetime(2026, 3, 2, 9, 30),  # noqa: DTZ001
    ]  # fmt: skip
    assert [cell.data_type for cell in sheet[2]] == ["s", "n", "n", "n", "n", "n", "d", "d"]
    assert sheet["C2"].number_format == "#,##0.00" and sheet["E2"].number_format == "0.0%"
    assert [sheet["D3"].value, sheet["H3"].value] == [None, None]


def test_excel_has_a_heading_that_stays_and_totals():
    sheet = workbook(make_report(totals={"share": 0.5})).worksheets[0]
    assert [cell.value for cell in sheet[1]] == [column.heading for column in COLUMNS]
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet.freeze_panes == "A2"
    assert [cell.value for cell in sheet[4]] == ["Total", 1237, 1252.5, None, 0.5, 1590, None, None]
    assert sheet["A4"].font.bold
    assert sheet.column_dimensions["A"].width > sheet.column_dimensions["B"].width > 8
    assert sheet.auto_filter.ref == "A1:H3"


def test_excel_says_what_the_table_is():
    about = workbook(make_report())["About"]
    lines = [tuple(cell.value for cell in row) for row in about.iter_rows()]
    assert ("Site", "Zakład Północ") in lines
    assert ("Only", "Department: Press shop") in lines
    assert ("Made", "2026-04-01 01:15 (Europe/Berlin)") in lines


def test_excel_draws_the_rows():
    chart = Chart("column", "machine", "minutes", line="share")
    book = workbook(make_report(chart=chart))
    (drawn,) = book["Chart"]._charts
    assert drawn.series[0].val.numRef.f == "Downtime!$F$2:$F$3"
    labels = drawn.series[0].cat.strRef
    assert labels.f == "Downtime!$A$2:$A$3"
    assert [point.v for point in labels.strCache.pt] == ["Prasa łódzka", "Жёлтый пресс, őrült"]
    assert "Chart" not in workbook(make_report([], chart=chart)).sheetnames


def test_excel_has_no_formulas_and_no_links():
    texts = [*FORMULAS, "https://example.com", "mailto:a@example.com", "{=1}", "007"]
    data = written(text_report(texts), "xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    cells = [row[0] for row in sheet.iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s"] * len(texts)
    # A carriage return is written as Excel escapes it.
    assert [cell.value.replace("_x000D_", "\r") for cell in cells] == texts
    assert all(cell.hyperlink is None for cell in cells)


def test_excel_takes_whatever_a_text_holds():
    sheet = workbook(text_report(["x" * 40_000, "\x00\x07bell", "🔧", ""])).worksheets[0]
    assert len(sheet["A2"].value) == 32_767
    assert sheet["A4"].value == "🔧"


def test_a_date_before_excels_calendar_is_a_text():
    report = make_report([(date(1899, 12, 31),)], (Column("day", "Day", Kind.DATE),))
    assert workbook(report).worksheets[0]["A2"].value == "1899-12-31"


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch):
    monkeypatch.setattr(xlsx, "MOST_ROWS", 1)
    with pytest.raises(ExportError, match="shorter period"):
        written(make_report(), "xlsx")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the most memory used")
def test_a_hundred_thousand_rows_of_excel_take_little_memory():
    program = """
        from pathlib import Path
        from app.exports import xlsx
        from tests.unit.exports.test_files import ROWS, make_report

        def most_memory():
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

        with Path("/dev/null").open("wb") as stream:
            before = most_memory()
            xlsx.write(make_report(ROWS[number % 2] for number in range(100_000)), stream)
        print(most_memory() - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert int(done.stdout) < 40  # megabytes; keeping all cells takes about a hundred


# -- PDF ---------------------------------------------------------------------------------------------


def pages(report):
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(written(report, "pdf"))).pages]


def test_pdf_can_be_searched_in_every_alphabet():
    (page,) = pages(make_report())
    for text in ("Downtime", "Zakład Północ", "2026-03-01 to 2026-03-31", "Department: Press shop"):
        assert text in page
    for text in ("Prasa łódzka", "Жёлтый пресс", "őrült", "1,240.00", "75.0%", "2026-03-02 09:30"):
        assert text in page
    assert "Total" in page and "1,252.50" in page
    assert "Amounts in EUR" in page and "count once" in page


def test_pdf_repeats_its_headings_and_counts_its_pages():
    found = pages(make_report([ROWS[0]] * 100))
    assert len(found) == 4
    for number, page in enumerate(found, 1):
        assert "Downtime, min" in page
        assert f"{number} of 4" in page
    assert sum(page.count("Prasa łódzka") for page in found) == 100
    assert "Total" in found[-1] and "Total" not in found[0]


def test_every_page_of_a_pdf_says_what_it_is_and_of_when():
    found = pages(make_report([ROWS[0]] * 100, notes=("A note that explains. " * 30,) * 12))
    assert len(found) > 4
    for number, page in enumerate(found, 1):
        assert f"{number} of {len(found)}" in page
        assert "Downtime" in page and "2026-03-01 to 2026-03-31" in page
        assert "Department: Press shop" in page
        assert "Zakład Północ · 2026-04-01 01:15" in page


def test_a_long_title_of_a_pdf_takes_one_line_of_the_pages_that_follow():
    narrowed = tuple(f"Only of the department with the long name {number}" for number in range(20))
    found = pages(make_report([ROWS[0]] * 100, subtitle=("2026-03-01 to 2026-03-31", *narrowed)))
    assert all("2026-03-01 to 2026-03-31" in page for page in found)
    assert "long name 19" in found[0]
    assert sum(page.count("Prasa łódzka") for page in found) == 100


def test_pdf_puts_numbers_to_the_right():
    def places(number):
        reader = pypdf.PdfReader(io.BytesIO(written(make_report([("x", number, *ROWS[0][2:])]), "pdf")))
        found = {}

        def visit(text, matrix, text_matrix, font, size):
            found[text.strip()] = text_matrix[4]

        reader.pages[0].extract_text(visitor_text=visit)
        return found

    few, many = places(7), places(7_000_000)
    assert few["7"] > many["7,000,000"]


def test_pdf_wraps_long_texts_and_survives_odd_ones():
    long = "word " * 60 + "x" * 400
    (page,) = pages(text_report([long, "a\x00b\x1b", "🔧 ⚙", "e\u0301", ""]))
    assert "é" in page
    assert page.count("word") > 40


def test_pdf_without_rows_says_so():
    (page,) = pages(make_report([]))
    assert "nothing to show" in page and "Total" not in page


def test_more_rows_than_anybody_reads_are_refused(monkeypatch):
    monkeypatch.setattr(pdf, "MOST_ROWS", 1)
    with pytest.raises(ExportError, match="Excel or CSV"):
        written(make_report(), "pdf")


def test_without_fonts_it_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr(pdf, "FONTS", tmp_path)
    with pytest.raises(pdf.FontsNotBuilt, match="make assets"):
        written(make_report(), "pdf")


# -- CSV ---------------------------------------------------------------------------------------------


def parsed(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_csv_reads_back():
    data = written(make_report(), "csv")
    assert data.startswith(b"\xef\xbb\xbfMachine,Count,")
    assert b"\r\n" in data
    assert parsed(data) == [
        [column.heading for column in COLUMNS],
        ["Prasa łódzka", "3", "12.50", "4.1667", "0.75", "90", "2026-03-02", "2026-03-02T09:30:00+01:00"],
        ["Жёлтый пресс, őrült", "1234", "1240.00", "", "0.25", "1500", "", ""],
        ["Total", "1237", "1252.50", "", "", "1590", "", ""],
    ]


def test_csv_has_no_formulas_but_negative_numbers():
    columns = (Column("text", "Text"), Column("count", "Count", Kind.INTEGER))
    rows = parsed(written(make_report([(text, -1) for text in FORMULAS], columns), "csv"))[1:]
    assert rows == [[f"'{text}", "-1"] for text in FORMULAS]


def test_csv_quotes_what_would_break_it():
    texts = ['a "quoted" word', "a,comma", "two\r\nlines", "semi;colon"]
    assert [row[0] for row in parsed(written(text_report(texts), "csv"))[1:]] == texts


def test_csv_streams():
    from app.exports import csv as writer

    seen = []

    def rows():
        for number in range(2000):
            seen.append(number)
            yield ("x", number, *ROWS[0][2:])

    chunks = writer.chunks(make_report(rows()))
    next(chunks)
    assert len(seen) < 1000
    assert len(parsed(b"".join([b"", *chunks]))) > 1000
