"""The simple cells of decision tables, read well enough to compare them.

Simple are ``-``, literals, comparisons, ranges, lists of these, and ``not(…)`` of these, over
numbers, texts, true and false. All else is left to FEEL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

Value = Decimal | str | bool

NUMBER = r"[+-]?(?:\d{1,20}(?:\.\d{1,10})?|\.\d{1,10})"
TOKEN = re.compile(
    rf"\s*(?:(?P<range>(?P<open>[\[\](])\s*(?P<low>{NUMBER})\s*\.\.\s*(?P<high>{NUMBER})\s*(?P<close>[\]\[)]))"
    rf"|(?P<compare><=|>=|<|>)\s*(?P<bound>{NUMBER})"
    rf'|(?P<number>{NUMBER})|"(?P<text>[^"\\]*)"|(?P<truth>true|false)\b|(?P<not>not)\s*\(|(?P<other>[,)-]))\s*'
)
CELL_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers between two bounds; None is without bound."""

    low: Decimal | None
    high: Decimal | None
    low_inside: bool = False
    high_inside: bool = False

    def holds(self, value: Value) -> bool:
        if not isinstance(value, Decimal):
            return False
        above = self.low is None or value > self.low or (self.low_inside and value == self.low)
        below = self.high is None or value < self.high or (self.high_inside and value == self.high)
        return above and below


@dataclass(frozen=True, slots=True)
class Cell:
    """What a simple cell lets pass: values, intervals, or all but them."""

    values: tuple[Value, ...] = ()
    intervals: tuple[Interval, ...] = ()
    negated: bool = False

    def passes(self, value: Value) -> bool:
        same = any(type(value) is type(each) and value == each for each in self.values)
        return (same or any(each.holds(value) for each in self.intervals)) is not self.negated

    def literals(self) -> set[Value]:
        """Every value at which something changes."""
        bounds = {bound for each in self.intervals for bound in (each.low, each.high) if bound is not None}
        return {*self.values, *bounds}


ANYTHING = Cell(negated=True)


def read(text: str) -> Cell | None:
    """A cell, or None for one that is not simple."""
    text = text.strip()
    if text in ("", "-"):
        return ANYTHING
    if len(text) > CELL_LENGTH:
        return None
    tokens = []
    position = 0
    while position < len(text):
        token = TOKEN.match(text, position)
        if token is None:
            return None
        tokens.append(token)
        position = token.end()
    negated = tokens[0]["not"] is not None
    if negated:
        if len(tokens) < 3 or tokens[-1]["other"] != ")":
            return None
        tokens = tokens[1:-1]
    values: list[Value] = []
    intervals: list[Interval] = []
    for number, token in enumerate(tokens):
        if number % 2 == 1:
            if token["other"] != ",":
                return None
        elif (found := _test(token)) is None:
            return None
        elif isinstance(found, Interval):
            intervals.append(found)
        else:
            values.append(found)
    return Cell(tuple(values), tuple(intervals), negated) if len(tokens) % 2 == 1 else None


def _test(token: re.Match[str]) -> Value | Interval | None:
    if token["range"]:
        low, high = Decimal(token["low"]), Decimal(token["high"])
        return Interval(low, high, token["open"] == "[", token["close"] == "]") if low <= high else None
    if token["compare"]:
        bound, inside = Decimal(token["bound"]), "=" in token["compare"]
        if token["compare"][0] == "<":
            return Interval(None, bound, high_inside=inside)
        return Interval(bound, None, low_inside=inside)
    if token["number"]:
        return Decimal(token["number"])
    if token["truth"]:
        return token["truth"] == "true"
    return token["text"]


def shown(value: Value) -> str:
    """A value as FEEL writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value.normalize():f}" if isinstance(value, Decimal) else f'"{value}"'
