"""How the figures of a process are put into words, columns and shades."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.engine.monitor.heat import Heat, Measure, Pair, Place
from app.engine.monitor.statistics import Figures
from app.web.formatting import lasting, number, percent

MEASURES = {
    Measure.OPEN: "Open now",
    Measure.MEDIAN: "Median",
    Measure.P90: "90 % within",
    Measure.ON_TIME: "On time",
    Measure.REWORK: "Rework",
}
MEANINGS = {
    Measure.OPEN: "Tasks to be done, events awaited and steps that have failed, at this moment.",
    Measure.MEDIAN: "Half of all took no longer, from when the step began to wait to when it was done.",
    Measure.P90: "Nine in ten took no longer.",
    Measure.ON_TIME: "Of those with a due time, how many were done by then. Hot is late.",
    Measure.REWORK: "How many had been done in the same instance before.",
}
# What the table can be sorted by; what is worst comes first unless a minus turns it round.
SORTS: dict[str, tuple[str, Callable[[Place], Any]]] = {
    "waiting": ("Share of waiting", lambda place: (place.listens, -place.share)),
    "open": ("Open now", lambda place: (place.listens, -place.open_now)),
    "done": ("Done", lambda place: -place.figures.number),
    "median": ("Median", lambda place: _last(place.figures.median, -1)),
    "p90": ("90 % within", lambda place: _last(place.figures.p90, -1)),
    "on-time": ("On time", lambda place: _last(place.figures.on_time_share)),
    "rework": ("Rework", lambda place: _last(place.figures.rework_share, -1)),
    "step": ("Step", lambda place: place.name.casefold()),
}
KINDS = {
    "userTask": "User task",
    "receiveTask": "Awaited message",
    "intermediateCatchEvent": "Awaited event",
    "serviceTask": "Service",
    "businessRuleTask": "Decision",
    "scriptTask": "Script",
    "sendTask": "Message",
    "boundaryEvent": "Boundary event",
    "subProcess": "Subprocess",
}


def _last(value: float | None, sign: int = 1) -> float:
    return math.inf if value is None else sign * value


def in_order(heat: Heat, sort: str) -> list[Place]:
    """The steps as the table lists them. Steps without samples are last, whichever way it is sorted."""
    name = sort.removeprefix("-")
    key = SORTS[name][1]
    known = [place for place in heat.places if key(place) != math.inf]
    rest = [place for place in heat.places if key(place) == math.inf]
    return sorted(known, key=key, reverse=sort.startswith("-")) + rest


def said(measure: Measure, place: Place) -> str:
    """What a measure says of a step; nothing where nothing is known."""
    value = place.value(measure)
    if value is None or (measure is Measure.OPEN and not value):
        return ""
    return _words(measure, value)


def _words(measure: Measure, value: float) -> str:
    if measure is Measure.OPEN:
        return number(int(value))
    return lasting(value) if measure in (Measure.MEDIAN, Measure.P90) else percent(value)


def on_diagram(heat: Heat) -> dict[str, dict[str, tuple[int, str]]]:
    """Shade and number of each step that is drawn, by measure and element id."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for measure in Measure:
        scale = heat.scale(measure)
        found[measure] = {
            place.element_id: (scale.shade(place.value(measure)), words)
            for place in heat.places
            if place.is_drawn and (words := said(measure, place))
        }
    return found


def legend(heat: Heat, measure: Measure) -> list[tuple[int, str]]:
    """What each shade means, the coolest first."""
    scale = heat.scale(measure)
    lines: list[tuple[int, str]] = []
    before = 0.0
    for shade, limit in zip(scale.shades, scale.limits, strict=True):
        if scale.is_falling:
            words = f"{percent(limit)} or more" if limit else f"under {percent(before)}"
        elif measure is Measure.OPEN:
            low, high = int(before) + 1, int(limit)
            words = number(high) if low == high else f"{number(low)}–{number(high)}"
        else:
            words = f"up to {_words(measure, limit)}"
        lines.append((shade, words))
        before = limit
    return lines


@dataclass(frozen=True, slots=True)
class Difference:
    """How a measure changed from one version to another: the numbers, and what became of them."""

    name: str
    before: str
    after: str
    change: str
    tone: str = ""


def differences(pair: Pair) -> list[Difference]:
    """The measures of a step in two versions, side by side."""
    return [
        _change("Median", pair, lambda each: each.median, lasting),
        _change("90 % within", pair, lambda each: each.p90, lasting),
        _change("On time", pair, lambda each: each.on_time_share, percent, more_is_better=True),
        _change("Rework", pair, lambda each: each.rework_share, percent),
    ]


def _change(
    name: str,
    pair: Pair,
    measure: Callable[[Figures], float | None],
    words: Callable[[float], str],
    *,
    more_is_better: bool = False,
) -> Difference:
    before, after = measure(pair.before), measure(pair.after)
    texts = ["–" if value is None else words(value) for value in (before, after)]
    if before is None or after is None:
        return Difference(name, texts[0], texts[1], "")
    if texts[0] == texts[1]:
        return Difference(name, texts[0], texts[1], "the same")
    if words is percent:
        points = round(after * 100) - round(before * 100)
        change = f"{'+' if points > 0 else '−'}{abs(points)} points"
    else:
        change = f"{lasting(abs(after - before))} {'longer' if after > before else 'shorter'}"
    better = (after > before) == more_is_better
    return Difference(name, texts[0], texts[1], change, "good" if better else "bad")
