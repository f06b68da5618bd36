"""Numbers as people and spreadsheets write them, read only where they can mean one thing."""

from __future__ import annotations

import re
from decimal import Decimal

_SPACE = "[ \u00a0\u202f'’]"
# 1234.5 and 1234,5; also 1 234,5
_PLAIN = re.compile(rf"(-?)([0-9]{{1,3}}(?:{_SPACE}[0-9]{{3}})+|[0-9]+)(?:[.,]([0-9]+))?")
_ENGLISH = re.compile(r"(-?)([0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]+))?")  # 1,234.5
_GERMAN = re.compile(r"(-?)([0-9]{1,3}(?:\.[0-9]{3})+)(?:,([0-9]+))?")  # 1.234,5
_EITHER = re.compile(r"-?[1-9][0-9]{0,2}[.,][0-9]{3}")  # 1,234
_LONGEST = 40  # characters


class NumberText(str):
    """A number of a spreadsheet as text: with a decimal point and no thousands separator, whatever it is."""

    __slots__ = ()


def read(text: str) -> Decimal:
    """The number that ``text`` means, with a decimal point or comma, with or without thousands separators.

    :raises ValueError: it means none, or can be read in two ways; the message says what to do
    """
    if isinstance(text, NumberText):
        return Decimal(text)
    text = text.strip(" \u00a0")
    if _EITHER.fullmatch(text):
        digits = text.replace(",", ".")
        thousands = digits.replace(".", "")
        raise ValueError(f"{text} can mean {thousands} or {digits}; write it without a thousands separator.")
    for pattern in (_PLAIN, _ENGLISH, _GERMAN):
        match = pattern.fullmatch(text) if len(text) <= _LONGEST else None
        if match is not None:
            sign, whole, fraction = match.groups()
            return Decimal(f"{sign}{re.sub('[^0-9]', '', whole)}.{fraction or '0'}")
    shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    raise ValueError(f"{shown!r} is not a number; use digits only, like 12 or 12.50.")


def read_whole(text: str) -> int:
    """The whole number that ``text`` means.

    :raises ValueError: it means none
    """
    number = read(text)
    if number != number.to_integral_value():
        raise ValueError(f"{text.strip()} is not a whole number; write it without decimals.")
    return int(number)
