"""The activity log: who did what to which thing, when, from where, and what it was before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, CompactJson, UtcDateTime
from app.domain.append_only import append_only
from app.domain.columns import LongId

if TYPE_CHECKING:
    from app.domain.people import User

_SECRET = {"password_hash", "webhook_secret"}
_BOOKKEEPING = {"created_at", "updated_at"}

_source: ContextVar[str | None] = ContextVar("activity_source", default=None)


@append_only
class ActivityLog(Base):
    """One thing that was done. ``user_id`` is empty when the system did it."""

    __tablename__ = "activity_logs"
    __table_args__ = (
        sa.Index("ix_activity_logs_entity", "entity_type", "entity_id", "id"),
        sa.Index("ix_activity_logs_entity_type", "entity_type", "id"),
        sa.Index("ix_activity_logs_user", "user_id", "id"),
        sa.Index("ix_activity_logs_action", "action", "id"),
        sa.Index("ix_activity_logs_source", "source", "id"),
        sa.Index("ix_activity_logs_at", "at"),
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    action: Mapped[str] = mapped_column(sa.String(40))
    entity_type: Mapped[str] = mapped_column(sa.String(40))
    entity_id: Mapped[int | None]
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    before: Mapped[Any] = mapped_column(CompactJson, nullable=True)
    after: Mapped[Any] = mapped_column(CompactJson, nullable=True)
    source: Mapped[str] = mapped_column(sa.String(255), default="")

    user: Mapped[User | None] = relationship()


@contextmanager
def from_source(source: str) -> Iterator[None]:
    """Name where the actions inside the block come from: an address, a job. They may say so themselves."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def record(
    session: Session,
    action: str,
    entity_type: str,
    entity_id: int | None,
    by: int | None,
    *,
    before: Any = None,
    after: Any = None,
    source: str | None = None,
) -> ActivityLog:
    """Add an entry. ``before`` and ``after`` are JSON values; ``by`` is a user id, or None for the system."""
    entry = ActivityLog(
        action=action,
        entity_type=entity_type,
        entity_id=entity_id,
        user_id=by,
        before=before,
        after=after,
        source=(source or _source.get() or "")[:255],
    )
    session.add(entry)
    session.flush()
    return entry


def record_changes(
    session: Session, action: str, entity_type: str, row: Any, by: int | None
) -> ActivityLog | None:
    """Flush a new or changed row, and add an entry with the columns that changed, before and after.

    Secrets are named but not shown. Answers None when nothing changed.
    """
    state = sa.inspect(row)
    is_new = not state.has_identity
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if column.key in _BOOKKEEPING or not history.has_changes():
            continue
        hidden = column.key in _SECRET
        after[column.key] = "***" if hidden else _plain(history.added[0] if history.added else None)
        before[column.key] = "***" if hidden else _plain(history.deleted[0] if history.deleted else None)
    session.add(row)
    session.flush()
    if not after:
        return None
    return record(session, action, entity_type, row.id, by, before=None if is_new else before, after=after)


@dataclass(frozen=True, slots=True)
class Entry:
    """One of many entries to add. ``before`` and ``after`` may hold what columns hold: days, money."""

    action: str
    entity_id: int | None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    at: datetime | None = None


def record_all(session: Session, entity_type: str, entries: Iterable[Entry], by: int | None) -> None:
    """Add many entries with one statement."""
    source = (_source.get() or "")[:255]
    rows = [
        {
            "at": entry.at or clock.now(),
            "action": entry.action,
            "entity_type": entity_type,
            "entity_id": entry.entity_id,
            "user_id": by,
            "before": _plain_values(entry.before),
            "after": _plain_values(entry.after),
            "source": source,
        }
        for entry in entries
    ]
    if rows:
        # Without nulls, every change between rows with and without "before" would begin another statement.
        session.execute(sa.insert(ActivityLog).execution_options(render_nulls=True), rows)


def _plain_values(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: _plain(value) for name, value in values.items()}


def snapshot(row: Any) -> dict[str, Any]:
    """All columns of a row as JSON, without secrets: what it was before it was deleted."""
    return {
        column.key: _plain(getattr(row, column.key))
        for column in sa.inspect(row).mapper.column_attrs
        if column.key not in _BOOKKEEPING | _SECRET | {"id"}
    }


def _plain(value: Any) -> Any:
    """A column's value as JSON."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
