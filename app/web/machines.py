"""Machines: the list, one machine, and its label."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from flask_login import login_required

from app import machine_labels
from app.domain import attachments
from app.domain.entities import EntityType
from app.domain.machines import Criticality, Machine, MachineStatus
from app.domain.people import Department
from app.domain.queries import machines, requests
from app.errors import NotFound
from app.extensions import db
from app.web import listing

pages = Blueprint("machines", __name__)


@pages.get("/machines", endpoint="listing")
@login_required
def listing_page() -> str:
    """All machines."""
    found = machines.list_machines(
        db.session(),
        department_id=request.args.get("department", type=int),
        status=listing.one_of("status", tuple(MachineStatus)) or None,
        criticality=listing.one_of("criticality", tuple(Criticality)) or None,
        q=listing.words(),
        page=listing.page_number(),
        page_size=listing.PAGE_SIZE,
    )
    departments = db.session().scalars(
        sa.select(Department).where(Department.active).order_by(Department.name)
    )
    return render_template(
        "machines/list.html",
        found=found,
        departments=[(str(department.id), department.name) for department in departments],
        filters={n: request.args.get(n, "") for n in ("q", "department", "status", "criticality")},
        filtered=any(request.args.get(n) for n in ("q", "department", "status", "criticality")),
        url_with=listing.url_with,
    )


@pages.get("/machines/<int:machine_id>")
@login_required
def show(machine_id: int) -> str:
    """One machine: how it is, what is open, what has happened, which parts fit."""
    session = db.session()
    machine = _get(machine_id)
    past = requests.list_requests(session, machine_id=machine.id, page_size=10)
    return render_template(
        "machines/show.html",
        machine=machine,
        open_requests=requests.open_requests(session, machine.id),
        past=past,
        downtimes=machines.downtimes(session, machine.id)[:10],
        manuals=attachments.of(session, EntityType.MACHINE, machine.id),
        parts=sorted(machine.spare_parts, key=lambda fitted: fitted.part.part_name.casefold()),
    )


@pages.get("/machines/<int:machine_id>/qr.svg")
@login_required
def qr_svg(machine_id: int) -> Response:
    """The machine's code as a drawing, for print at any size."""
    return Response(machine_labels.svg(_get(machine_id)), mimetype="image/svg+xml")


@pages.get("/machines/<int:machine_id>/qr.png")
@login_required
def qr_png(machine_id: int) -> Response:
    """The machine's code as a picture."""
    return Response(machine_labels.png(_get(machine_id)), mimetype="image/png")


@pages.get("/machines/<int:machine_id>/label")
@login_required
def label(machine_id: int) -> str:
    """The label to print and stick on the machine."""
    machine = _get(machine_id)
    return render_template("machines/label.html", machine=machine, address=machine_labels.address(machine))


def _get(machine_id: int) -> Machine:
    machine = db.session().get(Machine, machine_id)
    if machine is None:
        raise NotFound("There is no such machine.")
    return machine
