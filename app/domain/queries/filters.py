"""The conditions that most lists have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa


def equal(query: sa.Select[Any], *pairs: tuple[Any, Any]) -> sa.Select[Any]:
    """The query for the rows whose columns have the values given; None asks for nothing."""
    for column, value in pairs:
        if value is not None:
            query = query.where(column == value)
    return query


def between(
    query: sa.Select[Any], column: Any, since: datetime | None, until: datetime | None
) -> sa.Select[Any]:
    """The query for the rows from ``since`` on and before ``until``."""
    if since is not None:
        query = query.where(column >= since)
    if until is not None:
        query = query.where(column < until)
    return query
