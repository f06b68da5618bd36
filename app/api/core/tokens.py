"""Access and refresh tokens: made for a session of the domain, and put into cookies or taken out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jwt.exceptions
from flask import Response, current_app, request
from flask_jwt_extended import (
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
    verify_jwt_in_request,
)
from flask_jwt_extended.exceptions import CSRFError, JWTExtendedException

from app.api.core.authentication import CHALLENGE, missing_csrf
from app.api.core.problems import ApiError
from app.domain.sessions import UserSession


@dataclass(frozen=True)
class Tokens:
    """What a caller gets for signing in or refreshing."""

    access: str
    refresh: str


@dataclass(frozen=True)
class RefreshClaims:
    """What a refresh token says: whose session it is of, and which of its tokens it is."""

    user_id: int
    session_id: int
    token_id: str


def issue(session: UserSession) -> Tokens:
    """Tokens for a session; the refresh token is the session's current one."""
    claims = {"sid": session.id}
    return Tokens(
        access=create_access_token(identity=str(session.user_id), additional_claims=claims),
        refresh=create_refresh_token(
            identity=str(session.user_id), additional_claims={**claims, "rid": session.token_id}
        ),
    )


def set_cookies(response: Response, tokens: Tokens) -> None:
    """Put both tokens into HTTP-only cookies, and their CSRF tokens into readable ones."""
    set_access_cookies(response, tokens.access)
    set_refresh_cookies(response, tokens.refresh)


def clear_cookies(response: Response) -> None:
    """Take all of the API's cookies away."""
    unset_jwt_cookies(response)


def has_refresh_cookie() -> bool:
    """Whether this call has a cookie with a refresh token, good or not."""
    return current_app.config["JWT_REFRESH_COOKIE_NAME"] in request.cookies


def presented_refresh(given: str | None) -> RefreshClaims:
    """The refresh token of this call: ``given`` in the body, or else from the cookie (with CSRF token).

    :raises ApiError: 401 where there is none that can be used, 403 for a cookie without its CSRF token
    """
    try:
        if given is not None:
            return _claims(decode_token(given))
        verify_jwt_in_request(refresh=True, locations=["cookies"])
        return _claims(get_jwt())
    except CSRFError:
        raise missing_csrf() from None
    except (JWTExtendedException, jwt.exceptions.PyJWTError, KeyError, ValueError):
        message = "The refresh token is missing, wrong or expired. Sign in again."
        raise ApiError(401, "BAD_TOKEN", message, headers=CHALLENGE) from None


def _claims(claims: dict[str, Any]) -> RefreshClaims:
    if claims["type"] != "refresh":
        raise ValueError("an access token is no refresh token")
    return RefreshClaims(int(claims["sub"]), int(claims["sid"]), str(claims["rid"]))
