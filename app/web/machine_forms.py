"""Machines: added, changed, decommissioned and put back, deleted."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain import machine_register
from app.domain.machines import Criticality, Machine, MachineStatus
from app.errors import BusinessError, Conflict
from app.extensions import db
from app.web import users
from app.web.deleting import ask_and_delete
from app.web.labels import choices
from app.web.machines import WRITE, get_machine
from app.web.people import me, permission_required
from app.web.record_forms import Choice, Day, Line, RecordForm, attempt

pages = Blueprint("machine_forms", __name__)


class MachineForm(RecordForm):
    """What is asked about a machine."""

    name = Line("Name", render_kw={"required": True, "maxlength": 255})
    department_id = Choice("Department", numbers=True, prompt="Choose one", render_kw={"required": True})
    location = Line("Place", description="Hall, line, bay.", render_kw={"maxlength": 255})
    criticality = Choice(
        "Criticality",
        description="What it costs the factory when the machine stands still.",
        render_kw={"required": True},
    )
    model = Line("Model", description="Maker and type.", render_kw={"maxlength": 255})
    serial_number = Line("Serial number", render_kw={"maxlength": 255})
    installation_date = Day("Installed on")
    qr_code = Line("Code on the label", render_kw={"maxlength": 100, "autocapitalize": "characters"})


class MachineEditForm(MachineForm):
    """What can be changed of one that is there."""

    status = Choice(
        "Status",
        description="While a request stops the machine, the request says how it is.",
        render_kw={"required": True},
    )


@pages.route("/machines/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new() -> ResponseReturnValue:
    """Add a machine; without a code it gets one that nobody can guess."""
    form = MachineForm(criticality=Criticality.MEDIUM, department_id=request.args.get("department", type=int))
    form.qr_code.description = (
        "Where a label is stuck on already, what it says. Left empty, the machine gets a code of its own."
    )
    _offer(form)
    if request.method == "POST":
        made = attempt(
            form, lambda session: machine_register.create_machine(session, me().id, **form.values())
        )
        if made is not None:
            flash(f"{made.name} is added. Its label can be printed now.", "success")
            return redirect(url_for("machines.show", machine_id=made.id))
    return _form(form)


@pages.route("/machines/<int:machine_id>/edit", methods=["GET", "POST"])
@permission_required(WRITE)
def edit(machine_id: int) -> ResponseReturnValue:
    """Change a machine."""
    found = get_machine(machine_id)
    form = MachineEditForm(found)
    form.qr_code.description = "With another code, labels that are printed already lead nowhere."
    if found.status == MachineStatus.DECOMMISSIONED:
        del form.status  # putting it back has a page of its own
    _offer(form, found)

    def save(session: Session) -> Machine:
        form.require_unchanged(session, found)
        changes: dict[str, Any] = form.values()
        changes["qr_code"] = (changes["qr_code"] or "").strip() or None  # a machine keeps the label it has
        return machine_register.update_machine(session, found, me().id, **changes)

    if request.method == "POST" and attempt(form, save) is not None:
        flash(f"{found.name} is saved.", "success")
        return redirect(url_for("machines.show", machine_id=machine_id))
    return _form(form, get_machine(machine_id))


@pages.route("/machines/<int:machine_id>/decommission", methods=["GET", "POST"])
@permission_required(WRITE)
def decommission(machine_id: int) -> ResponseReturnValue:
    """Take a machine out of service for good; its history stays."""
    found, page = get_machine(machine_id), url_for("machines.show", machine_id=machine_id)
    return ask_and_delete(
        lambda session: machine_register.update_machine(
            session, get_machine(machine_id), me().id, status=MachineStatus.DECOMMISSIONED
        ),
        what=found.name,
        title=f"Decommission {found.name}?",
        lead="No problems can be reported for it any more, and lists leave it out. Its history stays, and it "
        "can be put back into service.",
        button="Decommission",
        keep="Leave it in service",
        refused="That cannot be done yet",
        done=f"{found.name} is decommissioned.",
        back=page,
        then=page,
        crumbs=[("Machines", url_for("machines.listing")), (found.name, page)],
    )


@pages.post("/machines/<int:machine_id>/recommission")
@permission_required(WRITE)
def recommission(machine_id: int) -> ResponseReturnValue:
    """Put a machine back into service."""
    try:
        with unit_of_work(db.session()) as session:
            found = get_machine(machine_id)
            if found.status == MachineStatus.DECOMMISSIONED:
                machine_register.update_machine(session, found, me().id, status=MachineStatus.OPERATIONAL)
    except (BusinessError, Conflict) as error:
        flash(str(error), "error")
    else:
        flash(f"{found.name} is back in service.", "success")
    return redirect(url_for("machines.show", machine_id=machine_id))


@pages.route("/machines/<int:machine_id>/delete", methods=["GET", "POST"])
@permission_required(WRITE)
def delete(machine_id: int) -> ResponseReturnValue:
    """Delete a machine that was entered by mistake."""
    found = get_machine(machine_id)
    return ask_and_delete(
        lambda session: machine_register.delete_machine(session, get_machine(machine_id), me().id),
        what=f"the machine {found.name}",
        lead="Only what has no history can be deleted. Other machines are decommissioned instead.",
        back=url_for("machines.show", machine_id=machine_id),
        then=url_for("machines.listing"),
        crumbs=[("Machines", url_for("machines.listing"))],
    )


def _offer(form: MachineForm, found: Machine | None = None) -> None:
    form.department_id.offer(users.departments(db.session(), found.department_id if found else None))
    form.criticality.offer(choices("criticality"))
    if isinstance(form, MachineEditForm) and "status" in form:
        form.status.offer([one for one in choices("machine") if one[0] != MachineStatus.DECOMMISSIONED])


def _form(form: MachineForm, found: Machine | None = None) -> ResponseReturnValue:
    return render_template("machines/form.html", form=form, machine=found), 422 if form.problems else 200
