"""Who is signed in, and as whom they act."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import sqlalchemy as sa
from flask import Flask, current_app, g, request
from flask_login import UserMixin, current_user, login_required

from app import clock
from app.domain import activity, people, settings
from app.domain.people import Department, User
from app.engine.actors import Actor
from app.errors import Forbidden
from app.extensions import db, login_manager
from app.processes.directory import actor_of

Params = ParamSpec("Params")
Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class SignedIn(UserMixin):
    """The signed-in person, as plain values that outlive the transaction they were read in."""

    id: int
    name: str
    email: str
    role: str | None
    process_owner: bool
    language: str
    department_id: int | None
    department_name: str
    fingerprint: str

    def get_id(self) -> str:
        """What the session keeps. A new password changes it, which ends all other sessions."""
        return f"{self.id}:{self.fingerprint}"


def signed_in(user: User, department_name: str = "") -> SignedIn:
    """A user as the session knows them."""
    return SignedIn(
        id=user.id,
        name=user.name,
        email=user.email,
        role=user.role,
        process_owner=user.process_owner,
        language=user.language,
        department_id=user.department_id,
        department_name=department_name,
        fingerprint=_fingerprint(user.password_hash),
    )


def _fingerprint(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()[:16]


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
    if row is None or _fingerprint(row[0].password_hash) != fingerprint:
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


def me() -> SignedIn:
    """The signed-in person of this request, whom ``login_required`` has checked."""
    return cast(SignedIn, current_user)


def site() -> settings.Site:
    """The site's settings, read once a request; until somebody sets its time zone, the environment's."""
    if "site" not in g:
        found = settings.site(db.session())
        if found.time_zone == settings.Site.time_zone and current_app.config["MILLWRIGHT_TIME_ZONE"]:
            found = replace(found, time_zone=current_app.config["MILLWRIGHT_TIME_ZONE"])
        g.site = found
    return cast(settings.Site, g.site)


def current_actor() -> Actor:
    """The signed-in person as the engine sees them, with those they stand in for; made once a request."""
    if "actor" not in g:
        user = me()
        today = clock.now().astimezone(site().zone).date()
        absent = people.stands_in_for(db.session(), user.id, today)
        g.actor = actor_of(user, absent)
    return cast(Actor, g.actor)


def roles_required(*roles: str) -> Callable[[Callable[Params, Answer]], Callable[Params, Answer]]:
    """Only people with one of these roles see the page; others are told who may."""

    def decorate(view: Callable[Params, Answer]) -> Callable[Params, Answer]:
        @wraps(view)
        def checked(*args: Params.args, **kwargs: Params.kwargs) -> Answer:
            if me().role not in roles:
                from app.web.labels import role_name

                raise Forbidden(f"This page is for: {', '.join(role_name(role) for role in roles)}.")
            return view(*args, **kwargs)

        return cast(Any, login_required(checked))

    return decorate
