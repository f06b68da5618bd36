"""Cost layers: for every receipt what is left of it and what that cost, and what each movement took.

The value of a part by FIFO is the sum of its layers; by moving average all its pieces are one layer, whose
value stands on the part. Both are changed together with the quantity, under the part's lock
(:func:`app.domain.parts.lock_parts`), by :func:`app.domain.stock.record_movement` only.
See :mod:`app.domain.costing` for the formulas and the rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Base, Worth
from app.domain.append_only import append_only
from app.domain.columns import LongId
from app.domain.costing import MOST_VALUE, CostingMethod, portion
from app.domain.parts import SparePart
from app.errors import BusinessError


class CostLayer(Base):
    """Pieces that came by one movement, what they cost together, and how much of both is left."""

    __tablename__ = "stock_cost_layers"
    __table_args__ = (
        sa.CheckConstraint("quantity_left >= 0 AND quantity_left <= quantity", name="quantity_left"),
        sa.CheckConstraint("cost_left >= 0 AND cost_left <= cost", name="cost_left"),
        sa.Index("ix_stock_cost_layers_part", "spare_part_id", "quantity_left"),
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    spare_part_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts.id"))
    transaction_id: Mapped[int] = mapped_column(
        sa.ForeignKey("spare_parts_inventory_transactions.id"), unique=True
    )
    quantity: Mapped[int]
    cost: Mapped[Decimal] = mapped_column(Worth)
    quantity_left: Mapped[int]
    cost_left: Mapped[Decimal] = mapped_column(Worth)


@append_only
class CostLayerUse(Base):
    """How many pieces a movement took from one layer, and what they cost."""

    __tablename__ = "stock_cost_layer_uses"
    __table_args__ = (
        sa.UniqueConstraint("transaction_id", "layer_id"),
        sa.Index("ix_stock_cost_layer_uses_layer", "layer_id"),
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    layer_id: Mapped[int] = mapped_column(sa.ForeignKey("stock_cost_layers.id"))
    transaction_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts_inventory_transactions.id"))
    quantity: Mapped[int]
    cost: Mapped[Decimal] = mapped_column(Worth)


@dataclass(frozen=True)
class Costs:
    """By how much a movement changes the value of a part by either method, and which layers it takes from.

    ``taken`` has for each layer how many pieces go, and their cost.
    """

    average: Decimal = Decimal("0.00")
    fifo: Decimal = Decimal("0.00")
    taken: list[tuple[CostLayer, int, Decimal]] = field(default_factory=list)

    def by(self, method: str) -> Decimal:
        """The change by one of the two methods."""
        return self.fifo if method == CostingMethod.FIFO else self.average


def costs_of(session: Session, part: SparePart, change: int, unit_cost: Decimal | None) -> Costs:
    """What it costs that the quantity of a locked part changes by ``change``, which changes nothing yet.

    Pieces that come cost ``unit_cost`` each. Where it is None they cost what those that lie there cost on
    average, by either method, or the part's price where none lie there.

    :raises BusinessError: VALUE_TOO_HIGH
    """
    if change == 0:
        return Costs()
    if change < 0:
        taken = _oldest(session, part, -change)
        average = portion(part.average_value, -change, part.quantity)
        return Costs(-average, -sum((cost for _, _, cost in taken), Decimal(0)), taken)
    if unit_cost is None and part.quantity:
        costs = Costs(
            portion(part.average_value, change, part.quantity),
            portion(part.fifo_value, change, part.quantity),
        )
    else:
        cost = change * (part.unit_price if unit_cost is None else unit_cost)
        costs = Costs(cost, cost)
    if max(part.average_value + costs.average, part.fifo_value + costs.fifo) > MOST_VALUE:
        raise too_valuable(part.label)
    return costs


def book(session: Session, part: SparePart, transaction_id: int, change: int, costs: Costs) -> None:
    """Change the value of a part, and write its layers, as a stored movement demands."""
    part.average_value += costs.average
    part.fifo_value += costs.fifo
    if change > 0:
        session.add(
            CostLayer(
                spare_part_id=part.id, transaction_id=transaction_id,
                quantity=change, cost=costs.fifo, quantity_left=change, cost_left=costs.fifo,
            )
        )  # fmt: skip
    for layer, quantity, cost in costs.taken:
        layer.quantity_left -= quantity
        layer.cost_left -= cost
        session.add(
            CostLayerUse(layer_id=layer.id, transaction_id=transaction_id, quantity=quantity, cost=cost)
        )


def too_valuable(label: str) -> BusinessError:
    """The refusal of stock that is worth more than can be summed."""
    message = f"{label}: stock worth more than {MOST_VALUE:,} cannot be counted; check price and quantity."
    return BusinessError("VALUE_TOO_HIGH", message, field="quantity")


def _oldest(session: Session, part: SparePart, quantity: int) -> list[tuple[CostLayer, int, Decimal]]:
    """The oldest layers that have ``quantity`` pieces together: of each how many go, and their cost."""
    open_layers = (
        sa.select(CostLayer)
        .where(CostLayer.spare_part_id == part.id, CostLayer.quantity_left > 0)
        .order_by(CostLayer.id)
        .execution_options(populate_existing=True)
    )
    taken = []
    for layer in session.scalars(open_layers):
        pieces = min(quantity, layer.quantity_left)
        if not pieces:
            break
        taken.append((layer, pieces, portion(layer.cost_left, pieces, layer.quantity_left)))
        quantity -= pieces
    return taken
