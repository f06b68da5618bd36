"""Signing in and out, tokens, and everything about one's own account."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import g, request
from pydantic import Field

from app import clock, current
from app.api.core import calls, tokens
from app.api.core.authentication import CHALLENGE, identify
from app.api.core.endpoints import Refused, Resource
from app.api.core.schemas import Id, In, Instant, Out, PageOf, left_out
from app.api.users import Email, Language, NewPassword, Password, UserOut, own
from app.domain import accounts, password_resets, passwords, sessions, sign_in
from app.domain.people import User
from app.domain.queries import people as lists
from app.domain.queries.paging import MAX_PAGE_SIZE, Page
from app.domain.sessions import EndReason, SessionKind, UserSession
from app.domain.sign_in import Checked, Outcome
from app.errors import BusinessError, NotFound
from app.jobs import password_links

resource = Resource("Signing in", "Tokens, passwords, and where one is signed in.")

Token = Annotated[str, Field(min_length=1, max_length=4000)]


class Credentials(In):
    """Who somebody says they are."""

    email: Annotated[str, Field(min_length=1, max_length=255)]
    password: Password


class SignedInOut(Out):
    """The tokens, and who it is."""

    token: str = Field(description="The access token, good for 15 minutes.")
    refresh_token: str = Field(description="Good for 7 days, and for one use.")
    user: UserOut


class RefreshIn(In):
    """The refresh token; it is left out where the cookie is sent."""

    refresh_token: Token = left_out()


class TokensOut(Out):
    """The next tokens of the session."""

    token: str = Field(description="The access token, good for 15 minutes.")
    refresh_token: str = Field(description="Good for 7 days, and for one use.")


class Registration(In):
    """Who wants to join."""

    email: Email
    name: Annotated[str, Field(min_length=1, max_length=255)]
    password: NewPassword
    language: Language = "en"


class PasswordChange(In):
    """The password so far, and the new one."""

    current_password: Password
    new_password: NewPassword


class ResetAsked(In):
    """Whose password was forgotten."""

    email: Annotated[str, Field(min_length=1, max_length=255)]


class ResetAskedOut(Out):
    """What happens now; the same for every address."""

    message: str


class ResetConfirmed(In):
    """What the link ends with, and the new password."""

    token: Token
    password: NewPassword


class SessionOut(Out):
    """A browser or a program that the caller is signed in with."""

    id: int
    kind: Literal["page", "api"]
    current: bool = Field(description="Whether this call was made with it.")
    created_at: Instant
    last_seen_at: Instant
    expires_at: Instant
    ip: str
    user_agent: str


class SessionPaging(In):
    """Which page of the sessions, the one that began last first."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25


# -- tokens ----------------------------------------------------------------------------------------


def _check(body: Credentials) -> Checked:
    return sign_in.check(calls.session(), body.email, body.password)


@resource.post("/auth/login", public=True, strict_limit=True, prepares=_check, answers=SignedInOut)
def login(body: Credentials, prepared: Checked) -> SignedInOut | Refused:
    """Sign in.

    The answer also sets both tokens as HTTP-only cookies. After five failures within 15 minutes the
    address is locked, first for a minute, then for longer, whether or not somebody has it.
    """
    session = calls.session()
    outcome = sign_in.settle(session, prepared)
    if outcome.user is None:
        return _refused(outcome)
    row = sessions.begin(
        session,
        outcome.user.id,
        SessionKind.API,
        lifetime=sessions.REFRESH_LIFETIME,
        ip=request.remote_addr or "",
        user_agent=request.user_agent.string,
    )
    made = _issue(row)
    return SignedInOut(
        token=made.access, refresh_token=made.refresh, user=UserOut.model_validate(outcome.user)
    )


@resource.post("/auth/refresh", public=True, strict_limit=True, answers=TokensOut)
def refresh(body: RefreshIn) -> TokensOut | Refused:
    """Get the next tokens for a refresh token, which is used up by that.

    With the cookie instead of a body, the cookie `millwright_refresh_csrf` is sent as `X-CSRF-TOKEN`.
    A token that is used a second time ends the session: somebody has a copy of it.
    """
    claims = _presented(body)
    rotation = sessions.rotate(calls.session(), claims.session_id, claims.token_id)
    row = rotation.session
    if row is not None and row.user_id == claims.user_id:
        made = _issue(row)
        return TokensOut(token=made.access, refresh_token=made.refresh)
    _challenge()
    calls.on_response(tokens.clear_cookies)
    if rotation.reused:
        message = "This refresh token was used before. The session has ended; sign in again."
        return Refused(401, "TOKEN_REUSED", message)
    return Refused(401, "SESSION_ENDED", "This session has ended. Sign in again.")


@resource.post("/auth/logout", public=True, strict_limit=True)
def logout(body: RefreshIn) -> None:
    """Sign out: the session of the access token, or else of the refresh token, ends.

    Its cookies are taken away.
    """
    caller = identify()
    if caller is not None:
        user_id, session_id = caller.id, caller.session_id
    else:
        claims = _presented(body)
        user_id, session_id = claims.user_id, claims.session_id
    calls.on_response(tokens.clear_cookies)
    row = calls.session().get(UserSession, session_id)
    if row is not None and row.user_id == user_id:
        sessions.end(calls.session(), row, EndReason.SIGNED_OUT, user_id)


def _presented(body: RefreshIn) -> tokens.RefreshClaims:
    given = body.given().get("refresh_token")
    if given is None and not tokens.has_refresh_cookie():
        message = "Send the refresh token, in the body or as the cookie that came with it."
        raise BusinessError("TOKEN_MISSING", message, field="refreshToken")
    return tokens.presented_refresh(given)


def _issue(row: UserSession) -> tokens.Tokens:
    made = tokens.issue(row)
    calls.on_response(lambda response: tokens.set_cookies(response, made))
    return made


def _refused(outcome: Outcome) -> Refused:
    """The answer to wrong credentials, and to any at all while the address is locked."""
    if outcome.locked_until is None:
        _challenge()
        message = "Address and password do not match, or the account is switched off."
        return Refused(401, "BAD_CREDENTIALS", message)
    return _locked(outcome)


def _locked(outcome: Outcome, errors: dict[str, list[str]] | None = None) -> Refused:
    until = outcome.locked_until or clock.now()
    g.retry_after = int((until - clock.now()).total_seconds()) + 1
    message = f"Too many failed attempts. Try again after {until:%Y-%m-%dT%H:%M:%SZ}."
    return Refused(429, "LOCKED", message, errors or {})


def _challenge() -> None:
    calls.on_response(lambda response: response.headers.update(CHALLENGE))


# -- the own account -------------------------------------------------------------------------------


@resource.get("/auth/me", needs="account:use", answers=UserOut)
def get_caller() -> User:
    """Get who is calling."""
    return own()


def _hash_of_newcomer(body: Registration) -> str:
    accounts.refuse_unless_open(calls.session())
    return passwords.hash_password(body.password)


@resource.post(
    "/auth/register",
    public=True,
    strict_limit=True,
    prepares=_hash_of_newcomer,
    answers=UserOut,
    status=201,
)
def register(body: Registration, prepared: str) -> User:
    """Make an account for oneself, where the settings allow it.

    It has no role until an administrator gives it one.
    """
    user = accounts.register(
        calls.session(), email=body.email, name=body.name, password_hash=prepared, language=body.language
    )
    calls.location("/users/me")
    return user


def _check_change(body: PasswordChange) -> tuple[str, Checked]:
    new = passwords.hash_password(body.new_password, field="newPassword")
    return new, sign_in.check(calls.session(), current.me().email, body.current_password)


@resource.put("/users/me/password", needs="account:use", strict_limit=True, prepares=_check_change)
def change_own_password(body: PasswordChange, prepared: tuple[str, Checked]) -> Refused | None:
    """Change one's own password. All other sessions end.

    A wrong current password counts as a failure to sign in.
    """
    new, checked = prepared
    outcome = accounts.change_own_password(calls.session(), checked, new, keep=current.me().session_id)
    if outcome.user is not None:
        return None
    refusal = accounts.wrong_current_password(outcome)
    errors = {str(refusal.field): [refusal.message]}
    if outcome.locked_until is not None:
        return _locked(outcome, errors)
    return Refused(422, refusal.code, refusal.message, errors)


@resource.post("/auth/password-reset", public=True, strict_limit=True, answers=ResetAskedOut, status=202)
def ask_for_password_reset(body: ResetAsked) -> ResetAskedOut:
    """Have a link sent with which a forgotten password is replaced within an hour.

    The answer is the same whether or not somebody has the address. Where the site sends no mail, an
    administrator makes the link.
    """
    page = current.address_of("/reset/")
    password_links.queue(calls.session(), current.mailer(), body.email, page)
    return ResetAskedOut(
        message="If somebody has this address, and the site sends mail, a link is on its way."
    )


def _hash_of_reset(body: ResetConfirmed) -> str:
    return passwords.hash_password(body.password)


@resource.post("/auth/password-reset/confirm", public=True, strict_limit=True, prepares=_hash_of_reset)
def confirm_password_reset(body: ResetConfirmed, prepared: str) -> None:
    """Set a new password with the token that a link ends with. The user is signed out everywhere."""
    password_resets.use(calls.session(), body.token, prepared)


# -- sessions --------------------------------------------------------------------------------------


@resource.get("/auth/sessions", needs="account:use", answers=PageOf[SessionOut])
def list_sessions(query: SessionPaging) -> Page[SessionOut]:
    """List where the caller is signed in, the session that began last first."""
    found = lists.list_sessions(calls.session(), calls.user_id(), page=query.page, page_size=query.page_size)
    items = [_session_out(row) for row in found.items]
    return Page(items=items, total=found.total, page=found.page, page_size=found.page_size)


@resource.delete("/auth/sessions/{session_id}", needs="account:use")
def end_session(session_id: Id) -> None:
    """End one of the caller's sessions."""
    row = calls.session().get(UserSession, session_id)
    if row is None or row.user_id != calls.user_id() or not row.is_live():
        raise NotFound("There is no such session.")
    sessions.end(calls.session(), row, EndReason.ENDED, calls.user_id())


@resource.delete("/auth/sessions", needs="account:use")
def end_other_sessions() -> None:
    """End all of the caller's sessions but the one of this call."""
    sessions.end_all(
        calls.session(), calls.user_id(), EndReason.ENDED, calls.user_id(), keep=current.me().session_id
    )


def _session_out(row: UserSession) -> SessionOut:
    values: dict[str, Any] = {
        name: getattr(row, name) for name in SessionOut.model_fields if name != "current"
    }
    return SessionOut(**values, current=row.id == current.me().session_id)
