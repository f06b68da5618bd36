"""Many spare parts at once, with the movements and activity entries that each would have had alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import activity
from app.domain.cost_layers import CostLayer
from app.domain.entities import EntityType
from app.domain.imports.plan import Change
from app.domain.part_catalogue import OPENING_STOCK
from app.domain.parts import PartStock, SparePart
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType

_CHUNK = 500  # rows in one statement
_DEFAULTS: Mapping[str, Any] = {
    "part_name": "",
    "description": "",
    "group_number": "",
    "group_name": "",
    "quantity": 0,
    "min_quantity": 0,
    "unit_price": Decimal(0),
    "location": "",
    "active": True,
}
_WORTHLESS: Mapping[str, Any] = {"quantity": 0, "average_value": Decimal(0), "fifo_value": Decimal(0)}


def create(session: Session, changes: Sequence[Change], by: int | None) -> None:
    """Add parts, and what lies there of them from the start.

    :raises sqlalchemy.exc.IntegrityError: another part has one of the numbers
    """
    now = clock.now()
    for chunk in _chunks(changes):
        parts = [_with_stock({**_DEFAULTS, **change.after}, change.opening) for change in chunk]
        session.execute(sa.insert(SparePart), parts)
        numbers = [part["part_number"] for part in parts]
        found = sa.select(SparePart.part_number, SparePart.id).where(SparePart.part_number.in_(numbers))
        ids = {row.part_number: row.id for row in session.execute(found)}
        opened = [(ids[part["part_number"]], part) for part in parts if part["quantity"]]
        movements = _open_stock(session, opened, by)
        entries = []
        for number, part in zip(numbers, parts, strict=True):
            # As if it had been added alone: first without stock, then the movement.
            entries.append(activity.Entry("CREATE_PART", ids[number], after={**part, **_WORTHLESS}, at=now))
            if part["quantity"]:
                after = {"quantity": part["quantity"], "transactionId": movements[ids[number]]}
                before = {"quantity": 0}
                entries.append(activity.Entry("STOCK_IN", ids[number], before=before, after=after, at=now))
        activity.record_all(session, EntityType.SPARE_PART, entries, by)


def update(session: Session, changes: Sequence[Change], by: int | None) -> None:
    """Change parts, which the caller has locked."""
    now = clock.now()
    for chunk in _chunks(changes):
        rows = [{"id": change.row_id, **change.after, "updated_at": now} for change in chunk]
        session.execute(sa.update(SparePart), rows)
        entries = [
            activity.Entry("UPDATE_PART", change.row_id, before=change.before, after=change.after, at=now)
            for change in chunk
        ]
        activity.record_all(session, EntityType.SPARE_PART, entries, by)


def _with_stock(part: dict[str, Any], opening: int) -> dict[str, Any]:
    """A part and what its opening stock is worth, by either method."""
    worth = opening * part["unit_price"]
    return {**part, "quantity": opening, "average_value": worth, "fifo_value": worth}


def _open_stock(
    session: Session, parts: Sequence[tuple[int, Mapping[str, Any]]], by: int | None
) -> dict[int, int]:
    """Put opening stock at the usual location of new parts; answers the movements' ids by part."""
    if not parts:
        return {}
    places = [
        {"spare_part_id": part_id, "location_id": part["default_location_id"], "quantity": part["quantity"]}
        for part_id, part in parts
    ]
    session.execute(sa.insert(PartStock), places)
    movements = [
        {
            "spare_part_id": part_id,
            "transaction_type": MovementKind.IN,
            "quantity": part["quantity"],
            "balance": part["quantity"],
            "location_id": part["default_location_id"],
            "reference_type": ReferenceType.ADJUSTMENT,
            "performed_by": by,
            "notes": OPENING_STOCK,
            "unit_cost": part["unit_price"],
            "cost": part["fifo_value"],
            "average_cost": part["average_value"],
            "fifo_cost": part["fifo_value"],
        }
        for part_id, part in parts
    ]
    session.execute(sa.insert(InventoryTransaction), movements)
    made = sa.select(InventoryTransaction.spare_part_id, InventoryTransaction.id)
    made = made.where(InventoryTransaction.spare_part_id.in_([part_id for part_id, _ in parts]))
    ids = {row.spare_part_id: row.id for row in session.execute(made)}
    layers = [
        {
            "spare_part_id": part_id,
            "transaction_id": ids[part_id],
            "quantity": part["quantity"],
            "cost": part["fifo_value"],
            "quantity_left": part["quantity"],
            "cost_left": part["fifo_value"],
        }
        for part_id, part in parts
    ]
    session.execute(sa.insert(CostLayer), layers)
    return ids


def _chunks(changes: Sequence[Change]) -> list[Sequence[Change]]:
    return [changes[start : start + _CHUNK] for start in range(0, len(changes), _CHUNK)]
