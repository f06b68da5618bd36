"""One user task: its context, its form, and everything that can be done with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.database import unit_of_work
from app.engine import inbox, instances, user_tasks
from app.engine.forms import TaskForm
from app.engine.models import UserTask
from app.engine.user_tasks import AlreadyDone, Completion, InvalidSubmission
from app.errors import BusinessError, Conflict, Forbidden
from app.extensions import db
from app.web import context, kept, story
from app.web.engine import engine
from app.web.people import current_actor, me
from app.web.uploads import Uploads

pages = Blueprint("tasks", __name__)

EDITS = ("_add", "_remove", "_update")  # buttons inside a form that change its rows and send nothing


@pages.get("/tasks/<int:task_id>")
@login_required
def show(task_id: int) -> ResponseReturnValue:
    """The page of a task: its form while it is open, what became of it afterwards."""
    task = _visible(task_id)
    if not task.is_open:
        return _render_closed(task)
    return _render(task)


@pages.post("/tasks/<int:task_id>")
@login_required
def complete(task_id: int) -> ResponseReturnValue:
    """Complete a task with its form, or change the rows of the form without JavaScript."""
    actor = current_actor()
    if any(action in request.form for action in EDITS):
        return _render(_visible(task_id), _submitted_form(task_id))
    uploads = Uploads(db.session(), me().id, request.files)
    try:
        with unit_of_work(db.session()) as session:
            completion = user_tasks.submit(
                engine(),
                session,
                task_id,
                actor,
                outcome=request.form.get("_outcome"),
                store_uploads=uploads.keep,
                formdata=request.form,
                files=request.files,
            )
            uploads.link(completion.task.subject_type, completion.task.subject_id)
    except InvalidSubmission as error:
        return _render(_visible(task_id), error.form), 422
    except AlreadyDone as error:
        return _render_closed(error.task, typed=kept.typed(_submitted_form(task_id), request.form)), 409
    except (Conflict, Forbidden, BusinessError) as error:
        return _refused(task_id, error)
    return _next_step(completion)


@pages.post("/tasks/<int:task_id>/delegate")
@login_required
def delegate(task_id: int) -> ResponseReturnValue:
    """Hand a task over to somebody else who may do it."""
    try:
        with unit_of_work(db.session()) as session:
            person, note = request.form.get("person", 0, type=int), request.form.get("note", "").strip()
            task = user_tasks.delegate(engine(), session, task_id, current_actor(), person, note)
            if note:
                user_tasks.comment(session, task, current_actor(), note)
            name, to = task.name, task.assignee_name
    except BusinessError as error:
        flash(error.message, "error")
        return redirect(url_for("tasks.show", task_id=task_id, _anchor="hand-over"))
    flash(f"“{name}” now belongs to {to}.", "success")
    return redirect(url_for("inbox.show"))


@pages.post("/tasks/<int:task_id>/comments")
@login_required
def comment(task_id: int) -> ResponseReturnValue:
    """Say something about a task; also after it is done."""
    _visible(task_id)
    try:
        with unit_of_work(db.session()) as session:
            user_tasks.comment(
                session, user_tasks.get(session, task_id), current_actor(), request.form.get("body", "")
            )
    except BusinessError as error:
        flash(error.message, "error")
    return redirect(url_for("tasks.show", task_id=task_id, _anchor="comments"))


def _visible(task_id: int) -> UserTask:
    """The task, for somebody who may see it.

    :raises NotFound: there is none
    :raises Forbidden: it is not theirs to see
    """
    task = user_tasks.get(db.session(), task_id)
    if not user_tasks.may_see(task, current_actor()):
        raise Forbidden("This task belongs to another group.")
    return task


def _submitted_form(task_id: int) -> TaskForm:
    """The form with what was typed into it."""
    return user_tasks.form_for(
        engine(),
        db.session(),
        user_tasks.get(db.session(), task_id),
        current_actor(),
        formdata=request.form,
        files=request.files,
    )


def _render(task: UserTask, form: TaskForm | None = None, refusal: str = "") -> str:
    session, actor = db.session(), current_actor()
    may_act = user_tasks.may_act(task, actor)
    if form is None and may_act:
        form = user_tasks.form_for(engine(), session, task, actor)
    element = user_tasks.element_of(engine(), session, task)
    return render_template(
        "tasks/show.html",
        task=task,
        actor=actor,
        form=form,
        element=element,
        refusal=refusal,
        may_act=may_act,
        acting_as=user_tasks.acting_as(task, actor),
        may_claim=user_tasks.may_claim(task, actor),
        may_release=user_tasks.may_release(task, actor),
        people=user_tasks.delegates(engine(), session, task) if user_tasks.may_delegate(task, actor) else [],
        **_surroundings(task),
    )


def _render_closed(task: UserTask, typed: list[tuple[str, str]] | None = None) -> str:
    session, actor = db.session(), current_actor()
    element = user_tasks.element_of(engine(), session, task)
    others = [t for t in context.open_tasks(session, task.instance_id) if user_tasks.may_act(t, actor)]
    outcome = next((o.label for o in element.outcomes if o.value == task.outcome), task.outcome)
    return render_template(
        "tasks/closed.html",
        task=task,
        typed=typed or [],
        outcome=outcome,
        next_tasks=others,
        inbox=inbox.list_tasks(session, actor, scope="mine", page_size=3).items,
        **_surroundings(task),
    )


def _surroundings(task: UserTask) -> dict[str, Any]:
    session = db.session()
    instance = instances.get(session, task.instance_id)
    return {
        "about": context.about(session, task.subject_type, task.subject_id, task.machine_id),
        "instance": instance,
        "events": story.newest_first(context.happened(engine(), session, instance)),
        "comments": user_tasks.comments(session, instance.id),
        "standing": context.open_tasks(session, instance.id),
    }


def _refused(task_id: int, error: Conflict | Forbidden | BusinessError) -> ResponseReturnValue:
    """The form again with what was typed, and why it was refused: at the field where it names one."""
    task, form = _visible(task_id), _submitted_form(task_id)
    message = error.message if isinstance(error, BusinessError) else str(error)
    field = error.field if isinstance(error, BusinessError) else None
    if field:
        form.add_error(field, message)
    code = 422 if isinstance(error, BusinessError) else 403 if isinstance(error, Forbidden) else 409
    return _render(task, form, refusal="" if field else message), code


def _next_step(completion: Completion) -> ResponseReturnValue:
    """To the finished task's page, which offers what comes next; else to the inbox."""
    task, actor = completion.task, current_actor()
    if any(user_tasks.may_act(following, actor) for following in completion.next_tasks):
        return redirect(url_for("tasks.show", task_id=task.id))
    flash(f"Done: {task.name} – {task.title}.", "success")
    return redirect(url_for("inbox.show"))
