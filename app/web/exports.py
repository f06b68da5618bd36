"""Taking reports away: at once where they are small, else written in the background for later."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.access import permissions
from app.database import unit_of_work
from app.domain import exports
from app.domain.analytics import scope_values
from app.domain.exports import ExportState
from app.domain.reports import catalogue
from app.domain.reports.model import ExportError
from app.errors import BusinessError, NotFound
from app.exports import formats
from app.exports.formats import FileFormat
from app.extensions import db
from app.jobs import export_writing
from app.stored_files import response_of_export
from app.web.list_files import IN_MEMORY
from app.web.people import current_actor, me, permission_required
from app.web.reports import ABOUT, asked_for, report_name

pages = Blueprint("exports", __name__)

NEEDS = "reports:export"


@pages.route("/reports/<name>/export.<form>", methods=["GET", "POST"])
@permission_required(NEEDS)
def report(name: str, form: str) -> ResponseReturnValue:
    """A report as a file; what is large is written in the background, once that is asked for."""
    found = report_name(name)
    if form not in list(FileFormat):
        abort(404)
    asked = asked_for(found)
    rows = export_writing.expected_rows(db.session(), found)
    title = f"{ABOUT[found][0]}, {asked.words}"
    if request.method == "POST":
        try:
            with unit_of_work(db.session()) as session:
                row = exports.ask(
                    session,
                    me().id,
                    report=found,
                    title=title,
                    form=form,
                    scope=scope_values.stored(asked.scope),
                    rows_expected=rows,
                )
                export_writing.queue(session, row)
        except BusinessError as error:
            flash(error.message, "error")
        else:
            flash("Your export is being written. You are told when it is ready.", "success")
        return redirect(url_for("exports.listing"))
    if rows > current_app.config["MILLWRIGHT_EXPORT_ROWS"]:
        return render_template(
            "exports/large.html",
            name=found,
            form=form,
            title=title,
            rows=rows,
            asked=asked,
            report=ABOUT[found][0],
        )
    made = catalogue.build(db.session(), found, asked.scope)
    stream = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer closes it
    try:
        formats.write(made, form, cast(BinaryIO, stream))
    except ExportError as error:
        flash(str(error), "error")
        return redirect(url_for("reports.show", name=found, **asked.arguments))
    stream.seek(0)
    return send_file(
        cast(BinaryIO, stream),
        mimetype=FileFormat(form).media_type,
        as_attachment=True,
        download_name=formats.file_name(made, form),
    )


@pages.get("/exports")
@login_required
def listing() -> str:
    """The exports of the signed-in person, with what is still written."""
    found = exports.of_user(db.session(), me().id)
    busy = any(row.state in (ExportState.WAITING, ExportState.RUNNING) for row in found)
    may_make = permissions.may(current_actor(), NEEDS)
    return render_template(
        "exports/list.html", found=found, busy=busy, may_make=may_make, days=exports.KEPT.days
    )


@pages.get("/exports/<int:export_id>/file")
@login_required
def download(export_id: int) -> ResponseReturnValue:
    """The file, for whoever asked for it and nobody else."""
    row = exports.find(db.session(), export_id, me().id)
    if row.state != ExportState.DONE:
        raise NotFound("This export is not written yet.")
    return response_of_export(row)


@pages.post("/exports/<int:export_id>/delete")
@login_required
def delete(export_id: int) -> ResponseReturnValue:
    """Remove an export before its time."""
    with unit_of_work(db.session()) as session:
        exports.remove(session, exports.find(session, export_id, me().id))
    flash("The export is removed.", "success")
    return redirect(url_for("exports.listing"))
