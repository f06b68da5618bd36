"""A database as it is at one moment, read while others go on writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

PATIENCE = 4 * 3600  # seconds that the server waits while what was read is being written elsewhere


@contextmanager
def snapshot(database: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees the database as it is now, until the block ends. Nobody waits for it.

    SQLite's write-ahead log gives one to every transaction that reads; MySQL and MariaDB do so at
    REPEATABLE READ. No lock is taken in either.
    """
    with database.connect() as plain:
        if plain.dialect.name == "sqlite":
            yield plain
            return
        connection = plain.execution_options(isolation_level="REPEATABLE READ")
        connection.exec_driver_sql(
            f"SET SESSION net_write_timeout = {PATIENCE}, SESSION wait_timeout = {PATIENCE}"
        )
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        try:
            yield connection
        finally:
            connection.rollback()
            connection.invalidate()  # nobody else shall get a connection with these settings
