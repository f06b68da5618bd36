"""Stored files, for those who may see what they belong to."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.access import attached, records
from app.domain.attachments import Attachment
from app.extensions import db, talisman
from app.security import FILE_POLICY
from app.stored_files import response_of
from app.web.people import current_actor

pages = Blueprint("attachments", __name__)


@pages.get("/attachments/<int:attachment_id>")
@login_required
@talisman(content_security_policy=FILE_POLICY)
def show(attachment_id: int) -> ResponseReturnValue:
    """A file, to look at or, with ``?download=1``, to keep."""
    found = db.session().get(Attachment, attachment_id)
    attachment = records.visible(db.session(), current_actor(), found, attached.may_see_attachment, "file")
    return response_of(attachment, shown=not request.args.get("download"))
