"""Who is signed in, and as whom they act."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import sqlalchemy as sa
from flask import Flask, current_app, g, request
from flask_login import login_required
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.access import permissions
from app.current import SignedIn, me, signed_in, site
from app.current import actor as current_actor
from app.database import unit_of_work
from app.domain import activity, sessions
from app.domain.people import Department, User
from app.domain.sessions import SessionKind, UserSession
from app.extensions import db, login_manager

log = logging.getLogger(__name__)

__all__ = ["current_actor", "init_sign_in", "lifetime", "me", "permission_required", "signed_in", "site"]

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
    app.teardown_request(_note_use)


def _load(cookie: str) -> SignedIn | None:
    """The active user of the live session that a cookie names, with one statement."""
    session_id, _, key = cookie.partition(":")
    if not session_id.isdecimal() or len(session_id) > 18:
        return None
    query = (
        sa.select(User, Department.name, UserSession)
        .join(UserSession, UserSession.user_id == User.id)
        .join(Department, User.department_id == Department.id, isouter=True)
        .where(UserSession.id == int(session_id), UserSession.token_id == key)
        .where(UserSession.kind == SessionKind.PAGE, sessions.live(), User.active)
    )
    row = db.session.execute(query).first()
    if row is None:
        return None
    if sessions.is_stale(row[2].last_seen_at):
        g.page_session_in_use = row[2].id
    return signed_in(row[0], row[2], row[1] or "")


def lifetime() -> timedelta:
    """How long a session of pages lives when nobody does anything."""
    return current_app.permanent_session_lifetime


def _note_use(error: BaseException | None) -> None:
    """At most once a minute, note that the session is in use. Nobody waits for it, and it may fail."""
    session_id = g.pop("page_session_in_use", None)
    if session_id is None:
        return
    try:
        with Session(db.engine) as session, unit_of_work(session):
            sessions.seen(session, session_id, lifetime())
    except SQLAlchemyError:
        log.warning("that a session is in use was not noted", exc_info=True)


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
