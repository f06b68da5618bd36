"""Stock counts: started, counted on a phone or on paper, reviewed, posted or given up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain import counting, part_catalogue, settings
from app.domain.counting import Selection
from app.domain.queries import stock_counts
from app.domain.queries.paging import EVERY, Page
from app.domain.reports.model import Kind, Value
from app.domain.stock_counts import CountStatus, StockCount, StockCountLine
from app.errors import BusinessError, Conflict, NotFound
from app.extensions import db
from app.web import list_files, listing, stock
from app.web.labels import label
from app.web.list_files import FileColumn
from app.web.people import me, permission_required, site
from app.web.record_forms import Choice, Flag, Line, Prose, RecordForm, WholeNumber, attempt

pages = Blueprint("stock_counts", __name__)

READ, WRITE = "stock-counts:read", "stock-counts:write"
SORTS = {"-createdAt": "Newest first", "createdAt": "Oldest first", "status": "By status"}
SHOWN = {"open": "To be counted", "counted": "Counted", "recount": "To count again"}
LINES_SHOWN = 25


class CountForm(RecordForm):
    """What is to be counted."""

    location_id = Choice("Stock location", numbers=True, prompt="Choose one", render_kw={"required": True})
    group = Choice("Only one group", prompt="All groups")
    not_counted_days = WholeNumber("Only what nobody has counted for so many days")
    sample = WholeNumber("Only a sample of so many parts", description="Chosen by chance.")
    with_empty = Flag(
        "Also parts that should be used up",
        description="Parts whose usual location it is, and of which nothing should lie there.",
    )
    blind = Flag(
        "Blind", description="Whoever counts does not see how many are expected before they have counted."
    )
    notes = Prose("Notes")


class CancelForm(RecordForm):
    """Why a count is given up."""

    reason = Line("Why is it given up?", render_kw={"required": True, "maxlength": 500, "autofocus": True})


@pages.get("/stock/counts", endpoint="listing")
@permission_required(READ)
def listing_page() -> str:
    """All stock counts, and how far they are."""
    session = db.session()
    found = _found(listing.page_number(), listing.PAGE_SIZE)
    return render_template(
        "stock_counts/list.html",
        found=found,
        progress=stock_counts.progress(session, [count.id for count in found.items]),
        locations=stock.every_location(),
        sort=listing.sort(stock_counts.COUNT_SORTS, "-createdAt"),
        sorts=SORTS,
        filters={name: request.args.get(name, "") for name in ("q", "status", "location")},
        filtered=any(request.args.get(name) for name in ("q", "status", "location")),
        may_count=stock.may(WRITE),
        url_with=listing.url_with,
    )


@pages.route("/stock/counts/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export(form: str) -> ResponseReturnValue:
    """The list as a file, with its filters."""
    columns = (
        FileColumn("Count", lambda row: row.business_key),
        FileColumn("Stock location", lambda row: row.location.name),
        FileColumn("Status", lambda row: label("stock_count", row.status).text),
        FileColumn("What", lambda row: row.selection),
        FileColumn("Started", lambda row: row.created_at, Kind.DATETIME),
        FileColumn("By", lambda row: row.starter.name if row.starter else None),
        FileColumn("Closed", lambda row: row.closed_at, Kind.DATETIME),
        FileColumn("Closed by", lambda row: row.closer.name if row.closer else None),
    )
    narrowed = listing.in_words(q="Search", status="Status")
    rows = _found(1, EVERY)
    return list_files.answer(form, "stock-counts", "Stock counts", columns, rows, narrowed=narrowed)


@pages.route("/stock/counts/new", methods=["GET", "POST"])
@permission_required(WRITE)
def new() -> ResponseReturnValue:
    """Start a count."""
    form = CountForm(location_id=stock.asked("location"), blind=True)
    form.location_id.offer(stock.locations())
    form.group.offer(stock.groups())

    def save(session: Session) -> StockCount:
        values = form.values()
        chosen = {name: values.pop(name) for name in ("group", "not_counted_days", "sample", "with_empty")}
        return counting.start(session, me().id, selection=Selection(**chosen), **values)

    if request.method == "POST":
        made = attempt(form, save)
        if made is not None:
            flash(f"{made.business_key} is started: write down what lies there, line by line.", "success")
            return redirect(url_for("stock_counts.show", count_id=made.id))
    return render_template("stock_counts/new.html", form=form), 422 if form.problems else 200


@pages.get("/stock/counts/<int:count_id>")
@permission_required(READ)
def show(count_id: int) -> ResponseReturnValue:
    """The sheet of a count, to be filled line by line; of a closed one, what was found."""
    return _sheet(_get(count_id))


@pages.post("/stock/counts/<int:count_id>/lines/<int:line_id>")
@permission_required(WRITE)
def enter(count_id: int, line_id: int) -> ResponseReturnValue:
    """Save what was found of one part. A script gets the line back, with what
    is wrong with it, everybody else the sheet."""
    count, problem = _get(count_id), ""
    typed = request.form.get("counted", "").strip()
    try:
        with unit_of_work(db.session()) as session:
            _save(session, count, line_id, typed)
    except (BusinessError, Conflict, NotFound) as error:
        problem = str(error)
    count = _get(count_id)
    if request.headers.get("X-Requested-With") == "fetch":
        line = _line(count, line_id)
        return render_template(
            "stock_counts/_line.html",
            count=count,
            line=line,
            problem=problem,
            typed=typed if problem else None,
            may_count=True,
            progress=_progress(count),
            saved=True,
            **_words(),
        )
    if problem:
        return _sheet(count, line_id, problem, typed)
    back: dict[str, Any] = {
        name: value for name in ("show", "q", "page") if (value := request.form.get(name))
    }
    return redirect(url_for("stock_counts.show", count_id=count_id, **back, _anchor=f"line-{line_id}"))


@pages.post("/stock/counts/<int:count_id>/lines")
@permission_required(WRITE)
def add(count_id: int) -> ResponseReturnValue:
    """Count a part too that lies there and is not on the sheet, by its number."""
    count, number = _get(count_id), request.form.get("partNumber", "").strip()
    try:
        with unit_of_work(db.session()) as session:
            part_id = part_catalogue.id_of(session, number)
            if part_id is None:
                raise BusinessError(
                    "UNKNOWN_PART", f"There is no spare part with the number {number or '–'}."
                )
            line = counting.add_line(session, count, me().id, part_id)
    except (BusinessError, Conflict) as error:
        flash(str(error), "error")
        return redirect(url_for("stock_counts.show", count_id=count_id, _anchor="add"))
    flash(f"{line.part.part_name} is on the sheet now.", "success")
    return redirect(url_for("stock_counts.show", count_id=count_id, q=number))


@pages.get("/stock/counts/<int:count_id>/sheet")
@permission_required(READ)
def sheet(count_id: int) -> str:
    """The sheet to print and to fill in by hand."""
    count = _get(count_id)
    lines = stock_counts.list_lines(db.session(), count.id, page_size=EVERY).items
    return render_template("stock_counts/sheet.html", count=count, lines=lines, **_words())


@pages.get("/stock/counts/<int:count_id>/review")
@permission_required(READ)
def review(count_id: int) -> ResponseReturnValue:
    """What differs and what it is worth, before the count is posted."""
    return _review(_get(count_id))


@pages.route("/stock/counts/<int:count_id>/review/export.<form>", methods=list_files.METHODS)
@permission_required(READ)
def export_lines(count_id: int, form: str) -> ResponseReturnValue:
    """All lines of a count as a file."""
    count, session = _get(count_id), db.session()
    method = settings.costing_method(session)

    def worth(line: StockCountLine) -> Value:
        return None if line.difference is None else stock_counts.line_value(line, method)

    columns = (
        FileColumn("Part number", lambda row: row.part.part_number),
        FileColumn("Part", lambda row: row.part.part_name),
        FileColumn("Place", lambda row: row.part.location),
        FileColumn("Counted", lambda row: row.counted, Kind.INTEGER),
        FileColumn("Expected", lambda row: row.expected, Kind.INTEGER),
        FileColumn("Difference", lambda row: row.difference, Kind.INTEGER, total=True),
        FileColumn("Value", worth, Kind.MONEY, total=True),
        FileColumn("Counted by", lambda row: row.counter.name if row.counter else None),
        FileColumn("Counted at", lambda row: row.counted_at, Kind.DATETIME),
        FileColumn("Notes", lambda row: row.notes),
    )
    lines = stock_counts.list_lines(session, count.id, page_size=EVERY)
    title = f"Stock count {count.business_key}, {count.location.name}"
    said = [label("stock_count", count.status).text, count.selection]
    return list_files.answer(form, count.business_key, title, columns, lines, narrowed=said, back=".review")


@pages.post("/stock/counts/<int:count_id>/recount")
@permission_required(WRITE)
def recount(count_id: int) -> ResponseReturnValue:
    """Have the chosen lines counted again."""
    count, chosen = _get(count_id), [int(one) for one in request.form.getlist("line") if one.isdecimal()]
    try:
        with unit_of_work(db.session()) as session:
            lines = counting.request_recount(session, count, me().id, chosen)
    except (BusinessError, Conflict) as error:
        return _review(_get(count_id), str(error))
    flash(f"{len(lines)} to be counted again.", "success")
    return redirect(url_for("stock_counts.show", count_id=count_id, show="recount"))


@pages.post("/stock/counts/<int:count_id>/post")
@permission_required(WRITE)
def post(count_id: int) -> ResponseReturnValue:
    """Close a count: its differences become adjustments."""
    count = _get(count_id)
    skip = bool(request.form.get("skip_uncounted"))
    try:
        with unit_of_work(db.session()) as session:
            made = counting.post(session, count, me().id, skip_uncounted=skip)
    except (BusinessError, Conflict) as error:
        return _review(_get(count_id), str(error))
    flash(f"{count.business_key} is posted: {len(made)} adjustments.", "success")
    return redirect(url_for("stock_counts.review", count_id=count_id))


@pages.route("/stock/counts/<int:count_id>/cancel", methods=["GET", "POST"])
@permission_required(WRITE)
def cancel(count_id: int) -> ResponseReturnValue:
    """Give up a count."""
    count, form = _get(count_id), CancelForm()

    def save(session: Session) -> bool:
        counting.cancel(session, count, me().id, form.reason.data or "")
        return True

    if request.method == "POST" and attempt(form, save):
        flash(f"{count.business_key} is given up; the stock stays as it is.", "success")
        return redirect(url_for("stock_counts.listing"))
    page = render_template("stock_counts/cancel.html", form=form, count=_get(count_id))
    return page, 422 if form.problems else 200


def _found(page: int, page_size: int) -> Page[StockCount]:
    status = listing.one_of("status", tuple(CountStatus))
    return stock_counts.list_counts(
        db.session(),
        statuses=[status] if status else (),
        location_id=stock.asked("location"),
        q=listing.words(),
        sort=listing.sort(stock_counts.COUNT_SORTS, "-createdAt"),
        page=page,
        page_size=page_size,
    )


def _get(count_id: int) -> StockCount:
    found = db.session().get(StockCount, count_id)
    if found is None:
        raise NotFound("There is no such stock count.")
    return found


def _line(count: StockCount, line_id: int) -> StockCountLine:
    line = db.session().get(StockCountLine, line_id)
    if line is None or line.count_id != count.id:
        raise NotFound("There is no such line.")
    return line


def _save(session: Session, count: StockCount, line_id: int, typed: str) -> None:
    """Save what was typed; an empty field takes it back, a note alone leaves the number as it is."""
    notes = request.form.get("notes")
    if not typed:
        counting.clear(session, count, me().id, line_id)
        return
    if not typed.isascii() or not typed.isdecimal() or len(typed) > 10:
        message = "Write how many were found: a whole number, 0 or more."
        raise BusinessError("BAD_QUANTITY", message, field="counted")
    counting.enter(
        session, count, me().id, line_id, int(typed), counted_at=_moment(count), notes=notes
    )  # fmt: skip


def _moment(count: StockCount) -> datetime | None:
    """When it was counted on paper, as the form says by the site's clock; None for now."""
    text = request.form.get("counted_at", "").strip()
    if not text:
        return None
    try:
        wall = datetime.fromisoformat(text).replace(tzinfo=site().zone)
        if not 2000 <= wall.year <= 9000:
            raise ValueError
    except ValueError:
        message = "Write when it was counted as date and time, such as 2026-11-24T14:30."
        raise BusinessError("BAD_TIME", message, field="countedAt") from None
    # The form knows no seconds: the minute in which the count was started is not before it.
    begun = count.created_at
    return begun if wall < begun and (begun - wall).total_seconds() < 60 else min(wall, clock.now())


def _sheet(count: StockCount, wrong: int = 0, problem: str = "", typed: str = "") -> ResponseReturnValue:
    session = db.session()
    shown = listing.one_of("show", tuple(SHOWN))
    found = stock_counts.list_lines(
        session,
        count.id,
        counted={"open": False, "counted": True}.get(shown),
        recount=shown == "recount",
        q=listing.words(),
        page=listing.page_number(),
        page_size=LINES_SHOWN,
    )
    page = render_template(
        "stock_counts/show.html",
        count=count,
        found=found,
        progress=_progress(count),
        filters={"q": listing.words(), "show": shown},
        shown=SHOWN.items(),
        wrong=wrong,
        problem=problem,
        typed=typed,
        method=settings.costing_method(session),
        may_count=stock.may(WRITE) and count.is_open,
        url_with=listing.url_with,
        **_words(),
    )
    return page, 422 if problem else 200


def _review(count: StockCount, problem: str = "") -> ResponseReturnValue:
    session = db.session()
    found = stock_counts.list_lines(
        session,
        count.id,
        differing=True,
        sort=listing.sort(stock_counts.LINE_SORTS, "location"),
        page=listing.page_number(),
        page_size=200,
    )
    page = render_template(
        "stock_counts/review.html",
        count=count,
        found=found,
        progress=_progress(count),
        differences=stock_counts.differences(session, count),
        method=settings.costing_method(session),
        sort=listing.sort(stock_counts.LINE_SORTS, "location"),
        problem=problem,
        may_count=stock.may(WRITE) and count.is_open,
        url_with=listing.url_with,
        **_words(),
    )
    return page, 422 if problem else 200


def _progress(count: StockCount) -> stock_counts.Progress:
    return stock_counts.progress(db.session(), [count.id])[count.id]


def _words() -> dict[str, object]:
    return {"expected_now": stock_counts.expected_now, "line_value": stock_counts.line_value}
