"""A person's own page: name and language, password, sign-ins, absences."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from sqlalchemy.orm import Session, joinedload

from app import current
from app.database import unit_of_work
from app.domain import accounts, notification_choices, passwords, people, sessions, sign_in
from app.domain.notification_choices import KINDS, ByMail
from app.domain.people import Substitution, User
from app.domain.queries import people as lists
from app.domain.sessions import EndReason, UserSession
from app.errors import BusinessError, NotFound
from app.extensions import db
from app.web.auth import locked_message
from app.web.formatting import LANGUAGES
from app.web.people import current_actor, me

pages = Blueprint("profile", __name__)

SESSIONS_SHOWN = 20
BY_MAIL = {ByMail.AT_ONCE: "At once", ByMail.DAILY: "Once a day", ByMail.NEVER: "No e-mail"}


@pages.get("/profile")
@login_required
def show() -> str:
    """The signed-in person."""
    return _render()


@pages.post("/profile")
@login_required
def save() -> ResponseReturnValue:
    """Change name and language."""
    language = request.form.get("language", "")
    if language not in LANGUAGES:
        return _render({"language": "Choose one of the list."}), 422
    try:
        with unit_of_work(db.session()) as session:
            name = request.form.get("name", "")
            people.update_user(session, _me(session), me().id, name=name, language=language)
    except BusinessError as error:
        return _render({error.field or "name": error.message}), 422
    flash("Saved.", "success")
    return redirect(url_for("profile.show"))


@pages.post("/profile/password")
@login_required
def change_password() -> ResponseReturnValue:
    """Set a new password; all other sessions of the person end."""
    new = request.form.get("password", "")
    if new != request.form.get("again", ""):
        return _render({"again": "The two new passwords differ."}), 422
    try:
        password_hash = passwords.hash_password(new)
    except BusinessError as error:
        return _render({"password": error.message}), 422
    checked = sign_in.check(db.session(), me().email, request.form.get("current", ""))
    with unit_of_work(db.session()) as session:
        outcome = accounts.change_own_password(session, checked, password_hash, keep=me().session_id)
    if outcome.user is None:
        until = outcome.locked_until
        message = locked_message(until) if until else accounts.wrong_current_password(outcome).message
        return _render({"current": message}), 422
    flash("Your password is changed. You stay signed in here; everywhere else you are signed out.", "success")
    return redirect(url_for("profile.show"))


@pages.post("/profile/sessions/<int:session_id>/end")
@login_required
def end_session(session_id: int) -> ResponseReturnValue:
    """Sign out somewhere else."""
    with unit_of_work(db.session()) as session:
        row = session.get(UserSession, session_id)
        if row is None or row.user_id != me().id or row.id == me().session_id:
            raise NotFound("There is no such sign-in.")
        sessions.end(session, row, EndReason.ENDED, me().id)
    flash("You are signed out there.", "success")
    return redirect(url_for("profile.show", _anchor="sessions"))


@pages.post("/profile/sessions/end-others")
@login_required
def end_other_sessions() -> ResponseReturnValue:
    """Sign out everywhere else."""
    with unit_of_work(db.session()) as session:
        sessions.end_all(session, me().id, EndReason.ENDED, me().id, keep=me().session_id)
    flash("You are signed out everywhere else.", "success")
    return redirect(url_for("profile.show", _anchor="sessions"))


@pages.post("/profile/notifications")
@login_required
def choose_notifications() -> ResponseReturnValue:
    """Say by kind when an e-mail tells of what happens."""
    wanted = {kind.code: request.form[kind.code] for kind in KINDS if kind.code in request.form}
    try:
        with unit_of_work(db.session()) as session:
            notification_choices.choose(session, me().id, me().id, wanted)
    except BusinessError as error:
        return _render({"notifications": error.message}), 422
    flash("Your choices are saved.", "success")
    return redirect(url_for("profile.show", _anchor="notifications"))


@pages.post("/profile/absences")
@login_required
def add_absence() -> ResponseReturnValue:
    """Name a substitute for an absence."""
    begin, end = _date("from"), _date("until")
    missing = {"from": begin, "until": end, "substituteId": request.form.get("substituteId", type=int)}
    words = {
        "from": "Enter the first day.",
        "until": "Enter the last day.",
        "substituteId": "Choose somebody.",
    }
    problems = {name: words[name] for name, value in missing.items() if not value}
    if problems or begin is None or end is None:
        return _render(problems), 422
    try:
        with unit_of_work(db.session()) as session:
            people.set_substitute(
                session, _me(session), int(request.form["substituteId"]), begin, end, me().id
            )
    except BusinessError as error:
        return _render({error.field or "from": error.message}), 422
    flash("Your absence is entered. Your substitute sees your tasks on those days.", "success")
    return redirect(url_for("profile.show", _anchor="absences"))


@pages.post("/profile/absences/<int:absence_id>/remove")
@login_required
def remove_absence(absence_id: int) -> ResponseReturnValue:
    """Take back an absence."""
    with unit_of_work(db.session()) as session:
        absence = session.get(Substitution, absence_id)
        if absence is None or absence.user_id != me().id:
            raise NotFound("There is no such absence.")
        people.remove_substitute(session, absence, me().id)
    flash("The absence is removed.", "success")
    return redirect(url_for("profile.show", _anchor="absences"))


def _render(problems: dict[str, str] | None = None) -> str:
    session, today = db.session(), current.today()
    absences = session.scalars(
        sa.select(Substitution)
        .where(Substitution.user_id == me().id, Substitution.ends_on >= today)
        .options(joinedload(Substitution.substitute))
        .order_by(Substitution.starts_on)
    ).all()
    return render_template(
        "profile/show.html",
        languages=list(LANGUAGES.items()),
        problems=problems or {},
        absences=absences,
        standing_in=current_actor().stands_in_for,
        colleagues=[
            (user.id, user.name) for user in people.eligible(session, me().role or "") if user.id != me().id
        ],
        today=today,
        kinds=KINDS,
        choices=notification_choices.choices(session, me().id),
        by_mail=BY_MAIL,
        sends_mail=current.mailer() is not None,
        sessions=lists.list_sessions(session, me().id, page_size=SESSIONS_SHOWN),
    )


def _me(session: Session) -> User:
    return session.get_one(User, me().id, populate_existing=True)


def _date(name: str) -> date | None:
    try:
        return date.fromisoformat(request.form.get(name, ""))
    except ValueError:
        return None
