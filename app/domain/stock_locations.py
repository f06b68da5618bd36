"""Stock locations: added, renamed, deactivated, removed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import records, values
from app.domain.deletion import refuse_if_used
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.parts import PartStock, StockLocation
from app.errors import BusinessError

NAME = records.Unique("name", "NAME_TAKEN", "name of a stock location", "name")
CHECKS: records.Checks = {
    "name": lambda value: values.line(value, code="NAME", what="name", field="name"),
    "active": records.flag,
}


def create_location(session: Session, by: int | None, *, name: str, active: bool = True) -> StockLocation:
    """Add a stock location.

    :raises BusinessError: NAME_MISSING, NAME_TOO_LONG, NAME_UNREADABLE, NAME_TAKEN
    """
    place = StockLocation()
    records.assign(place, CHECKS, {"name": name, "active": active})
    records.save(session, "CREATE_STOCK_LOCATION", EntityType.STOCK_LOCATION, place, by, NAME)
    return place


def update_location(session: Session, place: StockLocation, by: int | None, **changes: Any) -> StockLocation:
    """Change ``name`` or ``active`` of a stock location.

    :raises BusinessError: as :func:`create_location`; LOCATION_NOT_EMPTY when it is to be deactivated
        while stock lies there
    """
    lock(session, place)
    records.assign(place, CHECKS, changes)
    if not place.active and records.changed(place, "active"):
        _check_empty(session, place)
    records.save(session, "UPDATE_STOCK_LOCATION", EntityType.STOCK_LOCATION, place, by, NAME)
    return place


def delete_location(session: Session, place: StockLocation, by: int | None) -> None:
    """Remove a stock location that was entered by mistake.

    :raises Conflict: stock lies or lay there, or parts have it as their usual location
    """
    refuse_if_used(
        session, place, what=f"The stock location {place.name}", instead="Empty and deactivate it instead."
    )
    records.remove(session, "DELETE_STOCK_LOCATION", EntityType.STOCK_LOCATION, place, by)


def _check_empty(session: Session, place: StockLocation) -> None:
    lying = sa.select(sa.func.count(), sa.func.sum(PartStock.quantity)).where(
        PartStock.location_id == place.id, PartStock.quantity > 0
    )
    with session.no_autoflush:
        parts, pieces = session.execute(lying).one()
    if parts:
        message = f"{pieces} pieces of {parts} parts lie at {place.name}; transfer them first."
        raise BusinessError("LOCATION_NOT_EMPTY", message, field="active")
