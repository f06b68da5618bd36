"""What the choices of a form offer: the ``valuesKey`` of a field names one of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain import people, settings
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.machines import Machine, MachineStatus
from app.domain.parts import PartStock, SparePart, StockLocation
from app.domain.people import Role

Choices = list[dict[str, Any]]


def machines(session: Session) -> Choices:
    """Machines that can have a problem, by name."""
    query = (
        select(Machine.id, Machine.name, Machine.location)
        .where(Machine.status != MachineStatus.DECOMMISSIONED)
        .order_by(Machine.name, Machine.id)
    )
    return [
        {"value": machine_id, "label": f"{name} – {location}" if location else name}
        for machine_id, name, location in session.execute(query)
    ]


def failure_codes(session: Session) -> Choices:
    query = select(FailureCode).where(FailureCode.active).order_by(FailureCode.code)
    return [{"value": row.id, "label": f"{row.code} {row.name}"} for row in session.scalars(query)]


def maintenance_types(session: Session) -> Choices:
    query = select(MaintenanceType).where(MaintenanceType.active).order_by(MaintenanceType.name)
    return [{"value": row.id, "label": row.name} for row in session.scalars(query)]


def spare_parts(session: Session) -> Choices:
    """Parts by name, with what helps to choose: number, stock that is free, price."""
    currency = settings.site(session).currency
    free = func.coalesce(func.sum(PartStock.quantity - PartStock.reserved), 0)
    # Columns, not objects: a store has thousands of parts, and this is asked for with every form.
    query = (
        select(SparePart.id, SparePart.part_name, SparePart.part_number, SparePart.unit_price, free)
        .join(SparePart.stock, isouter=True)
        .where(SparePart.active)
        .group_by(SparePart.id, SparePart.part_name, SparePart.part_number, SparePart.unit_price)
        .order_by(SparePart.part_name, SparePart.id)
    )
    return [
        {"value": part_id, "label": f"{name} ({number}) · {left} free · {price:,.2f} {currency}"}
        for part_id, name, number, price, left in session.execute(query)
    ]


def technicians(session: Session) -> Choices:
    return [
        {"value": user.id, "label": user.name} for user in people.eligible(session, Role.MAINTENANCE_TECH)
    ]


def stock_locations(session: Session) -> Choices:
    query = select(StockLocation).where(StockLocation.active).order_by(StockLocation.name)
    return [{"value": row.id, "label": row.name} for row in session.scalars(query)]


OPTIONS: dict[str, Callable[[Session], Choices]] = {
    "machines": machines,
    "failureCodes": failure_codes,
    "maintenanceTypes": maintenance_types,
    "spareParts": spare_parts,
    "stockLocations": stock_locations,
    "technicians": technicians,
}
