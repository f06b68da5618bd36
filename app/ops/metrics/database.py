"""Measures what goes on between a process and its database, and tells the log which statements are slow."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from app.ops.metrics.meters import Meters

slow_log = logging.getLogger("millwright.slow_query")

KINDS = ("SELECT", "INSERT", "UPDATE", "DELETE")
LONGEST = 4000  # characters of a statement in the log
_WORD = re.compile(r"\W*(\w+)")
_TEXT = re.compile(r"'(?:[^'\\]|''|\\.)*'")


def watch(engine: sa.Engine, meters: Meters, slow_milliseconds: int) -> None:
    """Measure the statements and connections of ``engine``.

    Statements that take longer than ``slow_milliseconds`` (0: none) are logged, with the ids of the request
    or job they belong to. Their values are not: they are people's names and words.
    """

    @sa.event.listens_for(engine, "before_cursor_execute")
    def begin(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        connection.info["began"] = time.perf_counter()

    @sa.event.listens_for(engine, "after_cursor_execute")
    def end(
        connection: sa.Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        seconds = time.perf_counter() - connection.info.pop("began", time.perf_counter())
        meters.statement_seconds.labels(kind_of(statement)).observe(seconds)
        if slow_milliseconds and seconds * 1000 > slow_milliseconds:
            meters.slow_statements.inc()
            slow_log.warning(
                "slow query",
                extra={
                    "statement": without_values(statement),
                    "milliseconds": round(seconds * 1000, 1),
                    "rows": cursor.rowcount,
                },
            )

    @sa.event.listens_for(engine, "handle_error")
    def failed(context: sa.engine.ExceptionContext) -> None:
        meters.database_errors.labels(
            type(context.sqlalchemy_exception or context.original_exception).__name__
        ).inc()

    _watch_connections(engine, meters)


def _watch_connections(engine: sa.Engine, meters: Meters) -> None:
    pool = engine.pool
    if isinstance(pool, QueuePool):
        most = pool.size() + max(pool._max_overflow, 0)
        meters.connections_allowed.inc(most)
    sa.event.listen(pool, "connect", lambda *_: meters.connections_open.inc())
    sa.event.listen(pool, "close", lambda *_: meters.connections_open.dec())
    sa.event.listen(pool, "checkout", lambda *_: meters.connections_in_use.inc())
    sa.event.listen(pool, "checkin", lambda *_: meters.connections_in_use.dec())


def kind_of(statement: str) -> str:
    """The statement's first word, if it is one of :data:`KINDS`, else ``other``."""
    found = _WORD.match(statement)
    word = found[1].upper() if found else ""
    return word.lower() if word in KINDS else "other"


def without_values(statement: str) -> str:
    """The statement on one line, without any text that was written into it."""
    return " ".join(_TEXT.sub("'…'", statement).split())[:LONGEST]
