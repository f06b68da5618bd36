"""Instants as whole numbers that the database computes: read faster than times, and added up exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Instant = int  # microseconds since the beginning of 1970, UTC

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class instant(FunctionElement[int]):  # noqa: N801  a function of SQL
    """The instant of a column of type :class:`~app.database.UtcDateTime`."""

    type = sa.BigInteger()
    inherit_cache = True


def instant_of(moment: datetime) -> Instant:
    """The instant of an aware time."""
    return (moment - EPOCH) // MICROSECOND


@compiles(instant)
def _counted_by_the_server(element: instant, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column})"


@compiles(instant, "sqlite")
def _read_from_text(element: instant, compiler: Any, **options: Any) -> str:
    # Kept as text with six digits of a second, of which SQLite's function would round away three.
    column = compiler.process(element.clauses, **options)
    seconds = f"CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER)"
    return f"({seconds} * 1000000 + CAST(substr({column}, 21) AS INTEGER))"
