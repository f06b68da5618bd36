"""The reorder list: parts of which less is left than the minimum, or will be soon.

Figures of one part, all in pieces:

- free = in stock - reserved for approved parts requests
- waiting = approved in parts requests, and neither issued nor reserved: it takes the next that come
- on order = ordered from suppliers and not received yet
- available = free + on order - waiting
- daily consumption = issued (movements OUT) in the last 90 days / 90
- days of cover = in stock / daily consumption, rounded down; none where nothing was consumed
- a part is listed when available, less what is consumed in the days looked ahead, is below its minimum, or
  below what is waiting for it
- suggested = minimum + consumption of 30 days - available, rounded up, at least 1
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import clock
from app.domain.parts import PartStock, SparePart
from app.domain.queries.paging import AT_ONCE, EVERY, MAX_PAGE_SIZE, Page, count, matches
from app.domain.queries.sorting import Sorts, order_by
from app.domain.replenishments import ON_ORDER, StockReplenishment
from app.domain.spare_parts_requests import ISSUABLE_STATUSES, SparePartsRequest, SparePartsRequestLine
from app.domain.stock import InventoryTransaction, MovementKind

LOOKED_BACK = 90  # days whose consumption counts
LOOKED_AHEAD = 14  # days, unless asked otherwise
MOST_AHEAD = 365
ORDERED_FOR = 30  # days of consumption that an order covers above the minimum


@dataclass(frozen=True)
class ReorderLine:
    """A part to be ordered, and why."""

    part: SparePart
    reserved: int
    waiting: int
    on_order: int
    consumed: int

    @property
    def free(self) -> int:
        """What is not promised to anybody."""
        return self.part.quantity - self.reserved

    @property
    def available(self) -> int:
        """What there will be once what is ordered has come and what is waited for has gone."""
        return self.free + self.on_order - self.waiting

    @property
    def daily(self) -> Decimal:
        """How many are consumed in a day, to two decimals."""
        return (Decimal(self.consumed) / LOOKED_BACK).quantize(Decimal("0.01"), ROUND_HALF_UP)

    @property
    def cover(self) -> int | None:
        """For how many days the stock lasts; None where nothing is consumed."""
        return self.part.quantity * LOOKED_BACK // self.consumed if self.consumed else None

    @property
    def suggested(self) -> int:
        """How many to order."""
        short = (self.part.min_quantity - self.available) * LOOKED_BACK + self.consumed * ORDERED_FOR
        return max(1, -(-short // LOOKED_BACK))


def _sum(column: Any, key: Any, *conditions: Any) -> sa.Select[Any]:
    return (
        sa.select(key.label("part_id"), sa.func.sum(column).label("number")).where(*conditions).group_by(key)
    )


def list_reorder(
    session: Session,
    *,
    days: int = LOOKED_AHEAD,
    group: str | None = None,
    q: str = "",
    sort: str = "-shortage",
    page: int = 1,
    page_size: int = 25,
) -> Page[ReorderLine]:
    """Parts in use that should be ordered, looking ``days`` ahead, with their usual location.

    Those that miss most come first, or in the order of another name of :data:`REORDER_SORTS`.
    """
    moves, lines = InventoryTransaction, SparePartsRequestLine
    reserved = _sum(PartStock.reserved, PartStock.spare_part_id).subquery()
    consumed = _sum(
        moves.quantity,
        moves.spare_part_id,
        moves.transaction_type == MovementKind.OUT,
        moves.transaction_date >= clock.now() - timedelta(days=LOOKED_BACK),
    ).subquery()
    owed = (
        _sum(lines.quantity_approved - lines.quantity_issued, lines.spare_part_id)
        .join(SparePartsRequest, SparePartsRequest.id == lines.parts_request_id)
        .where(SparePartsRequest.status.in_(ISSUABLE_STATUSES), lines.quantity_approved.is_not(None))
        .subquery()
    )
    ordered = _sum(
        StockReplenishment.quantity_ordered - StockReplenishment.quantity_received,
        StockReplenishment.spare_part_id,
        StockReplenishment.status.in_(ON_ORDER),
        StockReplenishment.quantity_ordered > StockReplenishment.quantity_received,
    ).subquery()
    numbers = [sa.func.coalesce(found.c.number, 0) for found in (reserved, owed, ordered, consumed)]
    _, still_owed, on_order, used = numbers
    # Everything approved and not issued is owed; what is reserved of it is owed and there: it cancels out.
    available = SparePart.quantity + on_order - still_owed
    shortage = (SparePart.min_quantity - available) * LOOKED_BACK + used * days
    query: Any = sa.select(SparePart, *numbers).where(SparePart.active)
    for found in (reserved, owed, ordered, consumed):
        query = query.outerjoin(found, found.c.part_id == SparePart.id)
    # Where nothing is demanded (no minimum, nothing waiting), an empty shelf is as it should be.
    demanded = sa.or_(SparePart.min_quantity > 0, available < 0)
    query = query.where(shortage > 0, demanded).options(joinedload(SparePart.default_location))
    if group is not None:
        query = query.where(SparePart.group_number == group)
    if q.strip():
        query = query.where(
            matches(q, SparePart.part_number, SparePart.part_name, SparePart.group_name, SparePart.location)
        )
    cover = sa.case((used > 0, SparePart.quantity * sa.literal(1.0) / used), else_=sa.literal(10.0**12))
    sorts: Sorts = {
        "shortage": (shortage,),
        "partName": (SparePart.part_name,),
        "partNumber": (SparePart.part_number,),
        "quantity": (SparePart.quantity,),
        "onOrder": (on_order,),
        "consumed": (used,),
        "cover": (cover,),
    }
    ordered_query = order_by(query, sorts, sort, SparePart.id)
    return _page(session, ordered_query, page, page_size)


REORDER_SORTS = ("shortage", "partName", "partNumber", "quantity", "onOrder", "consumed", "cover")


def _page(session: Session, query: sa.Select[Any], page: int, page_size: int) -> Page[ReorderLine]:
    total = count(session, query)
    if page_size == EVERY:
        rows = session.execute(query.execution_options(yield_per=AT_ONCE))
        every: Any = (_line(row) for row in rows)
        return Page(items=every, total=total, page=1, page_size=MAX_PAGE_SIZE)
    page, page_size = max(1, page), min(max(1, page_size), MAX_PAGE_SIZE)
    found = session.execute(query.limit(page_size).offset((page - 1) * page_size))
    return Page([_line(row) for row in found], total, page, page_size)


def _line(row: Any) -> ReorderLine:
    part, reserved, owed, on_order, consumed = row
    return ReorderLine(part, int(reserved), max(0, int(owed) - int(reserved)), int(on_order), int(consumed))
