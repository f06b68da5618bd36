"""Departments: listed, looked at, added, renamed, taken out of use, deleted."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import permissions
from app.access.records import followed_requests
from app.domain import departments
from app.domain.people import Department
from app.domain.queries import catalogues, machines, requests
from app.domain.queries import people as users
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import Kind
from app.domain.requests import OPEN_STATUSES
from app.errors import NotFound
from app.extensions import db
from app.web import list_files, listing
from app.web.deleting import ask_and_delete
from app.web.list_files import FileColumn
from app.web.people import current_actor, me, permission_required
from app.web.record_forms import Flag, Line, RecordForm, attempt

pages = Blueprint("departments", __name__)

READ, WRITE = "departments:read", "departments:write"
SORTS = {"name": "By name", "-createdAt": "Newest first", "-updatedAt": "Changed last"}
SHOWN = 10  # machines, people and requests of a department
COLUMNS = (
    FileColumn("Department", lambda row: row.name),
    FileColumn("In use", lambda row: "yes" if row.active else "no"),
    FileColumn("Added", lambda row: row.created_at, Kind.DATETIME),
    FileColumn("Changed", lambda row: row.updated_at, Kind.DATETIME),
)


class DepartmentForm(RecordForm):
    """What is asked about a department."""

    name = Line("Name", render_kw={"required": True, "maxlength": 255, "autofocus": True})


class DepartmentEditForm(DepartmentForm):
    """What can be changed of one that is there."""

    active = Flag(
        "In use", description="One that is not in use keeps what it has, and is offered nowhere any more."
    )


@pages.get("/departments", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """All departments."""
    return render_template(
        "departments/list.html",
        found=_found(listing.page_number(), listing.PAGE_SIZE),
        sort=listing.sort(catalogues.DEPARTMENT_SORTS, "name"),
        sorts=SORTS,
        filters={name: request.args.get(name, "") for name in ("q", "active")},
        filtered=any(request.args.get(name) for name in ("q", "active")),
        may_write=permissions.may(current_actor(), WRITE),
        url_with=listing.url_with,
    )


@pages.route("/departments/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    narrowed = listing.in_words(q="Search", active="In use")
    rows = _found(1, EVERY)
    return list_files.answer(form, "departments", "Departments", COLUMNS, rows, narrowed=narrowed)


@pages.get("/departments/<int:department_id>")
@permission_required(READ)
def show(department_id: int) -> str:
    """One department: its machines, its people, and what is open there."""
    session, actor, found = db.session(), current_actor(), _get(department_id)
    followed = followed_requests(actor).filters
    sees_requests = not followed or followed.get("department_id") == department_id
    return render_template(
        "departments/show.html",
        department=found,
        machines=machines.list_machines(session, department_id=department_id, page_size=SHOWN),
        people=users.list_users(session, department_id=department_id, active=True, page_size=SHOWN),
        open_requests=requests.list_requests(
            session, department_id=department_id, statuses=OPEN_STATUSES, sort="priority", page_size=SHOWN
        )
        if sees_requests
        else None,
        sees_users=permissions.may(actor, "users:read"),
        may_write=permissions.may(actor, WRITE),
    )


@pages.route("/departments/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new() -> ResponseReturnValue:
    """Add a department."""
    form = DepartmentForm()
    if request.method == "POST":
        made = attempt(form, lambda session: departments.create_department(session, me().id, **form.values()))
        if made is not None:
            flash(f"{made.name} is added.", "success")
            return redirect(url_for("departments.listing"))
    return _form(form)


@pages.route("/departments/<int:department_id>/edit", methods=["GET", "POST"])
@permission_required(WRITE)
def edit(department_id: int) -> ResponseReturnValue:
    """Rename a department, or take it out of use."""
    found = _get(department_id)
    form = DepartmentEditForm(found)

    def save(session: Session) -> Department:
        form.require_unchanged(session, found)
        return departments.update_department(session, found, me().id, **form.values())

    if request.method == "POST" and attempt(form, save) is not None:
        flash(f"{found.name} is saved.", "success")
        return redirect(url_for("departments.show", department_id=department_id))
    return _form(form, _get(department_id))


@pages.route("/departments/<int:department_id>/delete", methods=["GET", "POST"])
@permission_required(WRITE)
def delete(department_id: int) -> ResponseReturnValue:
    """Delete a department that nothing belongs to."""
    found = _get(department_id)
    return ask_and_delete(
        lambda session: departments.delete_department(session, _get(department_id), me().id),
        what=f"the department {found.name}",
        back=url_for("departments.edit", department_id=department_id),
        then=url_for("departments.listing"),
        crumbs=[("Departments", url_for("departments.listing"))],
    )


def _found(page: int, page_size: int) -> Page[Department]:
    return catalogues.list_departments(
        db.session(),
        active=listing.yes_or_no("active"),
        q=listing.words(),
        sort=listing.sort(catalogues.DEPARTMENT_SORTS, "name"),
        page=page,
        page_size=page_size,
    )


def _form(form: DepartmentForm, found: Department | None = None) -> ResponseReturnValue:
    return render_template(
        "departments/form.html", form=form, department=found
    ), 422 if form.problems else 200


def _get(department_id: int) -> Department:
    found = db.session().get(Department, department_id)
    if found is None:
        raise NotFound("There is no such department.")
    return found
