"""Stock movements: the ledger, and recording what came, went, moved or was found to be different."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import HiddenField

from app.domain import stock as ledger
from app.domain.parts import PartStock, SparePart, lock_parts
from app.domain.people import User
from app.domain.queries import inventory
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import Kind
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType
from app.errors import BusinessError, Conflict
from app.extensions import db
from app.web import list_files, listing, stock
from app.web.labels import label
from app.web.list_files import FileColumn
from app.web.people import me, permission_required
from app.web.record_forms import Amount, Choice, Line, RecordForm, WholeNumber, attempt
from app.web.stock import MOVE, MOVEMENTS, get_part

pages = Blueprint("stock_movements", __name__)

FILTERS = ("q", "kind", "location", "person", "since", "until", "part", "reference", "referenceType")
SORTS = {"-transactionDate": "Newest first", "transactionDate": "Oldest first", "-quantity": "Most first"}
COLUMNS = (
    FileColumn("When", lambda row: row.transaction_date, Kind.DATETIME),
    FileColumn("What", lambda row: label("movement", row.transaction_type).text),
    FileColumn("Part number", lambda row: row.part.part_number),
    FileColumn("Part", lambda row: row.part.part_name),
    FileColumn("Location", lambda row: row.location.name),
    FileColumn("To", lambda row: row.to_location.name if row.to_location else None),
    FileColumn("Quantity", lambda row: row.quantity, Kind.INTEGER),
    FileColumn("Change", lambda row: row.change, Kind.INTEGER, total=True),
    FileColumn("Afterwards", lambda row: row.balance, Kind.INTEGER),
    FileColumn("Cost of one", lambda row: row.unit_cost, Kind.MONEY),
    FileColumn("Change of value", lambda row: row.cost, Kind.MONEY, total=True),
    FileColumn("Who", lambda row: row.performer.name if row.performer else "Millwright"),
    FileColumn("Notes", lambda row: row.notes),
)
KINDS = {"in": MovementKind.IN, "out": MovementKind.OUT, "adjustment": MovementKind.ADJUSTMENT,
         "transfer": MovementKind.TRANSFER}  # fmt: skip


class MovementForm(RecordForm):
    """What all movements have."""

    quantity = WholeNumber("How many", render_kw={"required": True, "autofocus": True})


class InForm(MovementForm):
    """What came."""

    location_id = Choice("Put where", numbers=True, render_kw={"required": True})
    unit_cost = Amount("Cost of one", description="What was paid; left empty, the part's price.")
    notes = Line("Delivery note, order", render_kw={"maxlength": 255})


class OutForm(MovementForm):
    """What went."""

    location_id = Choice("Taken from", numbers=True, render_kw={"required": True})
    notes = Line("What for", render_kw={"maxlength": 255})


class TransferForm(MovementForm):
    """What moved to another place."""

    location_id = Choice("From", numbers=True, render_kw={"required": True})
    to_location_id = Choice("To", numbers=True, render_kw={"required": True})
    notes = Line("Notes", render_kw={"maxlength": 255})


class AdjustmentForm(RecordForm):
    """What was found to be different: how many lie there really. ``booked`` is what the page said."""

    location_id = Choice("Where", numbers=True, render_kw={"required": True})
    quantity = WholeNumber("How many lie there", render_kw={"required": True})
    notes = Line("Why", description="What happened.", render_kw={"required": True, "maxlength": 255})
    booked = HiddenField()
    NOT_VALUES = ("seen", "booked")


FORMS: dict[str, type[RecordForm]] = {
    "in": InForm, "out": OutForm, "adjustment": AdjustmentForm, "transfer": TransferForm
}  # fmt: skip
TITLES = {
    "in": "Receive", "out": "Take out", "adjustment": "Correct the stock of", "transfer": "Move"
}  # fmt: skip
BUTTONS = {"in": "Receive", "out": "Take out", "adjustment": "Correct", "transfer": "Move"}


@pages.get("/stock/movements", endpoint="listing")
@permission_required(MOVEMENTS)
def listing_page() -> str:
    """The ledger: every movement of stock."""
    session = db.session()
    part_id = stock.asked("part")
    return render_template(
        "stock_movements/list.html",
        found=_found(listing.page_number(), listing.PAGE_SIZE),
        part=None if part_id is None else session.get(SparePart, part_id),
        locations=stock.every_location(),
        people=_people(session),
        sort=listing.sort(inventory.MOVEMENT_SORTS, "-transactionDate"),
        sorts=SORTS,
        filters={name: request.args.get(name, "") for name in FILTERS},
        filtered=any(request.args.get(name) for name in FILTERS),
        may_see_counts=stock.may("stock-counts:read"),
        may_move=stock.may(MOVE),
        url_with=listing.url_with,
    )


@pages.route("/stock/movements/export.<form>", methods=list_files.METHODS)
@permission_required(MOVEMENTS)
def export(form: str) -> ResponseReturnValue:
    """The ledger as a file, with its filters."""
    narrowed = listing.in_words(q="Search", kind="Kind", since="From", until="Until")
    rows = _found(1, EVERY)
    return list_files.answer(form, "stock-movements", "Stock movements", COLUMNS, rows, narrowed=narrowed)


@pages.route("/stock/movements/new/<kind>", methods=["GET", "POST"])
@permission_required(MOVE)
def new(kind: str) -> ResponseReturnValue:
    """Record a movement of the part that ``?part=`` names; without one, choose it first."""
    if kind not in FORMS:
        abort(404)
    part_id = stock.asked("part")
    if part_id is None:
        return _choose(kind)
    part = get_part(part_id)
    form = _form_of(kind, part)
    if request.method == "POST":
        made = attempt(form, lambda session: _record(session, kind, part, form))
        if made is not None:
            flash(_said(kind, made, part), "success")
            return redirect(url_for("parts.show", part_id=part.id))
    if isinstance(form, AdjustmentForm):  # what is typed again is against what lies there now
        form.booked.data = _booked(part)
        form.booked.raw_data = None
    page = render_template(
        "stock_movements/form.html",
        form=form,
        kind=kind,
        part=part,
        title=f"{TITLES[kind]} {part.part_name}",
        button=BUTTONS[kind],
    )
    return page, 422 if form.problems else 200


def _choose(kind: str) -> str:
    """Which part? Searched, as there may be thousands."""
    found = inventory.list_parts(
        db.session(), q=listing.words(), page=listing.page_number(), page_size=listing.PAGE_SIZE
    )
    return render_template(
        "stock_movements/choose.html",
        kind=kind,
        title={"in": "Receive parts", "out": "Take parts out", "adjustment": "Correct stock",
               "transfer": "Move parts"}[kind],
        found=found,
        q=listing.words(),
        url_with=listing.url_with,
    )  # fmt: skip


def _form_of(kind: str, part: SparePart) -> Any:
    places = sorted((place for place in part.stock if place.quantity), key=lambda place: -place.free)
    usual = part.default_location_id
    lying = [place.location_id for place in places]
    first = usual if kind == "in" or usual in lying else (lying[0] if lying else None)
    form: Any = FORMS[kind](location_id=first)
    known = {place.location_id: place for place in part.stock}
    if kind in ("in", "adjustment"):
        offered = stock.locations()
        offered += [
            (place.location_id, place.location.name)
            for place in places
            if place.location_id not in dict(offered)
        ]
        form.location_id.offer([(key, _with_stock(name, known.get(key))) for key, name in offered])
    else:
        form.location_id.offer(
            [(place.location_id, f"{place.location.name}: {place.free} free") for place in places]
        )
    if kind == "transfer":
        form.to_location_id.offer(stock.locations())
    if kind == "in":
        form.unit_cost.description = f"What was paid; left empty, the part's price: {part.unit_price:.2f}."
    return form


def _with_stock(name: str, place: PartStock | None) -> str:
    return f"{name}: {place.quantity} there" if place is not None and place.quantity else name


def _booked(part: SparePart) -> str:
    """What lies where, as a page shows it: to notice when it has changed since."""
    return ",".join(f"{place.location_id}:{place.quantity}" for place in part.stock)


def _record(session: Session, kind: str, part: SparePart, form: Any) -> InventoryTransaction:
    values = form.values()
    quantity = values.pop("quantity")
    if kind == "in":
        values["reference_type"] = ReferenceType.PURCHASE
    if kind == "adjustment":
        quantity = _difference(session, part, form)
    if kind == "transfer" and values["to_location_id"] is None:
        raise BusinessError("UNKNOWN_LOCATION", "Choose where the parts go.", field="toLocationId")
    if values["location_id"] is None:
        raise BusinessError("UNKNOWN_LOCATION", "Choose a stock location.", field="locationId")
    values["notes"] = (values["notes"] or "").strip()
    return ledger.record_movement(session, part.id, KINDS[kind], quantity, by=me().id, **values)


def _difference(session: Session, part: SparePart, form: Any) -> int:
    """By how much what lies there differs from what should, both at this moment."""
    if not (form.notes.data or "").strip():
        raise BusinessError("NOTES_MISSING", "Say what happened.", field="notes")
    found = form.quantity.data
    if found is None or not 0 <= found <= ledger.MOST_STOCK:
        message = "Write how many lie there: a whole number, 0 or more."
        raise BusinessError("BAD_QUANTITY", message, field="quantity")
    locked = lock_parts(session, [part.id])[part.id]
    if form.booked.data and form.booked.data != _booked(locked):
        message = "Something of this part has moved since the page was opened. Look again how many lie there."
        raise Conflict(message)
    there = sum(place.quantity for place in locked.stock if place.location_id == form.location_id.data)
    if found == there:
        message = f"{there} are booked there already: nothing is to be corrected."
        raise BusinessError("BAD_QUANTITY", message, field="quantity")
    return int(found) - there


def _said(kind: str, made: InventoryTransaction, part: SparePart) -> str:
    """What was done, in words."""
    number, where = abs(made.quantity), made.location.name
    done = {
        "in": f"{number} received at {where}",
        "out": f"{number} taken from {where}",
        "adjustment": f"{number} {'more' if made.quantity > 0 else 'fewer'} at {where}",
        "transfer": f"{number} moved from {where} to {made.to_location.name if made.to_location else ''}",
    }[kind]
    return f"{part.part_name}: {done}. {made.balance} in stock."


def _found(page: int, page_size: int) -> Page[InventoryTransaction]:
    return inventory.list_movements(
        db.session(),
        part_id=stock.asked("part"),
        kind=listing.one_of("kind", tuple(MovementKind)) or None,
        reference_type=listing.one_of("referenceType", tuple(ReferenceType)) or None,
        reference_id=stock.asked("reference"),
        location_id=stock.asked("location"),
        performed_by=stock.asked("person"),
        since=stock.begin_of("since"),
        until=stock.end_of("until"),
        q=listing.words(),
        sort=listing.sort(inventory.MOVEMENT_SORTS, "-transactionDate"),
        page=page,
        page_size=page_size,
    )


def _people(session: Session) -> list[tuple[int, str]]:
    """Who has moved anything."""
    moved = sa.select(InventoryTransaction.performed_by).distinct()
    query = sa.select(User.id, User.name).where(User.id.in_(moved)).order_by(User.name)
    return [(key, name) for key, name in session.execute(query)]
