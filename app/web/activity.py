"""The activity log, for administrators: who did what to which thing, and what it was before."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.domain import activity
from app.domain.activity import ActivityLog
from app.domain.analytics.calendar import midnight
from app.domain.entities import EntityType
from app.domain.people import User
from app.domain.queries import people
from app.domain.reports.model import Kind
from app.extensions import db
from app.web import activity_words, list_files, listing
from app.web.list_files import FileColumn
from app.web.people import me, permission_required, site

pages = Blueprint("activity", __name__)

READ = "activity-logs:read"
NAME = "activity-log"  # of files
FILTERS = ("q", "user", "kind", "id", "action", "from", "until")
MOST = 50  # entries of a page
LONGEST_ID = 18  # digits
COLUMNS = (
    FileColumn("Id", lambda row: row.id),
    FileColumn("Time", lambda row: row.at, Kind.DATETIME),
    FileColumn("User", lambda row: row.user.name if row.user else ""),
    FileColumn("E-mail", lambda row: row.user.email if row.user else ""),
    FileColumn("Action", lambda row: row.action),
    FileColumn("Kind", lambda row: row.entity_type),
    FileColumn("Number", lambda row: row.entity_id),
    FileColumn("Source", lambda row: row.source),
    FileColumn("Before", lambda row: _json(row.before)),
    FileColumn("After", lambda row: _json(row.after)),
)


@pages.get("/activity", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """What was done, newest first."""
    session = db.session()
    stretch = people.activity_stretch(
        session, before=_number("before"), after=_number("after"), most=MOST, **_filters()
    )
    return render_template(
        "activity/list.html",
        stretch=stretch,
        entries=activity_words.told(session, stretch.entries),
        users=[
            (row.id, row.name) for row in session.execute(sa.select(User.id, User.name).order_by(User.name))
        ],
        kinds=activity_words.kinds(),
        actions=_actions(),
        filters={name: request.args.get(name, "") for name in FILTERS},
        filtered=any(request.args.get(name) for name in FILTERS),
        url_with=listing.url_with,
    )


@pages.route("/activity/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The log as a file, with its filters. That somebody took it becomes an entry of the log itself."""
    narrowed = listing.in_words(
        q="Search",
        user="User",
        kind="Kind",
        id="Number",
        action="Action",
        **{"from": "From", "until": "Until"},
    )
    said = {name: request.args[name] for name in FILTERS if request.args.get(name)}

    def note(session: Session) -> None:
        activity.record(session, "EXPORT_ACTIVITY_LOG", EntityType.ACTIVITY_LOG, None, me().id, after=said)

    # Who is only asked whether it shall be written in the background is not told how long the log is.
    most = None if request.method == "POST" else list_files.AT_ONCE + 1
    entries = people.every_activity_entry(db.session(), most_counted=most, **_filters())
    return list_files.answer(form, NAME, "Activity log", COLUMNS, entries, narrowed=narrowed, note=note)


def _filters() -> dict[str, Any]:
    """The filters of the address, as arguments of a list function."""
    since, until = _day("from"), _day("until")
    return {
        "user_id": request.args.get("user", type=int),
        "entity_type": listing.one_of("kind", tuple(EntityType)) or None,
        "entity_id": _number("id"),
        "action": request.args.get("action", "")[:40] or None,
        "since": since,
        "until": None if until is None else _day("until", timedelta(days=1)),
        "q": listing.words(),
    }


def _number(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_ID else None


def _day(name: str, later: timedelta = timedelta()) -> datetime | None:
    """When a day of the address begins, by the clock on the factory's wall."""
    try:
        return midnight(date.fromisoformat(request.args.get(name, "")) + later, site().zone)
    except (ValueError, OverflowError):
        return None


def _actions() -> list[tuple[str, str]]:
    """The actions that there are, in words; each is found by the index, however long the log is."""
    found: list[str] = []
    session, last = db.session(), ""
    while True:
        query = sa.select(sa.func.min(ActivityLog.action)).where(ActivityLog.action > last)
        following = session.scalar(query)
        if following is None or len(found) >= 200:
            break
        found.append(following)
        last = following
    return sorted(
        ((code, activity_words.action_words(code).capitalize()) for code in found), key=lambda a: a[1]
    )


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)
