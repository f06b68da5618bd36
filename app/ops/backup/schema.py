"""Tables for what is restored: made at the backup's migration, filled, and brought up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice

import flask_migrate
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app import clock
from app.database import configure, engine_options, metadata
from app.extensions import db
from app.ops import runtime
from app.ops.backup.errors import BadBackup
from app.ops.backup.rows import BATCH, MARKER_TABLE, VERSION_TABLE, Decoder, Table, tables_of

_MARKER = sa.table(MARKER_TABLE, sa.column("backup", sa.String), sa.column("started_at", sa.String))


def revision_of(database: sa.Engine | sa.Connection) -> str | None:
    """The migration that a database is at; None where its tables were made without."""
    if isinstance(database, sa.Engine):
        with database.connect() as connection:
            return revision_of(connection)
    if not sa.inspect(database).has_table(VERSION_TABLE):
        return None
    return MigrationContext.configure(database).get_current_revision()


def newest_revision() -> str | None:
    """The newest migration that this version of the program knows."""
    return ScriptDirectory(str(runtime.MIGRATIONS)).get_current_head()


def check_known(revision: str | None, version: str) -> None:
    """See whether this version of the program can make tables of that migration.

    :raises BadBackup: the backup is of a later version
    """
    if revision is None:
        return
    try:
        known = ScriptDirectory(str(runtime.MIGRATIONS)).get_revision(revision)
    except CommandError:
        known = None
    if known is None:
        raise BadBackup(
            f"The backup is of Millwright {version} (migration {revision}), which is later than this "
            "version: restore it with that version."
        )


def open_database(url: str, *, careless: bool = False) -> sa.Engine:
    """A database as the product uses it. ``careless``: a file that is thrown away if anything goes wrong."""
    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    if careless:

        @sa.event.listens_for(database, "connect")
        def on_connect(connection: object, record: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]
            for setting in ("synchronous=OFF", "journal_mode=MEMORY", "foreign_keys=OFF"):
                cursor.execute(f"PRAGMA {setting}")
            cursor.close()

    return database


def build(database: sa.Engine, revision: str | None) -> None:
    """Make the tables as they were at a migration, empty."""
    if revision is None:
        metadata.create_all(database)
        return
    _upgrade(database, revision)
    with database.begin() as connection, without_references(connection):
        for table in tables_of(connection):  # some migrations write rows
            connection.execute(sa.delete(table.clause))


def upgrade(database: sa.Engine) -> None:
    """Bring tables that were made by migrations up to date."""
    if revision_of(database) is not None:
        _upgrade(database, "head")


def _upgrade(database: sa.Engine, revision: str) -> None:
    url = database.url.render_as_string(hide_password=False)
    settings = {"SQLALCHEMY_DATABASE_URI": url, "SQLALCHEMY_ENGINE_OPTIONS": engine_options(url)}
    quiet = logging.getLogger("alembic").level
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        app = runtime.database_app(settings)
        with app.app_context():
            flask_migrate.upgrade(str(runtime.MIGRATIONS), revision)
            db.engine.dispose()
    finally:
        logging.getLogger("alembic").setLevel(quiet)


def load(connection: sa.Connection, table: Table, lines: Iterable[bytes]) -> None:
    """Put rows into a table."""
    decode, statement, rows = Decoder(table).row, sa.insert(table.clause), iter(lines)
    while batch := [decode(line) for line in islice(rows, BATCH)]:
        connection.execute(statement, batch)


@contextmanager
def without_references(connection: sa.Connection) -> Iterator[None]:
    """Tables can be filled in any order: what refers to what is not looked at inside the block."""
    if connection.dialect.name == "sqlite":
        yield  # see open_database; inside a transaction the setting cannot be changed
        return
    connection.exec_driver_sql("SET SESSION foreign_key_checks = 0")
    mode = connection.exec_driver_sql("SELECT @@sql_mode").scalar_one()
    connection.exec_driver_sql("SET SESSION sql_mode = %s", (f"{mode},NO_AUTO_VALUE_ON_ZERO".lstrip(","),))
    try:
        yield
    finally:
        connection.exec_driver_sql("SET SESSION foreign_key_checks = 1")
        connection.exec_driver_sql("SET SESSION sql_mode = %s", (mode,))


def broken_references(database: sa.Engine) -> list[str]:
    """Rows of an SQLite file that refer to nothing, in words."""
    with database.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    return [f"a row of {row[0]} refers to nothing in {row[2]}" for row in found]


def is_somebodys(database: sa.Engine) -> bool:
    """Whether people work with a database: tables without any user hold nothing of theirs."""
    inspector = sa.inspect(database)
    if not inspector.has_table("users"):
        return False
    with database.connect() as connection:
        return (
            connection.execute(sa.select(sa.literal(1)).select_from(sa.table("users")).limit(1)).first()
            is not None
        )


def drop_everything(database: sa.Engine) -> None:
    """Remove all tables but the marker of a restore."""
    with database.begin() as connection, without_references(connection):
        if connection.dialect.name != "sqlite":
            connection.exec_driver_sql("SET SESSION lock_wait_timeout = 30")  # seconds
        preparer = connection.dialect.identifier_preparer
        for name in sa.inspect(connection).get_table_names():
            if name != MARKER_TABLE:
                connection.exec_driver_sql(f"DROP TABLE {preparer.quote_identifier(name)}")


def forget_revision(database: sa.Engine) -> str | None:
    """While it is being filled a database is at no migration, so that nothing serves it; answers which."""
    revision = revision_of(database)
    if revision is not None:
        with database.begin() as connection:
            connection.execute(sa.delete(sa.table(VERSION_TABLE)))
    return revision


def remember_revision(database: sa.Engine, revision: str | None) -> None:
    """The reverse of :func:`forget_revision`."""
    if revision is not None:
        with database.begin() as connection:
            row = sa.table(VERSION_TABLE, sa.column("version_num", sa.String))
            connection.execute(sa.insert(row).values(version_num=revision))


# -- a restore that was cut short --------------------------------------------------------------------


def mark(database: sa.Engine, backup: str) -> None:
    """Write down, in the database itself, that a restore has begun."""
    started: datetime = clock.now()
    with database.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {MARKER_TABLE}")
        connection.exec_driver_sql(
            f"CREATE TABLE {MARKER_TABLE} (backup VARCHAR(255) NOT NULL, started_at VARCHAR(40) NOT NULL)"
        )
        connection.execute(sa.insert(_MARKER).values(backup=backup, started_at=started.isoformat()))


def unmark(database: sa.Engine) -> None:
    """The restore has ended."""
    with database.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {MARKER_TABLE}")


def unfinished(database: sa.Engine) -> str | None:
    """What is wrong with a database in which a restore was cut short, and what to do; None for others."""
    if not sa.inspect(database).has_table(MARKER_TABLE):
        return None
    with database.connect() as connection:
        row = connection.execute(sa.select(*_MARKER.columns)).first()
    backup, started = (row.backup, row.started_at[:16].replace("T", " ")) if row else ("latest", "?")
    return (
        f"A restore of {backup} that began at {started} UTC was not finished: the database is not whole. "
        f"Run “millwright restore {backup} --replace” again."
    )
