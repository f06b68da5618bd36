"""Operations on many instances: chosen, looked at before they are done, ordered, followed.

What is to be done goes from page to page in the form itself, so that what is ordered is what was looked at:
an instance that has begun to match a filter meanwhile is not among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.database import unit_of_work
from app.domain.queries.paging import Page
from app.engine import batches, interventions
from app.engine.batches import Glance
from app.engine.interventions import OPERATIONS, Operation
from app.engine.job_batches import MAXIMUM_INSTANCES
from app.engine.monitor import instance_list, views
from app.engine.monitor.filters import Filters
from app.engine.operations import REASON_LENGTH
from app.errors import BusinessError, MillwrightError
from app.extensions import db
from app.web import batch_forms, instance_filters, listing
from app.web.engine import engine
from app.web.interventions import ICONS
from app.web.people import current_actor, me, permission_required

pages = Blueprint("batches", __name__)

RESULTS_PAGE = 100
NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)
LARGEST_ID = 2**31 - 1
# What the form itself says, besides the values of the operation.
OF_THE_FORM = ("csrf_token", "step", "ids", "which", "chosen", "filter", "name_of_batch", "left_out")


@pages.get("/monitor/batches")
@permission_required(interventions.RIGHT)
def recent() -> str:
    """The batches that one has ordered."""
    found = batches.recent(db.session(), me().id, page=listing.page_number())
    return render_template(
        "monitor/batches.html",
        found=Page(found.items, found.total, found.page, found.page_size),
        icons=ICONS,
        chosen=_chosen_words,
        url_with=listing.url_with,
    )


@pages.get("/monitor/batches/new")
@permission_required(interventions.RIGHT)
def begin() -> ResponseReturnValue:
    """Somebody has come back by an address: what was selected is not in it."""
    return redirect(url_for("monitor.instances"))


@pages.post("/monitor/batches/new")
@permission_required(interventions.RIGHT)
def choose() -> ResponseReturnValue:
    """What to do with the instances chosen, what would come of it, and the order itself."""
    selection = _selection()
    if not selection.ids:
        return _nothing(selection)
    operation = OPERATIONS.get(request.form.get("operation", ""))
    step = request.form.get("step", "")
    if operation is None or not operation.for_many or step == "operation":
        problem = "Choose what to do." if step == "form" else ""
        return _operations(selection, problem), 422 if problem else 200
    if step not in ("preview", "confirm"):
        return _form(selection, operation)
    try:
        values = batch_forms.chosen(operation.name, request.form)
        if step == "confirm" and NAME.fullmatch(request.form.get("name_of_batch", "")):
            return _order(selection, operation, values)
        return _preview(selection, operation, values)
    except MillwrightError as refused:
        return _refused(selection, operation, refused)


@pages.get("/monitor/batches/<name>")
@permission_required(interventions.RIGHT)
def show(name: str) -> str:
    """How far a batch is, and what became of each instance."""
    session = db.session()
    batch = batches.progress(session, name[:40])
    found = batches.results(session, batch.name, page=listing.page_number(), page_size=RESULTS_PAGE)
    return render_template(
        "monitor/batch.html",
        batch=batch,
        operation=OPERATIONS[batch.operation],
        icon_name=ICONS[batch.operation],
        chosen=_chosen_words(batch),
        found=Page(found.items, found.total, found.page, found.page_size),
        url_with=listing.url_with,
    )


# -- inner parts -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Selection:
    """The instances that something is to be done to, and the list that they were chosen from.

    ``left_out`` are those chosen that have ended, ``too_many`` whether more match than a batch can take.
    """

    ids: list[int]
    query: str
    left_out: int = 0
    too_many: bool = False

    @property
    def number(self) -> int:
        return len(self.ids)

    @property
    def text(self) -> str:
        """The ids as a field of a form carries them."""
        return ",".join(map(str, self.ids))

    @property
    def back(self) -> str:
        """The address of the list."""
        return url_for("monitor.instances") + (f"?{self.query}" if self.query else "")


def _selection() -> Selection:
    """What the list or an earlier step of the form says."""
    args = dict(reversed(parse_qsl(request.form.get("filter", "")[: views.QUERY_LENGTH])))
    query = instance_filters.query(args)
    if "chosen" in request.form:
        ids = _ids(request.form["chosen"].split(","))
        (left_out,) = _ids([request.form.get("left_out", "")]) or [0]
        return Selection(ids[:MAXIMUM_INSTANCES], query, left_out=left_out)
    if request.form.get("which") == "all":
        # What has ended cannot be operated on.
        filters = replace(instance_filters.read(args), ended=False)
        found = instance_list.ids(db.session(), filters, most=MAXIMUM_INSTANCES + 1)
        too_many = len(found) > MAXIMUM_INSTANCES
        return Selection([] if too_many else found, query, too_many=too_many)
    asked = _ids(request.form.getlist("ids"))[:MAXIMUM_INSTANCES]
    found = instance_list.ids(db.session(), Filters(ids=tuple(asked), ended=False)) if asked else []
    return Selection(found, query, left_out=len(asked) - len(found))


def _ids(texts: list[str]) -> list[int]:
    numbers = (int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 11)
    return list(dict.fromkeys(number for number in numbers if 0 < number <= LARGEST_ID))


def _nothing(selection: Selection) -> ResponseReturnValue:
    """Nothing to do it to, or too much."""
    return (
        render_template("monitor/batch_nothing.html", selection=selection, most=MAXIMUM_INSTANCES),
        422,
    )


def _operations(selection: Selection, problem: str) -> str:
    return render_template(
        "monitor/batch_operations.html",
        selection=selection,
        operations=batches.for_many(),
        icons=ICONS,
        problem=problem,
        chosen=request.form.get("operation", ""),
    )


def _form(
    selection: Selection,
    operation: Operation,
    problems: Mapping[str, str] | None = None,
    refusal: str = "",
) -> str:
    return render_template(
        "monitor/batch_form.html",
        selection=selection,
        operation=operation,
        fields=batch_forms.fields(engine(), db.session(), operation.name, request.form),
        problems=problems or {},
        refusal=refusal,
        reason=request.form.get("reason", ""),
        reason_length=REASON_LENGTH,
    )


def _preview(selection: Selection, operation: Operation, values: dict[str, Any]) -> str:
    actor, reason = current_actor(), request.form.get("reason", "")
    glances: list[Glance] = []
    with unit_of_work(db.session()) as session:
        glances = batches.sample(engine(), session, operation.name, selection.ids, actor, reason, values)
    refused = [glance for glance in glances if glance.is_refused]
    return render_template(
        "monitor/batch_preview.html",
        selection=selection,
        operation=operation,
        icon_name=ICONS[operation.name],
        glances=glances,
        refused=refused,
        name=uuid4().hex,
        reason=reason.strip(),
        chosen=batch_forms.in_words(engine(), db.session(), values),
        kept=[(name, value) for name, value in request.form.items() if name not in OF_THE_FORM],
    )


def _order(selection: Selection, operation: Operation, values: dict[str, Any]) -> ResponseReturnValue:
    actor = current_actor()
    with unit_of_work(db.session()) as session:
        batch = batches.begin(
            session,
            operation.name,
            selection.ids,
            by=actor,
            reason=request.form.get("reason", ""),
            values=values,
            # Sent twice it is ordered once.
            name=request.form["name_of_batch"],
        )
        name = batch.name
    return redirect(url_for("batches.show", name=name))


def _refused(selection: Selection, operation: Operation, error: MillwrightError) -> ResponseReturnValue:
    """The form again with what was typed, and why it was refused: at the field where it names one."""
    problems, refusal = {}, ""
    known = {field.name for field in batch_forms.fields(engine(), db.session(), operation.name, request.form)}
    if isinstance(error, BusinessError) and error.field:
        name = batch_forms.field_of(operation.name, error.field)
        if name in known | {"reason"}:
            problems[name] = error.message
    if not problems:
        refusal = str(error)
    return _form(selection, operation, problems, refusal), 422 if isinstance(error, BusinessError) else 409


def _chosen_words(batch: batches.Progress) -> str:
    return batch_forms.in_words(engine(), db.session(), batch.values)
