"""Signing in and out."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user, logout_user
from sqlalchemy.orm import Session

from app import clock
from app.current import SignedIn
from app.database import unit_of_work
from app.domain import sessions
from app.domain.people import User
from app.domain.sessions import EndReason, SessionKind, UserSession
from app.domain.sign_in import Outcome, check, settle
from app.extensions import db
from app.web.formatting import minute
from app.web.limits import counting_failures
from app.web.people import lifetime, me, signed_in, site

pages = Blueprint("auth", __name__)


@pages.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form to sign in with."""
    if current_user.is_authenticated:
        return redirect(safe_target())
    return _form()


@pages.post("/sign-in")
@counting_failures
def enter() -> ResponseReturnValue:
    """Check address and password. What was wrong is not said: that would tell which addresses exist."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    missing = {"email": "Enter your e-mail address.", "password": "Enter your password."}
    problems = {name: words for name, words in missing.items() if not request.form.get(name, "").strip()}
    if problems:
        return _form(problems=problems, email=email), 422
    before = current_user.session_id if current_user.is_authenticated else None
    checked = check(db.session(), email, password)
    with unit_of_work(db.session()) as work:
        outcome = settle(work, checked)
        if before is not None and outcome.user is not None:
            _end(work, before)
        person = _begin(work, outcome.user) if outcome.user is not None else None
    if person is None:
        return _refused(outcome, email)
    # Nothing of what the browser had before signing in survives it.
    session.clear()
    session.permanent = True
    login_user(person)
    return redirect(safe_target())


@pages.post("/sign-out")
@login_required
def leave() -> ResponseReturnValue:
    """End the session."""
    with unit_of_work(db.session()) as work:
        _end(work, me().session_id)
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("auth.sign_in"))


def _begin(work: Session, user: User) -> SignedIn:
    row = sessions.begin(
        work,
        user.id,
        SessionKind.PAGE,
        lifetime=lifetime(),
        ip=request.remote_addr or "",
        user_agent=request.user_agent.string,
    )
    return signed_in(user, row, user.department.name if user.department else "")


def _end(work: Session, session_id: int) -> None:
    row = work.get(UserSession, session_id)
    if row is not None:
        sessions.end(work, row, EndReason.SIGNED_OUT, row.user_id)


def locked_message(until: datetime) -> str:
    """What to tell somebody who has failed too often."""
    # To the next full minute: who comes back then is not too early.
    return f"Too many failed attempts. You can try again at {minute(until + timedelta(seconds=59))}."


def _refused(outcome: Outcome, email: str) -> Response:
    if outcome.locked_until is None:
        message = "Address and password do not match, or the account is switched off."
        return make_response(_form(refusal=message, email=email), 401)
    g.retry_after = int((outcome.locked_until - clock.now()).total_seconds()) + 1
    return make_response(_form(refusal=locked_message(outcome.locked_until), email=email), 429)


def safe_target() -> str:
    """Where to go after signing in: a path of this site, never another site."""
    target = request.values.get("next", "")
    parts = urlsplit(target)
    is_path = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    if is_path and not any(ord(character) < 32 for character in target):
        return target
    return url_for("inbox.show")


def _form(*, problems: dict[str, str] | None = None, refusal: str = "", email: str = "") -> str:
    demo = (
        current_app.config.get("MILLWRIGHT_DEMO_LOGINS", ()) if current_app.config["MILLWRIGHT_DEMO"] else ()
    )
    return render_template(
        "auth/sign_in.html",
        problems=problems or {},
        refusal=refusal,
        email=email,
        next=request.values.get("next", ""),
        demo_logins=demo,
        registration=site().registration,
    )
