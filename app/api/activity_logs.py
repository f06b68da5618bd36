"""The activity log: who did what to which thing, and what it was before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session, joinedload

from app import current
from app.api.core import calls
from app.api.core.endpoints import Download, Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, Instant, Named, Out, PageOf, Paging, left_out
from app.domain import activity
from app.domain.activity import ActivityLog
from app.domain.entities import EntityType
from app.domain.people import User
from app.domain.queries import people
from app.domain.queries.paging import Page
from app.exports import csv

resource = Resource(
    "Activity log",
    "Who did what to which thing, when, from where, and what it was before. Nothing is ever removed.",
)

LogId = Annotated[int, Field(ge=1, le=2**63 - 1)]
Action = Annotated[str, Field(min_length=1, max_length=40, examples=["CREATE_REQUEST"])]
Since = Annotated[Instant, Field(alias="from", description="The beginning, included.")]
Until = Annotated[Instant, Field(description="The end, not included.")]

HEADINGS = ("Id", "Time", "User", "E-mail", "Action", "Entity", "Entity id", "Source", "Before", "After")


class ActivityEntryOut(Out):
    """One thing that was done. Nobody is named where the system did it."""

    id: int
    at: Instant
    action: str
    entity_type: str
    entity_id: int | None
    user: Named | None
    source: str = Field(description="Where it came from: an address, a job.")
    before: Any
    after: Any


class EntryPaging(Paging):
    """Which page of the log, and in which order."""

    since: Since = left_out()
    until: Until = left_out()
    sort: Literal["at", "-at"] = "-at"


class EntryFilters(EntryPaging):
    """Which entries, in which order."""

    user_id: Id = left_out()
    entity_type: EntityType = left_out()
    entity_id: Id = left_out()
    action: Action = left_out()


class EntryExport(In):
    """Which entries to take away; all where nothing is said."""

    since: Since = left_out()
    until: Until = left_out()
    user_id: Id = left_out()
    entity_type: EntityType = left_out()
    entity_id: Id = left_out()
    action: Action = left_out()
    q: Annotated[str, Field(max_length=200, description="Words that all must occur.")] = ""


@resource.get("/activity-logs", needs="activity-logs:read", answers=PageOf[ActivityEntryOut])
def list_activity_logs(query: EntryFilters) -> Page[ActivityLog]:
    """List what was done, newest first."""
    return people.list_activity(calls.session(), **query.for_list())


@resource.get("/activity-logs/{log_id}", needs="activity-logs:read", answers=ActivityEntryOut)
def get_activity_log(log_id: LogId) -> ActivityLog:
    """Get one entry."""
    return find(ActivityLog, log_id, joinedload(ActivityLog.user))


@resource.get("/activity-logs/user/{user_id}", needs="activity-logs:read", answers=PageOf[ActivityEntryOut])
def list_activity_of_user(user_id: Id, query: EntryPaging) -> Page[ActivityLog]:
    """List what a user did, newest first."""
    find(User, user_id)
    return people.list_activity(calls.session(), user_id=user_id, **query.for_list())


@resource.get(
    "/activity-logs/entity/{entity_type}/{entity_id}",
    needs="activity-logs:read",
    answers=PageOf[ActivityEntryOut],
)
def list_activity_of_entity(entity_type: EntityType, entity_id: Id, query: EntryPaging) -> Page[ActivityLog]:
    """List what was done to a thing, newest first.

    A thing that has been removed still has its entries; one that never was has none.
    """
    return people.list_activity(
        calls.session(), entity_type=entity_type, entity_id=entity_id, **query.for_list()
    )


@resource.post("/activity-logs/export", needs="activity-logs:read", answers=Download, media=["text/csv"])
def export_activity_logs(body: EntryExport) -> Response:
    """Take the log away as CSV, newest entries first.

    The export itself becomes an entry of the log. Texts that a spreadsheet would take for formulas begin with
    an apostrophe.
    """
    session = calls.session()
    filters = {name: value for name, value in body.given().items() if value is not None}
    said = body.model_dump(mode="json", by_alias=True, include=set(filters))
    entry = activity.record(
        session, "EXPORT_ACTIVITY_LOG", EntityType.ACTIVITY_LOG, None, calls.user_id(), after=said
    )
    site = current.site()
    lines = _lines(session.get_bind(), entry.id - 1, filters)
    response = Response(csv.encoded(lines, site.zone), mimetype="text/csv")
    day = entry.at.astimezone(site.zone).date()
    response.headers.set("Content-Disposition", "attachment", filename=f"activity-log-{day:%Y-%m-%d}.csv")
    return response


def _lines(
    database: sa.Engine | sa.Connection, up_to: int, filters: dict[str, Any]
) -> Iterator[tuple[Any, ...]]:
    """The headings and the entries, read while they are sent.

    By then the request and its session have ended: this has a session of its own, closed also where the
    caller hangs up.
    """
    yield HEADINGS
    with Session(database) as session:
        for entry in people.each_activity_entry(session, up_to=up_to, **filters):
            yield _line(entry)


def _line(entry: ActivityLog) -> tuple[Any, ...]:
    """An entry as cells."""
    return (
        entry.id,
        entry.at,
        "" if entry.user is None else entry.user.name,
        "" if entry.user is None else entry.user.email,
        entry.action,
        entry.entity_type,
        entry.entity_id,
        entry.source,
        _text(entry.before),
        _text(entry.after),
    )


def _text(value: Any) -> str:
    """What a thing was, as one cell."""
    return "" if value is None else json.dumps(value, ensure_ascii=False)
