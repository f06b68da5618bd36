"""Records of processes that process owners have drawn: lists, and one record with where it stands."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask_login import login_required

from app.access import records as access
from app.domain import attachments
from app.domain.entities import EntityType
from app.domain.process_records import ProcessRecord
from app.domain.queries import process_records
from app.engine import instances, user_tasks
from app.extensions import db
from app.processes.generic import SUBJECT
from app.web import answers, context, listing, navigation, story
from app.web.engine import engine
from app.web.people import current_actor

pages = Blueprint("records", __name__)

SORTS = {
    "-createdAt": "Newest first",
    "createdAt": "Oldest first",
    "-updatedAt": "Last changed first",
    "title": "By title",
}


@pages.get("/records", endpoint="listing")
@login_required
def listing_page() -> str:
    """The records that somebody sees: all, those of their department, or those they have to do with."""
    session, actor = db.session(), current_actor()
    names = navigation.process_names()
    process = listing.one_of("process", tuple(names)) or None
    statuses = process_records.statuses_of(session, process)
    status = listing.one_of("status", statuses)
    show = listing.one_of("show", ("open", "closed", "every"), "open")
    within = access.followed_records(actor)
    found = process_records.list_records(
        session,
        within=within,
        process=process,
        statuses=(status,) if status else (),
        is_open=None if status else {"open": True, "closed": False}.get(show),
        q=listing.words(),
        sort=listing.one_of("sort", tuple(SORTS), "-createdAt"),
        page=listing.page_number(),
        page_size=listing.PAGE_SIZE,
    )
    return render_template(
        "records/list.html",
        found=found,
        sees_all=within is None,
        show=show,
        sorts=SORTS,
        names=names,
        process=process,
        start=next((start for start in navigation.startable() if start.key == process), None),
        statuses=statuses,
        filters={name: request.args.get(name, "") for name in ("q", "process", "status", "sort", "show")},
        filtered=any(request.args.get(name) for name in ("q", "status")),
        url_with=listing.url_with,
    )


@pages.get("/records/<int:record_id>")
@login_required
def show(record_id: int) -> str:
    """One record: what was answered, where its process stands, what happened."""
    session, actor = db.session(), current_actor()
    found = _visible(record_id)
    instance = instances.of_subject(session, SUBJECT, found.id)
    tasks = context.open_tasks(session, instance.id) if instance else []
    names = navigation.process_names()
    return render_template(
        "records/show.html",
        found=found,
        process=names.get(found.process_key, found.process_key),
        answers=answers.of_record(engine(), session, found),
        files_of_record=attachments.of(session, EntityType.PROCESS_RECORD, found.id),
        instance=instance,
        events=story.newest_first(context.happened(engine(), session, instance)) if instance else [],
        comments=user_tasks.comments(session, instance.id) if instance else [],
        tasks=[(task, user_tasks.may_see(task, actor)) for task in tasks],
    )


def _visible(record_id: int) -> ProcessRecord:
    session = db.session()
    found = process_records.get_record(session, record_id)
    return access.visible(session, current_actor(), found, access.may_see_record, "record")
