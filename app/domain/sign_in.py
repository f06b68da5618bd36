"""Checking who somebody is: address and password, with a lockout for those who guess.

The lockout is per address and the same whether or not somebody has that address, so that it reveals
nothing. A check has two parts: :func:`check` compares passwords and takes its time, outside a unit of
work; :func:`settle` remembers what came of it, inside one, and has the last word.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base, UtcDateTime
from app.domain import activity, locks, passwords, people
from app.domain.entities import EntityType
from app.domain.people import User

ALLOWED = 5  # failures
WINDOW = timedelta(minutes=15)  # within which they count together
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)
_CLEANED_AT_ONCE = 100  # rows


class SignInFailures(Base):
    """The latest failures of an address to sign in; the address itself is not kept."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (sa.Index("ix_sign_in_failures_forgotten_at", "forgotten_at"),)

    address_digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    forgotten_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Checked:
    """An address and what comparing the password came to; for :func:`settle`."""

    email: str
    user_id: int | None
    password_hash: str | None  # the one that matched


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who it is; or nobody, and until when the address is locked if it is."""

    user: User | None = None
    locked_until: datetime | None = None


def check(session: Session, email: str, password: str) -> Checked:
    """Compare a password with that of whoever has the address; as slow when nobody has.

    Remembers nothing: give the answer to :func:`settle`.
    """
    if session.info.get("unit_of_work"):
        raise RuntimeError("passwords are compared outside a unit of work")
    if _locked(_find(session, email)):
        return Checked(email, None, None)
    user = people.by_email(session, email)
    stored = user.password_hash if user is not None else None
    user_id = user.id if user is not None else None
    session.rollback()  # no transaction is kept waiting
    return Checked(email, user_id, stored if passwords.matches(stored, password) else None)


def settle(session: Session, checked: Checked, *, action: str | None = "SIGN_IN") -> Outcome:
    """Say who it is, and remember a failure or forget earlier ones.

    ``action`` is what the activity log calls a success. The user stays locked until the transaction
    ends, so that a new password and a sign-in with the old one cannot pass each other.
    """
    user = None
    if checked.user_id is not None:
        user = locks.lock_rows(session, User, [checked.user_id]).get(checked.user_id)
    failures = _find(session, checked.email, lock=True)
    if until := _locked(failures):
        return Outcome(locked_until=until)
    good = checked.password_hash is not None and user is not None and user.active
    if not good or user is None or user.password_hash != checked.password_hash:
        return Outcome(locked_until=_remember(session, checked, user))
    if failures is not None:
        session.delete(failures)
        session.flush()
    if action is not None:
        activity.record(session, action, EntityType.USER, user.id, user.id)
    return Outcome(user)


def forget_failures(session: Session, email: str) -> None:
    """Lift the lockout of an address, for somebody who has shown otherwise who they are."""
    failures = _find(session, email, lock=True)
    if failures is not None:
        session.delete(failures)
        session.flush()


def locked_until(session: Session, email: str) -> datetime | None:
    """Until when nobody can sign in with an address, because of too many wrong passwords."""
    return _locked(_find(session, email))


def unlock(session: Session, user: User, by: int | None) -> None:
    """Let somebody sign in again who failed too often, once it is known that it was them."""
    if locked_until(session, user.email) is None:
        return
    forget_failures(session, user.email)
    activity.record(session, "UNLOCK", EntityType.USER, user.id, by)


def _remember(session: Session, checked: Checked, user: User | None) -> datetime | None:
    """Count a failure; answers until when the address is locked by it, if it is."""
    now = clock.now()
    failures = _find_or_add(session, checked.email)
    if failures.forgotten_at <= now:
        failures.count, failures.locked_until = 0, None
    failures.count += 1
    if failures.count == 1:
        failures.forgotten_at = now + WINDOW
    if failures.count >= ALLOWED:
        doublings = min(failures.count - ALLOWED, 10)
        failures.locked_until = now + min(FIRST_LOCK * 2**doublings, LONGEST_LOCK)
        failures.forgotten_at = failures.locked_until + WINDOW
    session.flush()
    if user is not None:
        activity.record(session, "SIGN_IN_FAILED", EntityType.USER, user.id, None)
        if failures.locked_until is not None:
            what = {"until": failures.locked_until.isoformat(), "failures": failures.count}
            activity.record(session, "LOCKED", EntityType.USER, user.id, None, after=what)
    _clean(session)
    return failures.locked_until


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest()


def _locked(failures: SignInFailures | None) -> datetime | None:
    """Until when the address is locked now."""
    until = failures.locked_until if failures is not None else None
    return until if until is not None and until > clock.now() else None


def _find(session: Session, email: str, *, lock: bool = False) -> SignInFailures | None:
    query = sa.select(SignInFailures).where(SignInFailures.address_digest == _digest(email))
    if lock:
        session.flush()
        query = query.with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def _find_or_add(session: Session, email: str) -> SignInFailures:
    """The row of an address, locked; or the one that somebody else is just inserting."""
    values = {"address_digest": _digest(email), "count": 0, "forgotten_at": clock.now()}
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sqlite.insert(SignInFailures).values(values).on_conflict_do_nothing())
    else:
        insert = mysql.insert(SignInFailures).values(values)
        session.execute(insert.on_duplicate_key_update(count=SignInFailures.count))
    row = _find(session, email, lock=True)
    if row is None:
        raise RuntimeError("a row that was just inserted is gone")
    return row


def _clean(session: Session) -> None:
    """Remove some of the failures that no longer count."""
    old = (
        sa.select(SignInFailures.address_digest)
        .where(SignInFailures.forgotten_at <= clock.now())
        .limit(_CLEANED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    digests = session.scalars(old).all()
    if digests:
        session.execute(
            sa.delete(SignInFailures).where(SignInFailures.address_digest.in_(digests)),
            execution_options={"synchronize_session": False},
        )
