"""Values on their way between Python and FEEL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from app.engine.feel.errors import FeelError


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, time, date and time or duration that FEEL computed, as its ISO 8601 text."""

    text: str


def feel_value(value: Any) -> Any:
    """``value`` as an expression may see it: numbers, texts, booleans, None, dates, lists and dicts.

    A ``Decimal`` becomes a number, an enumeration its value, a datetime without an offset UTC, NaN None.
    Dates and times stay what they are: :class:`Feel` hands them over as FEEL temporals.

    :raises FeelError: a value of a type that expressions do not know
    """
    match value:
        case Enum():
            return feel_value(value.value)
        case None | bool() | int() | str() | Temporal():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return number(value)
        case datetime():
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        case date() | time() | timedelta():
            return value
        case Mapping():
            return {str(key): feel_value(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [feel_value(item) for item in value]
    raise FeelError(f"An expression cannot use a value of type {type(value).__name__}.")


def number(value: Decimal) -> int | float | None:
    """The double (or int) nearest to a ``Decimal``; None for NaN and infinity."""
    if not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def iso_text(value: datetime | date | time | timedelta | Temporal) -> str:
    """The ISO 8601 text of a temporal value."""
    match value:
        case Temporal():
            return value.text
        case datetime():
            aware: datetime = feel_value(value)
            return aware.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        case timedelta():
            sign, length = ("-", -value) if value < timedelta(0) else ("", value)
            return f"{sign}P{length.days}DT{length.seconds}.{length.microseconds // 1000:03d}S"
        case _:
            return value.isoformat()


def plain_json(value: Any) -> Any:
    """``value`` as JSON: every :class:`Temporal` in it becomes its text."""
    match value:
        case Temporal():
            return value.text
        case dict():
            return {key: plain_json(item) for key, item in value.items()}
        case list():
            return [plain_json(item) for item in value]
    return value
