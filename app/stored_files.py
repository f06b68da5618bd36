"""Kept files as responses, to pages and programs alike: sent as they are read, whole or in part."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request, send_file
from sqlalchemy.orm import Session

from app import current
from app.domain import attachments, exports
from app.domain.attachments import Attachment
from app.domain.content import PICTURES
from app.domain.exports import Export
from app.extensions import db

# Shown in the browser when asked for; everything else is saved.
SHOWN = (*PICTURES, "application/pdf", "text/plain")


def response_of(attachment: Attachment, *, shown: bool) -> Response:
    """A stored file, whole, in the range asked for, or not at all when the caller has it already.

    ``shown``: a browser may open it, inside the sandbox that :data:`app.security.FILE_POLICY` is for the
    view; otherwise it is saved under its name.

    :raises NotFound: the store has lost it
    """
    content_type = attachment.content_type
    response = send_file(
        attachments.open_file(current.file_store(), attachment),
        mimetype=content_type,  # text gets its charset, UTF-8, from Flask
        as_attachment=not (shown and content_type in SHOWN),
        download_name=attachment.file_name,
        etag=attachment.digest,
        max_age=0,
        conditional=False,
    )
    # The content of an attachment never changes, but who may see it does: ask again, answer 304.
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.content_length = attachment.size
    response.make_conditional(request, accept_ranges=True, complete_length=attachment.size)
    return response


def response_of_export(export: Export) -> Response:
    """The file of an export that is written, as a download; no more than a piece of it is ever in memory."""
    database, export_id = db.engine, export.id

    def content() -> Iterator[bytes]:
        # In a session of its own: the answer is sent after the request's has ended.
        with Session(database) as session:
            yield from exports.pieces(session, export_id)

    response = Response(content(), mimetype=export.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=export.file_name)
    response.headers["Cache-Control"] = "private, no-cache"
    response.content_length = export.size
    # What is written never changes.
    response.set_etag(f"export-{export.id}-{export.size}")
    response.make_conditional(request, accept_ranges=True, complete_length=export.size)
    return response
