"""Charts that the server draws: columns of a development, with a line over them where shares add up.

The drawing has no words: its axes are text beside it, so that it can be read on a phone, and the numbers
stand in the table below it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEP, WIDTH, HEIGHT = 20, 14, 100  # of a drawing that is stretched to its place
LEAST = 0.8  # so that the smallest value is still seen
MOST_LABELS = 6


@dataclass(frozen=True, slots=True)
class Column:
    """A column at ``x``, from ``y`` down, and what it stands for."""

    x: float
    y: float
    height: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A drawing ``width`` by 100, the texts of its axes, and all of it in words. ``line`` are points.

    There is a label for each column, so that they stand below theirs; where there are many, each ``every``th
    only has a text.
    """

    title: str
    width: int
    columns: list[Column]
    scale: tuple[str, str, str]
    labels: list[str]
    every: int
    words: str
    line: str = ""
    legend: str = ""

    height = HEIGHT
    column_width = WIDTH


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a chart, with what stands below it and how it is told."""

    label: str
    value: float
    text: str


def columns(
    title: str,
    values: Sequence[Value],
    unit: str = "",
    *,
    shares: Sequence[float] = (),
    legend: str = "",
) -> Chart | None:
    """A chart of values in their order; None where there is nothing to see.

    ``shares`` are drawn over the columns as a line from 0 to 100 %, which ``legend`` names.
    """
    top = nice(max((one.value for one in values), default=0.0))
    if not top:
        return None
    drawn = []
    for place, one in enumerate(values):
        height = max(LEAST, HEIGHT * one.value / top) if one.value else 0.0
        x = place * STEP + (STEP - WIDTH) / 2
        drawn.append(Column(x, round(HEIGHT - height, 2), round(height, 2), f"{one.label}: {one.text}"))
    points = [(place * STEP + STEP / 2, HEIGHT * (1 - share)) for place, share in enumerate(shares)]
    every = math.ceil(len(values) / MOST_LABELS)
    most = max(values, key=lambda one: one.value)
    return Chart(
        title=title,
        width=len(values) * STEP,
        columns=drawn,
        scale=(_number(top, unit), _number(top / 2, unit), "0"),
        labels=[one.label if place % every == 0 else "" for place, one in enumerate(values)],
        every=every,
        words=f"{title}: {len(values)} columns, most of all {most.label} with {most.text}. The numbers stand "
        "in the table.",
        line=" ".join(f"{x:g},{y:.1f}" for x, y in points),
        legend=legend,
    )


def nice(largest: float) -> float:
    """The end of a scale that holds ``largest``: 1, 2, 2.5 or 5 times a power of ten; 0 for nothing."""
    if largest <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= largest * 0.999999)


def _number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
    return f"{text}\xa0{unit}" if unit else text
