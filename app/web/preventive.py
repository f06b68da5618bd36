"""Preventive plans: listed, looked at, made, changed, taken out of use; and the jobs of their due dates."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import permissions
from app.database import unit_of_work
from app.domain import attachments
from app.domain.entities import EntityType
from app.domain.machines import Machine
from app.domain.people import Department, User
from app.domain.preventive import due, jobs, plans, recurrence, wording
from app.domain.preventive.models import JobStatus, PreventiveJob, PreventiveTask
from app.domain.queries import people
from app.domain.queries import preventive as lists
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import Kind
from app.domain.requests import MaintenanceRequest
from app.engine import instances, messages, user_tasks
from app.errors import BusinessError, Conflict, NotFound
from app.extensions import db
from app.processes.preventive_maintenance import CALLED_OFF, SUBJECT, limits_text
from app.web import context, list_files, listing, story
from app.web.deleting import ask_and_delete
from app.web.engine import engine
from app.web.list_files import FileColumn
from app.web.people import current_actor, me, permission_required
from app.web.preventive_forms import KINDS, PlanEditForm, PlanForm
from app.web.record_forms import attempt

pages = Blueprint("preventive", __name__)

READ, WRITE = "preventive-maintenance:read", "preventive-maintenance:write"
SORTS = {
    "nextDueOn": "Due first",
    "title": "By title",
    "machine": "By machine",
    "-lastDoneOn": "Done last",
    "-createdAt": "Newest first",
}
SHOWS = {"active": True, "unused": False, "every": None}
FILTERS = ("q", "show", "machine", "department", "technician", "kind", "overdue")
COLUMNS = (
    FileColumn("Plan", lambda row: row.title),
    FileColumn("Machine", lambda row: row.machine.name),
    FileColumn("Department", lambda row: row.machine.department.name),
    FileColumn("Repeated", lambda row: wording.in_words(row.rrule, row.meter_interval)),
    FileColumn("Next due", lambda row: row.next_due_on, Kind.DATE),
    FileColumn("Last done", lambda row: row.last_done_on, Kind.DATE),
    FileColumn("Technician", lambda row: row.technician.name if row.technician else ""),
    FileColumn("In use", lambda row: "yes" if row.active else "no"),
)
COMING = 5  # due dates that a plan's page lists


@pages.get("/preventive", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """All plans, those that are due first."""
    session = db.session()
    return render_template(
        "preventive/list.html",
        found=_found(listing.page_number(), listing.PAGE_SIZE),
        today=due.site_date(session),
        sort=listing.sort(lists.TASK_SORTS, "nextDueOn"),
        sorts=SORTS,
        show=listing.one_of("show", tuple(SHOWS), "active"),
        filters={name: request.args.get(name, "") for name in FILTERS},
        filtered=any(request.args.get(name) for name in FILTERS if name != "show"),
        machine=session.get(Machine, request.args.get("machine", 0, type=int)),
        **choices(session),
        may_write=permissions.may(current_actor(), WRITE),
        url_with=listing.url_with,
    )


@pages.route("/preventive/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    narrowed = listing.in_words(q="Search", show="Plans", kind="By", overdue="Overdue")
    rows = _found(1, EVERY)
    return list_files.answer(form, "preventive-plans", "Preventive plans", COLUMNS, rows, narrowed=narrowed)


@pages.get("/preventive/<int:task_id>")
@permission_required(READ)
def show(task_id: int) -> str:
    """One plan: its rule, what comes, what was done."""
    session, actor, found = db.session(), current_actor(), _get(task_id)
    return render_template(
        "preventive/show.html",
        task=found,
        today=due.site_date(session),
        coming=_coming(found),
        open_jobs=lists.list_jobs(session, task_id=task_id, statuses=[JobStatus.OPEN], page_size=20),
        logs=lists.logs_of(session, task_id, page=listing.page_number(), page_size=10),
        jobs_of_logs=_jobs_of(session, task_id),
        files=attachments.of(session, EntityType.PREVENTIVE_TASK, task_id),
        kinds=dict(KINDS),
        limits_text=limits_text,
        may_write=permissions.may(actor, WRITE),
        url_with=listing.url_with,
    )


@pages.route("/preventive/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new() -> ResponseReturnValue:
    """Make a plan."""
    session = db.session()
    form = PlanForm(
        session, machine_id=request.args.get("machine", type=int), starts_on=due.site_date(session)
    )
    if request.method == "POST" and not form.changes_rows:
        made = attempt(form, lambda session: plans.create_task(session, me().id, **form.values()))
        if made is not None:
            flash(f"{made.title} is planned.", "success")
            return redirect(url_for("preventive.show", task_id=made.id))
    return _form(form)


@pages.route("/preventive/<int:task_id>/edit", methods=["GET", "POST"])
@permission_required(WRITE)
def edit(task_id: int) -> ResponseReturnValue:
    """Change a plan, or take it out of use."""
    found = _get(task_id)
    form = PlanEditForm(db.session(), found)

    def save(session: Session) -> PreventiveTask:
        form.require_unchanged(session, found)
        return plans.update_task(session, found, me().id, **form.values())

    if request.method == "POST" and not form.changes_rows and attempt(form, save) is not None:
        flash(f"{found.title} is saved.", "success")
        return redirect(url_for("preventive.show", task_id=task_id))
    return _form(form, _get(task_id))


@pages.route("/preventive/<int:task_id>/deactivate", methods=["GET", "POST"])
@permission_required(WRITE)
def deactivate(task_id: int) -> ResponseReturnValue:
    """Take a plan out of use; its open jobs are called off."""
    found = _get(task_id)
    page = url_for("preventive.show", task_id=task_id)
    return ask_and_delete(
        lambda session: plans.deactivate_task(session, _get(task_id), me().id),
        what=f"the plan {found.title}",
        title=f"Take {found.title} out of use?",
        lead="Its open jobs are called off, and no more are opened. What was done stays.",
        button="Take it out of use",
        refused="It cannot be taken out of use",
        done=f"{found.title} is no longer in use.",
        back=page,
        then=page,
        crumbs=_crumbs(found),
    )


@pages.route("/preventive/<int:task_id>/delete", methods=["GET", "POST"])
@permission_required(WRITE)
def delete(task_id: int) -> ResponseReturnValue:
    """Delete a plan that nothing was ever opened for."""
    found = _get(task_id)
    return ask_and_delete(
        lambda session: plans.delete_task(session, _get(task_id), me().id),
        what=f"the plan {found.title}",
        back=url_for("preventive.show", task_id=task_id),
        then=url_for("preventive.listing"),
        crumbs=_crumbs(found),
    )


@pages.get("/preventive/jobs/<int:job_id>")
@permission_required(READ)
def job(job_id: int) -> str:
    """The work of one due date."""
    return _job_page(_get_job(job_id))


@pages.post("/preventive/jobs/<int:job_id>/call-off")
@permission_required(READ)
def call_off(job_id: int) -> ResponseReturnValue:
    """Call a job off with a reason, where its diagram takes that from this person."""
    found = _get_job(job_id)
    reason = request.form.get("reason", "").strip()
    if not reason:
        return _job_page(found, "Say why the job is not needed."), 422
    key = found.business_key
    try:
        with unit_of_work(db.session()) as session:
            messages.deliver(engine(), session, CALLED_OFF, key, {"reason": reason[:500]}, current_actor())
    except (NotFound, Conflict, BusinessError) as error:
        flash(f"{key} cannot be called off now. {error}", "error")
    else:
        flash(f"{key} is called off.", "success")
    return redirect(url_for("preventive.job", job_id=job_id))


def _job_page(found: PreventiveJob, problem: str = "") -> str:
    session, actor = db.session(), current_actor()
    instance = instances.of_subject(session, SUBJECT, found.id)
    tasks = context.open_tasks(session, instance.id) if instance else []
    entries = people.activity_of(session, EntityType.PREVENTIVE_JOB, found.id)
    process = context.happened(engine(), session, instance) if instance else []
    reported = found.maintenance_request_id
    return render_template(
        "preventive/job.html",
        job=found,
        task=found.task,
        due_at=jobs.due_at(session, found),
        instance=instance,
        tasks=[(task, user_tasks.may_see(task, actor)) for task in tasks],
        request_of=None if reported is None else session.get(MaintenanceRequest, reported),
        files=[]
        if found.log_id is None
        else attachments.of(session, EntityType.PREVENTIVE_LOG, found.log_id),
        events=story.newest_first(process, story.of_activity(entries)),
        may_call_off=instance is not None
        and messages.may_send(engine(), session, instance, CALLED_OFF, actor),
        problem=problem,
    )


def choices(session: Session) -> dict[str, Any]:
    """What lists and calendar can be narrowed to: departments and technicians."""
    technicians = (
        sa.select(User.id, User.name)
        .where(User.active, User.role.in_(plans.WORKERS))
        .order_by(User.name, User.id)
    )
    departments = sa.select(Department.id, Department.name).where(Department.active).order_by(Department.name)
    return {
        "technicians": [(str(number), name) for number, name in session.execute(technicians)],
        "departments": [(str(number), name) for number, name in session.execute(departments)],
    }


def _found(page: int, page_size: int) -> Page[PreventiveTask]:
    kind = listing.one_of("kind", ("calendar", "meter"))
    return lists.list_tasks(
        db.session(),
        machine_id=request.args.get("machine", type=int),
        department_id=request.args.get("department", type=int),
        technician_id=request.args.get("technician", type=int),
        active=SHOWS[listing.one_of("show", tuple(SHOWS), "active")],
        metered=None if not kind else kind == "meter",
        overdue=request.args.get("overdue") == "yes",
        q=listing.words(),
        sort=listing.sort(lists.TASK_SORTS, "nextDueOn"),
        page=page,
        page_size=page_size,
    )


def _coming(task: PreventiveTask) -> list[Any]:
    """The next due dates for which no job is open yet."""
    first = task.next_job_on
    if first is None or not task.active:
        return []
    if task.rrule is None:
        return [first]
    found = recurrence.between(task.rrule, first, first, first + timedelta(days=366 * 2))[:COMING]
    return found or [first]


def _jobs_of(session: Session, task_id: int) -> dict[int, int]:
    """The jobs of a plan by their logs."""
    query = sa.select(PreventiveJob.log_id, PreventiveJob.id).where(
        PreventiveJob.task_id == task_id, PreventiveJob.log_id.is_not(None)
    )
    rows = session.execute(query.order_by(PreventiveJob.id.desc()).limit(500))
    return {log_id: job_id for log_id, job_id in rows if log_id is not None}


def _form(form: PlanForm, found: PreventiveTask | None = None) -> ResponseReturnValue:
    return render_template("preventive/form.html", form=form, task=found, kinds=KINDS), (
        422 if form.problems else 200
    )


def _crumbs(found: PreventiveTask) -> list[tuple[str, str]]:
    return [
        ("Preventive plans", url_for("preventive.listing")),
        (found.title, url_for("preventive.show", task_id=found.id)),
    ]


def _get(task_id: int) -> PreventiveTask:
    found = db.session().get(PreventiveTask, task_id)
    if found is None:
        raise NotFound("There is no such preventive plan.")
    return found


def _get_job(job_id: int) -> PreventiveJob:
    found = jobs.load(db.session(), job_id)
    if found is None:
        raise NotFound("There is no such preventive job.")
    return found


def of_machine(machine: Machine) -> dict[str, Any] | None:
    """What a machine's page shows of preventive work: jobs, plans, the meter. None without the right."""
    session, actor = db.session(), current_actor()
    if not permissions.may(actor, READ):
        return None
    return {
        "open": lists.list_jobs(session, machine_id=machine.id, statuses=[JobStatus.OPEN], page_size=5),
        "plans": lists.list_tasks(session, machine_id=machine.id, active=True, page_size=5),
        "readings": lists.readings_of(session, machine.id, page_size=1),
        "today": due.site_date(session),
        "may_write": permissions.may(actor, WRITE),
        "may_read_meter": permissions.may(actor, "meter-readings:write"),
        "sees_meter": permissions.may(actor, "meter-readings:read"),
    }


def init_preventive(app: Flask) -> None:
    """Give templates ``preventive_of(machine)`` and the filter ``rule_words``."""
    app.add_template_global(of_machine, "preventive_of")
    app.add_template_filter(lambda task: wording.in_words(task.rrule, task.meter_interval), "rule_words")
