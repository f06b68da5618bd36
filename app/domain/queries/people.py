"""Lists of users, what they did, and what they were told."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.domain.activity import ActivityLog
from app.domain.notifications import Notification
from app.domain.people import User
from app.domain.queries.paging import Page, matches, page_of


def list_users(
    session: Session,
    *,
    role: str | None = None,
    department_id: int | None = None,
    active: bool | None = None,
    q: str = "",
    page: int = 1,
    page_size: int = 25,
) -> Page[User]:
    """Users that fit all filters given, with department, by name."""
    query = sa.select(User).options(joinedload(User.department)).order_by(User.name, User.id)
    for column, value in ((User.role, role), (User.department_id, department_id), (User.active, active)):
        if value is not None:
            query = query.where(column == value)
    if q.strip():
        query = query.where(matches(q, User.name, User.email))
    return page_of(session, query, page, page_size)


def unread_notifications(session: Session, user_id: int, limit: int = 20) -> list[Notification]:
    """What a user has not read yet, newest first."""
    query = (
        sa.select(Notification)
        .where(Notification.user_id == user_id, Notification.read_at.is_(None))
        .order_by(Notification.id.desc())
        .limit(limit)
    )
    return list(session.scalars(query))


def list_notifications(
    session: Session, user_id: int, *, page: int = 1, page_size: int = 25
) -> Page[Notification]:
    """All that a user was told, newest first."""
    query = sa.select(Notification).where(Notification.user_id == user_id).order_by(Notification.id.desc())
    return page_of(session, query, page, page_size)


def activity_of(session: Session, entity_type: str, entity_id: int) -> list[ActivityLog]:
    """All that was done to a thing and by whom, oldest first."""
    query = (
        sa.select(ActivityLog)
        .where(ActivityLog.entity_type == entity_type, ActivityLog.entity_id == entity_id)
        .options(joinedload(ActivityLog.user))
        .order_by(ActivityLog.id)
    )
    return list(session.scalars(query))


def list_activity(
    session: Session,
    *,
    user_id: int | None = None,
    entity_type: str | None = None,
    action: str | None = None,
    page: int = 1,
    page_size: int = 25,
) -> Page[ActivityLog]:
    """The activity log, filtered, with users; newest first."""
    query = sa.select(ActivityLog).options(joinedload(ActivityLog.user)).order_by(ActivityLog.id.desc())
    for column, value in (
        (ActivityLog.user_id, user_id),
        (ActivityLog.entity_type, entity_type),
        (ActivityLog.action, action),
    ):
        if value is not None:
            query = query.where(column == value)
    return page_of(session, query, page, page_size)
