"""The reorder list."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from app.domain.queries import reorder
from app.domain.queries.paging import EVERY, Page
from app.domain.queries.reorder import ReorderLine
from app.domain.reports.model import Kind
from app.extensions import db
from app.web import list_files, listing, stock
from app.web.list_files import FileColumn
from app.web.people import permission_required
from app.web.stock import MOVEMENTS

pages = Blueprint("stock_reorder", __name__)

SORTS = {
    "-shortage": "Most missing first",
    "cover": "Shortest cover first",
    "partName": "By name",
    "partNumber": "By number",
    "quantity": "Fewest first",
    "-consumed": "Most used first",
}
DAYS = ((0, "Below minimum now"), (14, "Within 14 days"), (30, "Within 30 days"), (90, "Within 90 days"))
COLUMNS = (
    FileColumn("Part number", lambda row: row.part.part_number),
    FileColumn("Part", lambda row: row.part.part_name),
    FileColumn("Group", lambda row: row.part.group_name or row.part.group_number),
    FileColumn("In stock", lambda row: row.part.quantity, Kind.INTEGER),
    FileColumn("Reserved", lambda row: row.reserved, Kind.INTEGER),
    FileColumn("Waiting", lambda row: row.waiting, Kind.INTEGER),
    FileColumn("On order", lambda row: row.on_order, Kind.INTEGER),
    FileColumn("Minimum", lambda row: row.part.min_quantity, Kind.INTEGER),
    FileColumn("Used a day", lambda row: row.daily, Kind.DECIMAL),
    FileColumn("Days of cover", lambda row: row.cover, Kind.INTEGER),
    FileColumn("Suggested", lambda row: row.suggested, Kind.INTEGER, total=True),
    FileColumn("Price", lambda row: row.part.unit_price, Kind.MONEY),
    FileColumn("Cost", lambda row: row.part.unit_price * row.suggested, Kind.MONEY, total=True),
)


@pages.get("/stock/reorder", endpoint="listing")
@permission_required(MOVEMENTS)
def reorder_page() -> str:
    """What should be ordered, how much, and why."""
    filters = {name: request.args.get(name, "") for name in ("q", "group", "days")}
    return render_template(
        "stock_reorder/list.html",
        found=_found(listing.page_number(), listing.PAGE_SIZE),
        groups=stock.groups(),
        days=DAYS,
        chosen=_days(),
        sort=listing.sort(dict.fromkeys(reorder.REORDER_SORTS), "-shortage"),
        sorts=SORTS,
        filters=filters,
        filtered=any(filters.values()),
        url_with=listing.url_with,
    )


@pages.route("/stock/reorder/export.<form>", endpoint="export", methods=list_files.METHODS)
@permission_required(MOVEMENTS)
def export(form: str) -> ResponseReturnValue:
    """The reorder list as a file, with its filters."""
    narrowed = [f"Looking {_days()} days ahead", *listing.in_words(q="Search", group="Group")]
    rows = _found(1, EVERY)
    return list_files.answer(form, "reorder-list", "Reorder list", COLUMNS, rows, narrowed=narrowed)


def _found(page: int, page_size: int) -> Page[ReorderLine]:
    return reorder.list_reorder(
        db.session(),
        days=_days(),
        group=request.args.get("group") or None,
        q=listing.words(),
        sort=listing.sort(dict.fromkeys(reorder.REORDER_SORTS), "-shortage"),
        page=page,
        page_size=page_size,
    )


def _days() -> int:
    """How far to look ahead."""
    asked = request.args.get("days", reorder.LOOKED_AHEAD, type=int)
    return min(max(0, asked), reorder.MOST_AHEAD)
