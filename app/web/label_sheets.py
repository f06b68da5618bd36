"""Labels of machines and spare parts, printed on sheets and rolls: what, on which, from where on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import joinedload

from app import machine_labels
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.queries import inventory
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import ExportError
from app.exports import labels
from app.exports.label_sheets import BY_KEY, SHEETS, LabelSheet
from app.exports.labels import Label
from app.extensions import db
from app.web import listing, machines, users
from app.web.list_files import IN_MEMORY
from app.web.people import permission_required

pages = Blueprint("label_sheets", __name__)

SHOWN = 100  # things to tick on a page
MOST_COPIES = 50
MOST_TICKED = 500
SETTINGS = ("sheet", "start", "copies", "edges", "which", "page", "id")


@dataclass(frozen=True)
class Things:
    """What gets labels: machines, or spare parts."""

    one: str
    many: str
    form: str  # endpoints
    file: str
    listing: str
    found: Callable[[int, int], Page[Any]]
    ticked: Callable[[list[int]], list[Any]]
    label: Callable[[Any], Label]


def _found_parts(page: int, page_size: int) -> Page[SparePart]:
    return inventory.list_parts(
        db.session(),
        group=request.args.get("group") or None,
        low_only=bool(request.args.get("low")),
        location_id=request.args.get("location", type=int),
        q=listing.words(),
        page=page,
        page_size=page_size,
    )


def _ticked_machines(ids: list[int]) -> list[Machine]:
    query = sa.select(Machine).where(Machine.id.in_(ids)).options(joinedload(Machine.department))
    return list(db.session().scalars(query.order_by(Machine.name, Machine.id)))


def _ticked_parts(ids: list[int]) -> list[SparePart]:
    query = sa.select(SparePart).where(SparePart.id.in_(ids)).order_by(SparePart.part_name, SparePart.id)
    return list(db.session().scalars(query))


MACHINES = Things(
    "machine", "Machines", "label_sheets.machines_form", "label_sheets.machines_file", "machines.listing",
    machines.found, _ticked_machines, machine_labels.of_machine,
)  # fmt: skip
PARTS = Things(
    "part", "Spare parts", "label_sheets.parts_form", "label_sheets.parts_file", "parts.listing",
    _found_parts, _ticked_parts, machine_labels.of_part,
)  # fmt: skip


@pages.get("/machines/labels")
@permission_required("machines:read")
def machines_form() -> str:
    """Which machines, on which labels."""
    department = request.args.get("department", type=int)
    return _form(MACHINES, departments=users.departments(db.session(), department))


@pages.get("/machines/labels.pdf")
@permission_required("machines:read")
def machines_file() -> ResponseReturnValue:
    """The labels of machines, to print."""
    return _file(MACHINES)


@pages.get("/parts/labels")
@permission_required("spare-parts:read")
def parts_form() -> str:
    """Which spare parts, on which labels."""
    return _form(PARTS, departments=[])


@pages.get("/parts/labels.pdf")
@permission_required("spare-parts:read")
def parts_file() -> ResponseReturnValue:
    """The labels of spare parts, to print."""
    return _file(PARTS)


def _form(things: Things, *, departments: list[tuple[int, str]]) -> str:
    ids = _ids()
    found = things.found(listing.page_number(), SHOWN)
    shown = things.ticked(ids) if ids else found.items
    return render_template(
        "label_sheets/form.html",
        things=things,
        found=found,
        shown=[(thing.id, things.label(thing)) for thing in shown],
        ids=ids,
        kept={key: value for key, value in listing.kept(*SETTINGS).items() if value},
        departments=departments,
        filters={name: request.args.get(name, "") for name in ("q", "department")},
        sheets=[(sheet.key, sheet.name) for sheet in SHEETS],
        sheet=_sheet(),
        start=_number("start", 1, 1000, 1),
        copies=_number("copies", 1, MOST_COPIES, 1),
        most_copies=MOST_COPIES,
        url_with=listing.url_with,
    )


def _file(things: Things) -> ResponseReturnValue:
    sheet, ids = _sheet(), _ids()
    rows: Iterable[Any] = things.ticked(ids)
    if not ids and request.args.get("which") == "all":
        rows = things.found(1, EVERY).items
    elif not ids:
        flash(f"Tick the {things.many.lower()} that need a label.", "error")
        return redirect(url_for(things.form, **listing.kept("page", "id")))
    stream = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer closes it
    try:
        labels.write(
            (things.label(row) for row in rows),
            sheet,
            cast(BinaryIO, stream),
            start=_number("start", 1, sheet.count, 1),
            copies=_number("copies", 1, MOST_COPIES, 1),
            edges=bool(request.args.get("edges")),
        )
    except ExportError as error:
        flash(str(error), "error")
        return redirect(url_for(things.form, **listing.kept("page", "id")))
    stream.seek(0)
    return send_file(
        cast(BinaryIO, stream),
        mimetype="application/pdf",
        as_attachment=True,
        download_name=f"{things.one}-labels-{sheet.key}.pdf",
    )


def _sheet() -> LabelSheet:
    return BY_KEY[listing.one_of("sheet", BY_KEY, SHEETS[0].key)]


def _ids() -> list[int]:
    """What is ticked."""
    found = [int(text) for text in request.args.getlist("id") if text.isascii() and text.isdecimal()]
    return [number for number in found if 0 < number < 2**31][:MOST_TICKED]


def _number(name: str, least: int, most: int, default: int) -> int:
    return min(max(request.args.get(name, default, type=int), least), most)
