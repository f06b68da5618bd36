"""Labels as PDF: in their real sizes, at their real places, with codes that can be read."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
import qrcode
from pypdf import PageObject, PdfReader

from app.domain.reports.model import ExportError
from app.exports import labels
from app.exports.label_sheets import BY_KEY, SHEETS, LabelSheet
from app.exports.labels import Label

MM = 72 / 25.4  # points
ADDRESS = "https://maintenance.factory.example/m/M-7KX2PW9D"
PRESS = Label("Hydraulic press 4", "M-7KX2PW9D", ("Stamping", "Hall 2, bay 7"), ADDRESS)

Rectangle = tuple[float, float, float, float]  # left, top, width, height in millimetres


def made(things: Sequence[Label], sheet: LabelSheet, **options: Any) -> list[PageObject]:
    stream = io.BytesIO()
    labels.write(things, sheet, stream, **options)
    return list(PdfReader(stream).pages)


def rectangles(page: PageObject) -> list[Rectangle]:
    """The filled rectangles of a page: the dark modules of its codes."""
    contents = page.get_contents()
    assert contents is not None
    height = float(page.mediabox.height)
    found = re.findall(rb"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re f", contents.get_data())
    numbers = [tuple(map(float, one)) for one in found]
    return [(x / MM, (height - y) / MM, w / MM, -h / MM) for x, y, w, h in numbers]


def pieces(page: PageObject) -> list[tuple[str, float, float, float, bool]]:
    """What is written, piece by piece: the text, its left and its baseline from the top in millimetres,
    the size in points, and whether it is bold."""
    found: list[tuple[str, float, float, float, bool]] = []
    height = float(page.mediabox.height)

    def see(text: str, cm: Any, tm: Any, font: Any, size: float) -> None:
        if text.strip():
            bold = "Bold" in str(font["/BaseFont"])
            found.append((text.strip(), tm[4] / MM, (height - tm[5]) / MM, size, bold))

    page.extract_text(visitor_text=see)
    return found


def texts(page: PageObject) -> list[tuple[str, float, float]]:
    """What is written, and where."""
    return [piece[:3] for piece in pieces(page)]


def modules_of(drawn: list[Rectangle]) -> list[list[bool]]:
    """The square that the rectangles of one code draw."""
    size = min(height for *_, height in drawn)
    left, top = min(x for x, *_ in drawn), min(y for _, y, *_ in drawn)
    count = round((max(x + w for x, _, w, _ in drawn) - left) / size)
    square = [[False] * count for _ in range(count)]
    for x, y, w, _ in drawn:
        row, first = round((y - top) / size), round((x - left) / size)
        for column in range(first, first + round(w / size)):
            square[row][column] = True
    return square


def matrix(address: str, correction: int) -> list[list[bool]]:
    code = qrcode.QRCode(border=0, error_correction=correction)
    code.add_data(address)
    code.make(fit=True)
    return code.get_matrix()


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.key)
def test_a_sheet_fits_its_paper_and_its_labels_do_not_overlap(sheet: LabelSheet) -> None:
    width, height = sheet.page
    places = [sheet.place(number) for number in range(sheet.count)]
    assert len(set(places)) == sheet.count
    for x, y in places:
        assert x >= 0 and y >= 0
        assert x + sheet.width <= width + 0.01 and y + sheet.height <= height + 0.01
    rows = [places[number * sheet.columns : (number + 1) * sheet.columns] for number in range(sheet.rows)]
    for row in rows:
        assert all(right[0] - left[0] >= sheet.width for left, right in pairwise(row))
    assert all(below[0][1] - above[0][1] >= sheet.height - 0.01 for above, below in pairwise(rows))
    if not sheet.is_roll:  # the makers centre them
        assert sheet.left == pytest.approx(width - places[-1][0] - sheet.width, abs=0.15)
        assert sheet.top == pytest.approx(height - places[-1][1] - sheet.height, abs=0.15)


def test_the_makers_dimensions() -> None:
    l7160 = BY_KEY["l7160"]
    assert (l7160.width, l7160.height, l7160.count, l7160.page) == (63.5, 38.1, 21, (210.0, 297.0))
    assert l7160.place(20) == pytest.approx((139.3, 243.75), abs=0.01)
    assert (BY_KEY["l7165"].width, BY_KEY["l7165"].height, BY_KEY["l7165"].count) == (99.1, 67.7, 8)
    assert BY_KEY["l4731"].count == 189


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.key)
def test_all_that_is_drawn_lies_within_its_label(sheet: LabelSheet) -> None:
    longest = Label(
        "Hydraulische Tiefziehpresse mit Gegenhalter und automatischer Zuführung Nr. 14 (Nordseite)",
        "WERK-2.HALLE-7.PRESSE-00000014",
        ("Umformtechnik und Werkzeugbau", "Halle 7, Reihe 12, hinter der Absauganlage der Lackiererei"),
        ADDRESS,
    )
    pages = made([longest] * sheet.count, sheet)
    assert len(pages) == 1
    page = pages[0]
    assert float(page.mediabox.width) / MM == pytest.approx(sheet.page[0], abs=0.01)
    assert float(page.mediabox.height) / MM == pytest.approx(sheet.page[1], abs=0.01)

    def within(left: float, top: float, right: float, bottom: float) -> bool:
        return any(
            x - 0.01 <= left and right <= x + sheet.width + 0.01
            and y - 0.01 <= top and bottom <= y + sheet.height + 0.01
            for x, y in map(sheet.place, range(sheet.count))
        )  # fmt: skip

    drawn = rectangles(page)
    assert drawn
    assert all(within(x, y, x + w, y + h) for x, y, w, h in drawn)
    assert all(within(x, y - 1.2, x + 2, y) for _, x, y in texts(page))
    # None is so long that it leaves its label to the right, and the code to type is all there.
    paper = labels._LabelPaper(sheet)
    for text, x, _, size, bold in pieces(page):
        column = max(start for start, _ in map(sheet.place, range(sheet.columns)) if start <= x)
        paper.set_font(labels.FONT, "B" if bold else "", size)
        assert x + paper.get_string_width(text) <= column + sheet.width + 0.01, text
    assert "".join(text for text, *_ in texts(page)).count(longest.code) == sheet.count


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.key)
def test_the_square_holds_the_address_and_its_modules_are_large_enough(sheet: LabelSheet) -> None:
    drawn = rectangles(made([PRESS], sheet)[0])
    square = modules_of(drawn)
    size = min(height for *_, height in drawn)
    corrections = labels._CORRECTIONS
    assert square in [matrix(ADDRESS, correction) for correction in corrections]
    assert size >= (0.25 if sheet.height < 15 else 0.42) - 0.005
    if sheet.height > 60:
        assert square == matrix(ADDRESS, corrections[0])
    # Four modules around it are empty: no text, and the edge of the label no nearer.
    left, top = min(x for x, *_ in drawn), min(y for _, y, *_ in drawn)
    right = max(x + w for x, _, w, _ in drawn)
    x, y = sheet.place(0)
    assert left - x >= 4 * size - 0.01 and top - y >= 4 * size - 0.01
    assert all(at >= right + 4 * size - 0.01 for _, at, _ in texts(made([PRESS], sheet)[0]))


def test_a_label_says_name_code_place_and_address() -> None:
    said = [text for text, *_ in texts(made([PRESS], BY_KEY["l7165"])[0])]
    assert " ".join(said[:2]).startswith("Hydraulic press 4")
    for words in ("M-7KX2PW9D", "Stamping", "Hall 2, bay 7"):
        assert words in said
    assert any(ADDRESS.startswith(text.rstrip("…")) and len(text) > 20 for text in said)
    assert [text for text, *_ in texts(made([PRESS], BY_KEY["l4731"])[0])] == ["M-7KX2PW9D"]


def test_letters_of_all_of_europe_are_printed() -> None:
    names = ("Fräsmaschine größer", "Wtryskarka łódzka nr 5", "Пресс гидравлический", "Τόρνος")
    for name in names:
        said = " ".join(text for text, *_ in texts(made([Label(name, "X-1", (), ADDRESS)], SHEETS[0])[0]))
        assert name in said


def test_long_names_are_made_smaller_and_then_cut_at_the_end() -> None:
    def name(text: str) -> str:
        page = made([Label(text, "X-1", ("Stamping",), ADDRESS)], BY_KEY["l7160"])[0]
        said = [words for words, *_ in texts(page)]
        return " ".join(said[: said.index("X-1")])

    assert (
        name("Hydraulic deep drawing press with feeder 14") == "Hydraulic deep drawing press with feeder 14"
    )
    cut = name("Hydraulic deep drawing press with counter holder " * 4)
    assert cut.startswith("Hydraulic deep drawing press")
    assert cut.endswith("…")
    word = name("Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüssel")
    assert word.replace(" ", "").startswith("Donaudampfschifffahrts")


def test_a_part_used_sheet_is_begun_where_it_is_free() -> None:
    sheet = BY_KEY["l7160"]
    pages = made([PRESS] * 3, sheet, start=20)
    assert len(pages) == 2
    codes = [(x, y) for text, x, y in texts(pages[0]) if text == PRESS.code]
    places = [sheet.place(19), sheet.place(20)]
    assert len(codes) == 2
    for (x, y), (left, top) in zip(codes, places, strict=True):
        assert left < x < left + sheet.width and top < y < top + sheet.height
    assert min(x for x, *_ in rectangles(pages[1])) < sheet.left + 10


def test_copies_follow_each_other_and_a_roll_has_a_page_for_each() -> None:
    other = Label("Lathe", "M-2", (), ADDRESS)
    pages = made([PRESS, other], BY_KEY["roll62x29"], copies=2)
    codes = [next(text for text, *_ in texts(page) if text in (PRESS.code, "M-2")) for page in pages]
    assert codes == [PRESS.code, PRESS.code, "M-2", "M-2"]


def test_edges_are_drawn_only_when_asked_for() -> None:
    def strokes(page: PageObject) -> int:
        contents = page.get_contents()
        assert contents is not None
        return len(re.findall(rb"\bS\b", contents.get_data()))

    assert strokes(made([PRESS], SHEETS[0], edges=True)[0]) == strokes(made([PRESS], SHEETS[0])[0]) + 1


def test_it_is_printed_in_real_size() -> None:
    stream = io.BytesIO()
    labels.write([PRESS], SHEETS[0], stream)
    catalog: Any = PdfReader(stream).trailer["/Root"]
    assert catalog["/ViewerPreferences"]["/PrintScaling"] == "/None"


def test_more_than_a_printer_would_thank_for_are_refused() -> None:
    with pytest.raises(ExportError, match="1,000 labels"):
        made([PRESS] * 3, SHEETS[0], copies=labels.MOST_LABELS)
