"""Spare parts: added, changed, taken out of use, deleted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.domain import part_catalogue
from app.domain.parts import SparePart
from app.web import stock
from app.web.deleting import ask_and_delete
from app.web.parts import WRITE
from app.web.people import me, permission_required
from app.web.record_forms import Amount, Choice, Flag, Line, Prose, RecordForm, WholeNumber, attempt
from app.web.stock import get_part

pages = Blueprint("part_forms", __name__)


class PartForm(RecordForm):
    """What is asked about a spare part."""

    part_number = Line("Part number", render_kw={"required": True, "maxlength": 255})
    part_name = Line("Name", render_kw={"required": True, "maxlength": 255})
    description = Prose("Description")
    group_number = Line("Group number", render_kw={"maxlength": 100, "list": "groups"})
    group_name = Line("Group", render_kw={"maxlength": 255})
    min_quantity = WholeNumber(
        "Minimum", description="Below this the inventory managers are told, and it is reordered."
    )
    unit_price = Amount("Price of one", description="What the next ones are expected to cost.")
    default_location_id = Choice("Usual stock location", numbers=True)
    location = Line("Where to look", description="Rack 4, bin 12.", render_kw={"maxlength": 255})

    def values(self, *leave_out: str) -> dict[str, Any]:
        """What was typed; numbers that were left empty are 0."""
        given = super().values(*leave_out)
        for name, nothing in (("min_quantity", 0), ("unit_price", Decimal(0)), ("quantity", 0)):
            if name in given and given[name] is None:
                given[name] = nothing
        return given


class NewPartForm(PartForm):
    """What is asked about a new one."""

    quantity = WholeNumber("Opening stock", description="How many lie at the usual location already.")


class PartEditForm(PartForm):
    """What can be changed of one that is there."""

    active = Flag(
        "In use", description="One that is not in use keeps its stock and history, and is offered nowhere."
    )


@pages.route("/parts/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new() -> ResponseReturnValue:
    """Add a spare part, perhaps with opening stock."""
    form = NewPartForm()
    form.default_location_id.offer(stock.locations())
    if request.method == "POST":
        made = attempt(form, lambda session: part_catalogue.create_part(session, me().id, **form.values()))
        if made is not None:
            flash(f"{made.part_name} is added.", "success")
            return redirect(url_for("parts.show", part_id=made.id))
    return _form(form)


@pages.route("/parts/<int:part_id>/edit", methods=["GET", "POST"])
@permission_required(WRITE)
def edit(part_id: int) -> ResponseReturnValue:
    """Change a spare part; its quantity is changed by movements."""
    found = get_part(part_id)
    form = PartEditForm(found)
    form.default_location_id.offer(stock.locations(found.default_location_id))

    def save(session: Session) -> SparePart:
        form.require_unchanged(session, found)
        return part_catalogue.update_part(session, found, me().id, **form.values())

    if request.method == "POST" and attempt(form, save) is not None:
        flash(f"{found.part_name} is saved.", "success")
        return redirect(url_for("parts.show", part_id=part_id))
    return _form(form, get_part(part_id))


@pages.route("/parts/<int:part_id>/delete", methods=["GET", "POST"])
@permission_required(WRITE)
def delete(part_id: int) -> ResponseReturnValue:
    """Delete a spare part that was entered by mistake."""
    found = get_part(part_id)
    return ask_and_delete(
        lambda session: part_catalogue.delete_part(session, get_part(part_id), me().id),
        what=f"the spare part {found.label}",
        back=url_for("part_forms.edit", part_id=part_id),
        then=url_for("parts.listing"),
        crumbs=[("Spare parts", url_for("parts.listing"))],
    )


def _form(form: PartForm, found: SparePart | None = None) -> ResponseReturnValue:
    page = render_template("parts/form.html", form=form, part=found, groups=stock.groups())
    return page, 422 if form.problems else 200
