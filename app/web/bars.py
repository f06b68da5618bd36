"""Small charts that the server draws: bars for a few weeks, each with its words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIDTH, GAP, HEIGHT = 12, 4, 40
LEAST = 2  # so that the smallest value is still seen


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar at ``x``, from ``y`` down, and what it stands for. Without a value it has no height."""

    x: int
    y: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart: its size, its bars, and all of it in words."""

    width: int
    height: int
    bars: list[Bar]
    text: str


def bars(values: Iterable[tuple[float | None, str]], title: str) -> Bars:
    """A chart of values, each with what it is called; None stands for no value."""
    given = list(values)
    largest = max((value for value, _ in given if value), default=0.0)
    drawn = []
    for position, (value, text) in enumerate(given):
        height = (
            0.0 if value is None else max(LEAST, round(HEIGHT * value / largest, 1)) if largest else LEAST
        )
        drawn.append(Bar(position * (WIDTH + GAP), HEIGHT - height, height, text))
    words = "; ".join(text for _, text in given)
    return Bars(max(1, len(given) * (WIDTH + GAP) - GAP), HEIGHT, drawn, f"{title}: {words}.")
