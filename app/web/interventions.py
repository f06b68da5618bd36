"""Operations on one instance: chosen, looked at before they are done, confirmed. All without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.database import unit_of_work
from app.engine import interventions
from app.engine.interventions import OPERATIONS, Changed, Effect, Operation
from app.engine.models import Deployment, ProcessInstance
from app.engine.operations import REASON_LENGTH
from app.engine.projection import WITH_STATE
from app.errors import BusinessError, Conflict, MillwrightError, NotFound
from app.extensions import db
from app.web import operation_forms, typed_values
from app.web.engine import engine
from app.web.operation_forms import About
from app.web.people import current_actor, permission_required

# The page of an instance is one of them: see :mod:`app.web.monitored_instance`.
pages = Blueprint("monitored", __name__)

ICONS = {
    "nudge": "bell",
    "reassign": "forward",
    "escalate": "chevrons-up",
    "retry": "undo",
    "resolve": "check",
    "fire-timers": "clock",
    "move": "flow",
    "skip": "chevron-right",
    "edit-variable": "wrench",
    "suspend": "pause",
    "resume": "play",
    "cancel": "ban",
}
# What the form itself says, besides the values of the operation.
OF_THE_FORM = ("csrf_token", "step", "revision")


@pages.get("/monitor/instances/<int:instance_id>/<operation>")
@permission_required(interventions.RIGHT)
def choose(instance_id: int, operation: str) -> ResponseReturnValue:
    """The form of an operation."""
    found, about = _operation(operation), _about(instance_id, request.args)
    possible = interventions.possible(about.instance, about.tasks, about.failed)
    if found not in possible:
        flash(
            f"“{found.title}” is not possible now: {about.instance.business_key} {_why_not(about)}.", "info"
        )
        return redirect(url_for("monitored.show", instance_id=instance_id))
    return _form(found, about)


@pages.post("/monitor/instances/<int:instance_id>/<operation>")
@permission_required(interventions.RIGHT)
def operate(instance_id: int, operation: str) -> ResponseReturnValue:
    """Show what an operation would do, or do it once that was confirmed."""
    found, about = _operation(operation), _about(instance_id, request.form)
    step = request.form.get("step", "")
    if step == "choose":
        return _form(found, about)
    try:
        if step != "confirm":
            return _previewed(found, about)
        effect = _perform(found, about)
    except Changed as changed:
        return _changed(found, instance_id, changed)
    except MillwrightError as refused:
        return _refused(found, instance_id, refused)
    flash(f"{found.title}: done. {' '.join(effect.said)}", "success")
    for name, message in effect.failed:
        flash(f"“{name}” has failed: {message}", "error")
    return redirect(url_for("monitored.show", instance_id=instance_id))


# -- inner parts -----------------------------------------------------------------------------------


def _operation(name: str) -> Operation:
    if name not in OPERATIONS:
        raise NotFound("There is no such operation.")
    return OPERATIONS[name]


def _about(instance_id: int, given: Mapping[str, str]) -> About:
    session = db.session()
    query = sa.select(ProcessInstance).where(ProcessInstance.id == instance_id).options(*WITH_STATE)
    instance = session.scalars(query.execution_options(populate_existing=True)).first()
    if instance is None:
        raise NotFound("There is no such process instance.")
    definition = engine().definition(session, instance.deployment_id)
    return About(engine(), session, instance, definition, given)


def _why_not(about: About) -> str:
    state = about.instance.state
    if about.instance.ended_at is not None:
        return "has ended"
    return "is suspended" if state == "suspended" else "has nothing that it could be done to"


def _values(operation: Operation, about: About) -> dict[str, Any]:
    reason = request.form.get("reason", "")
    return {"reason": reason, **operation_forms.chosen(operation.name, about)}


def _previewed(operation: Operation, about: About, *, stale: bool = False) -> ResponseReturnValue:
    instance_id, given = about.instance.id, about.given
    values = _values(operation, about)
    with unit_of_work(db.session()) as session:
        effect = interventions.preview(
            engine(), session, operation.name, instance_id, current_actor(), **values
        )
    again = _about(instance_id, given)
    body = render_template(
        "monitor/preview.html",
        effect=effect,
        stale=stale,
        kept=[(name, value) for name, value in given.items() if name not in OF_THE_FORM],
        chosen=_in_words(operation, again, values),
        **_common(operation, again),
    )
    return (body, 409) if stale else body


def _perform(operation: Operation, about: About) -> Effect:
    seen = request.form.get("revision", "")
    values = _values(operation, about)
    with unit_of_work(db.session()) as session:
        return interventions.perform(
            engine(),
            session,
            operation.name,
            about.instance.id,
            current_actor(),
            # What was not looked at is not done.
            revision=int(seen) if seen.isascii() and seen.isdecimal() and len(seen) < 12 else -1,
            **values,
        )


def _changed(operation: Operation, instance_id: int, changed: Changed) -> ResponseReturnValue:
    """Somebody was quicker: what would happen now, to be confirmed anew."""
    about = _about(instance_id, request.form)
    try:
        return _previewed(operation, about, stale=True)
    except MillwrightError as refused:
        return _refused(operation, instance_id, refused)


def _refused(operation: Operation, instance_id: int, error: MillwrightError) -> ResponseReturnValue:
    """The form again with what was typed, and why it was refused: at the field where it names one."""
    about = _about(instance_id, request.form)
    problems, refusal = {}, ""
    if isinstance(error, BusinessError) and error.field:
        name = operation_forms.field_of(operation.name, about, error.field)
        if name in _names(operation, about):
            problems[name] = error.message
    if not problems:
        refusal = str(error)
    code = 422 if isinstance(error, BusinessError) else 409 if isinstance(error, Conflict) else 400
    return _form(operation, about, problems, refusal), code


def _names(operation: Operation, about: About) -> set[str]:
    """The fields of the form."""
    found = {field.name for field in operation_forms.fields(operation.name, about)} | {"reason"}
    if operation.name == "resolve":
        found |= {name for name in about.given if name.startswith(("kind-", "value-", "name-"))}
    return found


def _form(
    operation: Operation, about: About, problems: Mapping[str, str] | None = None, refusal: str = ""
) -> str:
    resolvable, incident = [], None
    if operation.name == "resolve":
        resolvable = operation_forms.resolvable(about)
        wanted = about.given.get("incident", "")
        incident = next((found for found in resolvable if str(found.id) == wanted), None)
        if incident is None and len(resolvable) == 1:
            incident = resolvable[0]
    return render_template(
        "monitor/operation.html",
        fields=operation_forms.fields(operation.name, about),
        resolvable=resolvable,
        incident=incident,
        results=operation_forms.results(about, incident) if incident is not None else [],
        kinds=typed_values.KINDS,
        problems=problems or {},
        refusal=refusal,
        reason=about.given.get("reason", ""),
        reason_length=REASON_LENGTH,
        failed=about.failed,
        **_common(operation, about),
    )


def _common(operation: Operation, about: About) -> dict[str, Any]:
    instance = about.instance
    return {
        "operation": operation,
        "icon_name": ICONS[operation.name],
        "instance": instance,
        "process": about.session.get_one(Deployment, instance.deployment_id),
        "with_diagram": operation.name in ("move", "skip"),
        "here": [element.id for element in about.standing],
    }


def _in_words(operation: Operation, about: About, values: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What a variable is now and would be, or what results are given: name, before, after."""
    given = values.get("variables") or {}
    known = about.variables
    return [
        (
            name,
            typed_values.written(known.get(name)) if name in known else "–",
            typed_values.written(value) if value is not None else "–",
        )
        for name, value in given.items()
    ]
