"""Who is signed in where: one row for each browser or program, which can be ended from anywhere.

A session of a browser's pages is named by its cookie. A session of the API is a *family* of refresh
tokens: each is good for one use and replaced by the next. When one is used a second time somebody has
a copy of it, and the whole family ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base, UtcDateTime
from app.domain import activity, locks
from app.domain.columns import LongId
from app.domain.entities import EntityType

REFRESH_LIFETIME = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=30)  # how long an expired session is remembered
_CLEANED_AT_ONCE = 100  # rows


class SessionKind(StrEnum):
    """What a session is of."""

    PAGE = "page"
    API = "api"


class EndReason(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    ENDED = "ended"  # by the person, from another session
    PASSWORD = "password"  # noqa: S105 - a new one was set
    DEACTIVATED = "deactivated"
    REUSED = "reused"  # a refresh token came a second time
    RESTORED = "restored"  # the site was restored from a backup of a time when it was live


# What the activity log calls it.
_ACTIONS: dict[str, str] = {EndReason.SIGNED_OUT: "SIGN_OUT", EndReason.REUSED: "TOKEN_REUSED"}


class UserSession(Base):
    """A user signed in with one browser or program.

    ``token_id`` names what the holder must present: the current refresh token, or what a page
    session's cookie holds besides the id. It is no secret by itself: tokens and cookies are signed.
    """

    __tablename__ = "user_sessions"
    __table_args__ = (
        sa.Index("ix_user_sessions_live", "user_id", "revoked_at", "expires_at"),
        sa.Index("ix_user_sessions_expires_at", "expires_at"),
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(sa.String(10))
    token_id: Mapped[str | None] = mapped_column(sa.String(40), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(sa.String(20))
    ip: Mapped[str] = mapped_column(sa.String(45), default="")
    user_agent: Mapped[str] = mapped_column(sa.String(255), default="")

    def is_live(self) -> bool:
        """Whether the session has neither ended nor expired."""
        return self.revoked_at is None and self.expires_at > clock.now()


@dataclass(frozen=True, slots=True)
class Rotation:
    """What came of presenting a refresh token: the session with its next token, or a refusal."""

    session: UserSession | None
    reused: bool = False


def live() -> sa.ColumnElement[bool]:
    """The condition for sessions that have neither ended nor expired, for queries."""
    return sa.and_(UserSession.revoked_at.is_(None), UserSession.expires_at > clock.now())


def begin(
    session: Session, user_id: int, kind: str, *, lifetime: timedelta, ip: str = "", user_agent: str = ""
) -> UserSession:
    """Sign a user in; what expired long ago is swept away on the occasion."""
    _clean(session)
    row = UserSession(
        user_id=user_id,
        kind=SessionKind(kind),
        token_id=_new_token_id(),
        expires_at=clock.now() + lifetime,
        ip=ip[:45],
        user_agent=user_agent[:255],
    )
    session.add(row)
    session.flush()
    return row


def rotate(session: Session, session_id: int, token_id: str) -> Rotation:
    """Replace a refresh token by the next one, and let the session live another 7 days.

    A token that is not the current one of its session was used before: the session ends. Both are
    answers, not errors, because they must be remembered.
    """
    row = locks.lock_rows(session, UserSession, [session_id]).get(session_id)
    if row is None or row.kind != SessionKind.API or not row.is_live():
        return Rotation(None)
    if row.token_id != token_id:
        _finish(session, [row], EndReason.REUSED)
        _record_end(session, row, None)
        return Rotation(None, reused=True)
    now = clock.now()
    row.token_id, row.last_seen_at, row.expires_at = _new_token_id(), now, now + REFRESH_LIFETIME
    session.flush()
    return Rotation(row)


def is_stale(last_seen_at: datetime) -> bool:
    """Whether :func:`seen` has something to write."""
    return last_seen_at <= clock.now() - SEEN_EVERY


def seen(session: Session, session_id: int, lifetime: timedelta | None = None) -> bool:
    """Note that a session is in use, at most once a minute; answers whether it was noted now.

    With a ``lifetime`` the session also lives that much longer from now on, as those of pages do.
    """
    now = clock.now()
    values: dict[str, datetime] = {"last_seen_at": now}
    if lifetime is not None:
        values["expires_at"] = now + lifetime
    change = (
        sa.update(UserSession)
        .where(UserSession.id == session_id, UserSession.last_seen_at <= now - SEEN_EVERY, live())
        .values(values)
        .execution_options(synchronize_session=False)
    )
    changed: sa.CursorResult[object] = session.execute(change)  # type: ignore[assignment]
    return changed.rowcount > 0


def end(session: Session, row: UserSession, reason: str, by: int | None) -> bool:
    """End a session; answers whether it was live until now."""
    _lock_user(session, row.user_id)
    row = locks.lock(session, row)
    if not _finish(session, [row], reason):
        return False
    _record_end(session, row, by)
    return True


def end_all(session: Session, user_id: int, reason: str, by: int | None, *, keep: int | None = None) -> int:
    """End all sessions of a user, except the one with the id ``keep``; answers how many were live."""
    _lock_user(session, user_id)
    ids = session.scalars(
        sa.select(UserSession.id).where(UserSession.user_id == user_id, UserSession.id != (keep or 0), live())
    ).all()
    ended = _finish(session, locks.lock_rows(session, UserSession, ids).values(), reason)
    if ended:
        what = {"sessions": len(ended), "reason": str(reason)}
        activity.record(session, "END_SESSIONS", EntityType.USER, user_id, by, after=what)
    return len(ended)


def end_everywhere(session: Session, reason: str, by: int | None) -> int:
    """End all sessions of all users; answers how many were live."""
    users = session.scalars(sa.select(UserSession.user_id).where(live()).distinct()).all()
    return sum(end_all(session, user_id, reason, by) for user_id in users)


def of_user(session: Session, user_id: int) -> list[UserSession]:
    """The live sessions of a user, the one that began last first."""
    query = sa.select(UserSession).where(UserSession.user_id == user_id, live())
    return list(session.scalars(query.order_by(UserSession.created_at.desc(), UserSession.id.desc())))


def _finish(session: Session, rows: Iterable[UserSession], reason: str) -> list[UserSession]:
    """End those of these sessions, which the caller has locked, that are live; answers them."""
    ended = [row for row in rows if row.is_live()]
    for row in ended:
        row.revoked_at, row.end_reason, row.token_id = clock.now(), EndReason(reason), None
    session.flush()
    return ended


def _record_end(session: Session, row: UserSession, by: int | None) -> None:
    action = _ACTIONS.get(row.end_reason or "", "END_SESSION")
    what = {"sessionId": row.id, "kind": row.kind, "reason": row.end_reason}
    activity.record(session, action, EntityType.USER, row.user_id, by, after=what)


def _lock_user(session: Session, user_id: int) -> None:
    """Lock the user before any of their sessions: whoever changes a user ends sessions after that."""
    users = sa.table("users", sa.column("id"))
    session.flush()
    session.execute(sa.select(users.c.id).where(users.c.id == user_id).with_for_update())


def _new_token_id() -> str:
    return secrets.token_urlsafe(24)


def _clean(session: Session) -> None:
    """Remove some of the sessions that expired long ago; whoever else removes them now may have them."""
    old = (
        sa.select(UserSession.id)
        .where(UserSession.expires_at < clock.now() - KEPT)
        .limit(_CLEANED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(old).all()
    if ids:
        session.execute(
            sa.delete(UserSession).where(UserSession.id.in_(ids)),
            execution_options={"synchronize_session": False},
        )
