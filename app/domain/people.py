"""Users, departments, and who stands in for whom."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from app.database import Base
from app.domain import activity, passwords, sessions, values
from app.domain.columns import Timestamps
from app.domain.entities import EntityType
from app.domain.sessions import EndReason
from app.errors import BusinessError

LANGUAGES = ("en", "en-US")  # how dates and numbers are written
# Nothing that would need quoting, or could end the line of a header.
_EMAIL = re.compile(r"[^\s\x00-\x1f\x7f@<>()\[\],;:\\\"]+@[^\s\x00-\x1f\x7f@<>()\[\],;:\\\"]+")


class Role(StrEnum):
    """What a user is in the factory. A user has one role, or none yet."""

    ADMIN = "ADMIN"
    SUPERVISOR = "SUPERVISOR"
    MAINTENANCE_TECH = "MAINTENANCE_TECH"
    MAINTENANCE_MANAGER = "MAINTENANCE_MANAGER"
    INVENTORY_MANAGER = "INVENTORY_MANAGER"


class Department(Timestamps, Base):
    """A part of the factory: machines stand in it and people belong to it."""

    __tablename__ = "departments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)
    active: Mapped[bool] = mapped_column(default=True)


class User(Timestamps, Base):
    """Somebody who signs in."""

    __tablename__ = "users"
    __table_args__ = (
        sa.Index("ix_users_role", "role", "active", "department_id"),
        sa.Index("ix_users_department", "department_id"),
        sa.Index("ix_users_name", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(255), unique=True)
    password_hash: Mapped[str] = mapped_column("password", sa.String(255))
    name: Mapped[str] = mapped_column(sa.String(255))
    role: Mapped[str | None] = mapped_column(sa.String(30))
    process_owner: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(sa.String(10), default="en")
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("departments.id"))

    department: Mapped[Department | None] = relationship()


class Substitution(Timestamps, Base):
    """One absence of a user, and who does that user's tasks meanwhile. Both days are included."""

    __tablename__ = "substitutions"
    __table_args__ = (
        sa.Index("ix_substitutions_substitute", "substitute_id", "ends_on", "starts_on"),
        sa.Index("ix_substitutions_user", "user_id", "ends_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    substitute_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    substitute: Mapped[User] = relationship(foreign_keys=[substitute_id])


def set_password(
    session: Session, user: User, password_hash: str, by: int | None, *, keep: int | None = None
) -> None:
    """Give a user a new password, already hashed (:func:`app.domain.passwords.hash_password`).

    All the user's sessions end, except the one with the id ``keep``.
    """
    user.password_hash = password_hash
    activity.record_changes(session, "CHANGE_PASSWORD", EntityType.USER, user, by)
    sessions.end_all(session, user.id, EndReason.PASSWORD, by, keep=keep)


def by_email(session: Session, email: str) -> User | None:
    """The user with this address, active or not; upper and lower case are the same."""
    return session.scalar(sa.select(User).where(User.email == email.strip().lower()))


def create_user(
    session: Session,
    by: int | None,
    *,
    email: str,
    name: str,
    password: str | None = None,
    password_hash: str = "",
    role: str | None = None,
    department_id: int | None = None,
    process_owner: bool = False,
    language: str = "en",
    action: str = "CREATE_USER",
) -> User:
    """Add a user with a password, or better its hash, which takes no time.

    :raises BusinessError: BAD_EMAIL, EMAIL_TAKEN, NAME_MISSING, NAME_TOO_LONG, BAD_ROLE, BAD_LANGUAGE,
        UNKNOWN_DEPARTMENT, or what :func:`app.domain.passwords.hash_password` raises
    """
    if password is not None:
        password_hash = passwords.hash_password(password)
    elif not password_hash:
        raise TypeError("a user has a password")
    user = User(process_owner=process_owner, password_hash=password_hash)
    _assign(
        session, user,
        {"email": email, "name": name, "role": role, "department_id": department_id, "language": language},
    )  # fmt: skip
    activity.record_changes(session, action, EntityType.USER, user, by)
    return user


def update_user(session: Session, user: User, by: int | None, **changes: Any) -> User:
    """Change email, name, role, department_id, process_owner, active or language of a user.

    Somebody who is deactivated is signed out everywhere.

    :raises BusinessError: as :func:`create_user`; LAST_ADMIN when nobody could administer any more
    """
    stays = changes.get("role", user.role) == Role.ADMIN and changes.get("active", True)
    if not stays:
        refuse_without_admin(session, user, field="active" if "active" in changes else "role")
    _assign(session, user, changes)
    if "department_id" in changes:
        session.expire(user, ["department"])
    activity.record_changes(session, "UPDATE_USER", EntityType.USER, user, by)
    if not user.active:
        sessions.end_all(session, user.id, EndReason.DEACTIVATED, by)
    return user


def refuse_without_admin(session: Session, user: User, *, field: str | None) -> None:
    """See that somebody can still administer without this user.

    :raises BusinessError: LAST_ADMIN
    """
    if user.role != Role.ADMIN or not user.active:
        return
    others = sa.select(User.id).where(User.role == Role.ADMIN, User.active, User.id != user.id)
    # Locked, so that two administrators cannot remove each other at the same time.
    if not session.scalars(others.order_by(User.id).with_for_update()).all():
        raise BusinessError("LAST_ADMIN", "The factory needs at least one administrator.", field=field)


def _assign(session: Session, user: User, changes: dict[str, Any]) -> None:
    """Check values and put them on a user."""
    unknown = set(changes) - {
        "email", "name", "role", "department_id", "process_owner", "active", "language",
    }  # fmt: skip
    if unknown:
        raise TypeError(f"not a user's to change: {', '.join(sorted(unknown))}")
    with session.no_autoflush:
        if "email" in changes:
            changes["email"] = _free_email(session, changes["email"], user)
        if "name" in changes:
            changes["name"] = values.line(changes["name"], code="NAME", what="name", field="name")
        if "language" in changes:
            values.one_of(
                changes["language"], LANGUAGES, code="BAD_LANGUAGE", what="language", field="language"
            )
        if changes.get("role") is not None:
            values.one_of(changes["role"], list(Role), code="BAD_ROLE", what="role", field="role")
        if changes.get("department_id") is not None:
            values.active_row(
                session, Department, changes["department_id"],
                code="UNKNOWN_DEPARTMENT", what="department", field="departmentId",
            )  # fmt: skip
    for name, value in changes.items():
        setattr(user, name, value)


def checked_email(email: str) -> str:
    """An e-mail address as it is stored.

    :raises BusinessError: BAD_EMAIL
    """
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address) or len(address) > 255:
        raise BusinessError("BAD_EMAIL", f"{email!r} is not an e-mail address.", field="email")
    return address


def _free_email(session: Session, email: str, user: User) -> str:
    """The address as it is stored, when it can be one and is nobody else's."""
    address = checked_email(email)
    holder = by_email(session, address)
    if holder is not None and holder is not user:
        raise BusinessError("EMAIL_TAKEN", f"Another user has the address {address}.", field="email")
    return address


def eligible(session: Session, role: str, department_id: int | None = None) -> list[User]:
    """The active users with a role, of one department if given, by name."""
    query = sa.select(User).where(User.role == role, User.active).order_by(User.name, User.id)
    if department_id is not None:
        query = query.where(User.department_id == department_id)
    return list(session.scalars(query))


def set_substitute(
    session: Session, user: User, substitute_id: int, starts_on: date, ends_on: date, by: int | None
) -> Substitution:
    """Let somebody do a user's tasks from one day to another, both included.

    :raises BusinessError: BAD_PERIOD, UNKNOWN_SUBSTITUTE, OWN_SUBSTITUTE, OVERLAPPING_ABSENCE
    """
    if ends_on < starts_on:
        raise BusinessError("BAD_PERIOD", "The absence ends before it begins.", field="until")
    if substitute_id == user.id:
        raise BusinessError("OWN_SUBSTITUTE", "Nobody can stand in for themselves.", field="substituteId")
    values.active_row(
        session, User, substitute_id, code="UNKNOWN_SUBSTITUTE", what="user", field="substituteId"
    )
    overlapping = sa.select(Substitution.id).where(
        Substitution.user_id == user.id, Substitution.starts_on <= ends_on, Substitution.ends_on >= starts_on
    )
    if session.scalars(overlapping).first() is not None:
        message = "An absence in this period is already entered; remove it first."
        raise BusinessError("OVERLAPPING_ABSENCE", message, field="from")
    row = Substitution(user_id=user.id, substitute_id=substitute_id, starts_on=starts_on, ends_on=ends_on)
    session.add(row)
    after = {"substituteId": substitute_id, "from": starts_on.isoformat(), "until": ends_on.isoformat()}
    activity.record(session, "SET_SUBSTITUTE", EntityType.USER, user.id, by, after=after)
    return row


def remove_substitute(session: Session, substitution: Substitution, by: int | None) -> None:
    """Take back an absence."""
    before = {
        "substituteId": substitution.substitute_id,
        "from": substitution.starts_on.isoformat(),
        "until": substitution.ends_on.isoformat(),
    }
    session.delete(substitution)
    activity.record(session, "REMOVE_SUBSTITUTE", EntityType.USER, substitution.user_id, by, before=before)


def stands_in_for(session: Session, user_id: int, on: date) -> list[User]:
    """The active users who are absent on this day and named ``user_id`` as their substitute, by name."""
    query = (
        sa.select(User)
        .join(Substitution, Substitution.user_id == User.id)
        .where(Substitution.substitute_id == user_id, User.active)
        .where(Substitution.starts_on <= on, Substitution.ends_on >= on)
        .order_by(User.name, User.id)
    )
    return list(session.scalars(query))


def counted_on(session: Session, on: date) -> list[User]:
    """The active users who are there on this day, and the absent ones for whom somebody is who stands in."""
    absences = session.execute(
        sa.select(Substitution.user_id, Substitution.substitute_id).where(
            Substitution.starts_on <= on, Substitution.ends_on >= on
        )
    ).all()
    absent = {user_id for user_id, _ in absences}
    active = {user.id: user for user in session.scalars(sa.select(User).where(User.active).order_by(User.id))}
    stood_in_for = {
        user_id for user_id, substitute in absences if substitute in active and substitute not in absent
    }
    return [user for user in active.values() if user.id not in absent or user.id in stood_in_for]


def absences(session: Session, on: date) -> list[Substitution]:
    """The absences of this day, each with the user's and the substitute's row."""
    query = sa.select(Substitution).where(Substitution.starts_on <= on, Substitution.ends_on >= on)
    return list(
        session.scalars(query.options(joinedload(Substitution.user), joinedload(Substitution.substitute)))
    )


def is_absent(session: Session, user_id: int, on: date) -> bool:
    """Whether somebody stands in for this user on this day."""
    query = sa.select(Substitution.id).where(
        Substitution.user_id == user_id, Substitution.starts_on <= on, Substitution.ends_on >= on
    )
    return session.scalars(query.limit(1)).first() is not None
