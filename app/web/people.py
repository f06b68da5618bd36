"""Who is signed in, and as whom they act."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import sqlalchemy as sa
from flask import Flask, g, request
from flask_login import login_required

from app.access import permissions
from app.current import SignedIn, fingerprint_of, me, signed_in, site
from app.current import actor as current_actor
from app.domain import activity
from app.domain.people import Department, User
from app.extensions import db, login_manager

__all__ = ["current_actor", "init_sign_in", "me", "permission_required", "signed_in", "site"]

Params = ParamSpec("Params")
Answer = TypeVar("Answer")


def init_sign_in(app: Flask) -> None:
    """Set up Flask-Login and the note that activities carry of where they came from."""
    login_manager.init_app(app)
    login_manager.login_view = "auth.sign_in"
    login_manager.login_message = "Sign in to go on."
    login_manager.login_message_category = "info"
    # "strong" would sign people out whenever their phone changes from Wi-Fi to the mobile network.
    login_manager.session_protection = "basic"
    login_manager.user_loader(_load)
    app.before_request(_note_source)
    app.teardown_request(_forget_source)


def _load(session_id: str) -> SignedIn | None:
    """The active user that a session names, with one statement."""
    user_id, _, fingerprint = session_id.partition(":")
    if not user_id.isdecimal():
        return None
    query = (
        sa.select(User, Department.name)
        .join(Department, User.department_id == Department.id, isouter=True)
        .where(User.id == int(user_id), User.active)
    )
    row = db.session.execute(query).first()
    if row is None or fingerprint_of(row[0].password_hash) != fingerprint:
        return None
    return signed_in(row[0], row[1] or "")


def _note_source() -> None:
    source = activity.from_source(request.remote_addr or "")
    source.__enter__()
    g.activity_source = source


def _forget_source(error: BaseException | None) -> None:
    source = g.pop("activity_source", None)
    if source is not None:
        source.__exit__(None, None, None)


def permission_required(
    permission: str,
) -> Callable[[Callable[Params, Answer]], Callable[Params, Answer]]:
    """Only people who have a right see the page; others are told who has it."""

    def decorate(view: Callable[Params, Answer]) -> Callable[Params, Answer]:
        @wraps(view)
        def checked(*args: Params.args, **kwargs: Params.kwargs) -> Answer:
            permissions.require(current_actor(), permission)
            return view(*args, **kwargs)

        return cast(Any, login_required(checked))

    return decorate
