"""A factory with long lists: the rows of a small one, written many times over, in SQL alone."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from app.database import CompactJson, metadata

MANY = 100_000
SOME = 400  # of what a factory never has that many of
BIG = frozenset(
    {
        "machines",
        "maintenance_requests",
        "spare_parts",
        "spare_parts_inventory_transactions",
        "activity_logs",
        "history_entries",
        "process_instances",
        "user_tasks",
        "notifications",
    }
)
LEFT_AS_THEY_ARE = frozenset(
    {"user_sessions", "process_deployment_files", "part_stock", "stock_reservations"}
)


def multiply(start: Path, into: Path) -> Path:
    """A copy of a site's SQLite file whose tables have :data:`MANY` or :data:`SOME` rows more.

    Half of the new rows belong to what their originals belonged to, so that there are records to which
    very many belong; the others each to a new one, so that a page of them touches many records. Where
    only one row may belong to a record, all of them belong to new ones.
    """
    shutil.copyfile(start, into)
    connection = sqlite3.connect(into)
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF;")
    connection.create_function("new", 2, lambda text, number: f"{str(text)[:24]}~{number}")
    bases = {name: _highest(connection, name) for name in metadata.tables if _has_id(name)}
    for table in metadata.sorted_tables:
        if _has_id(table.name) and bases[table.name] and table.name not in LEFT_AS_THEY_ARE:
            _multiply(connection, table, bases)
    connection.commit()
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return into


def rows_of(table: str) -> int:
    """How many rows of a table are written."""
    if table in LEFT_AS_THEY_ARE:
        return 0
    return MANY if table in BIG else SOME


def _has_id(name: str) -> bool:
    key = metadata.tables[name].columns.get("id")
    return key is not None and isinstance(key.type, sa.Integer)


def _highest(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"SELECT COALESCE(MAX(id), 0) FROM {name}").fetchone()[0])  # noqa: S608


def _multiply(connection: sqlite3.Connection, table: sa.Table, bases: dict[str, int]) -> None:
    # The newest: of tasks and instances they are those that are open.
    newest = f"SELECT id FROM {table.name} ORDER BY id DESC LIMIT 30"  # noqa: S608
    originals = [row[0] for row in connection.execute(newest)]
    connection.execute("CREATE TEMP TABLE originals (position INTEGER PRIMARY KEY, id INTEGER)")
    connection.executemany("INSERT INTO originals VALUES (?, ?)", list(enumerate(originals)))
    names = [column.name for column in table.columns]
    values = ", ".join(_value(table, column, bases) for column in table.columns)
    connection.execute(
        f"""
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows_of(table.name)})
        INSERT INTO {table.name} ({", ".join(names)})
        SELECT {values} FROM n
        JOIN originals ON originals.position = n.i % {len(originals)}
        JOIN {table.name} AS t ON t.id = originals.id
        """  # noqa: S608 - the names are our own
    )
    connection.execute("DROP TABLE originals")


def _value(table: sa.Table, column: sa.Column[object], bases: dict[str, int]) -> str:
    """What a new row has in a column, as SQL; ``n.i`` counts the new rows."""
    if column.name == "id":
        return f"{bases[table.name]} + 1 + n.i"
    is_unique = any(column.name in names for names in _unique(table))
    key = next(iter(column.foreign_keys), None)
    if key is not None:
        return _reference(column, key.column.table.name, bases, is_unique=is_unique)
    if is_unique and isinstance(column.type, sa.String):
        return f"CASE WHEN t.{column.name} IS NULL THEN NULL ELSE new(t.{column.name}, n.i) END"
    if is_unique and column.unique and column.nullable:
        return "NULL"  # a number that is nothing's key, such as the part that a replenishment is open for
    if isinstance(column.type, CompactJson):  # no list reads the state of an instance, which is large
        return f"CASE WHEN length(t.{column.name}) > 500 THEN '{{}}' ELSE t.{column.name} END"
    return f"t.{column.name}"


def _reference(column: sa.Column[object], target: str, bases: dict[str, int], *, is_unique: bool) -> str:
    rows = rows_of(target)
    if not rows or not bases.get(target):
        return f"t.{column.name}"
    another = f"{bases[target]} + 1 + n.i % {rows}"
    if not is_unique:
        another = f"CASE WHEN n.i % 2 THEN t.{column.name} ELSE {another} END"
    return f"CASE WHEN t.{column.name} IS NULL THEN NULL ELSE {another} END"


def _unique(table: sa.Table) -> list[set[str]]:
    found = [
        {column.name for column in constraint.columns}
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    found += [{column.name for column in index.columns} for index in table.indexes if index.unique]
    return found + [{column.name} for column in table.columns if column.unique]
