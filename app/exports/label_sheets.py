"""The label sheets and rolls that can be printed on, with their makers' dimensions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelSheet:
    """A sheet of labels, or one label of a roll. All lengths are millimetres.

    ``left`` and ``top`` are where the first label begins; the pitches are from the edge of one label to
    the same edge of the next. ``corner`` is the radius of the labels' corners.
    """

    key: str
    name: str
    width: float
    height: float
    columns: int = 1
    rows: int = 1
    left: float = 0.0
    top: float = 0.0
    pitch_x: float = 0.0
    pitch_y: float = 0.0
    paper: tuple[float, float] | None = (210.0, 297.0)
    corner: float = 1.5

    @property
    def is_roll(self) -> bool:
        """Whether each label is a page of its own."""
        return self.paper is None

    @property
    def page(self) -> tuple[float, float]:
        """Width and height of a page."""
        return self.paper or (self.width, self.height)

    @property
    def count(self) -> int:
        """How many labels a page has."""
        return self.columns * self.rows

    def place(self, number: int) -> tuple[float, float]:
        """Where a label of a page begins, its number counted from 0 along the rows: x and y."""
        row, column = divmod(number, self.columns)
        return self.left + column * self.pitch_x, self.top + row * self.pitch_y


SHEETS: tuple[LabelSheet, ...] = (
    LabelSheet(
        "l7160", "Avery L7160 – 21 of 63.5 × 38.1 mm", 63.5, 38.1,
        columns=3, rows=7, left=7.2, top=15.15, pitch_x=66.05, pitch_y=38.1,
    ),
    LabelSheet(
        "l7163", "Avery L7163 – 14 of 99.1 × 38.1 mm", 99.1, 38.1,
        columns=2, rows=7, left=4.65, top=15.15, pitch_x=101.6, pitch_y=38.1,
    ),
    LabelSheet(
        "l7165", "Avery L7165 – 8 of 99.1 × 67.7 mm", 99.1, 67.7,
        columns=2, rows=4, left=4.65, top=13.1, pitch_x=101.6, pitch_y=67.7,
    ),
    LabelSheet(
        "l4731", "Avery L4731REV – 189 of 25.4 × 10 mm", 25.4, 10.0,
        columns=7, rows=27, left=8.6, top=13.5, pitch_x=27.9, pitch_y=10.0, corner=1.0,
    ),
    LabelSheet("roll62x29", "Roll of 62 × 29 mm (DK-11209)", 62.0, 29.0, paper=None),
    LabelSheet("roll100x50", "Roll of 100 × 50 mm", 100.0, 50.0, paper=None),
)  # fmt: skip
BY_KEY = {sheet.key: sheet for sheet in SHEETS}
