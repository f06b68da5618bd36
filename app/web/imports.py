"""Importing lists: choose what, take a template, upload, look at what would happen, confirm."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.access import imports as access
from app.access import permissions
from app.database import unit_of_work
from app.domain.imports import kept
from app.domain.imports.kept import ImportFile
from app.domain.imports.kind import Kind, Preview
from app.domain.imports.kinds import KINDS
from app.domain.imports.problems import ImportRefused
from app.domain.imports.sheets import LEAVE_OUT, MAX_BYTES, MAX_ROWS
from app.domain.queries.paging import Page
from app.domain.reports.model import Kind as CellKind
from app.errors import BusinessError, Forbidden
from app.exports import import_templates
from app.extensions import db
from app.web import list_files
from app.web.list_files import FileColumn
from app.web.people import current_actor, me

pages = Blueprint("imports", __name__)

SHOWN = 100  # rows and problems on the page
MOST_PROBLEMS = 200_000  # in the file of all
# Where what was imported is looked at.
LISTS = {
    "machines": "machines.listing",
    "spare-parts": "parts.listing",
    "users": "users.listing",
    "failure-codes": "failure_codes.listing",
    "preventive-plans": "preventive.listing",
}
ICONS = {
    "machines": "machine",
    "spare-parts": "box",
    "users": "users",
    "failure-codes": "alert",
    "preventive-plans": "calendar",
}
PROBLEM_COLUMNS = (
    FileColumn("Line", lambda row: row.line, CellKind.INTEGER),
    FileColumn("Column", lambda row: row.column),
    FileColumn("Value", lambda row: row.value),
    FileColumn("What to do", lambda row: row.message),
)


@pages.get("/import")
@login_required
def choose() -> str:
    """What can be imported."""
    names = access.importable(current_actor())
    if not names:
        raise Forbidden("Importing is for those who may add machines, parts, users, codes or plans.")
    return render_template("imports/choose.html", kinds=[KINDS[name] for name in names], icons=ICONS)


@pages.get("/import/<kind>")
@login_required
def start(kind: str) -> str:
    """The template, and the upload."""
    return _start(_kind(kind))


@pages.get("/import/<kind>/template.<form>")
@login_required
def template(kind: str, form: str) -> ResponseReturnValue:
    """An empty list with its headings and an example."""
    found = _kind(kind)
    if form == "csv":
        content, media = import_templates.as_csv(found.columns), "text/csv"
    elif form == "xlsx":
        content = import_templates.as_xlsx(found.title, found.columns)
        media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    else:
        abort(404)
    name = f"{found.name}-template.{form}"
    return send_file(io.BytesIO(content), mimetype=media, as_attachment=True, download_name=name)


@pages.post("/import/<kind>")
@login_required
def upload(kind: str) -> ResponseReturnValue:
    """Keep the file, so that what is looked at is what is imported."""
    found = _kind(kind)
    file = request.files.get("file")
    if file is None or not file.filename:
        return _start(found, "Choose a file."), 422
    content = file.read(MAX_BYTES + 1)
    try:
        with unit_of_work(db.session()) as session:
            row = kept.keep(session, me().id, found.name, file.filename, content)
    except BusinessError as error:
        return _start(found, error.message), 422
    return redirect(url_for("imports.preview", kind=kind, file_id=row.id))


@pages.get("/import/<kind>/<int:file_id>")
@login_required
def preview(kind: str, file_id: int) -> ResponseReturnValue:
    """What the file would do. Nothing is changed by looking."""
    return _preview(_kind(kind), file_id)


@pages.post("/import/<kind>/<int:file_id>/columns")
@login_required
def columns(kind: str, file_id: int) -> ResponseReturnValue:
    """Say what headers stand for that were not recognised."""
    found = _kind(kind)
    allowed = {column.name for column in found.columns} | {LEAVE_OUT}
    chosen = {
        int(name.removeprefix("column-")): value
        for name, value in request.form.items()
        if name.startswith("column-") and name[7:].isdecimal() and len(name) < 12 and value in allowed
    }
    with unit_of_work(db.session()) as session:
        kept.choose(kept.find(session, file_id, me().id, found.name), chosen)
    return redirect(url_for("imports.preview", kind=kind, file_id=file_id))


@pages.route("/import/<kind>/<int:file_id>/problems.<form>", methods=list_files.METHODS)
@login_required
def problems(kind: str, file_id: int, form: str) -> ResponseReturnValue:
    """All that is wrong with the file, as a file."""
    found = _kind(kind)
    row = kept.find(db.session(), file_id, me().id, found.name)
    report = _look(found, row, MOST_PROBLEMS).report
    listed = Page(report.problems, len(report.problems), 1, MOST_PROBLEMS)
    name, title = f"{found.name}-problems", f"Problems of {row.file_name}"
    said = [row.file_name]
    return list_files.answer(form, name, title, PROBLEM_COLUMNS, listed, narrowed=said, back=".preview")


@pages.post("/import/<kind>/<int:file_id>")
@login_required
def confirm(kind: str, file_id: int) -> ResponseReturnValue:
    """Import exactly what was looked at: all of its rows, or none."""
    found = _kind(kind)
    try:
        with unit_of_work(db.session()) as session:
            row = kept.find(session, file_id, me().id, found.name)
            if request.form.get("digest") != row.digest:
                raise BusinessError("DATA_CHANGED", "This is not the file that was looked at; look again.")
            done = found.run(
                session,
                row.content,
                me().id,
                choices=row.chosen(),
                expected=request.form.get("fingerprint", ""),
            )
            session.delete(kept.find(session, file_id, me().id, found.name))
    except ImportRefused as error:
        return _preview(found, file_id, error.message, 422)
    except BusinessError as error:
        return _preview(found, file_id, error.message, 409)
    flash(
        f"{found.title} are imported: {done.created} added, {done.updated} changed, {done.unchanged} as they "
        "were.",
        "success",
    )
    return redirect(_list_of(found))


def _list_of(kind: Kind) -> str:
    """Where what was imported is looked at."""
    endpoint = LISTS[kind.name]
    return url_for(endpoint if endpoint in current_app.view_functions else "imports.choose")


def _kind(name: str) -> Kind:
    """The kind of this name.

    :raises Forbidden: the signed-in person may not import it
    """
    if name not in KINDS:
        abort(404)
    permissions.require(current_actor(), access.NEEDS[name])
    return KINDS[name]


def _start(kind: Kind, problem: str = "") -> str:
    return render_template(
        "imports/start.html",
        kind=kind,
        problem=problem,
        most_rows=MAX_ROWS,
        most_megabytes=MAX_BYTES // 1024 // 1024,
    )


def _look(kind: Kind, row: ImportFile, most_problems: int) -> Preview:
    try:
        return kind.preview(
            db.session(), row.content, choices=row.chosen(), shown=SHOWN, most_problems=most_problems
        )
    finally:
        db.session().rollback()


def _preview(kind: Kind, file_id: int, refusal: str = "", status: int = 200) -> ResponseReturnValue:
    row = kept.find(db.session(), file_id, me().id, kind.name)
    file_name, digest, chosen, made = row.file_name, row.digest, row.chosen(), row.created_at
    try:
        found = _look(kind, row, SHOWN)
    except BusinessError as error:
        return _start(kind, error.message), 422
    taken = {title.column for title in found.sheet.titles if title.column}
    page = render_template(
        "imports/preview.html",
        kind=kind,
        file_id=file_id,
        file_name=file_name,
        digest=digest,
        made=made,
        report=found.report,
        titles=found.sheet.titles,
        notes=found.sheet.notes,
        chosen=chosen,
        leave_out=LEAVE_OUT,
        free=[column for column in kind.columns if column.name not in taken],
        unknown=[title for title in found.sheet.titles if title.column is None or title.position in chosen],
        missing=[column for column in kind.columns if column.name not in taken],
        refusal=refusal,
        shown=SHOWN,
        told=_told,
    )
    return page, status


def _told(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Values of a row in words."""
    return [(name, _words(value)) for name, value in values.items()]


def _words(value: Any) -> str:
    if value in (None, ""):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return value.isoformat() if isinstance(value, date) else str(value)[:200]
