"""The parts list of a machine: which parts fit, how many are fitted, and what to know about them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.domain import machine_parts
from app.domain.machines import Machine, MachineSparePart
from app.domain.parts import SparePart
from app.errors import BusinessError
from app.extensions import db
from app.web.deleting import ask_and_delete
from app.web.machines import WRITE, get_machine
from app.web.people import me, permission_required
from app.web.record_forms import Line, RecordForm, WholeNumber, attempt

pages = Blueprint("machine_parts", __name__)

SUGGESTED = 500  # parts offered while typing


class FittedForm(RecordForm):
    """How many of a part are fitted, and what to know about it."""

    quantity = WholeNumber(
        "Fitted", description="How many of it the machine has.", render_kw={"required": True}
    )
    notes = Line("Note", description="Where it sits, what to mind.", render_kw={"maxlength": 500})


class NewFittedForm(FittedForm):
    """Which part, too."""

    NOT_VALUES = ("seen", "spare_part_id")

    spare_part_id = Line(
        "Part number",
        description="Choose from the list, or type the number of the part.",
        render_kw={"required": True, "maxlength": 255, "list": "parts", "autocomplete": "off"},
    )


@pages.route("/machines/<int:machine_id>/parts/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new(machine_id: int) -> ResponseReturnValue:
    """Put a part on the list."""
    machine = get_machine(machine_id)
    form = NewFittedForm(quantity=1)

    def save(session: Session) -> MachineSparePart:
        part_id = _part_id(session, form.spare_part_id.data or "")
        return machine_parts.assign_part(
            session, get_machine(machine_id), me().id, spare_part_id=part_id, **_amounts(form)
        )

    if request.method == "POST" and (fitted := attempt(form, save)) is not None:
        flash(f"{fitted.part.part_name} is on the list.", "success")
        return redirect(url_for("machines.show", machine_id=machine_id, _anchor="parts"))
    return _form(form, machine)


@pages.route("/machines/<int:machine_id>/parts/<int:part_id>/edit", methods=["GET", "POST"])
@permission_required(WRITE)
def edit(machine_id: int, part_id: int) -> ResponseReturnValue:
    """Change how many are fitted, or the note."""
    machine = get_machine(machine_id)
    fitted = machine_parts.get_part(db.session(), machine, part_id)
    form = FittedForm(fitted)

    def save(session: Session) -> MachineSparePart:
        return machine_parts.change_part(session, get_machine(machine_id), part_id, me().id, **_amounts(form))

    if request.method == "POST" and attempt(form, save) is not None:
        flash("The list is saved.", "success")
        return redirect(url_for("machines.show", machine_id=machine_id, _anchor="parts"))
    return _form(form, machine, machine_parts.get_part(db.session(), machine, part_id))


@pages.route("/machines/<int:machine_id>/parts/<int:part_id>/remove", methods=["GET", "POST"])
@permission_required(WRITE)
def remove(machine_id: int, part_id: int) -> ResponseReturnValue:
    """Take a part off the list."""
    machine = get_machine(machine_id)
    part = machine_parts.get_part(db.session(), machine, part_id).part
    page = url_for("machines.show", machine_id=machine_id, _anchor="parts")
    return ask_and_delete(
        lambda session: machine_parts.remove_part(session, get_machine(machine_id), part_id, me().id),
        what=f"{part.part_name} from the list of {machine.name}",
        title=f"Take {part.part_name} off the list?",
        lead=f"Technicians who repair {machine.name} are no longer offered it first. The part itself stays.",
        button="Take it off",
        refused="That cannot be done",
        done=f"{part.part_name} is off the list.",
        back=page,
        then=page,
        crumbs=[("Machines", url_for("machines.listing")), (machine.name, page)],
    )


def _amounts(form: FittedForm) -> dict[str, Any]:
    return {"quantity": form.quantity.data, "notes": form.notes.data}


def _part_id(session: Session, typed: str) -> int | None:
    """The part with a number, in upper or lower case.

    :raises BusinessError: UNKNOWN_PART
    """
    number = typed.strip().partition(" – ")[0]
    query = sa.select(SparePart.id).where(sa.func.lower(SparePart.part_number) == number.lower())
    found = session.scalars(query).first()
    if found is None:
        message = "No spare part has this number. Choose one of the list."
        raise BusinessError("UNKNOWN_PART", message, field="sparePartId")
    return found


def _form(form: FittedForm, machine: Machine, fitted: MachineSparePart | None = None) -> ResponseReturnValue:
    offered = (
        sa.select(SparePart.part_number, SparePart.part_name)
        .where(SparePart.active)
        .order_by(SparePart.part_name)
        .limit(SUGGESTED)
    )
    page = render_template(
        "machines/part.html",
        form=form,
        machine=machine,
        fitted=fitted,
        offered=[] if fitted else db.session().execute(offered).all(),
    )
    return page, 422 if form.problems else 200
