"""Notifications: what the system has to tell a person."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.database import unit_of_work
from app.domain import notifications
from app.domain.notifications import Notification
from app.domain.queries import people
from app.errors import NotFound
from app.extensions import db
from app.web import listing
from app.web.people import me

pages = Blueprint("notifications", __name__)


@pages.get("/notifications", endpoint="listing")
@login_required
def listing_page() -> str:
    """What somebody was told, newest first."""
    found = people.list_notifications(
        db.session(), me().id, page=listing.page_number(), page_size=listing.PAGE_SIZE
    )
    return render_template("notifications/list.html", found=found, url_with=listing.url_with)


@pages.post("/notifications/<int:notification_id>/open")
@login_required
def follow(notification_id: int) -> ResponseReturnValue:
    """Mark one as read and go to what it is about."""
    with unit_of_work(db.session()) as session:
        note = session.get(Notification, notification_id)
        if note is None or note.user_id != me().id:
            raise NotFound("There is no such notification.")
        notifications.mark_read(session, me().id, [notification_id])
        link = note.link
    is_path = link.startswith("/") and not link.startswith(("//", "/\\"))
    return redirect(link if is_path and not request.form.get("stay") else url_for("notifications.listing"))


@pages.post("/notifications/read")
@login_required
def read_all() -> ResponseReturnValue:
    """Mark all as read."""
    with unit_of_work(db.session()) as session:
        notifications.mark_read(session, me().id)
    return redirect(url_for("notifications.listing"))


@pages.get("/notifications/count")
@login_required
def count() -> ResponseReturnValue:
    """The number on the bell; 304 while it is the same."""
    answer = jsonify(counts={"unread": notifications.unread_count(db.session(), me().id)})
    answer.add_etag()
    return answer.make_conditional(request)
