"""Migrations make exactly the tables that the models describe, and take them away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from app.database import engine_options, metadata
from app.domain.machines import Machine
from app.extensions import db, init_database

MIGRATIONS = str(Path(__file__).resolve().parents[2] / "migrations")

pytestmark = pytest.mark.databases


@pytest.fixture
def flask_app(database_url: str) -> Iterator[Flask]:
    """An application that has a database and nothing else."""
    app = Flask("migrations")
    app.config.update(
        SQLALCHEMY_DATABASE_URI=database_url, SQLALCHEMY_ENGINE_OPTIONS=engine_options(database_url)
    )
    init_database(app)
    with app.app_context():
        yield app
        db.engine.dispose()


def tables() -> set[str]:
    return set(sa.inspect(db.engine).get_table_names()) - {"alembic_version"}


@pytest.mark.usefixtures("flask_app")
def test_migrations_and_models_agree() -> None:
    flask_migrate.upgrade(MIGRATIONS)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    assert differences == []
    assert tables() == set(metadata.tables)


@pytest.mark.usefixtures("flask_app")
def test_every_migration_can_be_undone_and_done_again() -> None:
    flask_migrate.upgrade(MIGRATIONS)
    flask_migrate.downgrade(MIGRATIONS, "base")
    assert tables() == set()
    flask_migrate.upgrade(MIGRATIONS)
    assert tables() == set(metadata.tables)


@pytest.mark.usefixtures("flask_app")
def test_upgrading_twice_changes_nothing() -> None:
    flask_migrate.upgrade(MIGRATIONS)
    before = tables()
    flask_migrate.upgrade(MIGRATIONS)
    assert tables() == before


@pytest.mark.usefixtures("flask_app")
def test_references_are_enforced_after_migrating() -> None:
    flask_migrate.upgrade(MIGRATIONS)
    machine_of_nowhere = Machine(qr_code="M-1", name="Press", department_id=987_654)
    db.session.add(machine_of_nowhere)
    with pytest.raises(sa.exc.IntegrityError):
        db.session.commit()
    db.session.rollback()


def test_there_is_one_newest_migration(flask_app: Flask) -> None:
    assert len(ScriptDirectory(MIGRATIONS).get_heads()) == 1
