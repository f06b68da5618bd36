"""Reports and long lists that are written in the background: asked for, written, taken away, forgotten.

A file is kept in the database in pieces, so that whichever node has written it, any other can hand it out;
it is gone after some days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base, CompactJson, UtcDateTime
from app.domain import notifications
from app.domain.columns import LongId
from app.errors import BusinessError, NotFound

KEPT = timedelta(days=7)  # then the file is removed
PIECE = 512 * 1024  # bytes
MOST_WAITING = 10  # exports of one person that are not written yet
LINK = "/exports"
LIST = "list"  # what an export is of that is a list of the pages, and no report


class ExportState(StrEnum):
    """Where an export stands."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"


class Export(Base):
    """A report or a list that somebody wants as a file.

    ``report`` is its name, or :data:`LIST`. ``scope`` is what a report is of, as far as they may see it,
    or the address of a list, which is asked again in their name.

    ``rows_written`` of ``rows_expected`` is its progress; the latter is an estimate.
    """

    __tablename__ = "exports"
    __table_args__ = (
        sa.Index("ix_exports_user", "user_id", "id"),
        sa.Index("ix_exports_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    report: Mapped[str] = mapped_column(sa.String(40))
    title: Mapped[str] = mapped_column(sa.String(255))
    format: Mapped[str] = mapped_column(sa.String(10))
    scope: Mapped[dict[str, Any]] = mapped_column(CompactJson)
    state: Mapped[str] = mapped_column(sa.String(10), default=ExportState.WAITING)
    rows_written: Mapped[int] = mapped_column(default=0)
    rows_expected: Mapped[int] = mapped_column(default=0)
    file_name: Mapped[str] = mapped_column(sa.String(255), default="")
    media_type: Mapped[str] = mapped_column(sa.String(100), default="")
    size: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    error: Mapped[str] = mapped_column(sa.String(500), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def progress(self) -> float:
        """The part that is written, 0 to 1."""
        if self.state == ExportState.DONE:
            return 1.0
        return min(0.99, self.rows_written / self.rows_expected) if self.rows_expected else 0.0


class ExportPiece(Base):
    """A piece of a file, in its order."""

    __tablename__ = "export_pieces"
    __table_args__ = (sa.UniqueConstraint("export_id", "position"),)

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    export_id: Mapped[int] = mapped_column(sa.ForeignKey("exports.id"))
    position: Mapped[int]
    content: Mapped[bytes] = mapped_column(
        sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
    )


def ask(
    session: Session,
    user_id: int,
    *,
    report: str,
    title: str,
    form: str,
    scope: Mapping[str, Any],
    rows_expected: int,
) -> Export:
    """Ask for a report as a file. Whoever calls has it written by a job.

    :raises BusinessError: TOO_MANY_EXPORTS
    """
    waiting = sa.select(sa.func.count()).where(
        Export.user_id == user_id, Export.state.in_([ExportState.WAITING, ExportState.RUNNING])
    )
    if (session.scalar(waiting) or 0) >= MOST_WAITING:
        message = f"{MOST_WAITING} of your exports are not written yet; wait for them, or remove some."
        raise BusinessError("TOO_MANY_EXPORTS", message)
    row = Export(
        user_id=user_id,
        report=report,
        title=title[:255],
        format=form,
        scope=dict(scope),
        rows_expected=rows_expected,
        expires_at=clock.now() + KEPT,
    )
    session.add(row)
    session.flush()
    return row


def of_user(session: Session, user_id: int) -> list[Export]:
    """The exports of somebody, newest first."""
    query = sa.select(Export).where(Export.user_id == user_id, Export.expires_at > clock.now())
    return list(session.scalars(query.order_by(Export.id.desc()).limit(200)))


def find(session: Session, export_id: int, user_id: int) -> Export:
    """An export of this user.

    :raises NotFound: there is none, or its file is gone
    """
    row = session.get(Export, export_id)
    if row is None or row.user_id != user_id or row.expires_at <= clock.now():
        raise NotFound("There is no such export, or it was removed after some days; make it again.")
    return row


def store(session: Session, row: Export, stream: BinaryIO, file_name: str, media_type: str) -> None:
    """Keep the file that was written, and tell who wanted it. Memory is that of one piece."""
    session.execute(sa.delete(ExportPiece).where(ExportPiece.export_id == row.id))
    size = 0
    for position, piece in enumerate(iter(lambda: stream.read(PIECE), b"")):
        values = {"export_id": row.id, "position": position, "content": piece}
        session.execute(sa.insert(ExportPiece), [values])
        size += len(piece)
    now = clock.now()
    row.state, row.finished_at, row.expires_at = ExportState.DONE, now, now + KEPT
    row.file_name, row.media_type, row.size, row.error = file_name, media_type, size, ""
    body = f"{file_name} is kept for {KEPT.days} days."
    title = f"Your export is ready: {row.title}"
    notifications.notify(session, title=title, body=body, link=LINK, user_ids=[row.user_id])


def fail(session: Session, row: Export, reason: str) -> None:
    """Say why a file could not be written."""
    row.state, row.error, row.finished_at = ExportState.FAILED, reason[:500], clock.now()
    notifications.notify(
        session, title=f"Your export failed: {row.title}", body=reason, link=LINK, user_ids=[row.user_id]
    )


def pieces(session: Session, export_id: int) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    position = 0
    query = sa.select(ExportPiece.content).where(ExportPiece.export_id == export_id)
    while (piece := session.scalar(query.where(ExportPiece.position == position))) is not None:
        yield piece
        position += 1


def remove(session: Session, row: Export) -> None:
    """Remove an export with its file."""
    session.execute(sa.delete(ExportPiece).where(ExportPiece.export_id == row.id))
    session.delete(row)
    session.flush()


def remove_expired(session: Session, most: int = 20) -> int:
    """Remove the exports whose time is over; answers how many."""
    query = sa.select(Export).where(Export.expires_at <= clock.now()).order_by(Export.expires_at).limit(most)
    found = session.scalars(query.with_for_update(skip_locked=True)).all()
    for row in found:
        remove(session, row)
    return len(found)


def any_expired(session: Session) -> bool:
    """Whether there is something to remove."""
    return session.scalar(sa.select(Export.id).where(Export.expires_at <= clock.now()).limit(1)) is not None
