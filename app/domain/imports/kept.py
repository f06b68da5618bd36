"""Files that wait to be imported: what was previewed is what is imported, whoever else works meanwhile."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base, CompactJson, UtcDateTime
from app.domain.imports.sheets import MAX_BYTES
from app.errors import BusinessError, NotFound

KEPT = timedelta(days=1)  # then whoever has not confirmed uploads again


class ImportFile(Base):
    """A file that somebody has uploaded to be imported. ``choices`` say what unknown headers stand for."""

    __tablename__ = "import_files"
    __table_args__ = (sa.Index("ix_import_files_created_at", "created_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(sa.String(40))
    file_name: Mapped[str] = mapped_column(sa.String(255))
    digest: Mapped[str] = mapped_column(sa.String(64))
    content: Mapped[bytes] = mapped_column(
        sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"), deferred=True
    )
    choices: Mapped[dict[str, str]] = mapped_column(CompactJson, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    def chosen(self) -> dict[int, str]:
        """What headers stand for, by position."""
        return {int(position): column for position, column in self.choices.items()}


def keep(session: Session, user_id: int, kind: str, file_name: str, content: bytes) -> ImportFile:
    """Keep a file for a day; files that have waited for longer go.

    :raises BusinessError: IMPORT_TOO_LARGE, FILE_EMPTY
    """
    if not content:
        raise BusinessError("FILE_EMPTY", "The file is empty; choose another.", field="file")
    if len(content) > MAX_BYTES:
        message = f"The file is larger than {MAX_BYTES // 1024 // 1024} MB; split it."
        raise BusinessError("IMPORT_TOO_LARGE", message, field="file")
    session.execute(sa.delete(ImportFile).where(ImportFile.created_at < clock.now() - KEPT))
    row = ImportFile(
        user_id=user_id,
        kind=kind,
        file_name=file_name[:255],
        digest=hashlib.sha256(content).hexdigest(),
        content=content,
        choices={},
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, file_id: int, user_id: int, kind: str) -> ImportFile:
    """The file that somebody has uploaded.

    :raises NotFound: there is none of theirs
    """
    row = session.get(ImportFile, file_id)
    if row is None or row.user_id != user_id or row.kind != kind:
        raise NotFound("This file is no longer kept; upload it again.")
    return row


def choose(row: ImportFile, choices: dict[int, Any]) -> None:
    """Say what headers stand for, by position."""
    row.choices = {str(position): str(column)[:60] for position, column in choices.items()}
