"""Starting a process by its form; the one everybody knows is “Report a problem”."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.database import unit_of_work
from app.domain.machines import Machine
from app.engine import deployments, instances, user_tasks
from app.engine.forms import TaskForm, put
from app.engine.models import Deployment
from app.errors import BusinessError, Forbidden, NotFound
from app.extensions import db
from app.web import links
from app.web.engine import engine
from app.web.labels import role_name
from app.web.navigation import REPORTING
from app.web.people import current_actor, me
from app.web.uploads import Uploads

pages = Blueprint("starts", __name__)


@pages.route("/report", methods=["GET", "POST"])
@login_required
def report() -> ResponseReturnValue:
    """Report a problem; ``?machine=`` names the machine, as its label does."""
    return _start(REPORTING)


@pages.route("/start/<key>", methods=["GET", "POST"])
@login_required
def start(key: str) -> ResponseReturnValue:
    """Start any process that begins with a form."""
    return _start(key)


def _start(key: str) -> ResponseReturnValue:
    deployment = deployments.latest(db.session(), key)
    if deployment is None:
        raise NotFound("There is no such process yet.")
    if not instances.may_start(deployment, current_actor()):
        allowed = ", ".join(role_name(role) for role in deployment.start_roles.split(","))
        raise Forbidden(f"“{deployment.name}” is started by: {allowed}.")
    machine = _machine()
    if request.method == "GET":
        data = {"machineId": machine.id} if machine else None
        form = user_tasks.start_form(
            engine(), db.session(), key, current_actor(), deployment=deployment, data=data
        )
        return _page(deployment, form, machine)
    return _submit(deployment, machine)


def _submit(deployment: Deployment, machine: Machine | None) -> ResponseReturnValue:
    """Validate, keep the files, start: together or not at all."""
    form = user_tasks.start_form(
        engine(),
        db.session(),
        deployment.key,
        current_actor(),
        deployment=deployment,
        formdata=request.form,
        files=request.files,
    )
    if form.is_edit_action:
        return _page(deployment, form, machine)
    if not form.validate():
        return _page(deployment, form, machine), 422
    uploads = Uploads(db.session(), me().id, request.files)
    try:
        with unit_of_work(db.session()) as session:
            values = form.values()
            for path, files in form.uploads.items():
                put(values, path, uploads.keep(path, files))
            instance = instances.start(
                engine(), session, deployment.key, current_actor(), values, deployment=deployment
            )
            uploads.link(instance.subject_type, instance.subject_id)
            target = links.to_subject(instance.subject_type, instance.subject_id) or url_for("inbox.show")
            business_key = instance.business_key
    except BusinessError as error:
        if error.field:
            form.add_error(error.field, error.message)
        return _page(deployment, form, machine, refusal="" if error.field else error.message), 422
    flash(f"Thank you. It is on its way as {business_key}.", "success")
    return redirect(target)


def _machine() -> Machine | None:
    machine_id = request.args.get("machine", 0, type=int)
    return db.session().get(Machine, machine_id) if machine_id else None


def _page(deployment: Deployment, form: TaskForm, machine: Machine | None, refusal: str = "") -> str:
    is_report = deployment.key == REPORTING
    title = "Report a problem" if is_report else deployment.name
    return render_template(
        "starts/form.html",
        deployment=deployment,
        form=form,
        machine=machine,
        is_report=is_report,
        title=title,
        refusal=refusal,
    )
