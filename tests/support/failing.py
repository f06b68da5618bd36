"""A database that answers with errors when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

# Numbers of MySQL and MariaDB.
DEADLOCK, LOCK_WAIT, GONE, LOST, FULL = 1213, 1205, 2006, 2013, 1114


@contextmanager
def failing(database: sa.Engine, number: int, times: int, *, at: str) -> Iterator[list[str]]:
    """The database answers with an error to the first ``times`` statements that begin with ``at``."""
    failed: list[str] = []

    def fail(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith(at) and len(failed) < times:
            failed.append(statement)
            raise OperationalError(statement, {}, Exception(number, "an error of the test's"))

    sa.event.listen(database, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        sa.event.remove(database, "before_cursor_execute", fail)
