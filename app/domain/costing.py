"""What stock costs: the two methods by which a factory values it, and how amounts are rounded.

IAS 2 *Inventories* (paragraphs 25 to 27) allows two formulas for things that can be swapped for each
other, and accounting handbooks call them:

- **Moving average** (weighted average after each receipt): all pieces of a part are worth the same.
  Pieces that come add their cost to the value; ``q`` pieces that go take ``q / quantity`` of it.
- **FIFO** (first in, first out): every receipt is a layer with its own cost. Pieces that go take the
  oldest layers first, and cost what these cost.

Rounding: every amount is a whole number of cents. What pieces cost that go is rounded half up to the
cent once for each movement (with FIFO for each layer that it takes from); the rest stays with the pieces
that stay, and the last piece takes all that is left. So no cent is lost, and where nothing lies the value
is exactly 0.

Both are kept for every movement, whichever is in force: changing the method changes which of them is
reported, for every day that is asked about, and rewrites nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

MOST_VALUE: Final = Decimal("999999999999.99")  # of all pieces of one part: what can be summed safely


class CostingMethod(StrEnum):
    """By what the stock is valued, and what goes out costs."""

    MOVING_AVERAGE = "MOVING_AVERAGE"
    FIFO = "FIFO"


NAMES: Final = {CostingMethod.MOVING_AVERAGE: "moving average", CostingMethod.FIFO: "first in, first out"}

EXPLAINED: Final = {
    CostingMethod.MOVING_AVERAGE: (
        "All pieces of a part are worth the same. A receipt adds its cost to the value of the part; what is "
        "taken out or found missing costs value / quantity each."
    ),
    CostingMethod.FIFO: (
        "Pieces that came first go first. Every receipt is a layer with its own cost; what is taken out or "
        "found missing costs what the oldest layers cost."
    ),
}

CHANGING_METHOD: Final = (
    "Both methods are always computed from the same movements. Changing the method switches the reported "
    "value of the stock, for every day that is asked about, and what movements cost from now on. What has "
    "been recorded on movements and work orders stays as it is."
)


def portion(total: Decimal, pieces: int, of: int) -> Decimal:
    """What ``pieces`` are worth where ``of`` (at least 1) are worth ``total``, half up to the cent."""
    cents = int(total.scaleb(2))
    return Decimal((2 * cents * pieces + of) // (2 * of)).scaleb(-2)


def shares(total: Decimal, quantities: Sequence[int]) -> list[Decimal]:
    """What each place has of ``total`` where so many pieces lie at each; together exactly ``total``.

    Each gets ``total`` x pieces / all pieces, rounded down to the cent; the cents that are left go to those
    that lost most by it, to the first of equal ones (largest remainder, Hamilton's method).
    """
    cents, pieces = int(total.scaleb(2)), sum(quantities)
    if not pieces:
        return [Decimal("0.00") for _ in quantities]
    given = [cents * quantity // pieces for quantity in quantities]
    lost = sorted(range(len(given)), key=lambda place: -(cents * quantities[place] % pieces))
    for place in lost[: cents - sum(given)]:
        given[place] += 1
    return [Decimal(share).scaleb(-2) for share in given]


def each(total: Decimal, pieces: int) -> Decimal:
    """What one piece is worth, to the cent; 0 where there is none."""
    return portion(total, 1, pieces) if pieces else Decimal("0.00")
