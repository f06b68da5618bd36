"""Files that follow a database transaction: written ones vanish on rollback, deleted ones go on commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransaction


@dataclass
class _Pending:
    """Files touched in the current outermost transaction, each with the (nested) one it was touched in."""

    written: list[tuple[Path, SessionTransaction | None]] = field(default_factory=list)
    discarded: list[tuple[Path, SessionTransaction | None]] = field(default_factory=list)


def write(session: Session, path: Path, data: bytes) -> None:
    """Write a new file, which is removed again if the transaction is rolled back."""
    _pending(session).written.append((path, _innermost(session)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def discard(session: Session, path: Path) -> None:
    """Remove a file once the transaction is committed."""
    _pending(session).discarded.append((path, _innermost(session)))


def _pending(session: Session) -> _Pending:
    pending: _Pending = session.info.setdefault("pending_files", _Pending())
    return pending


def _innermost(session: Session) -> SessionTransaction | None:
    session.connection()  # a transaction begins with its first statement
    return session.get_nested_transaction() or session.get_transaction()


def _within(inner: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while inner is not None:
        if inner is outer:
            return True
        inner = inner.parent
    return False


@sa.event.listens_for(Session, "after_soft_rollback")
def _undo(session: Session, transaction: SessionTransaction) -> None:
    pending: _Pending | None = session.info.get("pending_files")
    if pending is None:
        return
    for path, inner in pending.written:
        if _within(inner, transaction):
            path.unlink(missing_ok=True)
    pending.written = [entry for entry in pending.written if not _within(entry[1], transaction)]
    pending.discarded = [entry for entry in pending.discarded if not _within(entry[1], transaction)]


@sa.event.listens_for(Session, "after_commit")
def _finish(session: Session) -> None:
    if session.get_nested_transaction() is not None:
        return  # only a savepoint was released
    pending: _Pending | None = session.info.pop("pending_files", None)
    for path, _ in pending.discarded if pending else ():
        path.unlink(missing_ok=True)
