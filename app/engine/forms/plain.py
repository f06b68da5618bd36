"""What the process knows, as JSON: dates and times become their ISO texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any


def as_json(value: Any) -> Any:
    """``value`` with nothing but JSON in it. What has no JSON of its own becomes text."""
    match value:
        case Enum():
            return as_json(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            if not value.is_finite():
                return None
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat().replace("+00:00", "Z")
        case Mapping():
            # FEEL's dates and times on their way out of it.
            if set(value) == {"@feel"}:
                return value["@feel"]
            return {str(key): as_json(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [as_json(item) for item in value]
    return str(getattr(value, "text", value))


def as_key(value: Any) -> str:
    """A scalar as text to compare by: 7, 7.0 and "7" are the same."""
    if isinstance(value, int | float) and not abs(value) < 1e40:
        return "beyond"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
