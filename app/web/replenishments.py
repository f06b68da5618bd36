"""Stock replenishments: what is to be ordered, what is on its way, and one of them with its process."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.database import unit_of_work
from app.domain.entities import EntityType
from app.domain.preventive import due
from app.domain.queries import people
from app.domain.queries import replenishments as lists
from app.domain.queries.paging import EVERY, Page
from app.domain.replenishments import OPEN_STATUSES, ReplenishmentStatus, StockReplenishment
from app.domain.reports.model import Kind
from app.engine import instances, messages, user_tasks
from app.errors import BusinessError, Conflict, NotFound
from app.extensions import db
from app.processes.stock_replenishment import ARRIVED, CALLED_OFF, DATE_CHANGED, SUBJECT
from app.web import context, list_files, listing, story
from app.web.engine import engine
from app.web.labels import label
from app.web.list_files import FileColumn
from app.web.people import current_actor, permission_required

pages = Blueprint("replenishments", __name__)

READ = "stock-replenishments:read"
SORTS = {
    "-createdAt": "Newest first",
    "expectedOn": "Expected first",
    "part": "By part",
    "status": "By status",
}
COLUMNS = (
    FileColumn("Number", lambda row: row.business_key or ""),
    FileColumn("Part number", lambda row: row.part.part_number),
    FileColumn("Part", lambda row: row.part.part_name),
    FileColumn("Status", lambda row: label("replenishment", row.status).text),
    FileColumn("Ordered", lambda row: row.quantity_ordered, Kind.INTEGER),
    FileColumn("Received", lambda row: row.quantity_received, Kind.INTEGER),
    FileColumn("Supplier", lambda row: row.supplier),
    FileColumn("Price of one", lambda row: row.unit_price, Kind.MONEY),
    FileColumn("Expected on", lambda row: row.expected_on, Kind.DATE),
    FileColumn("Opened", lambda row: row.created_at, Kind.DATETIME),
    FileColumn("Closed", lambda row: row.closed_at, Kind.DATETIME),
)
# What people can say about one by a message, where its diagram takes that from them.
SAYINGS = {"arrived": ARRIVED, "date": DATE_CHANGED, "call-off": CALLED_OFF}
DONE = {
    "arrived": "{} is there to be received.",
    "date": "{} is expected on another day.",
    "call-off": "{} is called off.",
}


@pages.get("/replenishments", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """What is open, or all there is."""
    return render_template(
        "replenishments/list.html",
        found=_found(listing.page_number(), listing.PAGE_SIZE),
        show=listing.one_of("show", ("open", "every"), "open"),
        sort=listing.sort(lists.REPLENISHMENT_SORTS, "-createdAt"),
        sorts=SORTS,
        today=due.site_date(db.session()),
        filters={name: request.args.get(name, "") for name in ("q", "status", "show", "late")},
        filtered=any(request.args.get(name) for name in ("q", "status", "late", "part")),
        url_with=listing.url_with,
    )


@pages.route("/replenishments/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    narrowed = listing.in_words(q="Search", status="Status", late="Late")
    rows = _found(1, EVERY)
    return list_files.answer(form, "replenishments", "Replenishments", COLUMNS, rows, narrowed=narrowed)


@pages.get("/replenishments/<int:replenishment_id>")
@permission_required(READ)
def show(replenishment_id: int) -> str:
    """One replenishment: what was ordered, what has arrived, where it stands."""
    return _page(_get(replenishment_id))


@pages.post("/replenishments/<int:replenishment_id>/<any('arrived', 'date', 'call-off'):saying>")
@permission_required(READ)
def say(replenishment_id: int, saying: str) -> ResponseReturnValue:
    """It has arrived, is expected on another day, or is called off: a message to its process."""
    found = _get(replenishment_id)
    key = found.business_key or ""
    payload: dict[str, str] = {}
    if saying == "date":
        payload = {
            "expectedOn": request.form.get("expected_on", ""),
            "note": request.form.get("note", "")[:500],
        }
        if _day(payload["expectedOn"]) is None:
            return _page(found, {"date": "Give the day on which it is expected."}), 422
    elif saying == "call-off":
        payload = {"reason": request.form.get("reason", "").strip()[:500]}
        if not payload["reason"]:
            return _page(found, {"call-off": "Say why it is called off."}), 422
    try:
        with unit_of_work(db.session()) as session:
            messages.deliver(engine(), session, SAYINGS[saying], key, payload, current_actor())
    except (NotFound, Conflict, BusinessError) as error:
        flash(f"That cannot be said about {key} now. {error}", "error")
    else:
        flash(DONE[saying].format(key), "success")
    return redirect(url_for("replenishments.show", replenishment_id=replenishment_id))


def _page(found: StockReplenishment, problems: dict[str, str] | None = None) -> str:
    session, actor = db.session(), current_actor()
    instance = instances.of_subject(session, SUBJECT, found.id)
    tasks = context.open_tasks(session, instance.id) if instance else []
    entries = people.activity_of(session, EntityType.STOCK_REPLENISHMENT, found.id)
    process = context.happened(engine(), session, instance) if instance else []
    return render_template(
        "replenishments/show.html",
        found=found,
        instance=instance,
        today=due.site_date(session),
        deliveries=lists.deliveries_of(session, found.id),
        tasks=[(task, user_tasks.may_see(task, actor)) for task in tasks],
        events=story.newest_first(process, story.of_activity(entries)),
        may={
            saying: instance is not None and messages.may_send(engine(), session, instance, name, actor)
            for saying, name in SAYINGS.items()
        },
        problems=problems or {},
    )


def _found(page: int, page_size: int) -> Page[StockReplenishment]:
    status = listing.one_of("status", tuple(ReplenishmentStatus))
    show = listing.one_of("show", ("open", "every"), "open")
    return lists.list_replenishments(
        db.session(),
        statuses=(status,) if status else OPEN_STATUSES if show == "open" else (),
        part_id=request.args.get("part", type=int),
        late=request.args.get("late") == "yes",
        q=listing.words(),
        sort=listing.sort(lists.REPLENISHMENT_SORTS, "-createdAt"),
        page=page,
        page_size=page_size,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _get(replenishment_id: int) -> StockReplenishment:
    found = db.session().get(StockReplenishment, replenishment_id)
    if found is None:
        raise NotFound("There is no such replenishment.")
    return found
