"""Migrations only add: the version before goes on working until its last node has ended.

What a migration does beyond that, it names, with why the version before is not hurt:

    beyond_adding = {"ALTER TABLE parts DROP COLUMN colour": "the version before uses it no more"}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import Flask

from app.database import engine_options
from app.extensions import db, init_database

MIGRATIONS = str(Path(__file__).resolve().parents[2] / "migrations")

# Statements that read, or that hold only for the migration itself.
HARMLESS = re.compile(
    r"(SELECT|SHOW|PRAGMA|DESCRIBE|SET|BEGIN|SAVEPOINT|RELEASE|COMMIT|ROLLBACK)\b|EXPLAIN", re.I
)
OWN_BOOKS = re.compile(r"(CREATE TABLE|INSERT INTO|UPDATE|DELETE FROM) alembic_version\b", re.I)
TABLE = re.compile(r"(?:CREATE TABLE|ALTER TABLE|INSERT INTO|CREATE (?:UNIQUE )?INDEX \S+ ON) (\w+)", re.I)
ADDS_A_COLUMN = re.compile(
    r"ALTER TABLE \w+ ADD (?:COLUMN )?(?!CONSTRAINT|UNIQUE|CHECK|FOREIGN|PRIMARY)\w+", re.I
)


def only_adds(statement: str, made: set[str]) -> bool:
    """Whether a program that knows nothing of this statement can go on as before.

    ``made`` are the tables that the same migration has made; it grows with them.
    """
    if HARMLESS.match(statement) or OWN_BOOKS.match(statement):
        return True
    found = TABLE.match(statement)
    table = found[1].lower() if found else ""
    if re.match("CREATE TABLE", statement, re.I):
        made.add(table)
        return True
    if table in made or re.match("CREATE INDEX", statement, re.I):
        return True
    if ADDS_A_COLUMN.match(statement):
        return not re.search("NOT NULL", statement, re.I) or bool(re.search("DEFAULT", statement, re.I))
    return False


@pytest.fixture
def statements(database_url: str) -> Iterator[list[str]]:
    """What is said to the database, while an application is there that has one and nothing else."""
    app = Flask("migrations")
    options = engine_options(database_url)
    app.config.update(SQLALCHEMY_DATABASE_URI=database_url, SQLALCHEMY_ENGINE_OPTIONS=options)
    init_database(app)
    said: list[str] = []
    with app.app_context():

        @sa.event.listens_for(db.engine, "before_cursor_execute")
        def note(connection: sa.Connection, cursor: object, statement: str, *rest: object) -> None:
            said.append(" ".join(statement.split()))

        yield said
        db.engine.dispose()


@pytest.mark.databases
def test_what_is_more_than_an_addition_says_why_it_hurts_nobody(statements: list[str]) -> None:
    revisions = list(ScriptDirectory(MIGRATIONS).walk_revisions())[::-1]
    unexplained: list[str] = []
    flask_migrate.upgrade(MIGRATIONS, revisions[0].revision)
    for revision in revisions[1:]:
        statements.clear()
        flask_migrate.upgrade(MIGRATIONS, revision.revision)
        explained: dict[str, str] = getattr(revision.module, "beyond_adding", {})
        made: set[str] = set()
        more = [each for each in statements if not only_adds(each, made)]
        unexplained += [
            f"{revision.revision}: {each}" for each in more if not each.startswith(tuple(explained))
        ]
        if db.engine.dialect.name != "sqlite":  # which is spared some of them
            assert {each for each in explained if not any(said.startswith(each) for said in more)} == set()
    assert unexplained == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE parts DROP COLUMN colour",
        "ALTER TABLE parts RENAME COLUMN colour TO color",
        "ALTER TABLE parts MODIFY colour VARCHAR(10) NOT NULL",
        "ALTER TABLE parts ADD COLUMN weight INTEGER NOT NULL",
        "ALTER TABLE parts ADD CONSTRAINT uq_parts_name UNIQUE (name)",
        "ALTER TABLE parts ADD CHECK (weight > 0)",
        "CREATE UNIQUE INDEX ix_parts_name ON parts (name)",
        "DROP TABLE parts",
        "RENAME TABLE parts TO spare_parts",
        "UPDATE parts SET colour = 'red'",
        "DELETE FROM parts",
        "INSERT INTO parts (name) VALUES ('bolt')",
        "DROP INDEX ix_parts_name ON parts",
    ],
)
def test_what_the_version_before_would_notice_is_seen(statement: str) -> None:
    assert not only_adds(statement, made={"others"})


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE bolts (id INTEGER NOT NULL)",
        "ALTER TABLE parts ADD COLUMN weight INTEGER",
        "ALTER TABLE parts ADD COLUMN missed VARCHAR(10) DEFAULT 'EACH' NOT NULL",
        "CREATE INDEX ix_parts_weight ON parts (weight)",
        "ALTER TABLE others ADD CONSTRAINT uq_others_name UNIQUE (name)",
        "INSERT INTO others (name) VALUES ('nut')",
        "UPDATE alembic_version SET version_num='0002'",
    ],
)
def test_what_it_would_not_notice_is_let_be(statement: str) -> None:
    assert only_adds(statement, made={"others"})
