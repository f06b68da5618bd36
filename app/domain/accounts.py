"""What people do with their own account, and how accounts come and go."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import activity, notifications, people, settings, sign_in
from app.domain.deletion import refuse_if_used
from app.domain.entities import EntityType
from app.domain.notifications import Notification
from app.domain.password_resets import PasswordReset
from app.domain.people import Role, User
from app.domain.sessions import UserSession
from app.domain.sign_in import Checked, Outcome
from app.errors import BusinessError, Forbidden

# What goes with a user who has done nothing yet.
_OWN = (Notification, PasswordReset, UserSession)


def register(session: Session, *, email: str, name: str, password_hash: str, language: str = "en") -> User:
    """Let somebody add themselves, where the site allows that. The administrators are told.

    :raises Forbidden: registration is off
    :raises BusinessError: as :func:`app.domain.people.create_user`
    """
    refuse_unless_open(session)
    user = people.create_user(
        session,
        None,
        email=email,
        name=name,
        password_hash=password_hash,
        language=language,
        action="REGISTER",
    )
    notifications.notify(
        session,
        title=f"{user.name} has registered",
        body=f"{user.email} has no role yet: give one, or deactivate the user.",
        role=Role.ADMIN,
    )
    return user


def refuse_unless_open(session: Session) -> None:
    """See that people may register.

    :raises Forbidden: registration is off
    """
    if not settings.site(session).registration:
        raise Forbidden("Registration is off here. Ask an administrator for an account.")


def change_own_password(
    session: Session, checked: Checked, password_hash: str, *, keep: int | None = None
) -> Outcome:
    """Set a new password for somebody whose current one was checked; a wrong one counts as a failure
    to sign in. All their sessions end, except ``keep``.

    Give an outcome without a user to :func:`wrong_current_password` after the transaction: what is
    raised inside is not remembered.
    """
    outcome = sign_in.settle(session, checked, action=None)
    if outcome.user is not None:
        people.set_password(session, outcome.user, password_hash, outcome.user.id, keep=keep)
    return outcome


def wrong_current_password(outcome: Outcome) -> BusinessError:
    """The refusal to change a password: LOCKED, or WRONG_PASSWORD."""
    if outcome.locked_until is not None:
        message = "Too many wrong passwords. Wait a while before you try again."
        return BusinessError("LOCKED", message, field="currentPassword")
    return BusinessError("WRONG_PASSWORD", "This is not your current password.", field="currentPassword")


def delete_user(session: Session, user: User, by: int | None) -> None:
    """Remove a user who has done nothing and to whom nothing refers, such as one added by mistake.

    :raises Conflict: the user has history; the message says what, and to deactivate the user instead
    :raises BusinessError: LAST_ADMIN
    """
    people.refuse_without_admin(session, user, field=None)
    refuse_if_used(
        session,
        user,
        what=f"The user {user.name}",
        instead="Deactivate the user instead: they can then no longer sign in.",
        ignore={model.__tablename__ for model in _OWN},
        also={"user_tasks.assignee_id"},
    )
    before = activity.snapshot(user)
    for model in _OWN:
        session.execute(sa.delete(model).where(model.user_id == user.id))
    session.delete(user)
    session.flush()
    activity.record(session, "DELETE_USER", EntityType.USER, user.id, by, before=before)
