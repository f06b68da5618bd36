"""Notifications: what the caller was told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, In, Instant, Out, PageOf, left_out
from app.domain import notification_choices, notifications
from app.domain.notification_choices import ByMail
from app.domain.notifications import Notification
from app.domain.queries import people
from app.domain.queries.paging import MAX_PAGE_SIZE, Page

resource = Resource("Notifications", "Short messages to the caller.")


class NotificationOut(Out):
    """A message. ``link`` is the path of the page that it is about."""

    id: int
    title: str
    body: str
    link: str
    read_at: Instant | None
    created_at: Instant


class NotificationPaging(In):
    """Which page of the messages, newest first."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25


class Read(In):
    """The messages that were read; all where none is named."""

    ids: Annotated[list[Id], Field(max_length=1000)] = left_out()


class ReadOut(Out):
    """How many messages were unread before, and how many are now."""

    marked: int
    unread: int


@resource.get("/notifications", needs="account:use", answers=PageOf[NotificationOut])
def list_notifications(query: NotificationPaging) -> Page[Notification]:
    """List what the caller was told, newest first."""
    return people.list_notifications(
        calls.session(), calls.user_id(), page=query.page, page_size=query.page_size
    )


class NotificationChoices(Out):
    """By kind of notification, when an e-mail tells of it as well."""

    choices: dict[str, ByMail]


class NotificationChoicesIn(In):
    """What is to hold; kinds that are left out stay as they are."""

    choices: dict[Annotated[str, Field(max_length=20)], ByMail]


@resource.get("/users/me/notification-choices", needs="account:use", answers=NotificationChoices)
def get_notification_choices() -> dict[str, dict[str, str]]:
    """Get when an e-mail tells the caller of what."""
    return {"choices": notification_choices.choices(calls.session(), calls.user_id())}


@resource.put("/users/me/notification-choices", needs="account:use", answers=NotificationChoices)
def update_notification_choices(body: NotificationChoicesIn) -> dict[str, dict[str, str]]:
    """Say when an e-mail tells the caller of what: `AT_ONCE`, `DAILY` or `NEVER`."""
    user_id = calls.user_id()
    return {"choices": notification_choices.choose(calls.session(), user_id, user_id, body.choices)}


@resource.post("/notifications/read", needs="account:use", answers=ReadOut)
def mark_notifications_read(body: Read) -> ReadOut:
    """Mark messages as read."""
    session, user_id = calls.session(), calls.user_id()
    marked = notifications.mark_read(session, user_id, body.given().get("ids"))
    return ReadOut(marked=marked, unread=notifications.unread_count(session, user_id))
