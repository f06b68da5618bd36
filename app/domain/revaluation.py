"""Costs of movements that were recorded before costs were kept: computed once, in the order of the ledger.

A site that comes from an earlier version has movements without costs and no layers. The migration calls
:func:`value_ledger`, which fills in what :func:`app.domain.stock.record_movement` would have written: by
moving average where one of the methods has to be chosen, as that was what reports showed then. It works on
tables, in the connection of the migration, and holds a few hundred parts in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any, cast

import sqlalchemy as sa

from app.domain.cost_layers import CostLayer, CostLayerUse
from app.domain.costing import each, portion
from app.domain.parts import SparePart
from app.domain.stock import InventoryTransaction, MovementKind

_COSTS = ("unit_cost", "cost", "average_cost", "fifo_cost")
_AT_ONCE = 500  # parts that are read in one statement
_MOVES, _LAYERS, _USES, _PARTS = (
    cast(sa.Table, model.__table__) for model in (InventoryTransaction, CostLayer, CostLayerUse, SparePart)
)
_ZERO = Decimal("0.00")


@dataclass
class _Part:
    """What is known of a part after some of its movements, and the rows to be written."""

    quantity: int = 0
    average: Decimal = _ZERO
    fifo: Decimal = _ZERO
    costs: list[dict[str, Any]] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    uses: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def move(self, row: Any) -> None:
        """Count a movement."""
        average = fifo = _ZERO
        if row.transaction_type == MovementKind.TRANSFER:
            change = 0
        else:
            change = -row.quantity if row.transaction_type == MovementKind.OUT else row.quantity
        unit_cost = row.unit_cost
        if change > 0:
            average, fifo = self._come(row, change)
        elif change < 0:
            average, fifo = self._go(row, -change)
            unit_cost = each(-average, -change)
        self.average, self.fifo, self.quantity = (
            self.average + average,
            self.fifo + fifo,
            self.quantity + change,
        )
        self.costs.append(
            {
                "movement": row.id,
                "unit_cost": unit_cost,
                "cost": average,
                "average_cost": average,
                "fifo_cost": fifo,
            }
        )

    def _come(self, row: Any, pieces: int) -> tuple[Decimal, Decimal]:
        if row.transaction_type == MovementKind.ADJUSTMENT and self.quantity:
            average = portion(self.average, pieces, self.quantity)
            fifo = portion(self.fifo, pieces, self.quantity)
        else:
            average = fifo = pieces * row.unit_cost
        self.layers.append(
            {
                "spare_part_id": row.spare_part_id,
                "transaction_id": row.id,
                "quantity": pieces,
                "cost": fifo,
                "quantity_left": pieces,
                "cost_left": fifo,
            }
        )
        return average, fifo

    def _go(self, row: Any, pieces: int) -> tuple[Decimal, Decimal]:
        average, fifo = portion(self.average, pieces, self.quantity), _ZERO
        for layer in self.layers:
            taken = min(pieces, layer["quantity_left"])
            if not taken:
                continue
            cost = portion(layer["cost_left"], taken, layer["quantity_left"])
            layer["quantity_left"] -= taken
            layer["cost_left"] -= cost
            use = {"transaction_id": row.id, "quantity": taken, "cost": cost}
            self.uses.append((layer["transaction_id"], use))
            pieces, fifo = pieces - taken, fifo + cost
            if not pieces:
                break
        return -average, -fifo


def value_ledger(connection: sa.Connection) -> int:
    """Fill in the costs of all movements, the layers and the values of the parts; answers how many movements.

    What there is of layers already is written anew, so that it can be repeated.
    """
    connection.execute(sa.delete(_USES))
    connection.execute(sa.delete(_LAYERS))
    part_ids = list(connection.scalars(sa.select(_MOVES.c.spare_part_id).distinct()))
    total = 0
    for start in range(0, len(part_ids), _AT_ONCE):
        for part_id, part in _valued(connection, part_ids[start : start + _AT_ONCE]):
            _write(connection, part_id, part)
            total += len(part.costs)
    return total


def _valued(connection: sa.Connection, part_ids: list[int]) -> Iterator[tuple[int, _Part]]:
    moves = _MOVES.c
    query = (
        sa.select(moves.id, moves.spare_part_id, moves.transaction_type, moves.quantity, moves.unit_cost)
        .where(moves.spare_part_id.in_(part_ids))
        .order_by(moves.spare_part_id, moves.id)
    )
    for part_id, rows in groupby(connection.execute(query).all(), key=lambda row: row.spare_part_id):
        part = _Part()
        for row in rows:
            part.move(row)
        yield part_id, part


def _write(connection: sa.Connection, part_id: int, part: _Part) -> None:
    update: Any = (
        sa.update(_MOVES)
        .where(_MOVES.c.id == sa.bindparam("movement"))
        .values({name: sa.bindparam(name) for name in _COSTS})
    )
    connection.execute(update, part.costs)
    if part.layers:
        connection.execute(sa.insert(_LAYERS), part.layers)
        found = sa.select(_LAYERS.c.transaction_id, _LAYERS.c.id).where(_LAYERS.c.spare_part_id == part_id)
        ids = {row.transaction_id: row.id for row in connection.execute(found)}
        if part.uses:
            uses = [{"layer_id": ids[came], **use} for came, use in part.uses]
            connection.execute(sa.insert(_USES), uses)
    connection.execute(
        sa.update(_PARTS)
        .where(_PARTS.c.id == part_id)
        .values(average_value=part.average, fifo_value=part.fifo, updated_at=_PARTS.c.updated_at)
    )
