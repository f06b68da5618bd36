"""By what way people are told: all in the application, and by e-mail at once, once a day, or never.

What kind a notification is of, its link says: it leads to what the notification is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.database import Base
from app.domain import activity, settings, values
from app.domain.columns import Timestamps
from app.domain.entities import EntityType

DIGEST_AT = time(6, 0)  # by the site's clock


class ByMail(StrEnum):
    """When an e-mail tells somebody."""

    AT_ONCE = "AT_ONCE"
    DAILY = "DAILY"
    NEVER = "NEVER"


@dataclass(frozen=True)
class Kind:
    """A kind of notification: which links are of it, and when an e-mail usually tells of it."""

    code: str
    name: str
    about: str
    prefixes: tuple[str, ...]
    usual: ByMail = ByMail.NEVER


KINDS = (
    Kind("TASK", "Tasks", "Work that waits for you, is late, or was handed to you.", ("/tasks", "/inbox")),
    Kind("REQUEST", "Requests", "What becomes of problems you reported or follow.", ("/requests",)),
    Kind("PARTS", "Parts requests", "Approvals, issues and rejections of parts.", ("/parts-requests",)),
    Kind("STOCK", "Stock", "Parts that are low, reorders and deliveries.", ("/parts", "/replenishments")),
    Kind("PREVENTIVE", "Preventive work", "Plans that cannot be opened, due jobs.", ("/preventive",)),
    Kind(
        "PROCESS", "Processes", "Incidents, batches and alerts of running processes.",
        ("/monitor", "/studio", "/instances"),
    ),
    Kind("EXPORT", "Exports", "Files that were written for you.", ("/exports",)),
    Kind("OTHER", "Everything else", "What belongs to none of these.", ()),
)  # fmt: skip
BY_CODE = {kind.code: kind for kind in KINDS}


class NotificationChoice(Timestamps, Base):
    """When an e-mail tells a user of one kind of notification, where that differs from what is usual."""

    __tablename__ = "notification_choices"
    __table_args__ = (sa.UniqueConstraint("user_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(sa.String(20))
    by_mail: Mapped[str] = mapped_column(sa.String(10))


def kind_of(link: str) -> str:
    """The kind of a notification with this link; the longest prefix decides."""
    found = [
        (len(prefix), kind.code)
        for kind in KINDS
        for prefix in kind.prefixes
        if link == prefix or link.startswith((f"{prefix}/", f"{prefix}?", f"{prefix}#"))
    ]
    return max(found, default=(0, "OTHER"))[1]


def choices(session: Session, user_id: int) -> dict[str, str]:
    """What holds for somebody, by kind."""
    query = sa.select(NotificationChoice.kind, NotificationChoice.by_mail)
    chosen = _by_key(session, query.where(NotificationChoice.user_id == user_id))
    return {kind.code: chosen.get(kind.code, str(kind.usual)) for kind in KINDS}


def choose(session: Session, user_id: int, by: int | None, wanted: Mapping[str, str]) -> dict[str, str]:
    """Say by kind when an e-mail tells somebody; kinds that are left out stay as they are.

    :raises BusinessError: BAD_KIND, BAD_CHOICE
    """
    for kind, choice in wanted.items():
        values.one_of(kind, list(BY_CODE), code="BAD_KIND", what="kind of notification", field="kind")
        values.one_of(choice, list(ByMail), code="BAD_CHOICE", what="choice", field=kind)
    before = choices(session, user_id)
    changed = {kind: choice for kind, choice in wanted.items() if before[kind] != choice}
    held = {
        row.kind: row
        for row in session.scalars(sa.select(NotificationChoice).where(NotificationChoice.user_id == user_id))
    }
    for kind, choice in changed.items():
        row = held.get(kind) or NotificationChoice(user_id=user_id, kind=kind)
        row.by_mail = choice
        session.add(row)
    session.flush()
    if changed:
        old = {kind: before[kind] for kind in changed}
        activity.record(
            session, "CHOOSE_NOTIFICATIONS", EntityType.USER, user_id, by, before=old, after=changed
        )
    return {**before, **changed}


def _by_key(session: Session, query: Any) -> dict[Any, str]:
    return {row[0]: row[1] for row in session.execute(query)}


def mail_times(session: Session, user_ids: Iterable[int], link: str) -> dict[int, datetime]:
    """When an e-mail tells those users of a notification that is made now who want one. One statement."""
    kind = BY_CODE[kind_of(link)]
    wanted = list(user_ids)
    if not wanted:
        return {}
    query = sa.select(NotificationChoice.user_id, NotificationChoice.by_mail)
    query = query.where(NotificationChoice.kind == kind.code, NotificationChoice.user_id.in_(wanted))
    chosen = _by_key(session, query)
    now = clock.now()
    times: dict[int, datetime] = {}
    for user_id in wanted:
        choice = chosen.get(user_id, kind.usual)
        if choice == ByMail.AT_ONCE:
            times[user_id] = now
        elif choice == ByMail.DAILY:
            times[user_id] = next_digest(now, settings.site(session).zone)
    return times


def next_digest(after: datetime, zone: ZoneInfo) -> datetime:
    """When the next daily mail is sent."""
    day = after.astimezone(zone).date()
    due = datetime.combine(day, DIGEST_AT, zone).astimezone(UTC)
    if due > after:
        return due
    return datetime.combine(day + timedelta(days=1), DIGEST_AT, zone).astimezone(UTC)
