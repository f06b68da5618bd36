"""Which spare parts left the store, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Worth
from app.domain.analytics import calendar
from app.domain.analytics.scope import Scope
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.requests import MaintenanceRequest
from app.domain.stock import InventoryTransaction, MovementKind
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork


@dataclass(frozen=True)
class PartConsumption:
    """How many of one part left the store, in how many movements; ``share`` is its part of all cost."""

    part_id: int
    part_number: str
    part_name: str
    group_number: str
    group_name: str
    movements: int
    quantity: int
    cost: Decimal
    share: float


@dataclass(frozen=True)
class GroupConsumption:
    """The same for a group of parts."""

    group_number: str
    group_name: str
    quantity: int
    cost: Decimal


@dataclass(frozen=True)
class ConsumptionStep:
    """What left the store in one day, week or month."""

    first: date
    quantity: int
    cost: Decimal


@dataclass(frozen=True)
class ConsumptionAnalysis:
    """Consumption of all parts, of each part (dearest first) and group, and its development."""

    quantity: int
    cost: Decimal
    parts: tuple[PartConsumption, ...]
    groups: tuple[GroupConsumption, ...]
    steps: tuple[ConsumptionStep, ...]


_COST = sa.type_coerce(-InventoryTransaction.cost, Worth)


def consumption(session: Session, scope: Scope, group_by: str | None = None) -> ConsumptionAnalysis:
    """What the movements OUT of the period took, at the cost that each movement recorded.

    Narrowed to a department, machine or technician it is what was issued for their maintenance work;
    otherwise also what was taken for anything else. At most three statements.

    :raises BusinessError: PERIOD_TOO_LONG
    """
    sums = _movements(
        scope,
        SparePart.id,
        SparePart.part_number,
        SparePart.part_name,
        SparePart.group_number,
        SparePart.group_name,
        sa.func.count().label("movements"),
        sa.func.sum(InventoryTransaction.quantity).label("quantity"),
        sa.type_coerce(sa.func.sum(_COST), Worth).label("cost"),
    ).group_by(
        SparePart.id,
        SparePart.part_number,
        SparePart.part_name,
        SparePart.group_number,
        SparePart.group_name,
    )
    rows = session.execute(sums).all()
    cost = sum((row.cost for row in rows), Decimal(0))
    parts = [
        PartConsumption(
            part_id=row.id,
            part_number=row.part_number,
            part_name=row.part_name,
            group_number=row.group_number,
            group_name=row.group_name,
            movements=row.movements,
            quantity=int(row.quantity),
            cost=row.cost,
            share=float(row.cost / cost) if cost else 0.0,
        )
        for row in rows
    ]
    parts.sort(key=lambda part: (-part.cost, -part.quantity, part.part_number))
    return ConsumptionAnalysis(
        quantity=sum(part.quantity for part in parts),
        cost=cost,
        parts=tuple(parts),
        groups=_groups(parts),
        steps=_steps(session, scope, group_by) if group_by else (),
    )


def _movements(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """The movements that count, with their parts."""
    query = (
        sa.select(*columns)
        .select_from(InventoryTransaction)
        .join(SparePart, SparePart.id == InventoryTransaction.spare_part_id)
        .where(InventoryTransaction.transaction_type == MovementKind.OUT, *scope.parts())
        .where(scope.contains(InventoryTransaction.transaction_date))
    )
    if conditions := scope.requests():
        query = (
            query.join(PartsUsage, PartsUsage.transaction_id == InventoryTransaction.id)
            .join(MaintenanceWork, MaintenanceWork.id == PartsUsage.work_id)
            .join(MaintenanceRequest, MaintenanceRequest.id == MaintenanceWork.maintenance_request_id)
            .join(Machine, Machine.id == MaintenanceRequest.machine_id)
            .where(*conditions)
        )
    return query


def _groups(parts: list[PartConsumption]) -> tuple[GroupConsumption, ...]:
    """Parts added up by the number of their group; the name is that of its dearest part."""
    groups: dict[str, GroupConsumption] = {}
    for part in parts:
        known = groups.get(part.group_number) or GroupConsumption(
            part.group_number, part.group_name, 0, Decimal(0)
        )
        groups[part.group_number] = GroupConsumption(
            known.group_number, known.group_name, known.quantity + part.quantity, known.cost + part.cost
        )
    return tuple(sorted(groups.values(), key=lambda group: (-group.cost, group.group_number)))


def _steps(session: Session, scope: Scope, group_by: str) -> tuple[ConsumptionStep, ...]:
    """The movements by days, weeks or months of the site's time zone."""
    found = calendar.buckets(scope.since, scope.until, group_by, scope.zone_on_the_wall(session))
    quantities, costs = [0] * len(found), [Decimal(0)] * len(found)
    query = _movements(
        scope,
        calendar.place_in_database(found, InventoryTransaction.transaction_date).label("place"),
        sa.func.sum(InventoryTransaction.quantity),
        sa.type_coerce(sa.func.sum(_COST), Worth),
    ).group_by("place")
    for place, quantity, cost in session.execute(query):
        quantities[place], costs[place] = int(quantity), cost
    return tuple(
        ConsumptionStep(bucket.first, quantity, cost)
        for bucket, quantity, cost in zip(found, quantities, costs, strict=True)
    )
