"""What has history is deactivated rather than deleted: finds out who refers to a row, and refuses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import metadata
from app.domain import locks
from app.errors import Conflict

COUNTED = 100  # rows of a table; beyond that it is only said that there are more

# What people call the rows of tables whose names do not say it.
_NAMES = {
    "activity_logs": "entries of the activity log",
    "maintenance_work": "work orders",
    "part_stock": "stock",
    "process_records": "records of other processes",
    "maintenance_work_steps": "work steps",
    "preventive_maintenance_task_parts": "kits of preventive tasks",
    "spare_parts_inventory_transactions": "stock movements",
    "spare_parts_request_lines": "lines of parts requests",
    "spare_parts_requests": "parts requests",
    "spare_parts_usage": "parts used",
    "stock_cost_layers": "cost layers",
    "user_tasks": "tasks",
}


@dataclass(frozen=True)
class References:
    """How many rows of one table refer to a row: at most :data:`COUNTED`, and whether there are more."""

    table: str
    count: int
    more: bool = False

    def __str__(self) -> str:
        """For people: ``maintenance requests (3)``."""
        name = _NAMES.get(self.table, self.table.replace("_", " "))
        return f"{name} ({'more than ' if self.more else ''}{self.count})"


def references(
    session: Session, row: Any, *, ignore: Collection[str] = (), also: Collection[str] = ()
) -> list[References]:
    """The tables with rows that refer to ``row`` by a foreign key, by name; one statement.

    ``ignore`` names tables (``notifications``) or columns (``notifications.user_id``) that do not count;
    ``also`` names columns that hold the row's id without a foreign key (``user_tasks.assignee_id``).
    """
    counts = []
    for name, columns in _referring(sa.inspect(type(row)).local_table, ignore, also).items():
        found = sa.select(sa.literal(1)).where(sa.or_(*(column == row.id for column in columns)))
        limited = found.limit(COUNTED + 1).subquery()
        counts.append(sa.select(sa.literal(name), sa.func.count()).select_from(limited))
    if not counts:
        return []
    session.flush()
    answers = session.execute(sa.union_all(*counts)).all()
    return [
        References(name, min(count, COUNTED), more=count > COUNTED)
        for name, count in sorted(answers, key=lambda answer: str(answer[0]))
        if count
    ]


def refuse_if_used(
    session: Session,
    row: Any,
    *,
    what: str,
    instead: str,
    ignore: Collection[str] = (),
    also: Collection[str] = (),
) -> None:
    """Lock ``row`` and see that nothing refers to it, so that the caller can delete it.

    The message begins with ``what`` ("The machine Press 4") and ends with the sentence ``instead``
    ("Decommission it instead."). ``ignore`` and ``also`` are as for :func:`references`.

    :raises Conflict: other rows refer to it; the message says which, how many, and what to do instead
    :raises NotFound: it is gone already
    """
    locks.lock(session, row)
    found = references(session, row, ignore=ignore, also=also)
    if found:
        listed = [str(one) for one in found]
        kinds = " and ".join(filter(None, [", ".join(listed[:-1]), listed[-1]]))
        raise Conflict(f"{what} has history and cannot be deleted: {kinds}. {instead}")


def _referring(
    target: Any, ignore: Collection[str], also: Collection[str]
) -> dict[str, list[sa.Column[Any]]]:
    """The columns that may hold the id of a row of ``target``, by table."""
    columns: dict[str, list[sa.Column[Any]]] = {}
    for table in metadata.sorted_tables:
        for column in table.columns:
            full = f"{table.name}.{column.name}"
            if table.name in ignore or full in ignore:
                continue
            if full in also or any(key.column is target.c.id for key in column.foreign_keys):
                columns.setdefault(table.name, []).append(column)
    return columns
