"""Lists of stock counts and of what they count."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.domain import costing, settings
from app.domain.parts import PartStock, SparePart, StockLocation
from app.domain.queries.filters import equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by
from app.domain.stock_counts import StockCount, StockCountLine

COUNT_SORTS: Sorts = {
    "createdAt": (StockCount.created_at,),
    "businessKey": (StockCount.business_key,),
    "status": (StockCount.status, StockCount.created_at),
    "closedAt": (StockCount.closed_at,),
}
LINE_SORTS: Sorts = {
    "partName": (SparePart.part_name,),
    "partNumber": (SparePart.part_number,),
    "location": (SparePart.location, SparePart.part_name),
    "difference": (StockCountLine.counted - StockCountLine.expected,),
    "countedAt": (StockCountLine.counted_at,),
}


@dataclass(frozen=True)
class Progress:
    """How far a count is: its lines, those counted, those to be counted again, and those that differ."""

    lines: int = 0
    counted: int = 0
    recount: int = 0
    differing: int = 0

    @property
    def uncounted(self) -> int:
        """How many lines nobody has counted."""
        return self.lines - self.counted


@dataclass(frozen=True)
class Differences:
    """What the differences of a count are worth by the site's method: found, missing, and both together.

    An estimate until it is posted, at what each part's pieces cost on average now; a part of which nothing
    lies anywhere counts with its price.
    """

    found: Decimal
    missing: Decimal

    @property
    def net(self) -> Decimal:
        """Found less missing."""
        return self.found - self.missing


def list_counts(
    session: Session,
    *,
    statuses: Collection[str] = (),
    location_id: int | None = None,
    q: str = "",
    sort: str = "-createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[StockCount]:
    """Stock counts that fit all filters given, with location and people; ``sort`` is one of COUNT_SORTS."""
    query = sa.select(StockCount).options(
        joinedload(StockCount.location), joinedload(StockCount.starter), joinedload(StockCount.closer)
    )
    if statuses:
        query = query.where(StockCount.status.in_(list(statuses)))
    query = equal(query, (StockCount.location_id, location_id))
    if q.strip():
        query = query.join(StockCount.location).where(
            matches(q, StockCount.business_key, StockLocation.name, StockCount.notes)
        )
    return page_of(session, order_by(query, COUNT_SORTS, sort, StockCount.id), page, page_size)


def progress(session: Session, count_ids: Sequence[int]) -> dict[int, Progress]:
    """How far counts are, by id; one statement."""
    line = StockCountLine

    def number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    query = (
        sa.select(
            line.count_id,
            sa.func.count(),
            number(line.counted.is_not(None)),
            number(line.recount.is_(True)),
            number(line.counted != line.expected),
        )
        .where(line.count_id.in_(list(count_ids)))
        .group_by(line.count_id)
    )
    found = {key: Progress(*(int(one) for one in numbers)) for key, *numbers in session.execute(query)}
    return {key: found.get(key, Progress()) for key in count_ids}


def list_lines(
    session: Session,
    count_id: int,
    *,
    counted: bool | None = None,
    differing: bool = False,
    recount: bool = False,
    q: str = "",
    sort: str = "location",
    page: int = 1,
    page_size: int = 25,
) -> Page[StockCountLine]:
    """The lines of a count that fit all filters, with part, stock, counter and movement.

    In the order in which they are walked past (where to look, then name), or another of LINE_SORTS.
    """
    part = joinedload(StockCountLine.part)
    query = (
        sa.select(StockCountLine)
        .join(StockCountLine.part)
        .where(StockCountLine.count_id == count_id)
        .options(
            part.selectinload(SparePart.stock).joinedload(PartStock.location),
            joinedload(StockCountLine.counter),
            joinedload(StockCountLine.transaction),
        )
    )
    if counted is not None:
        query = query.where(StockCountLine.counted.is_not(None) == counted)
    if differing:
        query = query.where(StockCountLine.counted != StockCountLine.expected)
    if recount:
        query = query.where(StockCountLine.recount.is_(True))
    if q.strip():
        query = query.where(
            matches(q, SparePart.part_number, SparePart.part_name, SparePart.group_name, SparePart.location)
        )
    return page_of(session, order_by(query, LINE_SORTS, sort, StockCountLine.id), page, page_size)


def differences(session: Session, count: StockCount) -> Differences:
    """What the differences of a count are worth."""
    lines = session.scalars(
        sa.select(StockCountLine)
        .where(StockCountLine.count_id == count.id, StockCountLine.counted != StockCountLine.expected)
        .options(joinedload(StockCountLine.part), joinedload(StockCountLine.transaction))
    )
    method = settings.costing_method(session)
    worth = [line_value(line, method) for line in lines]
    found = sum((value for value in worth if value > 0), Decimal("0.00"))
    missing = sum((value for value in worth if value < 0), Decimal("0.00"))
    return Differences(found, -missing)


def line_value(line: StockCountLine, method: str) -> Decimal:
    """What the difference of a line is worth, below zero if pieces are missing: as posted, or as of now."""
    if line.transaction is not None:
        return line.transaction.cost
    difference, part = line.difference or 0, line.part
    if part.quantity:
        return costing.portion(part.value(method), abs(difference), part.quantity) * (
            1 if difference > 0 else -1
        )
    return part.unit_price * difference


def expected_now(line: StockCountLine) -> int:
    """How many should lie there now, of a line that has its part's stock."""
    return sum(place.quantity for place in line.part.stock if place.location_id == line.location_id)
