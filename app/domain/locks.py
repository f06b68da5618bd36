"""Row locks, always taken in one order, so that two actions can wait for each other but never in a circle.

The order, outermost first:

1. the counter of a number range (a number is drawn before anything is locked)
2. the maintenance request
3. its machine
4. its maintenance work
5. the parts request
6. spare parts, by ascending id

A part's lock also guards its stock per location and the reservations on that stock, and the request's
lock its downtime. On SQLite the unit of work already holds the only write lock there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import NotFound

Row = TypeVar("Row")


def lock_rows(session: Session, model: type[Row], ids: Iterable[int]) -> dict[int, Row]:
    """Lock rows of ``model`` by ascending id and answer them as they are now, by id; unknown ids are left out."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    session.flush()  # what this session changed must not be overwritten by the fresh read
    key: Any = model.id  # type: ignore[attr-defined]
    query = (
        sa.select(model)
        .where(key.in_(wanted))
        .order_by(key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in session.scalars(query)}  # type: ignore[attr-defined]


def lock_row(session: Session, model: type[Row], row_id: int) -> Row:
    """Lock one row and answer it as it is now.

    :raises NotFound: there is no such row
    """
    rows = lock_rows(session, model, [row_id])
    if row_id not in rows:
        raise NotFound(f"There is no {model.__name__} {row_id}.")
    return rows[row_id]
