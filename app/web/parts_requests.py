"""Parts requests: lists for those who decide and issue, and one request with its lines."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask_login import login_required

from app.access import records as access
from app.domain import parts_requests
from app.domain.entities import EntityType
from app.domain.queries import inventory, people
from app.domain.spare_parts_requests import OPEN_STATUSES, PartsRequestStatus
from app.engine import instances, user_tasks
from app.extensions import db
from app.web import context, listing, story
from app.web.engine import engine
from app.web.people import current_actor, permission_required

pages = Blueprint("parts_requests", __name__)

SUBJECT = "spare_parts_request"


@pages.get("/parts-requests", endpoint="listing")
@permission_required("spare-parts-requests:read")
def listing_page() -> str:
    """Parts requests: all, those of the own department, or the own ones, as the role has it."""
    actor = current_actor()
    status = listing.one_of("status", tuple(PartsRequestStatus))
    show = listing.one_of("show", ("open", "every"), "open")
    statuses: tuple[str, ...] = OPEN_STATUSES if show == "open" else ()
    found = inventory.list_parts_requests(
        db.session(),
        statuses=(status,) if status else statuses,
        q=listing.words(),
        page=listing.page_number(),
        page_size=listing.PAGE_SIZE,
        **access.followed_parts_requests(actor),
    )
    return render_template(
        "parts_requests/list.html",
        found=found,
        show=show,
        filters={name: request.args.get(name, "") for name in ("q", "status", "show")},
        filtered=any(request.args.get(name) for name in ("q", "status")),
        total_cost=parts_requests.total_cost,
        url_with=listing.url_with,
    )


@pages.get("/parts-requests/<int:parts_request_id>")
@login_required
def show(parts_request_id: int) -> str:
    """One parts request: its lines, what it costs, where it stands."""
    session, actor = db.session(), current_actor()
    wanted = context.get_parts_request(session, parts_request_id)
    found = access.visible(
        db.session(), current_actor(), wanted, access.may_see_parts_request, "parts request"
    )
    instance = instances.of_subject(session, SUBJECT, found.id)
    records = story.of_activity(people.activity_of(session, EntityType.SPARE_PARTS_REQUEST, found.id))
    process = context.happened(engine(), session, instance) if instance else []
    tasks = context.open_tasks(session, instance.id) if instance else []
    return render_template(
        "parts_requests/show.html",
        found=found,
        instance=instance,
        total=parts_requests.total_cost(found),
        events=story.newest_first(process, records),
        tasks=[(task, user_tasks.may_see(task, actor)) for task in tasks],
    )
