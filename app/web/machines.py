"""Machines: the list, one machine with all that is known about it, and what happened to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, machine_labels
from app.access import permissions
from app.access.permissions import Scope as Reach
from app.domain.analytics.reliability import Reliability, reliability
from app.domain.analytics.scope import Scope
from app.domain.entities import EntityType
from app.domain.machines import Criticality, Machine, MachineStatus
from app.domain.queries import attachments, machine_history, machines, requests
from app.domain.queries.machine_history import Happened, MachineEventKind
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import Kind
from app.errors import NotFound
from app.extensions import db
from app.web import list_files, listing, machine_story, users
from app.web.labels import label as words
from app.web.list_files import FileColumn
from app.web.people import current_actor, permission_required, site

pages = Blueprint("machines", __name__)

READ, WRITE = "machines:read", "machines:write"
IN_SERVICE = tuple(status for status in MachineStatus if status != MachineStatus.DECOMMISSIONED)
FILTERS = ("q", "department", "status", "criticality", "show")
SORTS = {
    "name": "By name",
    "criticality": "Most critical first",
    "status": "By status",
    "department": "By department",
    "qrCode": "By code",
    "installationDate": "Oldest first",
    "-createdAt": "Added last",
}
LATELY = 8  # entries of the history on a machine's page
UPS_AND_DOWNS = (MachineEventKind.REQUEST, MachineEventKind.DOWNTIME, MachineEventKind.PREVENTIVE)
PERIOD = timedelta(days=90)  # of the figures
STOPS_SHOWN = 5
COLUMNS = (
    FileColumn("Machine", lambda row: row.name),
    FileColumn("Code", lambda row: row.qr_code),
    FileColumn("Model", lambda row: row.model),
    FileColumn("Serial number", lambda row: row.serial_number),
    FileColumn("Department", lambda row: row.department.name),
    FileColumn("Place", lambda row: row.location),
    FileColumn("Installed", lambda row: row.installation_date, Kind.DATE),
    FileColumn("Criticality", lambda row: words("criticality", row.criticality).text),
    FileColumn("Status", lambda row: words("machine", row.status).text),
)
HISTORY = {
    MachineEventKind.REQUEST: "Requests",
    MachineEventKind.DOWNTIME: "Downtime",
    MachineEventKind.PREVENTIVE: "Preventive work",
    MachineEventKind.CHANGE: "Changes",
}


@pages.get("/machines", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """All machines in service; those that are decommissioned when they are asked for."""
    return render_template(
        "machines/list.html",
        found=found(listing.page_number(), listing.PAGE_SIZE),
        departments=users.departments(db.session(), request.args.get("department", type=int)),
        sort=listing.sort(machines.SORTS, "name"),
        sorts=SORTS,
        filters={name: request.args.get(name, "") for name in FILTERS},
        filtered=any(request.args.get(name) for name in FILTERS),
        may_write=permissions.may(current_actor(), WRITE),
        url_with=listing.url_with,
    )


@pages.route("/machines/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    narrowed = listing.in_words(
        q="Search", status="Status", criticality="Criticality", department="Department"
    )
    return list_files.answer(form, "machines", "Machines", COLUMNS, found(1, EVERY), narrowed=narrowed)


def found(page: int, page_size: int) -> Page[Machine]:
    """The machines that the filters of the address ask for."""
    status = listing.one_of("status", tuple(MachineStatus))
    every = request.args.get("show") == "every"
    return machines.list_machines(
        db.session(),
        department_id=request.args.get("department", type=int),
        status=status or None,
        statuses=() if status or every else IN_SERVICE,
        criticality=listing.one_of("criticality", tuple(Criticality)) or None,
        q=listing.words(),
        sort=listing.sort(machines.SORTS, "name"),
        page=page,
        page_size=page_size,
    )


@pages.get("/machines/<int:machine_id>")
@permission_required(READ)
def show(machine_id: int) -> str:
    """One machine: how it is, what is open, what has happened, which parts fit, its documents."""
    return machine_page(get_machine(machine_id))


def machine_page(machine: Machine, **more: Any) -> str:
    """The page of a machine; ``more`` is what a form on it has to say."""
    session, actor = db.session(), current_actor()
    since = clock.now() - PERIOD
    return render_template(
        "machines/show.html",
        **{
            "machine": machine,
            "open_requests": requests.open_requests(session, machine.id),
            "lately": machine_story.told(
                machine_history.list_history(session, machine.id, kinds=UPS_AND_DOWNS, page_size=LATELY)
            ),
            "downtimes": machines.downtimes(session, machine.id, since)[:STOPS_SHOWN],
            "figures": _figures(machine),
            "days": PERIOD.days,
            "documents": attachments.list_attachments(session, EntityType.MACHINE, machine.id, page_size=100),
            "parts": machines.list_fitted(session, machine_id=machine.id, page_size=200),
            "may_write": permissions.may(actor, WRITE),
            "may_upload": permissions.may(actor, WRITE) and permissions.may(actor, "attachments:upload"),
            "problems": {},
            **more,
        },
    )


@pages.get("/machines/<int:machine_id>/history")
@permission_required(READ)
def history(machine_id: int) -> str:
    """What happened to a machine: repairs, downtime, preventive work, changes of its record."""
    machine = get_machine(machine_id)
    kind = listing.one_of("kind", tuple(MachineEventKind))
    happened: Page[Happened] = machine_history.list_history(
        db.session(),
        machine_id,
        kinds=[kind] if kind else (),
        page=listing.page_number(),
        page_size=listing.PAGE_SIZE,
    )
    return render_template(
        "machines/history.html",
        machine=machine,
        found=happened,
        events=machine_story.told(happened),
        kinds=[(str(code), text) for code, text in HISTORY.items()],
        filters={"kind": kind},
        url_with=listing.url_with,
    )


@pages.get("/machines/<int:machine_id>/qr.svg")
@permission_required(READ)
def qr_svg(machine_id: int) -> Response:
    """The machine's code as a drawing, for print at any size."""
    return Response(machine_labels.svg(get_machine(machine_id)), mimetype="image/svg+xml")


@pages.get("/machines/<int:machine_id>/qr.png")
@permission_required(READ)
def qr_png(machine_id: int) -> Response:
    """The machine's code as a picture."""
    return Response(machine_labels.png(get_machine(machine_id)), mimetype="image/png")


@pages.get("/machines/<int:machine_id>/label")
@permission_required(READ)
def label(machine_id: int) -> str:
    """The label to print and stick on the machine."""
    machine = get_machine(machine_id)
    return render_template("machines/label.html", machine=machine, address=machine_labels.address(machine))


def get_machine(machine_id: int) -> Machine:
    """The machine, with department.

    :raises NotFound: there is none
    """
    one = machines.in_order(db.session(), [machine_id])
    if not one:
        raise NotFound("There is no such machine.")
    return one[0]


def _figures(machine: Machine) -> Reliability | None:
    """How reliable the machine was lately, for those who see figures of its department."""
    actor = current_actor()
    reach = permissions.scope(actor, "analytics:maintenance")
    if reach is None or (reach is Reach.DEPARTMENT and actor.department_id != machine.department_id):
        return None
    now = clock.now()
    period = Scope(since=now - PERIOD, until=now, machine_id=machine.id, zone=site().zone)
    found = reliability(db.session(), period).machines
    return found[0].figures if found else None
