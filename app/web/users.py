"""Users: listed, added, changed, deactivated, deleted. What is done about one of them is in user_actions."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session, joinedload

from app import current
from app.access import permissions
from app.domain import accounts, passwords, people, sign_in
from app.domain.people import Department, Role, User
from app.domain.queries import people as lists
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import Kind
from app.engine import inbox
from app.errors import BusinessError, NotFound
from app.extensions import db
from app.web import activity_words, list_files, listing
from app.web.deleting import ask_and_delete
from app.web.formatting import LANGUAGES
from app.web.labels import ROLES, role_name
from app.web.list_files import FileColumn
from app.web.people import current_actor, me, permission_required
from app.web.record_forms import Choice, Flag, Line, RecordForm, attempt
from app.web.user_links import shown_once

pages = Blueprint("users", __name__)

READ, WRITE = "users:read", "users:write"
NO_ROLE = "none"
SORTS = {
    "name": "By name",
    "role": "By role",
    "department": "By department",
    "-createdAt": "Newest first",
    "-updatedAt": "Changed last",
}
WAITING_SHOWN = 10
LATELY = 10  # entries of the activity log
COLUMNS = (
    FileColumn("Name", lambda row: row.name),
    FileColumn("E-mail", lambda row: row.email),
    FileColumn("Role", lambda row: role_name(row.role)),
    FileColumn("Process owner", lambda row: "yes" if row.process_owner else "no"),
    FileColumn("Department", lambda row: row.department.name if row.department else ""),
    FileColumn("Active", lambda row: "yes" if row.active else "no"),
    FileColumn("Added", lambda row: row.created_at, Kind.DATETIME),
)


class UserForm(RecordForm):
    """What is asked about a user."""

    name = Line("Name", render_kw={"required": True, "maxlength": 255, "autocomplete": "off"})
    email = Line(
        "E-mail address",
        description="They sign in with it.",
        render_kw={"required": True, "maxlength": 255, "type": "email", "autocomplete": "off"},
    )
    role = Choice(
        "Role", prompt="No role yet", description="What they may do. Without a role that is nearly nothing."
    )
    department_id = Choice(
        "Department", numbers=True, prompt="None", description="Supervisors see the requests of theirs."
    )
    process_owner = Flag("Process owner", description="Draws and deploys processes, beside their role.")
    language = Choice("Dates and numbers", render_kw={"required": True})


class NewUserForm(UserForm):
    """What else is asked about a new one."""

    NOT_VALUES = ("seen", "password")

    password = Line(
        "Password",
        description="At least 8 characters. Left empty, you get a link with which they choose their own.",
        render_kw={"type": "password", "autocomplete": "new-password", "maxlength": 72},
    )


class UserEditForm(UserForm):
    """What can be changed of one that is there."""

    active = Flag(
        "Active", description="Who is not active cannot sign in, and is offered nowhere. Their history stays."
    )


@pages.get("/users", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """All users; those who wait for a role stand on top."""
    session = db.session()
    found = _found(listing.page_number(), listing.PAGE_SIZE)
    return render_template(
        "users/list.html",
        found=found,
        waiting=lists.list_users(
            session, without_role=True, active=True, sort="-createdAt", page_size=WAITING_SHOWN
        ),
        away=lists.substitutes_on(session, [user.id for user in found.items], current.today()),
        sort=listing.sort(lists.USER_SORTS, "name"),
        sorts=SORTS,
        roles=[*ROLES.items(), (NO_ROLE, "No role yet")],
        departments=departments(session),
        filters={name: request.args.get(name, "") for name in FILTERS},
        filtered=any(request.args.get(name) for name in FILTERS),
        may_write=_may_write(),
        url_with=listing.url_with,
    )


FILTERS = ("q", "role", "department", "active", "owner")


@pages.route("/users/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    narrowed = listing.in_words(
        q="Search", role="Role", department="Department", active="Active", owner="Process owner"
    )
    rows = _found(1, EVERY)
    return list_files.answer(form, "users", "Users", COLUMNS, rows, narrowed=narrowed)


@pages.get("/users/<int:user_id>")
@permission_required(READ)
def show(user_id: int) -> str:
    """One user: who they are, whether they are there, what waits for them, what they did."""
    return user_page(get_user(user_id))


def user_page(user: User, problems: dict[str, str] | None = None) -> str:
    """The page of a user; ``problems`` are those of the form for absences."""
    session, sees_log = db.session(), permissions.may(current_actor(), "activity-logs:read")
    absences = lists.list_substitutions(session, user.id, page_size=20)
    entries = lists.activity_stretch(session, user_id=user.id, most=LATELY).entries if sees_log else []
    return render_template(
        "users/show.html",
        user=user,
        absences=absences,
        today=current.today(),
        colleagues=[
            (one.id, one.name) for one in people.eligible(session, user.role or "") if one.id != user.id
        ],
        sessions=lists.list_sessions(session, user.id, page_size=20),
        last_sign_in=lists.last_sign_in(session, user.id),
        locked_until=sign_in.locked_until(session, user.email),
        open_tasks=inbox.assigned_count(session, user.id),
        sees_log=sees_log,
        lately=activity_words.told(session, entries),
        may_write=_may_write(),
        sends_mail=current.mailer() is not None,
        problems=problems or {},
    )


@pages.route("/users/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new() -> ResponseReturnValue:
    """Add a user, with a password or a link to choose one."""
    form = NewUserForm(language="en")
    _offer(form)
    if request.method == "POST" and form.validate():
        try:
            # Without a password there is one that nobody knows.
            password_hash = passwords.hash_password(form.password.data or secrets.token_urlsafe(32))
        except BusinessError as error:
            form.refuse(error)
            return _form(form)

        def save(session: Session) -> tuple[User, Any]:
            made = people.create_user(session, me().id, password_hash=password_hash, **form.values())
            return made, None if form.password.data else shown_once(session, made)

        saved = attempt(form, save)
        if saved is not None:
            user, link = saved
            flash(f"{user.name} is added.", "success")
            return link.page() if link else redirect(url_for("users.show", user_id=user.id))
    return _form(form)


@pages.route("/users/<int:user_id>/edit", methods=["GET", "POST"])
@permission_required(WRITE)
def edit(user_id: int) -> ResponseReturnValue:
    """Change a user."""
    found = get_user(user_id)
    form = UserEditForm(found)
    _offer(form, found)

    def save(session: Session) -> User:
        form.require_unchanged(session, found)
        return people.update_user(session, found, me().id, **form.values())

    if request.method == "POST" and attempt(form, save) is not None:
        flash(f"{found.name} is saved.", "success")
        return redirect(url_for("users.show", user_id=user_id))
    return _form(form, get_user(user_id))


@pages.route("/users/<int:user_id>/deactivate", methods=["GET", "POST"])
@permission_required(WRITE)
def deactivate(user_id: int) -> ResponseReturnValue:
    """Let somebody sign in no more; their history stays."""
    found = get_user(user_id)
    waiting = inbox.assigned_count(db.session(), user_id)
    open_tasks = f" {waiting} open tasks are theirs: give them to somebody else." if waiting else ""
    page = url_for("users.show", user_id=user_id)
    return ask_and_delete(
        lambda session: people.update_user(session, get_user(user_id), me().id, active=False),
        what=found.name,
        title=f"Deactivate {found.name}?",
        lead="They are signed out everywhere, cannot sign in, and are offered nowhere any more. "
        f"What they have done stays.{open_tasks}",
        button="Deactivate",
        keep="Leave it",
        refused="That cannot be done",
        done=f"{found.name} is deactivated.",
        back=page,
        then=page,
        crumbs=[("Users", url_for("users.listing")), (found.name, page)],
    )


@pages.route("/users/<int:user_id>/delete", methods=["GET", "POST"])
@permission_required(WRITE)
def delete(user_id: int) -> ResponseReturnValue:
    """Delete a user who has done nothing yet."""
    found = get_user(user_id)
    return ask_and_delete(
        lambda session: accounts.delete_user(session, get_user(user_id), me().id),
        what=f"the user {found.name}",
        back=url_for("users.show", user_id=user_id),
        then=url_for("users.listing"),
        crumbs=[("Users", url_for("users.listing"))],
    )


def get_user(user_id: int) -> User:
    """The user, with department.

    :raises NotFound: there is none
    """
    query = sa.select(User).where(User.id == user_id).options(joinedload(User.department))
    found = db.session().scalars(query).first()
    if found is None:
        raise NotFound("There is no such user.")
    return found


def departments(session: Session, also: int | None = None) -> list[tuple[int, str]]:
    """The departments in use, and the one with the id ``also``, to choose from."""
    query = sa.select(Department.id, Department.name).order_by(Department.name)
    query = query.where(sa.or_(Department.active, Department.id == also))
    return [(row.id, row.name) for row in session.execute(query)]


def _may_write() -> bool:
    return permissions.may(current_actor(), WRITE)


def _found(page: int, page_size: int) -> Page[User]:
    role = listing.one_of("role", (*Role, NO_ROLE))
    return lists.list_users(
        db.session(),
        role=role if role and role != NO_ROLE else None,
        without_role=role == NO_ROLE,
        department_id=request.args.get("department", type=int),
        active=listing.yes_or_no("active"),
        process_owner=True if request.args.get("owner") else None,
        q=listing.words(),
        sort=listing.sort(lists.USER_SORTS, "name"),
        page=page,
        page_size=page_size,
    )


def _offer(form: UserForm, found: User | None = None) -> None:
    form.role.offer(list(ROLES.items()))
    form.department_id.offer(departments(db.session(), found.department_id if found else None))
    form.language.offer(list(LANGUAGES.items()))


def _form(form: UserForm, found: User | None = None) -> ResponseReturnValue:
    return render_template("users/form.html", form=form, user=found), 422 if form.problems else 200
