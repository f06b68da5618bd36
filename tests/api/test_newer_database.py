"""This version goes on working when the next one has added to its database: half of what an upgrade needs.

The other half, that migrations only add, is held by ``tests/services/test_migrations_only_add.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.database import metadata
from tests.api import test_lifecycle as lifecycle
from tests.api.conftest import Api

pytestmark = pytest.mark.databases

ADDED = {
    "zz_nullable": "INTEGER NULL",
    "aa_with_default": "VARCHAR(20) NOT NULL DEFAULT 'of the next'",
}


@pytest.fixture
def deployed_url(deployed_url: str) -> Iterator[str]:
    """A database to which a later version has added columns and an index in every table, and a table."""
    database = sa.create_engine(deployed_url)
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('9999')")
        connection.exec_driver_sql(
            "CREATE TABLE of_the_next (id INTEGER PRIMARY KEY, user_id INTEGER,"
            " FOREIGN KEY (user_id) REFERENCES users (id))"
        )
        for table in metadata.tables:
            for name, kind in ADDED.items():
                connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
            connection.exec_driver_sql(
                f"CREATE INDEX ix_next_{table} ON {table} (aa_with_default, zz_nullable)"
            )
    yield deployed_url
    if database.dialect.name != "sqlite":  # others work in it after us
        with database.begin() as connection:
            connection.exec_driver_sql("DROP TABLE of_the_next")
            for table in metadata.tables:
                connection.exec_driver_sql(f"DROP INDEX ix_next_{table} ON {table}")
                for name in ADDED:
                    connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")
    database.dispose()


def test_work_goes_on_in_a_database_of_the_next_version(api: Api) -> None:
    for goes_on in (
        lifecycle.test_from_the_report_to_the_repaired_machine,
        lifecycle.test_a_second_approval_in_the_diagram_needs_no_other_api,
        lifecycle.test_asking_for_less_is_possible_and_for_more_is_not,
        lifecycle.test_a_request_is_cancelled_by_whom_the_diagram_allows,
    ):
        goes_on(api)
    answer = api.anonymous.client.get("/readyz").json
    assert answer["parts"]["migrations"] == "ok"
