"""Promised stock: what lies ready for approved parts requests.

Everything here is read and changed under the lock of the part concerned
(:func:`app.domain.parts.lock_parts`); no other lock is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, UtcDateTime
from app.domain.parts import PartStock, SparePart

if TYPE_CHECKING:
    from app.domain.spare_parts_requests import SparePartsRequestLine


class StockReservation(Base):
    """How much of the stock at one location is promised to one line of a parts request."""

    __tablename__ = "stock_reservations"
    __table_args__ = (
        sa.UniqueConstraint("line_id", "stock_id"),
        sa.CheckConstraint("quantity > 0", name="quantity"),
        sa.Index("ix_stock_reservations_stock", "stock_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int] = mapped_column(sa.ForeignKey("spare_parts_request_lines.id"))
    stock_id: Mapped[int] = mapped_column(sa.ForeignKey("part_stock.id"))
    quantity: Mapped[int]
    reserved_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    stock: Mapped[PartStock] = relationship()
    line: Mapped[SparePartsRequestLine] = relationship(viewonly=True)


def reserve(session: Session, line_id: int, part: SparePart, quantity: int) -> int:
    """Promise up to ``quantity`` of the free stock to a line, from few locations; answers how many."""
    missing = quantity
    for stock in _by_free(part):
        taken = min(missing, stock.free)
        if taken <= 0:
            break
        stock.reserved += taken
        session.add(StockReservation(line_id=line_id, stock_id=stock.id, quantity=taken))
        missing -= taken
    session.flush()
    return quantity - missing


def reserved(session: Session, line_id: int) -> int:
    """How many are promised to a line now."""
    total = sa.select(sa.func.sum(StockReservation.quantity)).where(StockReservation.line_id == line_id)
    return int(session.scalar(total) or 0)


def release(session: Session, line_ids: Iterable[int]) -> None:
    """Take back all that is promised to these lines."""
    for reservation in _current(session, StockReservation.line_id.in_(list(line_ids))):
        _reduce(session, reservation, reservation.quantity)
    session.flush()


def draw(session: Session, line_id: int, part: SparePart, quantity: int) -> dict[int, int]:
    """Choose where ``quantity`` for a line is taken from: what is promised to it first, then what is free.

    Uses up the line's reservations; the caller has checked that there is enough, and records the
    movements. Answers quantities by location id.
    """
    drawn: dict[int, int] = {}
    missing = quantity
    for reservation in _current(session, StockReservation.line_id == line_id):
        taken = min(missing, reservation.quantity)
        if taken:
            location_id = reservation.stock.location_id
            drawn[location_id] = drawn.get(location_id, 0) + taken
            _reduce(session, reservation, taken)
            missing -= taken
    for stock in _by_free(part):
        # What was promised to the line counts as free by now, but is drawn already.
        taken = min(missing, stock.free - drawn.get(stock.location_id, 0))
        if taken > 0:
            drawn[stock.location_id] = drawn.get(stock.location_id, 0) + taken
            missing -= taken
    session.flush()
    return drawn


def give_up(session: Session, stock: PartStock, most: int) -> None:
    """Leave at most ``most`` promised at a place where fewer were found; the newest promises go first."""
    for reservation in reversed(_current(session, StockReservation.stock_id == stock.id)):
        excess = stock.reserved - most
        if excess <= 0:
            break
        _reduce(session, reservation, min(excess, reservation.quantity))
    session.flush()


def _by_free(part: SparePart) -> list[PartStock]:
    """The part's stock, fullest place first, its usual place before others that hold as much."""
    return sorted(
        part.stock,
        key=lambda stock: (-stock.free, stock.location_id != part.default_location_id, stock.location_id),
    )


def _current(session: Session, condition: sa.ColumnElement[bool]) -> list[StockReservation]:
    """Reservations as they are now, oldest first."""
    query = sa.select(StockReservation).where(condition).order_by(StockReservation.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _reduce(session: Session, reservation: StockReservation, quantity: int) -> None:
    """Take back a part of one reservation, or all of it."""
    reservation.stock.reserved -= quantity
    if reservation.quantity == quantity:
        session.delete(reservation)
    else:
        reservation.quantity -= quantity
