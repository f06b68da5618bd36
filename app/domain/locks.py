"""Row locks, always taken in one order, so that two actions can wait for each other but never in a circle.

The order, outermost first:

1. the maintenance request
2. its machine
3. its maintenance work
4. the parts request
5. preventive tasks, by ascending id
6. a stock count
7. spare parts, by ascending id
8. a user, then that user's sessions, failures to sign in, and reset link

Numbers are not among them: they are drawn in a transaction of their own (:mod:`app.domain.numbering`).

Inserting a row makes MySQL share a lock on each row that it refers to, and so does changing a column
that shares an index with a reference. Whoever may want such a row for itself in the same transaction,
or holds a later lock by then, therefore locks it first.

A part's lock also guards its stock per location and the reservations on that stock, and the request's
lock its downtime. On SQLite the unit of work already holds the only write lock there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ExecutableOption

from app.errors import NotFound

Row = TypeVar("Row")


def lock_rows(
    session: Session, model: type[Row], ids: Iterable[int], *options: ExecutableOption
) -> dict[int, Row]:
    """Lock rows of ``model`` by ascending id and answer them, as they are now, by id.

    Unknown ids are left out. ``options`` are loader options for what hangs on the rows.
    """
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
        .options(*options)
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in session.scalars(query)}  # type: ignore[attr-defined]


def lock(session: Session, row: Row) -> Row:
    """Lock a row that is already loaded and bring it up to date.

    :raises NotFound: it is gone
    """
    row_id = row.id  # type: ignore[attr-defined]
    rows = lock_rows(session, type(row), [row_id])
    if row_id not in rows:
        raise NotFound(f"{type(row).__name__} {row_id} no longer exists.")
    return rows[row_id]
