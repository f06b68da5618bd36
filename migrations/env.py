"""Runs migrations for Flask-Migrate, on SQLite and on MySQL or MariaDB, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import context
from flask import current_app

import app.domain.models
import app.engine.models
import app.engine.monitor.models  # noqa: F401 - to know all tables

LOCK_WAIT = 120  # seconds
GET_LOCK = sa.text("SELECT GET_LOCK('millwright_migrations', :wait)")
RELEASE_LOCK = sa.text("SELECT RELEASE_LOCK('millwright_migrations')")


def migrate() -> None:
    extension = current_app.extensions["migrate"]
    with extension.db.engine.connect() as connection, _alone(connection) as connection:
        context.configure(
            connection=connection,
            target_metadata=extension.db.metadata,
            # SQLite can undo changes of tables; MySQL commits each by itself.
            transactional_ddl=connection.dialect.name == "sqlite",
            user_module_prefix="database.",
            **extension.configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        if connection.in_transaction():
            connection.commit()


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[sa.Connection]:
    """Keep other migrating processes out, and SQLite's foreign keys out of the way of its table copies."""
    if connection.dialect.name == "sqlite":
        # Straight to the driver: inside a transaction SQLite ignores this setting.
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys=OFF")
        try:
            yield connection.execution_options(millwright_write=True)
            if broken := cursor.execute("PRAGMA foreign_key_check").fetchall():
                raise RuntimeError(f"the migration left rows that refer to nothing: {broken[:5]}")
        finally:
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()
        return
    locked = connection.scalar(
        sa.text("SELECT GET_LOCK('millwright_migrations', :wait)"), {"wait": LOCK_WAIT}
    )
    if not locked:
        raise RuntimeError("another process is still migrating this database")
    connection.commit()
    try:
        yield connection
    finally:
        connection.rollback()
        connection.execute(RELEASE_LOCK)
        connection.commit()


migrate()
