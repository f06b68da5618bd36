"""Labels as PDF: a code as vectors, and beside it what people read, in the real size of the label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import qrcode
from fpdf import FPDF
from fpdf.prefs import ViewerPreferences
from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q

from app.domain.reports.model import ExportError
from app.exports.label_sheets import LabelSheet
from app.exports.pdf import FONT, add_fonts, printable

MOST_LABELS = 1000  # of a file

_QUIET = 4  # modules around a code that stay empty, as ISO/IEC 18004 asks
# A third of a label may be dirty; less where the modules would become too small for a phone.
_CORRECTIONS = (ERROR_CORRECT_H, ERROR_CORRECT_Q, ERROR_CORRECT_M, ERROR_CORRECT_L)
_LEAST_MODULE = 0.42  # millimetres; a printer of 300 dpi draws it with five dots
_TINY = 15.0  # a label that is lower has room for the code, and nothing else to read
_POINT = 25.4 / 72  # millimetres
_LEADING = 1.18
_NAME = (15.0, 6.5)  # points: the largest and the smallest that names are written in
_NAME_LINES = 4
_LEAST_CODE = 5.0  # points
_MOST_CODE_LINES = 4
_MORE = "…"


@dataclass(frozen=True)
class Label:
    """What a label says: the name, the code to type, where the thing is, and the address in the square."""

    name: str
    code: str
    place: tuple[str, ...]
    address: str

    def modules(self, side: float) -> list[list[bool]]:
        """The square for a length with its empty edge: with as much correction as leaves it readable."""
        for correction in _CORRECTIONS:
            code = _code(self.address, correction)
            if side / (4 * code.best_fit(start=1) + 17 + 2 * _QUIET) >= _LEAST_MODULE:
                break
        code.make(fit=True)
        return code.get_matrix()


def write(
    labels: Iterable[Label],
    sheet: LabelSheet,
    stream: BinaryIO,
    *,
    start: int = 1,
    copies: int = 1,
    edges: bool = False,
) -> None:
    """Write labels. ``start`` is the first free label of a part-used sheet, counted from 1 along the rows;
    ``edges`` draws the labels' edges, for a try on plain paper.

    :raises ExportError: they are more than :data:`MOST_LABELS`
    :raises FontsNotBuilt: the installation lacks the fonts
    """
    paper = _LabelPaper(sheet)
    place = 0 if sheet.is_roll else min(max(start, 1), sheet.count) - 1
    paper.add_page()
    for number, label in enumerate(_copied(labels, copies)):
        if number >= MOST_LABELS:
            message = f"A file holds {MOST_LABELS:,} labels; choose fewer machines or copies."
            raise ExportError(message)
        if place == sheet.count:
            paper.add_page()
            place = 0
        paper.label(label, *sheet.place(place), edges=edges)
        place += 1
    paper.output(stream)


def _copied(labels: Iterable[Label], copies: int) -> Iterator[Label]:
    for label in labels:
        for _ in range(max(1, copies)):
            yield label


def _code(address: str, correction: int) -> qrcode.QRCode[Any]:
    """A code that is not drawn yet: how large it becomes shows at once, and drawing it takes a while."""
    code = qrcode.QRCode(border=0, error_correction=correction)
    code.add_data(address)
    return code


class _LabelPaper(FPDF):
    """The pages of one file."""

    def __init__(self, sheet: LabelSheet) -> None:
        super().__init__(orientation="portrait", unit="mm", format=sheet.page)
        self._sheet = sheet
        self._last: tuple[tuple[str, float], list[list[bool]]] | None = None
        add_fonts(self)
        self.set_margins(0, 0, 0)
        self.set_auto_page_break(False)
        self.c_margin = 0
        self.set_title(sheet.name)
        # Printed in real size, not fitted to the paper.
        self.viewer_preferences = ViewerPreferences(print_scaling="None")

    def label(self, label: Label, x: float, y: float, *, edges: bool) -> None:
        """One label, its upper left corner at x and y."""
        sheet = self._sheet
        if edges:
            self.set_draw_color(150)
            self.set_line_width(0.1)
            self.rect(x, y, sheet.width, sheet.height, round_corners=True, corner_radius=sheet.corner)
        if sheet.height < _TINY:
            side = sheet.height
            self._square(label, x, y, side)
            self._small(label, x + side, y, sheet.width - side - 0.8, sheet.height)
            return
        padding = 1.5
        side = min(sheet.height - 2 * padding, sheet.width * 0.45)
        self._square(label, x + padding, y + (sheet.height - side) / 2, side)
        left = x + padding + side + 1.0
        self._text(label, left, y + 2.2, x + sheet.width - 2.5 - left, sheet.height - 4.4)

    def _square(self, label: Label, x: float, y: float, side: float) -> None:
        """The code, with its empty edge inside ``side``."""
        if self._last is None or self._last[0] != (label.address, side):
            self._last = (label.address, side), label.modules(side)  # copies follow each other
        modules = self._last[1]
        size = side / (len(modules) + 2 * _QUIET)
        self.set_fill_color(0)
        for row, line in enumerate(modules):
            for first, length in _runs(line):
                self.rect(
                    x + (_QUIET + first) * size, y + (_QUIET + row) * size, length * size, size, style="F"
                )

    def _text(self, label: Label, x: float, y: float, width: float, height: float) -> None:
        """The name as large as it fits, then the code, the place, and the address at the foot."""
        low = height < 40
        code_size, small = (8.0, 6.5) if low else (11.0, 8.5)
        foot, foot_size = self._fitting(printable(label.address), "", 5.0 if low else 6.5, width, least=4.0)
        code, code_size = self._whole(printable(label.code), code_size, width)
        most = 1 if low else 2
        place = [
            line for text in label.place for line in self._wrapped(printable(text), "", small, width, most)
        ]
        rest = height - len(code) * _high(code_size) - len(place) * _high(small) - _high(foot_size) - 1.2
        while place and rest < _high(_NAME[1]):
            place.pop()
            rest += _high(small)
        bottom = y + height
        name, size = self._name(printable(label.name), width, rest)
        for line in name:
            y = self._line(line, "B", size, x, y)
        y += 0.4
        for line in code:
            y = self._line(line, "", code_size, x, y)
        for line in place:
            y = self._line(line, "", small, x, y)
        self.set_text_color(90)
        self._line(foot, "", foot_size, x, bottom - _high(foot_size))
        self.set_text_color(0)

    def _small(self, label: Label, x: float, y: float, width: float, height: float) -> None:
        """The code to type, for a label that has no room for more."""
        lines, size = self._whole(printable(label.code), 7.0, width, style="B")
        y += (height - len(lines) * _high(size)) / 2
        for line in lines:
            y = self._line(line, "B", size, x, y)

    def _whole(self, code: str, size: float, width: float, *, style: str = "") -> tuple[list[str], float]:
        """A code to type: never cut, made smaller, and then broken into lines."""
        self.set_font(FONT, style, size)
        while size > _LEAST_CODE and self.get_string_width(code) > width:
            size -= 0.25
            self.set_font(FONT, style, size)
        lines: list[str] = []
        while self.get_string_width(code) > width and len(lines) < _MOST_CODE_LINES:
            line, code = self._broken(code, width)
            lines.append(line)
        return [*lines, code], size

    def _name(self, text: str, width: float, height: float) -> tuple[list[str], float]:
        """A name in lines, in the largest size in which all of it fits; cut where none does."""
        size = _NAME[0]
        while True:
            room = max(1, min(_NAME_LINES, int(height // _high(size))))
            lines = self._wrapped(text, "B", size, width, room + 1)
            whole = all(self.get_string_width(word) <= width for word in text.split())
            if (whole and len(lines) <= room) or size <= _NAME[1]:
                break
            size -= 0.5
        return self._wrapped(text, "B", size, width, room), size

    def _wrapped(self, text: str, style: str, size: float, width: float, most: int) -> list[str]:
        """A text in at most so many lines; the last one is cut where it goes on."""
        self.set_font(FONT, style, size)
        lines: list[str] = []
        words = text.split()
        while words:
            line = words.pop(0)
            if self.get_string_width(line) > width and len(lines) < most - 1:
                line, rest = self._broken(line, width)
                words.insert(0, rest)
            else:
                while words and self.get_string_width(f"{line} {words[0]}") <= width:
                    line = f"{line} {words.pop(0)}"
            if len(lines) == most - 1:
                whole = " ".join([line, *words])
                return [*lines, self._cut(whole, style, size, width)]
            lines.append(line)
        return lines

    def _broken(self, word: str, width: float) -> tuple[str, str]:
        """As much of a long word as a line holds, and the rest of it."""
        length = next(
            n for n in range(len(word), 0, -1) if n == 1 or self.get_string_width(word[:n]) <= width
        )
        return word[:length], word[length:]

    def _cut(self, text: str, style: str, size: float, width: float) -> str:
        """A text that fits one line: whole, or with an ellipsis at its end."""
        self.set_font(FONT, style, size)
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + _MORE) > width:
            text = text[:-1]
        return text.rstrip() + _MORE

    def _fitting(
        self, text: str, style: str, size: float, width: float, *, least: float
    ) -> tuple[str, float]:
        """A line, made smaller until it fits, and cut where it would become too small."""
        self.set_font(FONT, style, size)
        while size > least and self.get_string_width(text) > width:
            size -= 0.25
            self.set_font(FONT, style, size)
        return self._cut(text, style, size, width), size

    def _line(self, text: str, style: str, size: float, x: float, y: float) -> float:
        """One line whose upper edge is at y; answers where the next one begins."""
        self.set_font(FONT, style, size)
        self.text(x, y + size * _POINT * 0.95, text)
        return y + _high(size)


def _high(size: float) -> float:
    """The height of a line of text, in millimetres."""
    return size * _POINT * _LEADING


def _runs(line: list[bool]) -> Iterator[tuple[int, int]]:
    """Where dark modules follow each other: the first, and how many."""
    start = None
    for place, dark in enumerate([*line, False]):
        if dark and start is None:
            start = place
        elif not dark and start is not None:
            yield start, place - start
            start = None
