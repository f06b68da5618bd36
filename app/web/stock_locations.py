"""Stock locations: listed, shown with what lies there, added, renamed, taken out of use, deleted."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access import records
from app.domain import stock_locations
from app.domain.parts import PartStock, StockLocation
from app.domain.queries import catalogues, inventory, reservations, stock_counts
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import Kind
from app.extensions import db
from app.web import list_files, listing, stock
from app.web.deleting import ask_and_delete
from app.web.list_files import FileColumn
from app.web.people import current_actor, me, permission_required
from app.web.record_forms import Flag, Line, RecordForm, attempt
from app.web.stock import get_location

pages = Blueprint("stock_locations", __name__)

READ, WRITE = "stock-locations:read", "stock-locations:write"
SORTS = {"name": "By name", "-createdAt": "Newest first", "-updatedAt": "Changed last"}


class LocationForm(RecordForm):
    """What is asked about a stock location."""

    name = Line("Name", render_kw={"required": True, "maxlength": 255, "autofocus": True})


class LocationEditForm(LocationForm):
    """What can be changed of one that is there."""

    active = Flag("In use", description="One is taken out of use once it is empty; its history stays.")


@pages.get("/stock/locations", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """All stock locations, and how much lies there."""
    found = _found(listing.page_number(), listing.PAGE_SIZE)
    return render_template(
        "stock_locations/list.html",
        found=found,
        lying=_lying([place.id for place in found.items]),
        sort=listing.sort(catalogues.LOCATION_SORTS, "name"),
        sorts=SORTS,
        filters={name: request.args.get(name, "") for name in ("q", "active")},
        filtered=any(request.args.get(name) for name in ("q", "active")),
        may_write=stock.may(WRITE),
        url_with=listing.url_with,
    )


@pages.route("/stock/locations/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    lying = _lying(None)
    columns = (
        FileColumn("Stock location", lambda row: row.name),
        FileColumn("In use", lambda row: "yes" if row.active else "no"),
        FileColumn("Parts", lambda row: lying.get(row.id, (0, 0))[0], Kind.INTEGER),
        FileColumn("Pieces", lambda row: lying.get(row.id, (0, 0))[1], Kind.INTEGER, total=True),
    )
    narrowed = listing.in_words(q="Search", active="In use")
    rows = _found(1, EVERY)
    return list_files.answer(form, "stock-locations", "Stock locations", columns, rows, narrowed=narrowed)


@pages.get("/stock/locations/<int:location_id>")
@permission_required(READ)
def show(location_id: int) -> str:
    """What lies at a stock location, and what of it is promised."""
    place, session = get_location(location_id), db.session()
    reach: dict[str, Any] = dict(records.followed_parts_requests(current_actor()))
    follows = stock.may("spare-parts-requests:read")
    counts = stock_counts.list_counts(session, location_id=location_id, page_size=5)
    return render_template(
        "stock_locations/show.html",
        place=place,
        found=inventory.list_parts(
            session,
            inactive=True,
            location_id=location_id,
            q=listing.words(),
            sort=listing.sort(inventory.PART_SORTS, "location"),
            page=listing.page_number(),
            page_size=listing.PAGE_SIZE,
        ),
        sort=listing.sort(inventory.PART_SORTS, "location"),
        q=listing.words(),
        lying=_lying([location_id]).get(location_id, (0, 0)),
        reserved=reservations.list_reservations(session, location_id=location_id, page_size=100, **reach)
        if follows
        else None,
        counts=counts if stock.may("stock-counts:read") else None,
        may_count=stock.may("stock-counts:write"),
        may_write=stock.may(WRITE),
        url_with=listing.url_with,
    )


@pages.route("/stock/locations/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new() -> ResponseReturnValue:
    """Add a stock location."""
    form = LocationForm()
    if request.method == "POST":
        made = attempt(
            form, lambda session: stock_locations.create_location(session, me().id, **form.values())
        )
        if made is not None:
            flash(f"{made.name} is added.", "success")
            return redirect(url_for("stock_locations.listing"))
    return _form(form)


@pages.route("/stock/locations/<int:location_id>/edit", methods=["GET", "POST"])
@permission_required(WRITE)
def edit(location_id: int) -> ResponseReturnValue:
    """Rename a stock location, or take it out of use."""
    found = get_location(location_id)
    form = LocationEditForm(found)

    def save(session: Session) -> StockLocation:
        form.require_unchanged(session, found)
        return stock_locations.update_location(session, found, me().id, **form.values())

    if request.method == "POST" and attempt(form, save) is not None:
        flash(f"{found.name} is saved.", "success")
        return redirect(url_for("stock_locations.show", location_id=location_id))
    return _form(form, get_location(location_id))


@pages.route("/stock/locations/<int:location_id>/delete", methods=["GET", "POST"])
@permission_required(WRITE)
def delete(location_id: int) -> ResponseReturnValue:
    """Delete a stock location that was never used."""
    found = get_location(location_id)
    return ask_and_delete(
        lambda session: stock_locations.delete_location(session, get_location(location_id), me().id),
        what=f"the stock location {found.name}",
        back=url_for("stock_locations.edit", location_id=location_id),
        then=url_for("stock_locations.listing"),
        crumbs=[("Stock locations", url_for("stock_locations.listing"))],
    )


def _found(page: int, page_size: int) -> Page[StockLocation]:
    return catalogues.list_locations(
        db.session(),
        active=listing.yes_or_no("active"),
        q=listing.words(),
        sort=listing.sort(catalogues.LOCATION_SORTS, "name"),
        page=page,
        page_size=page_size,
    )


def _lying(location_ids: list[int] | None) -> dict[int, tuple[int, int]]:
    """How many kinds of parts, and how many pieces, lie at locations; at all of them for None."""
    query = sa.select(PartStock.location_id, sa.func.count(), sa.func.sum(PartStock.quantity)).where(
        PartStock.quantity > 0
    )
    if location_ids is not None:
        query = query.where(PartStock.location_id.in_(location_ids))
    found = db.session().execute(query.group_by(PartStock.location_id))
    return {key: (kinds, int(pieces)) for key, kinds, pieces in found}


def _form(form: LocationForm, found: StockLocation | None = None) -> ResponseReturnValue:
    page = render_template("stock_locations/form.html", form=form, place=found)
    return page, 422 if form.problems else 200
