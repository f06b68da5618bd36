"""Spare parts: the list, and one part with all that is known about it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.access import permissions, records
from app.domain import settings
from app.domain.entities import EntityType
from app.domain.parts import SparePart
from app.domain.queries import attachments, inventory, machines, reservations
from app.domain.queries.paging import EVERY, Page
from app.domain.queries.part_consumption import ConsumptionOfPart, consumption_of
from app.domain.reports.model import Kind
from app.domain.reservations import StockReservation
from app.extensions import db
from app.web import list_files, listing, stock
from app.web.bars import Bars, bars
from app.web.list_files import FileColumn
from app.web.people import current_actor, permission_required
from app.web.stock import get_part

pages = Blueprint("parts", __name__)

READ, WRITE = "spare-parts:read", "spare-parts:write"
FILTERS = ("q", "group", "low", "location", "show")
SORTS = {
    "partName": "By name",
    "partNumber": "By number",
    "groupNumber": "By group",
    "location": "By place",
    "-shortage": "Most missing first",
    "quantity": "Fewest first",
    "-quantity": "Most first",
    "-unitPrice": "Dearest first",
    "-createdAt": "Added last",
}
LATELY = 10  # movements and reservations on a part's page
COLUMNS = (
    FileColumn("Part number", lambda row: row.part_number),
    FileColumn("Part", lambda row: row.part_name),
    FileColumn("Group", lambda row: row.group_name or row.group_number),
    FileColumn("Place", lambda row: row.location),
    FileColumn("In stock", lambda row: row.quantity, Kind.INTEGER, total=True),
    FileColumn("Free", lambda row: row.free, Kind.INTEGER, total=True),
    FileColumn("Minimum", lambda row: row.min_quantity, Kind.INTEGER),
    FileColumn("Price", lambda row: row.unit_price, Kind.MONEY),
)


@pages.get("/parts", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """All spare parts in use; the others when they are asked for."""
    return render_template(
        "parts/list.html",
        found=_found(listing.page_number(), listing.PAGE_SIZE),
        groups=stock.groups(),
        locations=stock.every_location(),
        sort=listing.sort(inventory.PART_SORTS, "partName"),
        sorts=SORTS,
        filters={name: request.args.get(name, "") for name in FILTERS},
        filtered=any(request.args.get(name) for name in FILTERS),
        may_write=stock.may(WRITE),
        url_with=listing.url_with,
    )


@pages.route("/parts/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    columns: tuple[FileColumn, ...] = COLUMNS
    if stock.may(stock.COSTS):
        method = settings.costing_method(db.session())
        columns = (*COLUMNS, FileColumn("Value", lambda row: row.value(method), Kind.MONEY, total=True))
    narrowed = listing.in_words(q="Search", group="Group", low="Below minimum", show="With unused")
    rows = _found(1, EVERY)
    return list_files.answer(form, "spare-parts", "Spare parts", columns, rows, narrowed=narrowed)


@pages.get("/parts/<int:part_id>")
@permission_required(READ)
def show(part_id: int) -> str:
    """One spare part: where it lies, what is promised, moved and used, which machines it fits."""
    session, actor, part = db.session(), current_actor(), get_part(part_id)
    sees_movements, sees_costs = stock.may(stock.MOVEMENTS), stock.may(stock.COSTS)
    consumed = consumption_of(session, part_id) if sees_movements else None
    movements = inventory.list_movements(session, part_id=part_id, page_size=LATELY)
    return render_template(
        "parts/show.html",
        part=part,
        fitted=machines.list_fitted(session, part_id=part_id, page_size=100),
        reserved=_reserved(part_id),
        movements=movements if sees_movements else None,
        consumed=consumed,
        chart=None if consumed is None else _chart(consumed),
        value=part.value(settings.costing_method(session)) if sees_costs else None,
        documents=attachments.list_attachments(session, EntityType.SPARE_PART, part_id, page_size=100),
        may_write=stock.may(WRITE),
        may_see_counts=stock.may("stock-counts:read"),
        may_move=stock.may(stock.MOVE),
        may_upload=stock.may(WRITE) and permissions.may(actor, "attachments:upload"),
    )


def _found(page: int, page_size: int) -> Page[SparePart]:
    return inventory.list_parts(
        db.session(),
        group=request.args.get("group") or None,
        low_only=bool(request.args.get("low")),
        inactive=request.args.get("show") == "every",
        location_id=stock.asked("location"),
        q=listing.words(),
        sort=listing.sort(inventory.PART_SORTS, "partName"),
        page=page,
        page_size=page_size,
    )


def _reserved(part_id: int) -> Page[StockReservation] | None:
    """What is promised of a part, as far as the reader follows parts requests."""
    if not stock.may("spare-parts-requests:read"):
        return None
    reach: dict[str, Any] = dict(records.followed_parts_requests(current_actor()))
    return reservations.list_reservations(db.session(), part_id=part_id, page_size=100, **reach)


def _chart(consumed: ConsumptionOfPart) -> Bars:
    """The months of consumption as bars."""
    values = [(float(month.quantity), f"{month.first:%B %Y}: {month.quantity}") for month in consumed.months]
    return bars(values, "Pieces by month")
