"""Files that follow a database transaction: written ones vanish on rollback, deleted ones go on commit."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransaction

from app.storage import FileStore, StorageUnavailable

log = logging.getLogger(__name__)


@dataclass
class _Pending:
    """Files touched in the current outermost transaction, each with the (nested) one it was touched in."""

    written: list[tuple[_File, SessionTransaction | None]] = field(default_factory=list)
    discarded: list[tuple[_File, SessionTransaction | None]] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    store: FileStore
    key: str

    def remove(self) -> None:
        """What cannot be removed is an orphan, which “millwright files” finds: nobody's work fails of it."""
        try:
            self.store.delete(self.key)
        except StorageUnavailable as error:
            log.warning("%s The file belongs to nothing any more.", error)


def write(session: Session, store: FileStore, key: str, data: bytes) -> None:
    """Write a new file, which is removed again if the transaction is rolled back.

    :raises StorageUnavailable: it could not be kept
    """
    _pending(session).written.append((_File(store, key), _innermost(session)))
    store.write(key, data)


def discard(session: Session, store: FileStore, key: str) -> None:
    """Remove a file once the transaction is committed."""
    _pending(session).discarded.append((_File(store, key), _innermost(session)))


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
    for file, inner in pending.written:
        if _within(inner, transaction):
            file.remove()
    pending.written = [entry for entry in pending.written if not _within(entry[1], transaction)]
    pending.discarded = [entry for entry in pending.discarded if not _within(entry[1], transaction)]


@sa.event.listens_for(Session, "after_commit")
def _finish(session: Session) -> None:
    if session.get_nested_transaction() is not None:
        return  # only a savepoint was released
    pending: _Pending | None = session.info.pop("pending_files", None)
    for file, _ in pending.discarded if pending else ():
        file.remove()
