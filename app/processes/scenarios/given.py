"""What a real run was given, said as a scenario says it: machine, parts with price and stock, the request."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.parts_requests import SparePartsRequest
from app.domain.preventive.models import PreventiveJob, PreventiveTask
from app.domain.replenishments import StockReplenishment
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequestLine
from app.domain.stock import InventoryTransaction, ReferenceType
from app.engine.models import ProcessInstance
from app.processes.preventive_maintenance import KEY as PREVENTIVE
from app.processes.stock_replenishment import KEY as REPLENISHMENT

MAINTENANCE, PARTS = "maintenance_request", "parts_approval"


@dataclass(slots=True)
class Facts:
    """What a run was about, and which runs belong to its story: those of the parts it asked for."""

    machine: Machine | None = None
    request: MaintenanceRequest | None = None
    parts_requests: list[SparePartsRequest] = field(default_factory=list)
    related: list[ProcessInstance] = field(default_factory=list)
    record: Any = None  # of a process that begins by itself
    more: dict[str, Any] = field(default_factory=dict)  # given beside the machine

    def status(self, instance: ProcessInstance) -> str:
        """The status of the record that the run is about."""
        if instance.key in (MAINTENANCE, PARTS):
            record: Any = self.request if instance.key == MAINTENANCE else self.parts_requests[0]
        else:
            record = self.record
        return str(record.status) if record is not None else ""


def facts_of(session: Session, instance: ProcessInstance) -> Facts:
    """What a run of a process that ships was about; nothing for other processes."""
    if instance.key == PARTS:
        found = _parts_requests(session, SparePartsRequest.id == instance.subject_id)
        request = found[0].maintenance_request
        return Facts(request.machine, request, found)
    if instance.key == PREVENTIVE:
        job = session.get_one(PreventiveJob, instance.subject_id)
        return Facts(job.task.machine, record=job, more={"plan": _plan_given(job.task)})
    if instance.key == REPLENISHMENT:
        found_low = session.get_one(StockReplenishment, instance.subject_id)
        return Facts(record=found_low, more={"parts": [_low_part_given(found_low)]})
    if instance.key != MAINTENANCE:
        return Facts()
    request = session.get_one(
        MaintenanceRequest, instance.subject_id, options=[joinedload(MaintenanceRequest.machine)]
    )
    wanted = _parts_requests(session, SparePartsRequest.maintenance_request_id == request.id)
    runs = sa.select(ProcessInstance).where(
        ProcessInstance.key == PARTS, ProcessInstance.subject_id.in_([each.id for each in wanted])
    )
    related = list(session.scalars(runs.order_by(ProcessInstance.id)))
    return Facts(request.machine, request, wanted, related)


def _parts_requests(session: Session, condition: sa.ColumnElement[bool]) -> list[SparePartsRequest]:
    query = (
        sa.select(SparePartsRequest)
        .where(condition)
        .order_by(SparePartsRequest.id)
        .options(
            joinedload(SparePartsRequest.maintenance_request).joinedload(MaintenanceRequest.machine),
            selectinload(SparePartsRequest.lines).joinedload(SparePartsRequestLine.part),
        )
    )
    return list(session.scalars(query))


def _plan_given(task: PreventiveTask) -> dict[str, Any]:
    """A plan as a scenario has it; the parts of its kit are left out."""
    items = [{name: value for name, value in item.items() if name != "id"} for item in task.checklist]
    given: dict[str, Any] = {"title": task.title, "checklist": items, "role": task.role}
    return given | ({"meter": task.meter_interval} if task.meter_interval else {})


def _low_part_given(found: StockReplenishment) -> dict[str, Any]:
    """The part that ran low, with as many left as when that was noticed, as far as is known."""
    part = found.part
    left = max(0, min(part.quantity - found.quantity_received, part.min_quantity - 1))
    return {
        "number": part.part_number, "name": part.part_name, "price": price_given(part.unit_price),
        "stock": left, "minimum": part.min_quantity, "group": part.group_name,
    }  # fmt: skip


def machine_given(machine: Machine) -> dict[str, Any]:
    return {"name": machine.name, "criticality": str(machine.criticality)}


def price_given(price: Decimal) -> int | float:
    return int(price) if price == price.to_integral_value() else float(price)


@dataclass(slots=True)
class Stock:
    """The parts of a story by their numbers: what there was at its start, and what became of it.

    ``end`` is the stock that the story itself leads to, whatever others have taken meanwhile.
    """

    numbers: dict[int, str] = field(default_factory=dict)
    given: list[dict[str, Any]] = field(default_factory=list)
    arrivals: list[tuple[datetime, str, int]] = field(default_factory=list)
    end: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def stock_of(session: Session, facts: Facts, start: datetime, end: datetime) -> Stock:
    """The parts that a run asked for, with their stock from its start to its end."""
    found = Stock()
    lines = [line for each in facts.parts_requests for line in each.lines]
    parts = {line.spare_part_id: (line.part, line.unit_price) for line in reversed(lines)}
    own = {each.id for each in facts.parts_requests}
    moved = _movements(session, list(parts), start, own)
    for part_id, (part, price) in sorted(parts.items(), key=lambda each: each[1][0].part_number):
        at_start = part.quantity - sum(movement.change for movement in moved[part_id])
        found.numbers[part_id] = part.part_number
        found.given.append(_part_given(part, price, at_start))
        found.end[part.part_number] = at_start
        for movement in moved[part_id]:
            _tell(found, part.part_number, movement, own, end)
    return found


def _tell(found: Stock, number: str, movement: InventoryTransaction, own: set[int], end: datetime) -> None:
    if movement.transaction_date > end or movement.change == 0:
        return
    if _is_own(movement, own):
        found.end[number] += movement.change
    elif movement.change > 0:
        found.arrivals.append((movement.transaction_date, number, movement.change))
        found.end[number] += movement.change
    else:
        found.warnings.append(
            f"Meanwhile others took {-movement.change} of {number} from stock: a scenario cannot say that, "
            "so there are more of them in it."
        )


def _is_own(movement: InventoryTransaction, own: set[int]) -> bool:
    return movement.reference_type == ReferenceType.MAINTENANCE and movement.reference_id in own


def _movements(
    session: Session, part_ids: list[int], start: datetime, own: set[int]
) -> defaultdict[int, list[InventoryTransaction]]:
    """The movements after the start, by part; what the story does itself is never before it."""
    found: defaultdict[int, list[InventoryTransaction]] = defaultdict(list)
    query = sa.select(InventoryTransaction).where(
        InventoryTransaction.spare_part_id.in_(part_ids), InventoryTransaction.transaction_date >= start
    )
    for movement in session.scalars(query.order_by(InventoryTransaction.id)):
        if movement.transaction_date > start or _is_own(movement, own):
            found[movement.spare_part_id].append(movement)
    return found


def _part_given(part: SparePart, price: Decimal, stock: int) -> dict[str, Any]:
    given: dict[str, Any] = {"number": part.part_number, "name": part.part_name, "price": price_given(price)}
    given["stock"] = max(stock, 0)
    if part.group_name:
        given["group"] = part.group_name
    return given
