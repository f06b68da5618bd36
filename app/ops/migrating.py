"""Brings the database to the program's newest migration, and knows one that is newer than the program."""

from __future__ import annotations

import flask_migrate
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from app.extensions import db
from app.ops.runtime import MIGRATIONS

LEFT_ALONE = "The database is at migration {} of a later version, which is left as it is."


def newest() -> str | None:
    """The newest migration that this program has."""
    return _known().get_current_head()


def current(connection: sa.Connection) -> str | None:
    """The migration that a database is at; None where it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def is_of_a_later_version(revision: str | None) -> bool:
    """Whether a migration is none of this program's: a later version made it; this one can work with it."""
    if revision is None:
        return False
    try:
        return _known().get_revision(revision) is None
    except CommandError:
        return True


def upgrade(revision: str = "head") -> str | None:
    """Migrate the database of the application forwards; one of a later version is left as it is.

    Answers that later version's migration, else None.
    """
    with db.engine.connect() as connection:
        found = current(connection)
    if is_of_a_later_version(found):
        return found
    flask_migrate.upgrade(str(MIGRATIONS), revision)
    return None


def _known() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS))
