"""Stored files, for those who may see what they belong to: opened, added to a record, taken away."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from sqlalchemy.orm import Session

from app import current
from app.access import attached, records
from app.access.permissions import require
from app.database import unit_of_work
from app.domain import attachments
from app.domain.attachments import Attachment
from app.domain.locks import lock
from app.errors import BusinessError, Conflict, Forbidden, NotFound
from app.extensions import db, talisman
from app.security import FILE_POLICY
from app.stored_files import response_of
from app.web.auth import safe_target
from app.web.deleting import ask_and_delete
from app.web.people import current_actor, me, permission_required

pages = Blueprint("attachments", __name__)

MOST_FILES = 10  # an upload


@pages.get("/attachments/<int:attachment_id>")
@login_required
@talisman(content_security_policy=FILE_POLICY)
def show(attachment_id: int) -> ResponseReturnValue:
    """A file, to look at or, with ``?download=1``, to keep."""
    return response_of(_visible(attachment_id), shown=not request.args.get("download"))


@pages.post("/attachments/of/<kind>/<int:record_id>")
@permission_required("attachments:upload")
def add(kind: str, record_id: int) -> ResponseReturnValue:
    """Add files to a record, all of them or none, and go back to its page, which ``next`` names."""
    session, actor, back = db.session(), current_actor(), safe_target()
    thing = attached.subject(session, kind.upper(), record_id)
    if thing is None or not attached.may_see_subject(session, thing, actor):
        raise NotFound("There is no such record, or it is not yours to see.")
    attached.check_may_add(thing, actor)
    files = [file for file in request.files.getlist("files") if file and file.filename]
    try:
        if not files or len(files) > MOST_FILES:
            raise BusinessError("FILES", f"Choose between one and {MOST_FILES} files.")
        # Scanned and rewritten before the transaction: nobody shall have to wait for that.
        checked = [
            attachments.check(session, current.scanner(), file, file.filename or "", me().id)
            for file in files
        ]
        with unit_of_work(db.session()) as work:
            owner = lock(work, attached.subject(work, kind.upper(), record_id))
            attached.check_may_add(owner, actor)
            for file in checked:
                attachments.keep(
                    work, current.file_store(), file, me().id,
                    entity_type=kind.upper(), entity_id=record_id,
                )  # fmt: skip
    except (BusinessError, Conflict) as error:
        flash(str(error), "error")
    else:
        names = ", ".join(file.name for file in checked)
        flash(f"Kept: {names}.", "success")
    return redirect(back)


@pages.route("/attachments/<int:attachment_id>/remove", methods=["GET", "POST"])
@permission_required("attachments:upload")
def remove(attachment_id: int) -> ResponseReturnValue:
    """Take a file away: whoever added it, while its work is open, or an administrator."""
    found, actor, back = _visible(attachment_id), current_actor(), safe_target()
    attached.check_may_remove(db.session(), found, actor)

    def delete(session: Session) -> None:
        row = lock(session, _visible(attachment_id))
        attached.check_may_remove(session, row, actor)
        attachments.remove(session, current.file_store(), row, me().id)

    return ask_and_delete(
        delete,
        what=f"the file {found.file_name}",
        lead="It cannot be brought back. That it was there, and who took it away, stays in the activity log.",
        back=back,
        then=back,
        address=url_for("attachments.remove", attachment_id=attachment_id, next=back),
        crumbs=[("Back", back)],
    )


def may_remove(attachment: Attachment) -> bool:
    """Whether the signed-in person may take a file away, for pages that offer it."""
    try:
        require(current_actor(), "attachments:upload")
        attached.check_may_remove(db.session(), attachment, current_actor())
    except (Forbidden, Conflict):
        return False
    return True


def init_attachments(app: Flask) -> None:
    """Give templates ``may_remove_file(attachment)``."""
    app.add_template_global(may_remove, "may_remove_file")


def _visible(attachment_id: int) -> Attachment:
    found = db.session().get(Attachment, attachment_id)
    return records.visible(db.session(), current_actor(), found, attached.may_see_attachment, "file")
