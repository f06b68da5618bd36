"""Lists of stock replenishments."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager, joinedload

from app.domain.parts import SparePart
from app.domain.preventive import due
from app.domain.queries.filters import equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by
from app.domain.replenishments import ON_ORDER, StockReplenishment
from app.domain.stock import InventoryTransaction, ReferenceType

REPLENISHMENT_SORTS: Sorts = {
    "createdAt": (StockReplenishment.created_at,),
    "businessKey": (StockReplenishment.business_key,),
    "status": (StockReplenishment.status, StockReplenishment.created_at),
    "part": (SparePart.part_name, StockReplenishment.created_at),
    # Those without a date come last, on every database.
    "expectedOn": (StockReplenishment.expected_on.is_(None), StockReplenishment.expected_on),
}


def list_replenishments(
    session: Session,
    *,
    statuses: Collection[str] = (),
    part_id: int | None = None,
    late: bool = False,
    q: str = "",
    sort: str = "-createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Page[StockReplenishment]:
    """Stock replenishments that fit all filters given, with part and people.

    ``late`` asks for those whose delivery was expected before today. ``q`` is looked for in the key, the
    part's number and name, and the supplier; ``sort`` is a name of :data:`REPLENISHMENT_SORTS`.
    """
    query = (
        sa.select(StockReplenishment)
        .join(StockReplenishment.part)
        .options(
            contains_eager(StockReplenishment.part),
            joinedload(StockReplenishment.orderer),
            joinedload(StockReplenishment.approver),
        )
    )
    query = equal(query, (StockReplenishment.spare_part_id, part_id))
    if statuses:
        query = query.where(StockReplenishment.status.in_(statuses))
    if late:
        today = due.site_date(session)
        query = query.where(StockReplenishment.status.in_(ON_ORDER), StockReplenishment.expected_on < today)
    if q.strip():
        query = query.where(
            matches(
                q,
                StockReplenishment.business_key,
                StockReplenishment.supplier,
                SparePart.part_number,
                SparePart.part_name,
            )
        )
    ordered = order_by(query, REPLENISHMENT_SORTS, sort, StockReplenishment.id)
    return page_of(session, ordered, page, page_size)


def deliveries_of(session: Session, replenishment_id: int) -> list[InventoryTransaction]:
    """The movements by which a replenishment arrived, the oldest first."""
    query = (
        sa.select(InventoryTransaction)
        .where(
            InventoryTransaction.reference_type == ReferenceType.PURCHASE,
            InventoryTransaction.reference_id == replenishment_id,
        )
        .options(joinedload(InventoryTransaction.location), joinedload(InventoryTransaction.performer))
        .order_by(InventoryTransaction.id)
    )
    return list(session.scalars(query))
