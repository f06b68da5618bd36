"""What happened to a machine, told to people: repairs, downtime, preventive work, changes of its record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from app.access import records
from app.domain.activity import ActivityLog
from app.domain.queries import machine_history
from app.domain.queries.machine_history import Happened, MachineEventKind
from app.domain.queries.paging import Page
from app.extensions import db
from app.web import activity_words
from app.web.activity_words import Change, Told
from app.web.formatting import day, minutes
from app.web.labels import label
from app.web.people import current_actor


@dataclass(frozen=True)
class Event:
    """One thing that happened. ``badge`` is the kind and code of a status, ``address`` its own page."""

    at: datetime
    icon: str
    tone: str
    what: str
    who: str = ""
    said: str = ""
    address: str = ""
    badge: tuple[str, str] | None = None
    changes: tuple[Change, ...] = ()
    has_before: bool = False


def told(page: Page[Happened]) -> list[Event]:
    """What happened, in words. What a request says is for those who follow it, as in the API."""
    session, items = db.session(), page.items
    entries: list[ActivityLog] = [one.record for one in items if one.kind is MachineEventKind.CHANGE]
    changes = {told.entry.id: told for told in activity_words.told(session, entries)}
    requests = [one.record.id for one in items if one.kind is MachineEventKind.REQUEST]
    stopped = machine_history.downtime_minutes(session, requests)
    return [_event(one, changes, stopped) for one in items]


def _event(one: Happened, changes: dict[int, Told], stopped: dict[int, int]) -> Event:
    record = one.record
    match one.kind:
        case MachineEventKind.REQUEST:
            return _repair(one, stopped.get(record.id, 0))
        case MachineEventKind.DOWNTIME:
            state = label("machine", record.machine_status).text.lower()
            lasted = "and still is" if record.ended_at is None else f"for {minutes(record.minutes or 0)}"
            return Event(one.at, "pause", "bad" if record.ended_at is None else "", f"Was {state} {lasted}")
        case MachineEventKind.PREVENTIVE:
            done = record.outcome.replace("_", " ").lower()
            spent = f", {minutes(record.minutes_spent)}" if record.minutes_spent else ""
            what = f"{record.task.title}: {done}, due {day(record.due_on)}{spent}"
            who = record.performer.name if record.performer else ""
            return Event(one.at, "calendar", "good", what, who=who, said=record.notes)
        case MachineEventKind.CHANGE:
            change = changes[record.id]
            what = change.what[0].upper() + change.what[1:]
            return Event(
                one.at, "file", "", what, who=change.who, changes=change.changes, has_before=change.has_before
            )


def _repair(one: Happened, stopped: int) -> Event:
    """A request: what failed and what helped is for everybody, its words for those who follow it."""
    request = one.record
    followed = records.follows_request(request, current_actor())
    failure = request.failure_code.name if request.failure_code else "A problem was reported"
    what = request.problem_description if followed else failure
    work = request.work
    helped = [
        text
        for text in (
            f"Failure: {failure}" if followed and request.failure_code else "",
            f"Cause: {work.cause}" if work and work.cause else "",
            f"Remedy: {work.remedy}" if work and work.remedy else "",
            f"Downtime: {minutes(stopped)}" if stopped else "",
        )
        if text
    ]
    return Event(
        one.at,
        "wrench",
        label("request", request.status).tone,
        f"{request.business_key}: {what}" if followed else what,
        who=request.assigned_technician.name if request.assigned_technician else "",
        said="\n".join(helped),
        address=url_for("requests.show", request_id=request.id) if followed else "",
        badge=("request", request.status),
    )
