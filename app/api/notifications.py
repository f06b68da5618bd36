"""Notifications: what the caller was told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, In, Instant, Out, PageOf, left_out
from app.domain import notifications
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


@resource.post("/notifications/read", needs="account:use", answers=ReadOut)
def mark_notifications_read(body: Read) -> ReadOut:
    """Mark messages as read."""
    session, user_id = calls.session(), calls.user_id()
    marked = notifications.mark_read(session, user_id, body.given().get("ids"))
    return ReadOut(marked=marked, unread=notifications.unread_count(session, user_id))
