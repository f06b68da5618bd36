"""Signing in and out."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user, logout_user

from app.database import unit_of_work
from app.domain import activity, passwords, people
from app.domain.entities import EntityType
from app.extensions import db
from app.web.people import me, signed_in

pages = Blueprint("auth", __name__)


@pages.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form to sign in with."""
    if current_user.is_authenticated:
        return redirect(safe_target())
    return _form()


@pages.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Check address and password. What was wrong is not said: that would tell which addresses exist."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    missing = {"email": "Enter your e-mail address.", "password": "Enter your password."}
    problems = {name: words for name, words in missing.items() if not request.form.get(name, "").strip()}
    if problems:
        return _form(problems=problems, email=email), 422
    user = people.by_email(db.session(), email)
    if user is None or not user.active or not passwords.matches(user.password_hash, password):
        message = "Address and password do not match, or the account is switched off."
        return _form(refusal=message, email=email), 401
    department = user.department.name if user.department else ""
    person = signed_in(user, department)
    with unit_of_work(db.session()) as work:
        activity.record(work, "SIGN_IN", EntityType.USER, person.id, person.id)
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
        activity.record(work, "SIGN_OUT", EntityType.USER, me().id, me().id)
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("auth.sign_in"))


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
    )
