"""Checks of plain values that forms, diagrams and programs hand to the rules."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from app.errors import BusinessError

Row = TypeVar("Row")


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
