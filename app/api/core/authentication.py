"""Who calls: by a bearer token, by the API's cookies, or by the session of the pages.

A call that a browser sends by itself (cookies) also carries a CSRF token; a bearer call needs none.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import jwt.exceptions
import sqlalchemy as sa
import structlog
from flask import Flask, current_app, g, request
from flask_jwt_extended import get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import CSRFError as JwtCsrfError
from flask_jwt_extended.exceptions import JWTExtendedException
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from app import clock, current
from app.api.core.problems import ApiError
from app.current import SignedIn, signed_in
from app.domain import sessions
from app.domain.people import Department, User
from app.domain.sessions import UserSession
from app.extensions import csrf, jwt_manager

ACCESS_LIFETIME = timedelta(minutes=15)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="millwright"'}


def init(app: Flask) -> None:
    """Set up how tokens are signed, where they travel, and how long they live."""
    secret = f"{app.config['SECRET_KEY']}:api tokens".encode()
    app.config.update(
        JWT_SECRET_KEY=hashlib.sha256(secret).hexdigest(),
        JWT_ALGORITHM="HS256",
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_ACCESS_TOKEN_EXPIRES=app.config.get("JWT_ACCESS_TOKEN_EXPIRES", ACCESS_LIFETIME),
        JWT_REFRESH_TOKEN_EXPIRES=sessions.REFRESH_LIFETIME,
        JWT_COOKIE_SECURE=app.config["SESSION_COOKIE_SECURE"],
        JWT_COOKIE_SAMESITE="Strict",
        JWT_ACCESS_COOKIE_NAME="millwright_access",
        JWT_REFRESH_COOKIE_NAME="millwright_refresh",
        JWT_ACCESS_CSRF_COOKIE_NAME="millwright_csrf",
        JWT_REFRESH_CSRF_COOKIE_NAME="millwright_refresh_csrf",
        JWT_ACCESS_COOKIE_PATH="/api",
        JWT_REFRESH_COOKIE_PATH="/api",
        JWT_COOKIE_CSRF_PROTECT=True,
    )
    jwt_manager.init_app(app)


def identify() -> SignedIn | None:
    """The caller, or None for an anonymous one; asked for once a request.

    :raises ApiError: 401 for a token that is wrong, expired or revoked; 403 for cookies without a CSRF token
    """
    if "caller" not in g:
        g.caller = None  # whatever is raised below is raised once
        g.caller = g.person = _by_token() or _by_page_session()
        if g.caller is not None:
            structlog.contextvars.bind_contextvars(user_id=g.caller.id)
    found: SignedIn | None = g.caller
    return found


def _by_token() -> SignedIn | None:
    """The owner of an access token in the Authorization header or in the API's cookie."""
    try:
        verified = verify_jwt_in_request(optional=True)
    except JwtCsrfError:
        raise missing_csrf() from None
    except jwt.exceptions.ExpiredSignatureError:
        message = "The access token has expired. Get a new one with the refresh token."
        raise ApiError(401, "TOKEN_EXPIRED", message, headers=CHALLENGE) from None
    except (JWTExtendedException, jwt.exceptions.PyJWTError):
        raise _bad_token() from None
    if verified is None:
        return None
    g.by_cookie = "Authorization" not in request.headers
    return _person(get_jwt())


def _bad_token() -> ApiError:
    message = "The access token cannot be used. Sign in again."
    return ApiError(401, "BAD_TOKEN", message, headers=CHALLENGE)


def _person(claims: dict[str, Any]) -> SignedIn:
    """The active user of a token whose session has not ended, with one statement."""
    try:
        user_id, session_id = int(claims["sub"]), int(claims["sid"])
    except (KeyError, TypeError, ValueError):
        raise _bad_token() from None
    query = (
        sa.select(User, Department.name, UserSession)
        .join(UserSession, sa.and_(UserSession.user_id == User.id, UserSession.id == session_id))
        .join(Department, User.department_id == Department.id, isouter=True)
        .where(User.id == user_id, User.active)
        .where(UserSession.revoked_at.is_(None), UserSession.expires_at > clock.now())
    )
    row = current.session().execute(query).first()
    if row is None:
        raise ApiError(401, "SESSION_ENDED", "This session has ended. Sign in again.", headers=CHALLENGE)
    g.session_id, g.seen_at = row[2].id, row[2].last_seen_at
    return signed_in(row[0], row[2], row[1] or "")


def _by_page_session() -> SignedIn | None:
    """The person signed in to the pages, whose scripts call the API too."""
    if not current_user.is_authenticated:
        return None
    if request.method not in ("GET", "HEAD", "OPTIONS") and current_app.config["WTF_CSRF_ENABLED"]:
        try:
            csrf.protect()
        except CSRFError:  # the pages would answer it with a page
            message = "A call with the session of the pages needs their CSRF token as X-CSRFToken."
            raise ApiError(403, "CSRF", message) from None
    return current.me()


def missing_csrf() -> ApiError:
    """The refusal of a call with cookies that another site may have made."""
    message = "A call with cookies needs the CSRF token of the cookie “millwright_csrf” as X-CSRF-TOKEN."
    return ApiError(403, "CSRF", message)
