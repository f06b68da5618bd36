"""Attachments: photos, manuals and other files that belong to something."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Protocol
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock, database
from app.database import Base, UtcDateTime
from app.domain import activity, content, files
from app.domain.entities import EntityType
from app.domain.people import User
from app.domain.scanning import Scanner, ScannerUnavailable
from app.errors import BusinessError, Forbidden, NotFound
from app.storage import FileMissing, FileStore, StorageUnavailable

log = logging.getLogger(__name__)

MAX_SIZE = 10 * 1024 * 1024  # bytes


class Readable(Protocol):
    """Anything to read bytes from: an open file, or an upload of a form."""

    def read(self, size: int = ..., /) -> bytes: ...


class Attachment(Base):
    """A stored file. ``storage_key`` is its path inside the store; nothing of it comes from the user."""

    __tablename__ = "attachments"
    __table_args__ = (
        sa.Index("ix_attachments_entity", "entity_type", "entity_id"),
        sa.Index("ix_attachments_uploader", "uploaded_by", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    file_name: Mapped[str] = mapped_column(sa.String(255))
    content_type: Mapped[str] = mapped_column(sa.String(100))
    size: Mapped[int]
    digest: Mapped[str] = mapped_column(sa.String(64))
    storage_key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    entity_type: Mapped[str | None] = mapped_column(sa.String(40))
    entity_id: Mapped[int | None]
    uploaded_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    uploader: Mapped[User | None] = relationship()

    @property
    def is_image(self) -> bool:
        return self.content_type.startswith("image/")


@dataclass(frozen=True)
class CheckedFile:
    """A file that may be kept, as it will be."""

    name: str
    content_type: str
    data: bytes = field(repr=False)


def check(session: Session, scanner: Scanner, file: Readable, filename: str, by: int | None) -> CheckedFile:
    """See whether a file may be kept. This takes a while: best done before a transaction begins.

    What kind of file it is shows in its content, never in its name. Images are written anew, upright
    and without metadata (a photo tells where it was taken). A virus is written into the activity log,
    whatever becomes of the transaction.

    :raises BusinessError: ATTACHMENT_EMPTY, ATTACHMENT_SIZE, ATTACHMENT_VIRUS, ATTACHMENT_NOT_SCANNED,
        ATTACHMENT_TYPE, ATTACHMENT_BROKEN
    """
    name = clean_name(filename)
    data = file.read(MAX_SIZE + 1)
    if not data:
        raise BusinessError("ATTACHMENT_EMPTY", f"{name} is empty.", field="file")
    if len(data) > MAX_SIZE:
        message = f"{name} is larger than {MAX_SIZE // 1024 // 1024} MB."
        raise BusinessError("ATTACHMENT_SIZE", message, field="file")
    _scan(session, scanner, data, name, by)
    content_type, data = content.examine(data, name)
    return CheckedFile(content.fitting_name(name, content_type), content_type, data)


def keep(
    session: Session,
    store: FileStore,
    file: CheckedFile,
    by: int | None,
    *,
    entity_type: str | None = None,
    entity_id: int | None = None,
) -> Attachment:
    """Keep a checked file. It is removed again when the transaction is rolled back.

    :raises StorageUnavailable: the store does not take it now
    """
    token = uuid4().hex
    attachment = Attachment(
        file_name=file.name,
        content_type=file.content_type,
        size=len(file.data),
        digest=hashlib.sha256(file.data).hexdigest(),
        storage_key=f"{token[:2]}/{token}",
        entity_type=entity_type,
        entity_id=entity_id,
        uploaded_by=by,
    )
    try:
        files.write(session, store, attachment.storage_key, file.data)
    except StorageUnavailable as error:
        log.error("%s was not kept: %s", file.name, error)
        message = f"{file.name} cannot be kept at the moment. Nothing was done; try again in a few minutes."
        raise StorageUnavailable(message) from error
    session.add(attachment)
    session.flush()
    after = {**_picture(attachment), "size": attachment.size, "digest": attachment.digest}
    activity.record(session, "ADD_ATTACHMENT", EntityType.ATTACHMENT, attachment.id, by, after=after)
    return attachment


def store(
    session: Session,
    store: FileStore,
    scanner: Scanner,
    file: Readable,
    filename: str,
    by: int | None,
    *,
    entity_type: str | None = None,
    entity_id: int | None = None,
) -> Attachment:
    """Check a file and keep it.

    :raises BusinessError: as :func:`check`
    :raises StorageUnavailable: as :func:`keep`
    """
    checked = check(session, scanner, file, filename, by)
    return keep(session, store, checked, by, entity_type=entity_type, entity_id=entity_id)


def _scan(session: Session, scanner: Scanner, data: bytes, name: str, by: int | None) -> None:
    """Let the site's scanner look at a file. One that cannot be looked at is not kept."""
    try:
        virus = scanner.scan(data)
    except ScannerUnavailable as error:
        log.error("%s was refused, because it could not be scanned for viruses: %s", name, error)
        message = f"{name} cannot be checked for viruses at the moment. Try again in a few minutes."
        raise BusinessError("ATTACHMENT_NOT_SCANNED", message, field="file") from None
    if virus is None:
        return
    log.warning("%s from user %s was refused, because of the virus %s", name, by, virus)
    found = {"fileName": name, "virus": virus, "digest": hashlib.sha256(data).hexdigest()}
    database.afterwards(
        session,
        lambda session: activity.record(
            session, "REFUSE_VIRUS", EntityType.ATTACHMENT, None, by, after=found
        ),
    )  # fmt: skip
    message = f"{name} contains a virus ({virus}) and was not kept. Have the device it came from checked."
    raise BusinessError("ATTACHMENT_VIRUS", message, field="file")


def open_file(store: FileStore, attachment: Attachment) -> BinaryIO:
    """Open a stored file for reading.

    :raises NotFound: the store has lost it
    :raises StorageUnavailable: the store does not answer
    """
    try:
        return store.open(attachment.storage_key)
    except FileMissing:
        raise NotFound(f"The file {attachment.file_name} is missing from the store.") from None
    except StorageUnavailable as error:
        log.error("%s (attachment %s) cannot be opened: %s", attachment.storage_key, attachment.id, error)
        message = f"{attachment.file_name} cannot be opened at the moment. Try again in a few minutes."
        raise StorageUnavailable(message) from error


def link(
    session: Session, attachment_ids: Iterable[int], entity_type: str, entity_id: int, by: int | None
) -> list[Attachment]:
    """Say what uploaded files belong to. Files that belong there already stay there.

    :raises BusinessError: UNKNOWN_ATTACHMENT (field ``photos.0``), also for a file of something else
    :raises Forbidden: a user tries to use a file that somebody else uploaded
    """
    linked = []
    for index, attachment_id in enumerate(attachment_ids):
        attachment = session.get(Attachment, attachment_id)
        owner = None if attachment is None else (attachment.entity_type, attachment.entity_id)
        if attachment is None or owner not in ((None, None), (entity_type, entity_id)):
            message = "The file is not there any more; attach it again."
            raise BusinessError("UNKNOWN_ATTACHMENT", message, field=f"photos.{index}")
        if owner == (None, None) and by is not None and attachment.uploaded_by != by:
            raise Forbidden("Only the person who uploaded a file can attach it.")
        attachment.entity_type, attachment.entity_id = entity_type, entity_id
        linked.append(attachment)
    session.flush()
    return linked


def of(session: Session, entity_type: str, entity_id: int) -> list[Attachment]:
    """What is attached to a thing, oldest first."""
    query = sa.select(Attachment).where(
        Attachment.entity_type == entity_type, Attachment.entity_id == entity_id
    )
    return list(session.scalars(query.order_by(Attachment.id)))


def remove(session: Session, store: FileStore, attachment: Attachment, by: int | None) -> None:
    """Delete an attachment; its file goes when the transaction is committed."""
    files.discard(session, store, attachment.storage_key)
    before, attachment_id = _picture(attachment), attachment.id
    session.delete(attachment)
    session.flush()
    activity.record(session, "DELETE_ATTACHMENT", EntityType.ATTACHMENT, attachment_id, by, before=before)


def _picture(attachment: Attachment) -> dict[str, Any]:
    """What the activity log tells of a file."""
    return {
        "fileName": attachment.file_name,
        "entityType": attachment.entity_type,
        "entityId": attachment.entity_id,
    }


def clean_name(filename: str) -> str:
    """The last part of a file name, without control characters and what file systems dislike."""
    name = unicodedata.normalize("NFC", filename).replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    name = re.sub(r'[<>:"|?*]', "_", printable).strip(" .")
    if len(name) > 200:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem[:180]}.{suffix[:19]}" if dot else name[:200]
    return name or "file"
