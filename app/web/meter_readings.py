"""What a machine's hour meter showed, and writing down what it shows now."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import permissions
from app.domain.machines import Machine
from app.domain.preventive import meters
from app.domain.preventive.models import ReadingKind
from app.domain.queries import preventive as lists
from app.domain.queries.paging import EVERY
from app.domain.reports.model import Kind
from app.errors import NotFound
from app.extensions import db
from app.web import list_files, listing
from app.web.list_files import FileColumn
from app.web.people import current_actor, me, permission_required
from app.web.record_forms import Amount, Choice, Line, RecordForm, attempt

pages = Blueprint("meter_readings", __name__)

READ, WRITE = "meter-readings:read", "meter-readings:write"
KINDS = [
    (ReadingKind.READING, "A reading"),
    (ReadingKind.REPLACEMENT, "The first one of a new meter"),
    (ReadingKind.CORRECTION, "The one before was misread"),
]
COLUMNS = (
    FileColumn("Read", lambda row: row.read_at, Kind.DATETIME),
    FileColumn("Hours", lambda row: row.value, Kind.DECIMAL),
    FileColumn("Kind", lambda row: dict(KINDS)[row.kind]),
    FileColumn("By", lambda row: row.recorder.name if row.recorder else ""),
    FileColumn("Note", lambda row: row.note),
)


class ReadingForm(RecordForm):
    """What the meter shows."""

    value = Amount("Hours", render_kw={"required": True}, description="As the meter shows them.")
    kind = Choice("What it is", choices=KINDS, render_kw={"required": True})
    note = Line(
        "Note", description="Needed for a new or misread meter.", render_kw={"maxlength": meters.NOTE_LENGTH}
    )


@pages.get("/machines/<int:machine_id>/meter", endpoint="listing")
@permission_required(READ)
def listing_page(machine_id: int) -> str:
    """The readings of a machine, the newest first, with how far it ran between them."""
    return _page(_get(machine_id), ReadingForm(kind=ReadingKind.READING))


@pages.route("/machines/<int:machine_id>/meter/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(machine_id: int, form: str) -> ResponseReturnValue:
    """All readings as a file."""
    machine = _get(machine_id)
    rows = lists.readings_of(db.session(), machine_id, page_size=EVERY)
    title = f"Meter readings of {machine.name}"
    return list_files.answer(form, "meter-readings", title, COLUMNS, rows)


@pages.post("/machines/<int:machine_id>/meter")
@permission_required(WRITE)
def record(machine_id: int) -> ResponseReturnValue:
    """Write down what the meter shows; plans that go by it may be due."""
    machine = _get(machine_id)
    form = ReadingForm()
    made = attempt(
        form,
        lambda session: meters.record(
            session,
            machine,
            form.value.data,
            me().id,
            kind=form.kind.data or ReadingKind.READING,
            note=form.note.data or "",
        ),
    )
    if made is None:
        return _page(_get(machine_id), form), 422
    flash(f"{made.value:,} hours are written down.", "success")
    return redirect(url_for("meter_readings.listing", machine_id=machine_id))


def _page(machine: Machine, form: ReadingForm) -> str:
    session = db.session()
    found = lists.readings_of(session, machine.id, page=listing.page_number(), page_size=listing.PAGE_SIZE)
    plans = lists.list_tasks(session, machine_id=machine.id, active=True, metered=True, page_size=20)
    return render_template(
        "preventive/meter.html",
        machine=machine,
        found=found,
        before={row.id: older for row, older in zip(found.items, found.items[1:], strict=False)},
        plans=plans.items,
        form=form,
        kinds=dict(KINDS),
        may_write=permissions.may(current_actor(), WRITE),
        url_with=listing.url_with,
        asked=request.method == "POST",
    )


def _get(machine_id: int) -> Machine:
    found = db.session().get(Machine, machine_id)
    if found is None:
        raise NotFound("There is no such machine.")
    return found
