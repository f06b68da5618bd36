"""What an administrator does about a user: links, lockouts, sessions, absences."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app import current
from app.database import unit_of_work
from app.domain import people, sessions, sign_in
from app.domain.people import Substitution
from app.domain.sessions import EndReason, UserSession
from app.errors import BusinessError, NotFound
from app.extensions import db
from app.jobs import password_links
from app.web.people import me, permission_required
from app.web.user_links import shown_once
from app.web.users import WRITE, get_user, user_page

pages = Blueprint("user_actions", __name__)


@pages.post("/users/<int:user_id>/link")
@permission_required(WRITE)
def make_link(user_id: int) -> ResponseReturnValue:
    """Make a link to hand over, with which the user sets a new password."""
    user = get_user(user_id)
    try:
        with unit_of_work(db.session()) as session:
            link = shown_once(session, user)
    except BusinessError as error:
        flash(error.message, "error")
        return redirect(url_for("users.show", user_id=user_id))
    return link.page()


@pages.post("/users/<int:user_id>/send-link")
@permission_required(WRITE)
def send_link(user_id: int) -> ResponseReturnValue:
    """Send the user a link with which to set a new password."""
    user = get_user(user_id)
    with unit_of_work(db.session()) as session:
        queued = user.active and password_links.queue(
            session, current.mailer(), user.email, current.address_of("/reset/")
        )
    if queued:
        flash(f"A link is on its way to {user.email}. It is good for an hour.", "success")
    else:
        flash("No link was sent: the user is not active, or this site sends no e-mail.", "error")
    return redirect(url_for("users.show", user_id=user_id))


@pages.post("/users/<int:user_id>/unlock")
@permission_required(WRITE)
def unlock(user_id: int) -> ResponseReturnValue:
    """Let somebody sign in again who typed too many wrong passwords."""
    user = get_user(user_id)
    with unit_of_work(db.session()) as session:
        sign_in.unlock(session, user, me().id)
    flash(f"{user.name} can sign in again.", "success")
    return redirect(url_for("users.show", user_id=user_id))


@pages.post("/users/<int:user_id>/sessions/end")
@permission_required(WRITE)
def end_sessions(user_id: int) -> ResponseReturnValue:
    """Sign somebody out everywhere."""
    user = get_user(user_id)
    with unit_of_work(db.session()) as session:
        keep = me().session_id if user.id == me().id else None
        ended = sessions.end_all(session, user.id, EndReason.ENDED, me().id, keep=keep)
    flash(f"{user.name} is signed out ({ended} {'session' if ended == 1 else 'sessions'}).", "success")
    return redirect(url_for("users.show", user_id=user_id, _anchor="sessions"))


@pages.post("/users/<int:user_id>/sessions/<int:session_id>/end")
@permission_required(WRITE)
def end_session(user_id: int, session_id: int) -> ResponseReturnValue:
    """Sign somebody out in one place."""
    with unit_of_work(db.session()) as session:
        row = session.get(UserSession, session_id)
        if row is None or row.user_id != user_id or row.id == me().session_id:
            raise NotFound("There is no such sign-in.")
        sessions.end(session, row, EndReason.ENDED, me().id)
    flash("They are signed out there.", "success")
    return redirect(url_for("users.show", user_id=user_id, _anchor="sessions"))


@pages.post("/users/<int:user_id>/absences")
@permission_required(WRITE)
def add_absence(user_id: int) -> ResponseReturnValue:
    """Name a substitute for somebody who is away."""
    user = get_user(user_id)
    begin, end = _day("from"), _day("until")
    substitute = request.form.get("substituteId", type=int)
    asked = {"from": (begin, "Enter the first day."), "until": (end, "Enter the last day.")}
    asked_for = {**asked, "substituteId": (substitute, "Choose somebody.")}
    problems = {name: words for name, (value, words) in asked_for.items() if not value}
    if begin and end and substitute:
        try:
            with unit_of_work(db.session()) as session:
                people.set_substitute(session, user, substitute, begin, end, me().id)
        except BusinessError as error:
            problems[error.field or "from"] = error.message
    if problems:
        return user_page(get_user(user_id), problems), 422
    flash(f"The absence of {user.name} is entered.", "success")
    return redirect(url_for("users.show", user_id=user_id, _anchor="absences"))


@pages.post("/users/<int:user_id>/absences/<int:absence_id>/remove")
@permission_required(WRITE)
def remove_absence(user_id: int, absence_id: int) -> ResponseReturnValue:
    """Take back an absence."""
    with unit_of_work(db.session()) as session:
        absence = session.get(Substitution, absence_id)
        if absence is None or absence.user_id != user_id:
            raise NotFound("There is no such absence.")
        people.remove_substitute(session, absence, me().id)
    flash("The absence is removed.", "success")
    return redirect(url_for("users.show", user_id=user_id, _anchor="absences"))


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.form.get(name, ""))
    except ValueError:
        return None
