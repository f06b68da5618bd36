"""Attachments: photos, manuals and other files, each of something."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response, g
from pydantic import Field
from werkzeug.datastructures import FileStorage

from app import current
from app.access import attached, records
from app.api.core import calls
from app.api.core.endpoints import Download, Resource
from app.api.core.finding import find
from app.api.core.problems import ApiError
from app.api.core.schemas import Id, In, Instant, Named, Out, PageOf, Paging, left_out
from app.domain import attachments
from app.domain.attachments import Attachment, CheckedFile
from app.domain.content import ENDINGS
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.queries import attachments as lists
from app.domain.queries.paging import Page
from app.errors import BusinessError, NotFound
from app.stored_files import response_of

resource = Resource(
    "Attachments",
    "Files: JPEG, PNG, WebP and GIF images, PDF and plain text, up to 10 MB each. Images are kept without "
    "their metadata. A file is seen by whoever uploaded it and by those who see what it belongs to.",
)

MOST_FILES = 10  # an upload
RETRY_AFTER = 60  # seconds, while the virus scanner does not answer

Subject = Literal[
    EntityType.MACHINE,
    EntityType.SPARE_PART,
    EntityType.MAINTENANCE_REQUEST,
    EntityType.MAINTENANCE_WORK,
    EntityType.SPARE_PARTS_REQUEST,
    EntityType.PREVENTIVE_TASK,
    EntityType.PREVENTIVE_LOG,
    EntityType.PROCESS_RECORD,
]


class AttachmentOut(Out):
    """A stored file."""

    id: int
    file_name: str
    content_type: str
    size: int = Field(description="Bytes.")
    digest: str = Field(description="SHA-256, in hexadecimal.")
    entity_type: str | None = Field(description="What kind of record it belongs to; null until it does.")
    entity_id: int | None
    uploader: Named | None
    created_at: Instant


class UploadIn(In):
    """What the files belong to. Without it they wait until their ids are sent with a form."""

    entity_type: Subject = left_out()
    entity_id: Id = left_out()


class AttachmentFilters(Paging):
    """In which order."""

    sort: Literal["createdAt", "-createdAt", "fileName", "-fileName", "size", "-size"] = "createdAt"


def _checked(files: list[FileStorage], form: UploadIn) -> list[CheckedFile]:
    """The files, scanned and rewritten before the transaction, in which nobody shall wait for that."""
    if (form.entity_type is None) != (form.entity_id is None):
        field = "entityId" if form.entity_id is None else "entityType"
        raise BusinessError("INCOMPLETE", "Send entityType and entityId together, or neither.", field=field)
    if form.entity_type is not None:
        _subject(form.entity_type, form.entity_id)
    if len(files) > MOST_FILES:
        message = f"At most {MOST_FILES} files are taken at once."
        raise BusinessError("TOO_MANY_FILES", message, field="files")
    return [_checked_file(index, file) for index, file in enumerate(files)]


def _checked_file(index: int, file: FileStorage) -> CheckedFile:
    try:
        return attachments.check(
            calls.session(), current.scanner(), file, file.filename or "", calls.user_id()
        )
    except BusinessError as error:
        field = f"files.{index}"
        if error.code == "ATTACHMENT_NOT_SCANNED":
            g.retry_after = RETRY_AFTER
            raise ApiError(503, error.code, error.message, {field: [error.message]}) from None
        raise BusinessError(error.code, error.message, field=field) from None
    finally:
        file.stream.seek(0)  # it is read again for the fingerprint that an Idempotency-Key goes with


@resource.post(
    "/attachments/upload",
    needs="attachments:upload",
    answers=Annotated[list[AttachmentOut], Field(title="Uploaded files")],
    status=201,
    file_field="files",
    prepares=_checked,
)
def upload_attachments(
    files: list[FileStorage], form: UploadIn, prepared: list[CheckedFile]
) -> list[Attachment]:
    """Upload files, all of them or none.

    What they are is seen from their content. Each is scanned for viruses, where the site has a scanner.
    """
    session, by = calls.session(), calls.user_id()
    where: dict[str, Any] = {}
    if form.entity_type is not None:
        thing = lock(session, _subject(form.entity_type, form.entity_id))
        attached.check_may_add(thing, calls.actor())
        where = {"entity_type": form.entity_type, "entity_id": form.entity_id}
    kept = [attachments.keep(session, current.file_store(), file, by, **where) for file in prepared]
    calls.location(f"/attachments/{kept[0].id}")
    return kept


@resource.get("/attachments/{attachment_id}", needs="attachments:read", answers=AttachmentOut, etag=True)
def get_attachment(attachment_id: Id) -> Attachment:
    """Get what is known about a file."""
    return _visible(attachment_id)


@resource.get(
    "/attachments/{attachment_id}/download",
    needs="attachments:read",
    answers=Download,
    media=tuple(ENDINGS),
    etag=True,
)
def download_attachment(attachment_id: Id) -> Response:
    """Download a file, or the range of it that is asked for. It is saved, never shown."""
    return response_of(_visible(attachment_id), shown=False)


@resource.get(
    "/attachments/entity/{entity_type}/{entity_id}",
    needs="attachments:read",
    answers=PageOf[AttachmentOut],
)
def list_entity_attachments(
    entity_type: Subject, entity_id: Id, query: AttachmentFilters
) -> Page[Attachment]:
    """List the files that belong to a record."""
    _subject(entity_type, entity_id)
    return lists.list_attachments(calls.session(), entity_type, entity_id, **query.for_list())


@resource.delete("/attachments/{attachment_id}", needs="attachments:upload", etag=True)
def delete_attachment(attachment_id: Id) -> None:
    """Delete a file: whoever uploaded it while its work is open, or an administrator."""
    found = lock(calls.session(), _visible(attachment_id))
    calls.require_unchanged(AttachmentOut, found)
    attached.check_may_remove(calls.session(), found, calls.actor())
    attachments.remove(calls.session(), current.file_store(), found, calls.user_id())


def _visible(attachment_id: int) -> Attachment:
    found = find(Attachment, attachment_id)
    return records.visible(calls.session(), calls.actor(), found, attached.may_see_attachment, "file")


def _subject(entity_type: str, entity_id: int | None) -> Any:
    """The record that files belong to, for those who see it. Raises :class:`NotFound`."""
    session = calls.session()
    thing = attached.subject(session, entity_type, entity_id)
    if thing is None or not attached.may_see_subject(session, thing, calls.actor()):
        raise NotFound("There is no such record, or it is not yours to see.")
    return thing
