"""What adding, changing and removing the rows of the catalogues have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import activity
from app.errors import BusinessError, Conflict

Checks = Mapping[str, Callable[[Any], Any]]


@dataclass(frozen=True)
class Unique:
    """A column that no two rows share; upper and lower case are the same.

    ``what`` is what people call it ("part number"), ``code`` and ``field`` are those of the refusal.
    """

    attribute: str
    code: str
    what: str
    field: str

    def check(self, session: Session, row: Any) -> None:
        """Refuse a value that another row has.

        :raises BusinessError: with this rule's code
        """
        history = sa.inspect(row).attrs[self.attribute].history
        if not history.has_changes():
            return
        model, value = type(row), getattr(row, self.attribute)
        column = getattr(model, self.attribute)
        # MySQL's collation knows no case; SQLite's does.
        lower = session.get_bind().dialect.name == "sqlite"
        same = sa.func.lower(column) == sa.func.lower(value) if lower else column == value
        with session.no_autoflush:
            holder = session.scalars(sa.select(model.id).where(same, model.id != (row.id or 0))).first()
        if holder is not None:
            raise self.taken(value)

    def taken(self, value: str) -> BusinessError:
        """The refusal of a value that another row has."""
        return BusinessError(self.code, f"The {self.what} {value} is already in use.", field=self.field)


def assign(row: Any, checks: Checks, changes: Mapping[str, Any]) -> None:
    """Check values, each by itself, and put them on a row; none of them if one is refused.

    :raises BusinessError: what the checks raise
    :raises TypeError: a name that ``checks`` does not have
    """
    if unknown := set(changes) - set(checks):
        raise TypeError(f"not to be changed: {', '.join(sorted(unknown))}")
    checked = {name: checks[name](value) for name, value in changes.items()}
    for name, value in checked.items():
        setattr(row, name, value)


def changed(row: Any, attribute: str) -> bool:
    """Whether a column of the row has another value than the database; always for a new row's values."""
    return bool(sa.inspect(row).attrs[attribute].history.has_changes())


def save(session: Session, action: str, entity_type: str, row: Any, by: int | None, unique: Unique) -> None:
    """Store a new or changed row and what changed.

    :raises BusinessError: another row has the unique value, also one that was stored just now
    :raises Conflict: what the row refers to was removed just now
    """
    unique.check(session, row)
    value = getattr(row, unique.attribute)
    try:
        activity.record_changes(session, action, entity_type, row, by)
    except IntegrityError as error:
        if is_duplicate(error):
            raise unique.taken(value) from None
        raise gone() from error


def remove(session: Session, action: str, entity_type: str, row: Any, by: int | None) -> None:
    """Delete a row that nothing refers to, and keep in the activity log what it was."""
    before = activity.snapshot(row)
    row_id = row.id
    session.delete(row)
    session.flush()
    activity.record(session, action, entity_type, row_id, by, before=before)


def gone() -> Conflict:
    """The refusal where something that a row refers to was removed just now."""
    return Conflict("Something that this refers to has just been removed; look again.")


def is_duplicate(error: IntegrityError) -> bool:
    """Whether the database refused a second row with the same unique value."""
    return "UNIQUE constraint" in str(error.orig) or "Duplicate entry" in str(error.orig)


def flag(value: Any) -> bool:
    """The check of a yes or no."""
    if not isinstance(value, bool):
        raise TypeError("a flag is True or False")
    return value
