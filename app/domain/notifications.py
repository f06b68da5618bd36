"""Notifications: short messages to people, kept until they have read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base, UtcDateTime
from app.domain import notification_choices, people


class Notification(Base):
    """A message to one user. ``link`` is the path of the page that it is about."""

    __tablename__ = "notifications"
    __table_args__ = (
        sa.Index("ix_notifications_unread", "user_id", "read_at", "id"),
        sa.Index("ix_notifications_user", "user_id", "id"),
        sa.Index("ix_notifications_mail_at", "mail_at", "user_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(sa.String(255))
    body: Mapped[str] = mapped_column(sa.Text, default="")
    link: Mapped[str] = mapped_column(sa.String(255), default="")
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    # When an e-mail is to tell of it as well; empty once it has, or when none is wanted.
    mail_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def notify(
    session: Session,
    *,
    title: str,
    body: str = "",
    link: str = "",
    user_ids: Iterable[int | None] = (),
    role: str | None = None,
    department_id: int | None = None,
) -> list[Notification]:
    """Tell users, all active holders of a role (of one department, if given), or both; each of them once.

    Empty and inactive users are passed over. Answers the rows, one a user.
    """
    recipients = {user_id for user_id in user_ids if user_id is not None}
    if recipients:
        active = sa.select(people.User.id).where(people.User.id.in_(recipients), people.User.active)
        recipients = set(session.scalars(active))
    if role is not None:
        recipients.update(user.id for user in people.eligible(session, role, department_id))
    mail_at = notification_choices.mail_times(session, recipients, link)
    rows = [
        Notification(user_id=user_id, title=title[:255], body=body, link=link, mail_at=mail_at.get(user_id))
        for user_id in sorted(recipients)
    ]
    session.add_all(rows)
    session.flush()
    return rows


def unread_count(session: Session, user_id: int) -> int:
    """How many notifications the user has not read."""
    unread = sa.select(sa.func.count()).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    return session.scalar(unread) or 0


def mark_read(session: Session, user_id: int, notification_ids: Iterable[int] | None = None) -> int:
    """Mark the user's notifications as read, those given or all; answers how many were unread."""
    change = (
        sa.update(Notification)
        .where(Notification.user_id == user_id, Notification.read_at.is_(None))
        .values(read_at=clock.now())
    )
    if notification_ids is not None:
        change = change.where(Notification.id.in_(list(notification_ids)))
    result: sa.CursorResult[object] = session.execute(change)  # type: ignore[assignment]
    return result.rowcount
