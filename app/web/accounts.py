"""Pages for people who cannot sign in yet, or no longer: registering, and setting a forgotten password."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from app import current
from app.database import unit_of_work
from app.domain import accounts, password_resets, passwords
from app.errors import BusinessError
from app.extensions import csrf, db
from app.jobs import password_links
from app.web.limits import counting_all, counting_failures

pages = Blueprint("accounts", __name__)

DIFFERENT = "The two passwords differ."


@pages.get("/forgot-password")
def forgot() -> str:
    """Where to ask for a link to set a new password."""
    return _forgot_page()


@pages.post("/forgot-password")
@counting_all
def ask() -> ResponseReturnValue:
    """Have a link sent. The answer is the same for every address."""
    email = request.form.get("email", "").strip()
    if not email:
        return _forgot_page(problems={"email": "Enter your e-mail address."}), 422
    with unit_of_work(db.session()) as work:
        password_links.queue(work, current.mailer(), email, current.address_of("/reset/"))
    return _forgot_page(sent_to=email)


@pages.get("/reset/<token>")
@counting_failures
def reset(token: str) -> Response:
    """The form behind a link: a new password."""
    return _reset_form(token)


@pages.post("/reset/<token>")
@csrf.exempt  # the token is secret and good once; and the page sends no Referer, which the check wants
@counting_failures
def set_password(token: str) -> ResponseReturnValue:
    """Set the new password; the link is used up."""
    new = request.form.get("password", "")
    if new != request.form.get("again", ""):
        return _reset_form(token, {"again": DIFFERENT})
    try:
        password_hash = passwords.hash_password(new)
        with unit_of_work(db.session()) as work:
            password_resets.use(work, token, password_hash)
    except BusinessError as error:
        return _reset_form(token, {error.field or "password": error.message})
    logout_user()
    flash("Your password is set. Sign in with it.", "success")
    return redirect(url_for("auth.sign_in"))


@pages.get("/register")
def register() -> ResponseReturnValue:
    """The form to add oneself, where registration is on."""
    accounts.refuse_unless_open(db.session())
    if current_user.is_authenticated:
        return redirect(url_for("inbox.show"))
    return render_template("auth/register.html", problems={})


@pages.post("/register")
@counting_all
def join() -> ResponseReturnValue:
    """Add oneself."""
    accounts.refuse_unless_open(db.session())
    new = request.form.get("password", "")
    missing = {
        "name": "Enter your name.",
        "email": "Enter your e-mail address.",
        "password": "Choose a password.",
    }
    problems = {name: words for name, words in missing.items() if not request.form.get(name, "").strip()}
    if new != request.form.get("again", ""):
        problems["again"] = DIFFERENT
    if problems:
        return render_template("auth/register.html", problems=problems), 422
    try:
        password_hash = passwords.hash_password(new)
        with unit_of_work(db.session()) as work:
            accounts.register(
                work,
                email=request.form.get("email", ""),
                name=request.form.get("name", ""),
                password_hash=password_hash,
            )
    except BusinessError as error:
        return render_template("auth/register.html", problems={error.field: error.message}), 422
    flash("Your account is made. Sign in; an administrator will give you a role.", "success")
    return redirect(url_for("auth.sign_in"))


def _forgot_page(*, problems: dict[str, str] | None = None, sent_to: str = "") -> str:
    return render_template(
        "auth/forgot.html", problems=problems or {}, mail=current.mailer() is not None, sent_to=sent_to
    )


def _reset_form(token: str, problems: dict[str, str] | None = None) -> Response:
    user = password_resets.holder(db.session(), token)
    page = render_template("auth/reset.html", user=user, token=token, problems=problems or {})
    response = make_response(page, 410 if user is None else 422 if problems else 200)
    response.headers["Cache-Control"] = "no-store"
    g.referrer_policy = "no-referrer"  # nobody learns the address, which is the secret
    return response
