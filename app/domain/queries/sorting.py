"""One way to sort every list: by a name (``partName``) or, with a minus before it, the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from app.errors import BusinessError

# What a list may be sorted by: the columns for each name, in the API's spelling.
Sorts = Mapping[str, tuple[Any, ...]]


def order_by(query: sa.Select[Any], sorts: Sorts, sort: str, tiebreak: Any) -> sa.Select[Any]:
    """The query in the order that ``sort`` names.

    ``tiebreak`` is unique: rows that are equal otherwise always come in the same order, so that no two
    pages show the same row. It runs in the same direction, so that an index serves both directions.

    :raises BusinessError: BAD_SORT
    """
    name, downwards = sort.removeprefix("-"), sort.startswith("-")
    if name not in sorts:
        message = f"The list cannot be sorted by {name!r}; choose one of {', '.join(sorts)}."
        raise BusinessError("BAD_SORT", message, field="sort")
    columns = (*sorts[name], tiebreak)
    return query.order_by(*(column.desc() if downwards else column for column in columns))


def names(sorts: Sorts) -> tuple[str, ...]:
    """All that ``sort`` may be."""
    return tuple(name for key in sorts for name in (key, f"-{key}"))
