"""Checks of plain values that forms, diagrams and programs hand to the rules."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.errors import BusinessError

Row = TypeVar("Row")

LINE = 255  # characters of a name or number, unless a column holds fewer
PROSE = 10_000  # characters of a description
MOST_MONEY = Decimal("9999999999.99")


def whole_number(value: Any, *, least: int, code: str, message: str, field: str | None = None) -> int:
    """``value`` as an int of at least ``least``; JSON's 5.0 is 5, True is not a number.

    :raises BusinessError: with the given code, message and field
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 2_000_000_000:
        raise BusinessError(code, message, field=field)
    return value


def text(value: str | None, *, code: str, message: str, field: str | None = None) -> str:
    """``value`` without the spaces around it.

    :raises BusinessError: nothing is left of it
    """
    stripped = (value or "").strip()
    if not stripped:
        raise BusinessError(code, message, field=field)
    return stripped


def line(
    value: str | None, *, code: str, what: str, field: str, most: int = LINE, required: bool = True
) -> str:
    """``value`` without the spaces around it, when it has at most ``most`` characters and all can be read.

    Tabs and line breaks stay as they are. ``what`` is what people call it ("part number").

    :raises BusinessError: the code with ``_MISSING``, ``_TOO_LONG`` or ``_UNREADABLE`` after it
    """
    stripped = (value or "").strip(" \u00a0")
    if not stripped.strip():
        if required:
            raise BusinessError(f"{code}_MISSING", f"Give a {what}.", field=field)
        return ""
    if len(stripped) > most:
        message = f"The {what} has {len(stripped)} characters; use at most {most}."
        raise BusinessError(f"{code}_TOO_LONG", message, field=field)
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\t\r\n" for letter in stripped):
        message = f"The {what} contains a control character; type it anew."
        raise BusinessError(f"{code}_UNREADABLE", message, field=field)
    return stripped


def money(value: Any, *, code: str, what: str, field: str) -> Decimal:
    """``value``, a Decimal or a whole number, as an amount of at least 0 with two decimals.

    :raises BusinessError: it is none; with the given code
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int) or not Decimal(value).is_finite():
        raise BusinessError(code, f"The {what} is an amount like 12.50.", field=field)
    amount = Decimal(value)
    if amount < 0:
        raise BusinessError(code, f"The {what} cannot be below zero.", field=field)
    if amount > MOST_MONEY:
        raise BusinessError(code, f"The {what} can be at most {MOST_MONEY}.", field=field)
    cents = amount.quantize(Decimal("0.01"))
    if cents != amount:
        raise BusinessError(code, f"The {what} has more than two decimals; round it.", field=field)
    return cents


def one_of(value: str, choices: Collection[str], *, code: str, what: str, field: str | None = None) -> str:
    """``value``, when it is one of the codes in ``choices``.

    :raises BusinessError: it is not; the message lists the choices
    """
    if value not in choices:
        listed = ", ".join(str(choice) for choice in choices)
        raise BusinessError(code, f"{value!r} is not a {what}; choose one of {listed}.", field=field)
    return str(value)


def active_row(
    session: Session, model: type[Row], row_id: int | None, *, code: str, what: str, field: str | None = None
) -> Row:
    """The row with this id, when it exists and is not deactivated.

    :raises BusinessError: otherwise
    """
    row = None if row_id is None else session.get(model, row_id)
    if row is None or not getattr(row, "active", True):
        raise BusinessError(code, f"There is no such {what}, or it is no longer in use.", field=field)
    return row
