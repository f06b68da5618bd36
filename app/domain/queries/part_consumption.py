"""What was consumed of one part: by month, and by machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import Worth
from app.domain import settings
from app.domain.analytics import calendar
from app.domain.machines import Machine
from app.domain.requests import MaintenanceRequest
from app.domain.stock import InventoryTransaction, MovementKind
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork

MONTHS = 12
MOST_MACHINES = 50


@dataclass(frozen=True)
class MonthOfPart:
    """How many left the store in a month, by how many movements, and what they cost."""

    first: date
    movements: int
    quantity: int
    cost: Decimal


@dataclass(frozen=True)
class MachineOfPart:
    """How many went into the work on one machine, and what they cost."""

    machine_id: int
    machine: str
    quantity: int
    cost: Decimal


@dataclass(frozen=True)
class ConsumptionOfPart:
    """The last twelve months of a part, this one included: by month, oldest first, and by machine.

    ``machines`` are the 50 that took most; what was taken for anything but maintenance belongs to none.
    """

    months: tuple[MonthOfPart, ...]
    machines: tuple[MachineOfPart, ...]

    @property
    def quantity(self) -> int:
        """How many in all months."""
        return sum(month.quantity for month in self.months)

    @property
    def cost(self) -> Decimal:
        """What they cost."""
        return sum((month.cost for month in self.months), Decimal("0.00"))


def consumption_of(session: Session, part_id: int) -> ConsumptionOfPart:
    """What the movements OUT of a part took in the last twelve months by the site's clock.

    Three statements.
    """
    zone = settings.site(session).zone
    now = clock.now()
    today = now.astimezone(zone).date()
    year, month = divmod(today.year * 12 + today.month - MONTHS, 12)
    since = calendar.midnight(date(year, month + 1, 1), zone)
    found = calendar.buckets(since, now, calendar.GroupBy.MONTH, zone)
    moves = InventoryTransaction
    movements, quantities, costs = [0] * len(found), [0] * len(found), [Decimal("0.00")] * len(found)
    query = sa.select(moves.transaction_date, moves.quantity, moves.cost).where(
        moves.spare_part_id == part_id,
        moves.transaction_type == MovementKind.OUT,
        moves.transaction_date >= since,
    )
    for row in session.execute(query.execution_options(yield_per=1000)):
        place = calendar.place_of(found, row.transaction_date)
        movements[place] += 1
        quantities[place] += row.quantity
        costs[place] -= row.cost
    quantity, cost = sa.func.sum(PartsUsage.quantity), sa.type_coerce(sa.func.sum(PartsUsage.cost), Worth)
    by_machine = (
        sa.select(Machine.id, Machine.name, quantity, cost)
        .select_from(PartsUsage)
        .join(MaintenanceWork, MaintenanceWork.id == PartsUsage.work_id)
        .join(MaintenanceRequest, MaintenanceRequest.id == MaintenanceWork.maintenance_request_id)
        .join(Machine, Machine.id == MaintenanceRequest.machine_id)
        .where(PartsUsage.spare_part_id == part_id, PartsUsage.used_at >= since)
        .group_by(Machine.id, Machine.name)
        .order_by(quantity.desc(), Machine.name)
        .limit(MOST_MACHINES)
    )
    return ConsumptionOfPart(
        tuple(
            MonthOfPart(bucket.first, movements[place], quantities[place], costs[place])
            for place, bucket in enumerate(found)
        ),
        tuple(
            MachineOfPart(key, name, int(number), worth)
            for key, name, number, worth in session.execute(by_machine)
        ),
    )
