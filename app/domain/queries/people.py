"""Lists of users, what they did, and what they were told."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.domain.activity import ActivityLog
from app.domain.entities import EntityType
from app.domain.notifications import Notification
from app.domain.people import Department, Substitution, User
from app.domain.queries.filters import between, equal
from app.domain.queries.paging import MAX_PAGE_SIZE, Page, count, matches, page_of
from app.domain.queries.sorting import Sorts, order_by
from app.domain.sessions import UserSession, live

USER_SORTS: Sorts = {
    "name": (User.name,),
    "email": (User.email,),
    "role": (User.role, User.name),
    "department": (Department.name, User.name),
    "active": (User.active, User.name),
    "createdAt": (User.created_at,),
    "updatedAt": (User.updated_at,),
}
# Entries are numbered as they come, so their number stands for their time.
ACTIVITY_SORTS: Sorts = {"at": ()}
ENTRIES_AT_ONCE = 1000
MOST_LOOKED_UP = 500  # values that a word is in, listed in a statement


def list_users(
    session: Session,
    *,
    role: str | None = None,
    department_id: int | None = None,
    active: bool | None = None,
    process_owner: bool | None = None,
    without_role: bool = False,
    q: str = "",
    sort: str = "name",
    page: int = 1,
    page_size: int = 25,
) -> Page[User]:
    """Users that fit all filters given, with department; ``sort`` is a name of :data:`USER_SORTS`.

    ``without_role`` finds those whom nobody has given a role yet.
    """
    query = sa.select(User).options(joinedload(User.department))
    if sort.removeprefix("-") == "department":
        query = query.join(User.department, isouter=True)
    if without_role:
        query = query.where(User.role.is_(None))
    query = equal(
        query,
        (User.role, role),
        (User.department_id, department_id),
        (User.active, active),
        (User.process_owner, process_owner),
    )
    if q.strip():
        query = query.where(matches(q, User.name, User.email))
    return page_of(session, order_by(query, USER_SORTS, sort, User.id), page, page_size)


def list_sessions(session: Session, user_id: int, *, page: int = 1, page_size: int = 25) -> Page[UserSession]:
    """Where a user is signed in, the session that began last first."""
    query = sa.select(UserSession).where(UserSession.user_id == user_id, live())
    query = query.order_by(UserSession.created_at.desc(), UserSession.id.desc())
    return page_of(session, query, page, page_size)


def list_substitutions(
    session: Session, user_id: int, *, page: int = 1, page_size: int = 25
) -> Page[Substitution]:
    """The absences of a user with their substitutes, the latest first."""
    query = (
        sa.select(Substitution)
        .where(Substitution.user_id == user_id)
        .options(joinedload(Substitution.substitute))
        .order_by(Substitution.starts_on.desc(), Substitution.id.desc())
    )
    return page_of(session, query, page, page_size)


def substitutes_on(session: Session, user_ids: Collection[int], day: date) -> dict[int, Substitution]:
    """Who of these users is absent on a day, by id, with who stands in for them."""
    if not user_ids:
        return {}
    query = (
        sa.select(Substitution)
        .where(Substitution.user_id.in_(list(user_ids)))
        .where(Substitution.starts_on <= day, Substitution.ends_on >= day)
        .options(joinedload(Substitution.substitute))
    )
    return {row.user_id: row for row in session.scalars(query)}


def last_sign_in(session: Session, user_id: int) -> datetime | None:
    """When a user signed in last."""
    query = sa.select(ActivityLog.at).where(
        ActivityLog.entity_type == EntityType.USER,
        ActivityLog.entity_id == user_id,
        ActivityLog.action == "SIGN_IN",
    )
    return session.scalars(query.order_by(ActivityLog.id.desc()).limit(1)).first()


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
    entity_id: int | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
    sort: str = "-at",
    page: int = 1,
    page_size: int = 25,
) -> Page[ActivityLog]:
    """The activity log, filtered, with users, from ``since`` on and before ``until``; newest first.

    ``q`` is looked for in the action, where it came from, and who did it; ``sort`` is a name of
    :data:`ACTIVITY_SORTS`.
    """
    query = activity_entries(
        session,
        user_id=user_id,
        entity_type=entity_type,
        entity_id=entity_id,
        action=action,
        since=since,
        until=until,
        q=q,
    )
    return page_of(session, order_by(query, ACTIVITY_SORTS, sort, ActivityLog.id), page, page_size)


def activity_entries(
    session: Session,
    *,
    user_id: int | None = None,
    entity_type: str | None = None,
    entity_id: int | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
) -> sa.Select[Any]:
    """The query for the entries that fit all filters given, with users, in no order yet."""
    query = equal(
        sa.select(ActivityLog).options(joinedload(ActivityLog.user)),
        (ActivityLog.user_id, user_id),
        (ActivityLog.entity_type, entity_type),
        (ActivityLog.entity_id, entity_id),
        (ActivityLog.action, action),
    )
    query = between(query, ActivityLog.at, since, until)
    if q.strip():
        query = query.where(*_mentions(session, q.split()))
    return query


def _mentions(session: Session, words: Collection[str]) -> list[sa.ColumnElement[bool]]:
    """Whether each word occurs in an entry's action, kind or source, or in its user's name or address.

    No entry is read for that: what these columns hold is few, and looked up in their indices.
    """
    columns = (ActivityLog.action, ActivityLog.entity_type, ActivityLog.source)
    held = [(column, session.scalars(sa.select(column).distinct()).all()) for column in columns]
    found = []
    for word in words:
        either: list[sa.ColumnElement[bool]] = []
        for column, values in held:
            fitting = [value for value in values if word.casefold() in value.casefold()]
            # What is in so many values is in many entries: they are found by going through the log.
            few = len(fitting) <= MOST_LOOKED_UP
            either.append(column.in_(fitting) if few else matches(word, column))
        people = sa.select(User.id).where(matches(word, User.name, User.email))
        ids = session.scalars(people.limit(MOST_LOOKED_UP + 1)).all()
        either.append(ActivityLog.user_id.in_(ids if len(ids) <= MOST_LOOKED_UP else people))
        found.append(sa.or_(*either))
    return found


@dataclass(frozen=True)
class Stretch:
    """Some entries of the activity log, newest first, and whether there are others on either side."""

    entries: list[ActivityLog]
    is_newest: bool
    is_oldest: bool


def activity_stretch(
    session: Session, *, before: int | None = None, after: int | None = None, most: int = 50, **filters: Any
) -> Stretch:
    """The newest entries that fit the filters of :func:`activity_entries`, those before the entry with an
    id, or those after it.

    They are found by the number of the last entry shown, and never counted: the millionth page costs
    what the first does.
    """
    query = activity_entries(session, **filters).limit(most + 1)
    if after is not None:
        rows = list(session.scalars(query.where(ActivityLog.id > after).order_by(ActivityLog.id)))
        return Stretch(rows[:most][::-1], is_newest=len(rows) <= most, is_oldest=False)
    if before is not None:
        query = query.where(ActivityLog.id < before)
    rows = list(session.scalars(query.order_by(ActivityLog.id.desc())))
    return Stretch(rows[:most], is_newest=before is None, is_oldest=len(rows) <= most)


def every_activity_entry(
    session: Session, *, most_counted: int | None = None, **filters: Any
) -> Page[ActivityLog]:
    """All entries there are by now that fit the filters of :func:`activity_entries`, newest first.

    They are read as they are gone through, and counted up to ``most_counted``.
    """
    up_to = session.scalar(sa.select(sa.func.max(ActivityLog.id))) or 0
    entries: Any = each_activity_entry(session, up_to=up_to, **filters)
    total = count(session, activity_entries(session, **filters), most_counted)
    return Page(entries, total, 1, MAX_PAGE_SIZE)


def each_activity_entry(session: Session, *, up_to: int, **filters: Any) -> Iterator[ActivityLog]:
    """All entries that fit the filters of :func:`activity_entries`, up to the one with this id, newest first.

    They are read some at a time, each time with a statement of its own, and forgotten again: no number
    of them fills the memory or keeps a transaction open.
    """
    query = activity_entries(session, **filters).order_by(ActivityLog.id.desc()).limit(ENTRIES_AT_ONCE)
    while True:
        entries = session.scalars(query.where(ActivityLog.id <= up_to)).all()
        yield from entries
        if len(entries) < ENTRIES_AT_ONCE:
            return
        up_to = entries[-1].id - 1
        for entry in entries:
            session.expunge(entry)
