"""Stock replenishments: what is ordered because it runs low, and where that stands."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from app.api import lifecycle
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Amount, Id, Instant, Named, Out, PageOf, Paging, left_out
from app.api.references import PartRef, TaskRef
from app.domain.queries import replenishments as lists
from app.domain.queries.paging import Page
from app.domain.replenishments import ReplenishmentStatus, StockReplenishment
from app.engine import instances
from app.processes.stock_replenishment import SUBJECT

resource = Resource(
    "Stock replenishments",
    "Parts that run low are ordered and received. One is open for a part at most; its process says what is "
    "next: complete its tasks by /tasks, and send its messages by /messages.",
)


class ReplenishmentOut(Out):
    """That a part is brought above its minimum again."""

    id: int
    business_key: str | None = Field(description="Null until its process has started.")
    part: PartRef
    status: ReplenishmentStatus
    quantity_suggested: int
    quantity_ordered: int | None
    quantity_received: int
    quantity_open: int = Field(description="Ordered and not received yet.")
    unit_price: Amount | None
    total: Amount | None = Field(description="What the order costs.")
    supplier: str
    expected_on: date | None
    orderer: Named | None
    approver: Named | None
    ordered_at: Instant | None
    closed_at: Instant | None
    closing_reason: str
    created_at: Instant
    updated_at: Instant


class ReplenishmentDetail(ReplenishmentOut):
    """A replenishment with where its process stands."""

    instance_id: int | None
    open_tasks: list[TaskRef]


class ReplenishmentFilters(Paging):
    """Which replenishments, in which order."""

    status: list[ReplenishmentStatus] = Field(default_factory=list)
    part_id: Id = left_out()
    late: bool = Field(default=False, description="Only those whose delivery was expected before today.")
    sort: Literal[
        "createdAt", "-createdAt", "businessKey", "-businessKey", "status", "-status", "part", "-part",
        "expectedOn", "-expectedOn",
    ] = "-createdAt"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["statuses"] = values.pop("status")
        return values


@resource.get("/stock-replenishments", needs="stock-replenishments:read", answers=PageOf[ReplenishmentOut])
def list_stock_replenishments(query: ReplenishmentFilters) -> Page[StockReplenishment]:
    """List stock replenishments, the newest first."""
    return lists.list_replenishments(calls.session(), **query.for_list())


@resource.get(
    "/stock-replenishments/{replenishment_id}",
    needs="stock-replenishments:read",
    answers=ReplenishmentDetail,
)
def get_stock_replenishment(replenishment_id: Id) -> ReplenishmentDetail:
    """Get a stock replenishment with its open tasks."""
    found = find(StockReplenishment, replenishment_id)
    instance = instances.of_subject(calls.session(), SUBJECT, found.id)
    return ReplenishmentDetail.model_validate(
        {
            **ReplenishmentOut.model_validate(found).__dict__,
            "instance_id": None if instance is None else instance.id,
            "open_tasks": lifecycle.open_tasks(SUBJECT, found.id),
        }
    )
