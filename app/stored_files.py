"""Stored files as responses, to pages and programs alike."""

from __future__ import annotations

from flask import Response, request, send_file

from app import current
from app.domain import attachments
from app.domain.attachments import Attachment
from app.domain.content import PICTURES

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
