"""Maintenance requests: lists and one request with all that belongs to it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from app.access import records as access
from app.database import unit_of_work
from app.domain import downtime
from app.domain.entities import EntityType
from app.domain.queries import requests
from app.domain.requests import CLOSED_STATUSES, OPEN_STATUSES, MaintenanceRequest, Priority, RequestStatus
from app.engine import instances, messages, user_tasks
from app.engine.actors import Actor
from app.engine.models import ProcessInstance
from app.errors import BusinessError, Conflict, Forbidden, NotFound
from app.extensions import db
from app.web import context, listing, request_filters, story
from app.web.engine import engine
from app.web.people import current_actor

pages = Blueprint("requests", __name__)

SUBJECT = "maintenance_request"
CANCEL = "cancel requested"  # the message that a maintenance request's diagram waits for
STEPS = (
    RequestStatus.PENDING,
    RequestStatus.IN_PROGRESS,
    RequestStatus.WAITING_PARTS,
    RequestStatus.COMPLETED,
)
SHOWN: dict[str, tuple[str, ...]] = {
    "open": OPEN_STATUSES,
    "closed": CLOSED_STATUSES,
    "every": (),
    request_filters.COUNTED: request_filters.COUNTED_STATUSES,
}
SORTS = {"newest": "Newest first", "oldest": "Oldest first", "priority": "Most urgent first"}
ORDERS = {"newest": "-reportedAt", "oldest": "reportedAt", "priority": "priority"}


@pages.get("/requests", endpoint="listing")
@login_required
def listing_page() -> str:
    """The requests somebody follows, or those they reported."""
    actor = current_actor()
    own = access.Followed("Requests you reported", reporter_id=actor.user_id)
    followed = access.followed_requests(actor)
    scope = own if request.args.get("scope") == "reported" else followed
    status = listing.one_of("status", tuple(RequestStatus))
    show = listing.one_of("show", tuple(SHOWN), "open")
    narrowed = request_filters.narrowing()
    found = requests.list_requests(
        db.session(),
        statuses=(status,) if status else SHOWN[show],
        priority=listing.one_of("priority", tuple(Priority)) or None,
        q=listing.words(),
        sort=ORDERS[listing.one_of("sort", tuple(SORTS), "newest")],
        page=listing.page_number(),
        page_size=listing.PAGE_SIZE,
        **{**narrowed.filters, **scope.filters},
    )
    return render_template(
        "requests/list.html",
        found=found,
        scope=scope,
        followed=followed,
        own=own,
        show=show,
        sorts=SORTS,
        filters={
            name: request.args.get(name, "")
            for name in ("q", "status", "priority", "sort", "scope", "show", *request_filters.NAMES)
        },
        kept=("scope", "show", *request_filters.NAMES),
        narrowed=narrowed.words,
        filtered=narrowed.filters or any(request.args.get(name) for name in ("q", "status", "priority")),
        url_with=listing.url_with,
    )


@pages.get("/requests/<int:request_id>")
@login_required
def show(request_id: int) -> str:
    """One request: where it stands, what was done, what it took."""
    return _render(_visible(request_id))


@pages.post("/requests/<int:request_id>/cancel")
@login_required
def cancel(request_id: int) -> ResponseReturnValue:
    """Call a request off: a message to its instance, which decides what that means."""
    found, actor = _visible(request_id), current_actor()
    reason = request.form.get("reason", "").strip()
    if not may_cancel(found, actor):
        raise Forbidden("You cannot cancel this request.")
    if not reason:
        return _render(found, cancel_problem="Say why the request is cancelled."), 422
    business_key = found.business_key
    try:
        with unit_of_work(db.session()) as session:
            messages.deliver(engine(), session, CANCEL, business_key, {"reason": reason[:500]}, actor)
    except (NotFound, Conflict, BusinessError) as error:
        flash(f"{business_key} cannot be cancelled now. {error}", "error")
    else:
        flash(f"{business_key} is cancelled.", "success")
    return redirect(url_for("requests.show", request_id=request_id))


def may_cancel(found: MaintenanceRequest, actor: Actor) -> bool:
    """Whether the request's diagram takes that message from this person now."""
    session = db.session()
    instance = instances.of_subject(session, SUBJECT, found.id)
    return instance is not None and messages.may_send(engine(), session, instance, CANCEL, actor)


def _visible(request_id: int) -> MaintenanceRequest:
    return access.visible(
        db.session(),
        current_actor(),
        requests.get_request(db.session(), request_id),
        access.may_see_request,
        "request",
    )


def _render(found: MaintenanceRequest, cancel_problem: str = "") -> str:
    session, actor = db.session(), current_actor()
    instance = instances.of_subject(session, SUBJECT, found.id)
    tasks: list[Any] = context.open_tasks(session, instance.id) if instance else []
    return render_template(
        "requests/show.html",
        found=found,
        instance=instance,
        steps=_steps(found),
        files_of_request=context.request_files(session, found),
        parts_requests=requests.parts_requests_of(session, found.id),
        downtime_minutes=downtime.minutes(session, found.id),
        downtime_open=downtime.current(session, found.id),
        events=_events(found, instance),
        comments=user_tasks.comments(session, instance.id) if instance else [],
        tasks=[(task, user_tasks.may_see(task, actor)) for task in tasks],
        may_cancel=may_cancel(found, actor),
        cancel_problem=cancel_problem,
    )


def _events(found: MaintenanceRequest, instance: ProcessInstance | None) -> list[story.Event]:
    """What happened: the steps of its process, and what became of its parts requests."""
    session = db.session()
    records = requests.timeline(session, found.id)
    if instance is None:
        return story.newest_first(story.of_activity(records))
    parts = [entry for entry in records if entry.entity_type == EntityType.SPARE_PARTS_REQUEST]
    return story.newest_first(context.happened(engine(), session, instance), story.of_activity(parts))


def _steps(found: MaintenanceRequest) -> list[tuple[str, str]]:
    """The way of a request with ``done``, ``current`` or nothing for each step it takes."""
    steps = [
        s for s in STEPS if s != RequestStatus.WAITING_PARTS or found.status == RequestStatus.WAITING_PARTS
    ]
    if found.status == RequestStatus.CANCELLED:
        reached = RequestStatus.IN_PROGRESS if found.accepted_at else RequestStatus.PENDING
        return [
            *((step, "done") for step in steps[: steps.index(reached) + 1]),
            (RequestStatus.CANCELLED, "stopped"),
        ]
    here = steps.index(RequestStatus(found.status))
    done = found.status == RequestStatus.COMPLETED
    return [(s, "done" if i < here or done else "current" if i == here else "") for i, s in enumerate(steps)]
