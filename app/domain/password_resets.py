"""One-time links with which people set a new password when they have forgotten theirs.

Only a digest of a link's token is kept: whoever reads the database cannot use the link.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base, UtcDateTime
from app.domain import activity, locks, people, sign_in
from app.domain.entities import EntityType
from app.domain.people import User
from app.errors import BusinessError

ASKED_FOR = timedelta(hours=1)  # how long a link is good that somebody asked for themselves
HANDED_OVER = timedelta(days=3)  # and one that an administrator made for them
NOT_AGAIN_WITHIN = timedelta(minutes=2)  # nobody's mailbox is filled by asking again and again


class PasswordReset(Base):
    """The link that a user has been given last, until it is used. A user has at most one."""

    __tablename__ = "password_resets"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), unique=True)
    token_digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))


@dataclass(frozen=True, slots=True)
class Link:
    """A new link's secret, told once, and until when it is good."""

    token: str
    expires_at: datetime


def make(session: Session, user: User, by: int | None) -> Link:
    """Make a link that an administrator hands over; older ones of the user are no longer good.

    :raises BusinessError: USER_INACTIVE
    """
    if not user.active:
        message = f"{user.name} is deactivated and cannot sign in; activate the user first."
        raise BusinessError("USER_INACTIVE", message)
    return _make(session, user, by, HANDED_OVER)


def ask(session: Session, email: str, *, again: bool = False) -> tuple[User, Link] | None:
    """Make a link for somebody who says that this is their address, to be sent there and nowhere else.

    Answers the user and the link; nothing for an unknown address or an inactive user, and, unless
    ``again``, when they asked just now.
    """
    user = people.by_email(session, email)
    if user is None or not user.active:
        return None
    locks.lock(session, user)
    last = session.scalar(sa.select(PasswordReset).where(PasswordReset.user_id == user.id))
    asked = last.created_at if last is not None and last.created_by is None else None
    if asked is not None and asked > clock.now() - NOT_AGAIN_WITHIN and not again:
        return None
    return user, _make(session, user, None, ASKED_FOR)


def holder(session: Session, token: str) -> User | None:
    """The active user whose link this is, while it is good."""
    query = (
        sa.select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(PasswordReset.token_digest == _digest(token), PasswordReset.expires_at > clock.now())
        .where(User.active)
    )
    return session.scalar(query)


def use(session: Session, token: str, password_hash: str) -> User:
    """Set the password of whoever holds the link: once. All their sessions end, and so does a lockout.

    :raises BusinessError: BAD_LINK when the link was used, replaced, has expired, or never was
    """
    user = holder(session, token)
    if user is not None:
        locks.lock(session, user)  # the user before the link, as when links are made
        link = _locked_link(session, token)
        if link is not None and user.active:
            session.delete(link)
            people.set_password(session, user, password_hash, user.id)
            sign_in.forget_failures(session, user.email)
            return user
    message = "This link has been used already, or its time is over. Ask for a new one."
    raise BusinessError("BAD_LINK", message, field="token")


def _make(session: Session, user: User, by: int | None, lifetime: timedelta) -> Link:
    locks.lock(session, user)
    token, now = secrets.token_urlsafe(32), clock.now()
    row = session.scalar(sa.select(PasswordReset).where(PasswordReset.user_id == user.id))
    if row is None:
        row = PasswordReset(user_id=user.id)
        session.add(row)
    row.token_digest, row.created_at, row.expires_at = _digest(token), now, now + lifetime
    row.created_by = by
    session.flush()
    until = {"until": row.expires_at.isoformat()}
    activity.record(session, "MAKE_RESET_LINK", EntityType.USER, user.id, by, after=until)
    return Link(token, row.expires_at)


def _locked_link(session: Session, token: str) -> PasswordReset | None:
    query = sa.select(PasswordReset).where(PasswordReset.token_digest == _digest(token))
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
