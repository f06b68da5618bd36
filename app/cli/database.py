"""Commands for migrating the database by hand."""

from __future__ import annotations

import click


@click.group()
def db() -> None:
    """Migrate the database by hand; “millwright setup” does what is normally needed."""


@db.command()
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Migrate forwards, to the newest revision or a named one."""
    from app.ops import migrating, runtime

    with runtime.database_app().app_context():
        later = migrating.upgrade(revision)
    if later:
        click.echo(migrating.LEFT_ALONE.format(later))


@db.command()
@click.argument("revision", default="-1")
@click.confirmation_option(prompt="Undoing a migration can delete data. Go on?")
def downgrade(revision: str) -> None:
    """Migrate backwards, by one revision or to a named one."""
    _migrate("downgrade", revision)


@db.command()
def current() -> None:
    """Show the revision that the database is at."""
    from alembic.runtime.migration import MigrationContext

    from app.ops import runtime

    with runtime.site() as site, site.database.connect() as connection:
        click.echo(MigrationContext.configure(connection).get_current_revision() or "empty")


@db.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a new migration from what models and database differ in (for developers)."""
    _migrate("migrate", message=message)


def _migrate(command: str, *args: str, **options: str) -> None:
    import flask_migrate

    from app.ops import runtime

    with runtime.database_app().app_context():
        getattr(flask_migrate, command)(str(runtime.MIGRATIONS), *args, **options)


COMMANDS = (db,)
