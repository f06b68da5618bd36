"""Pages of lists that are long and grow: each begins where another ends, and no row before it is counted."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import UtcDateTime

Item = TypeVar("Item")
# A select of whatever columns.
Query = TypeVar("Query", bound=sa.Select)  # type: ignore[type-arg]

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """Some rows of a list; ``before`` and ``after`` lead to its neighbours, and are None where none are."""

    items: list[Item]
    before: str | None = None
    after: str | None = None


def cut(
    session: Session,
    query: Query,
    columns: Sequence[Any],
    *,
    descending: bool = False,
    size: int,
    before: str = "",
    after: str = "",
) -> Slice[Any]:
    """The rows of a query in the order of columns, the last of which tells all rows apart.

    ``before`` and ``after`` are what another slice gave. One that means nothing leads to the beginning.
    The rows have what the query selects, and then the columns.
    """
    position = _read(before or after, columns)
    backward = bool(before) and position is not None
    down = descending != backward
    ordered: Any = query.add_columns(*columns).order_by(*(c.desc() if down else c for c in columns))
    if position is not None:
        ordered = ordered.where(*_beyond(columns, position, down=down))
    rows = list(session.execute(ordered.limit(size + 1)))
    more, rows = len(rows) > size, rows[:size]
    if backward:
        rows.reverse()
        if not rows:  # what was there has gone
            return cut(session, query, columns, descending=descending, size=size)
    first, last = (_write(row, columns) if rows else None for row in (rows[0:1], rows[-1:]))
    earlier = more if backward else position is not None
    later = backward or more
    return Slice(rows, first if earlier else None, last if later else None)


def _beyond(columns: Sequence[Any], position: Sequence[Any], *, down: bool) -> list[sa.ColumnElement[bool]]:
    """Rows after a position, written so that an index over the columns is entered at the right place."""

    def past(column: Any, value: Any) -> sa.ColumnElement[bool]:
        return column < value if down else column > value

    condition = past(columns[-1], position[-1])
    for column, value in reversed(list(zip(columns[:-1], position[:-1], strict=True))):
        condition = sa.or_(past(column, value), sa.and_(column == value, condition))
    entry = columns[0] <= position[0] if down else columns[0] >= position[0]
    return [entry, condition]


def _write(rows: Sequence[Any], columns: Sequence[Any]) -> str:
    values = [v.isoformat() if isinstance(v, datetime) else v for v in tuple(rows[0])[-len(columns) :]]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _read(text: str, columns: Sequence[Any]) -> list[Any] | None:
    """The position that a text stands for; None for one that nobody wrote for these columns."""
    if not text or len(text) > 400:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not isinstance(values, list) or len(values) != len(columns):
            return None
        return [_value(column, value) for column, value in zip(columns, values, strict=True)]
    except (ValueError, TypeError, RecursionError):
        return None


def _value(column: Any, value: Any) -> Any:
    if isinstance(column.type, UtcDateTime):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment
    if isinstance(column.type, sa.String):
        if not isinstance(value, str):
            raise TypeError("no text")
        return value.encode("utf-8").decode("utf-8")  # no lone surrogates
    if type(value) is not int or abs(value) > LARGEST:
        raise ValueError("no number")
    return value
