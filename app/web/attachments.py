"""Stored files, for those who may see what they belong to."""

from __future__ import annotations

from flask import Blueprint, request, send_file
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.access import records as access
from app.domain import attachments
from app.domain.attachments import Attachment
from app.domain.content import PICTURES
from app.extensions import db, talisman
from app.security import FILE_POLICY
from app.web.people import current_actor
from app.web.uploads import folder

pages = Blueprint("attachments", __name__)

# Shown in the browser; everything else is downloaded.
SHOWN = (*PICTURES, "application/pdf", "text/plain")


@pages.get("/attachments/<int:attachment_id>")
@login_required
@talisman(content_security_policy=FILE_POLICY)
def show(attachment_id: int) -> ResponseReturnValue:
    """A file, to look at or, with ``?download=1``, to keep."""
    found = db.session().get(Attachment, attachment_id)
    attachment = access.visible(db.session(), current_actor(), found, access.may_see_attachment, "file")
    content_type = attachment.content_type
    response = send_file(
        attachments.open_file(folder(), attachment),
        mimetype="text/plain; charset=utf-8" if content_type == "text/plain" else content_type,
        as_attachment=content_type not in SHOWN or bool(request.args.get("download")),
        download_name=attachment.file_name,
        etag=attachment.digest,
        max_age=0,
    )
    # The content of an attachment never changes, but who may see it does: ask again, answer 304.
    response.headers["Cache-Control"] = "private, no-cache"
    return response.make_conditional(request)
