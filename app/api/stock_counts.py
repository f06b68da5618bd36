"""Stock counts: started for a location, filled in line by line, posted as adjustments."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import (
    Amount,
    Id,
    In,
    Instant,
    LongText,
    Named,
    Out,
    PageOf,
    Paging,
    SignedAmount,
    left_out,
)
from app.api.inventory import MovementOut
from app.api.references import PartRef
from app.domain import counting, settings
from app.domain.counting import MOST_DAYS, MOST_LINES, Selection
from app.domain.queries import inventory
from app.domain.queries import stock_counts as lists
from app.domain.queries.paging import Page
from app.domain.stock import InventoryTransaction
from app.domain.stock_counts import CountStatus, StockCount, StockCountLine

resource = Resource(
    "Stock counts",
    "What lies at a location is counted, part by part; posting a count makes its differences adjustments. "
    "A difference is against what should have lain there when it was counted: movements go on meanwhile.",
)

Found = Annotated[int, Field(ge=0, le=1_000_000_000, description="How many lie there.")]
ShortText = Annotated[str, Field(max_length=500)]


class ProgressOut(Out):
    """How far a count is, in lines."""

    lines: int
    counted: int
    uncounted: int
    recount: int = Field(description="To be counted again.")
    differing: int = Field(description="Counted, and other than expected.")


class StockCountOut(Out):
    """A stock count."""

    id: int
    business_key: str
    status: CountStatus
    location: Named
    blind: bool = Field(description="What is expected is told only once a line is counted.")
    selection: str = Field(description="What was chosen to be counted, in words.")
    notes: str
    started_by: Named | None
    closed_by: Named | None
    closed_at: Instant | None
    closing_reason: str
    created_at: Instant
    updated_at: Instant
    progress: ProgressOut


class CountDifferencesOut(Out):
    """What the differences are worth, by the site's method of costing; an estimate until it is posted."""

    found: Amount
    missing: Amount
    net: SignedAmount = Field(description="Found less missing.")


class StockCountDetail(StockCountOut):
    """A stock count with what its differences are worth."""

    differences: CountDifferencesOut


class CountLineOut(Out):
    """A part that is counted. Of a blind count `expected` is null until it is counted."""

    id: int
    part: PartRef
    look_at: str = Field(description="Where to look, in words.")
    expected: int | None = Field(description="When it was counted; before that, now.")
    counted: int | None
    difference: int | None
    value: SignedAmount | None = Field(description="Of the difference.")
    counted_by: Named | None
    counted_at: Instant | None
    earlier: int | None = Field(description="What was found before it was to be counted again.")
    recount: bool
    notes: str
    transaction_id: int | None = Field(description="The adjustment that was posted.")


class StockCountIn(In):
    """What is counted: all of which stock lies at the location, and of these what the choices leave."""

    location_id: Id
    group: Annotated[str, Field(min_length=1, max_length=100, description="A group number.")] = left_out()
    not_counted_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = left_out()
    sample: Annotated[int, Field(ge=1, le=MOST_LINES, description="So many, by chance.")] = left_out()
    with_empty: Annotated[
        bool, Field(description="Also parts whose usual place it is, and of which nothing should lie there.")
    ] = False
    blind: bool = True
    notes: LongText = ""


class FurtherPart(In):
    """A part that lies there and is not on the sheet."""

    part_id: Id


class CountedLine(In):
    """What was found; null takes back what was typed."""

    counted: Found | None
    counted_at: Annotated[Instant, Field(description="Now, unless it was counted on paper before.")] = (
        left_out()
    )
    notes: ShortText = left_out()


class Recount(In):
    """Lines to be counted again."""

    line_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_LINES)]


class Posting(In):
    """Whether lines that nobody counted are left as they are; otherwise they refuse it."""

    skip_uncounted: bool = False


class Cancelling(In):
    """Why the count is given up."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class PostedOut(Out):
    """The count, and the adjustments that it made."""

    count: StockCountDetail
    adjustments: list[MovementOut]


class StockCountFilters(Paging):
    """Which stock counts, in which order."""

    status: list[CountStatus] = Field(default_factory=list)
    location_id: Id = left_out()
    sort: Literal[
        "createdAt", "-createdAt", "businessKey", "-businessKey", "status", "-status", "closedAt", "-closedAt"
    ] = "-createdAt"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["statuses"] = values.pop("status")
        return values


class CountLineFilters(Paging):
    """Which lines, in which order."""

    counted: bool = left_out()
    differing: bool = False
    recount: bool = False
    sort: Literal[
        "location", "-location", "partName", "-partName", "partNumber", "-partNumber",
        "difference", "-difference", "countedAt", "-countedAt",
    ] = "location"  # fmt: skip


@resource.get("/stock-counts", needs="stock-counts:read", answers=PageOf[StockCountOut])
def list_stock_counts(query: StockCountFilters) -> Page[StockCountOut]:
    """List stock counts."""
    session = calls.session()
    found = lists.list_counts(session, **query.for_list())
    progress = lists.progress(session, [count.id for count in found.items])
    shown = [_out(count, progress[count.id]) for count in found.items]
    return Page(shown, found.total, found.page, found.page_size)


@resource.get("/stock-counts/{count_id}", needs="stock-counts:read", answers=StockCountDetail, etag=True)
def get_stock_count(count_id: Id) -> StockCountDetail:
    """Get a stock count."""
    return _detail(find(StockCount, count_id))


@resource.post("/stock-counts", needs="stock-counts:write", answers=StockCountDetail, status=201, etag=True)
def start_stock_count(body: StockCountIn) -> StockCountDetail:
    """Start a stock count. A part is in one open count of a location at most."""
    given = body.given()
    chosen = {name: given[name] for name in ("group", "not_counted_days", "sample") if name in given}
    made = counting.start(
        calls.session(),
        calls.user_id(),
        location_id=body.location_id,
        selection=Selection(**chosen, with_empty=body.with_empty),
        blind=body.blind,
        notes=body.notes,
    )
    calls.location(f"/stock-counts/{made.id}")
    return _detail(made)


@resource.get("/stock-counts/{count_id}/lines", needs="stock-counts:read", answers=PageOf[CountLineOut])
def list_stock_count_lines(count_id: Id, query: CountLineFilters) -> Page[CountLineOut]:
    """List what a stock count counts, in the order in which it is walked past."""
    session = calls.session()
    count = find(StockCount, count_id)
    found = lists.list_lines(session, count_id, **query.for_list())
    method = settings.costing_method(session)
    shown = [_line_out(count, line, method) for line in found.items]
    return Page(shown, found.total, found.page, found.page_size)


@resource.post("/stock-counts/{count_id}/lines", needs="stock-counts:write", answers=CountLineOut, status=201)
def add_stock_count_line(count_id: Id, body: FurtherPart) -> CountLineOut:
    """Count a part too that lies there and is not on the sheet."""
    count = find(StockCount, count_id)
    line = counting.add_line(calls.session(), count, calls.user_id(), body.part_id)
    return _line_out(count, line, settings.costing_method(calls.session()))


@resource.put("/stock-counts/{count_id}/lines/{line_id}", needs="stock-counts:write", answers=CountLineOut)
def enter_stock_count_line(count_id: Id, line_id: Id, body: CountedLine) -> CountLineOut:
    """Say how many of a part were found. Said again, it replaces what was said before."""
    session, count = calls.session(), find(StockCount, count_id)
    if body.counted is None:
        line = counting.clear(session, count, calls.user_id(), line_id)
    else:
        given = {name: value for name, value in body.given().items() if name != "counted"}
        line = counting.enter(session, count, calls.user_id(), line_id, body.counted, **given)
    return _line_out(count, line, settings.costing_method(session))


@resource.post("/stock-counts/{count_id}/recount", needs="stock-counts:write", answers=StockCountDetail)
def request_stock_recount(count_id: Id, body: Recount) -> StockCountDetail:
    """Have lines counted again whose difference is doubted."""
    count = find(StockCount, count_id)
    counting.request_recount(calls.session(), count, calls.user_id(), body.line_ids)
    return _detail(count)


@resource.post("/stock-counts/{count_id}/post", needs="stock-counts:write", answers=PostedOut)
def post_stock_count(count_id: Id, body: Posting) -> PostedOut:
    """Close a stock count: every difference becomes an adjustment, all of them or none."""
    count = find(StockCount, count_id)
    made = counting.post(calls.session(), count, calls.user_id(), skip_uncounted=body.skip_uncounted)
    return PostedOut(count=_detail(count), adjustments=[MovementOut.model_validate(one) for one in made])


@resource.post("/stock-counts/{count_id}/cancel", needs="stock-counts:write", answers=StockCountDetail)
def cancel_stock_count(count_id: Id, body: Cancelling) -> StockCountDetail:
    """Give up a stock count; stock stays as it is."""
    count = find(StockCount, count_id)
    counting.cancel(calls.session(), count, calls.user_id(), body.reason)
    return _detail(count)


@resource.get("/stock-counts/{count_id}/adjustments", needs="stock-counts:read", answers=PageOf[MovementOut])
def list_stock_count_adjustments(count_id: Id, query: Paging) -> Page[InventoryTransaction]:
    """List the adjustments that a stock count made."""
    find(StockCount, count_id)
    return inventory.list_movements(
        calls.session(), reference_type="ADJUSTMENT", reference_id=count_id, **query.for_list()
    )


def _facts(count: StockCount, progress: lists.Progress) -> dict[str, Any]:
    names = ("id", "business_key", "status", "location", "blind", "selection", "notes", "closed_at",
             "closing_reason", "created_at", "updated_at")  # fmt: skip
    facts = {name: getattr(count, name) for name in names}
    return {**facts, "started_by": count.starter, "closed_by": count.closer, "progress": progress}


def _out(count: StockCount, progress: lists.Progress) -> StockCountOut:
    return StockCountOut.model_validate(_facts(count, progress))


def _detail(count: StockCount) -> StockCountDetail:
    session = calls.session()
    session.flush()
    session.refresh(count, ["starter", "closer", "location"])
    facts = _facts(count, lists.progress(session, [count.id])[count.id])
    return StockCountDetail.model_validate({**facts, "differences": lists.differences(session, count)})


def _line_out(count: StockCount, line: StockCountLine, method: str) -> CountLineOut:
    hidden = count.blind and count.is_open and line.counted is None
    expected = lists.expected_now(line) if line.counted is None and count.is_open else line.expected
    return CountLineOut(
        id=line.id,
        part=PartRef.model_validate(line.part),
        look_at=line.part.location,
        expected=None if hidden else expected,
        counted=line.counted,
        difference=line.difference,
        value=None if line.difference is None else lists.line_value(line, method),
        counted_by=None if line.counter is None else Named.model_validate(line.counter),
        counted_at=line.counted_at,
        earlier=line.earlier,
        recount=line.recount,
        notes=line.notes,
        transaction_id=line.transaction_id,
    )
