"""Python values as FEEL values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

TAG = "@feel"


def feel_value(value: Any) -> Any:
    """``value`` as JSON that FEEL reads back with its own types.

    Dates, times and durations become FEEL's (so ``request.reportedAt + duration("PT4H")`` works).
    Decimals become numbers: FEEL here computes with IEEE doubles, exact for amounts in cents below
    90 million million, but sums of money belong in Python. Raises ``TypeError`` for anything that
    has no FEEL type.
    """
    if value is None or isinstance(value, (bool, str, int, float)):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return {TAG: aware.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    if isinstance(value, (date, time)):
        return {TAG: value.isoformat()}
    if isinstance(value, timedelta):
        return {TAG: iso_duration(value)}
    if isinstance(value, Mapping):
        return {str(key): feel_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [feel_value(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no FEEL type")


def iso_duration(value: timedelta) -> str:
    """A length of time in ISO 8601, in seconds."""
    seconds = value.total_seconds()
    sign = "-" if seconds < 0 else ""
    return f"{sign}PT{abs(seconds):.6f}".rstrip("0").rstrip(".") + "S"
