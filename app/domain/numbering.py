"""Business keys: numbers that people can read out over the phone (``MR-2026-000123``)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Base


class NumberRange(Base):
    """The last number that was given out for a prefix in a year."""

    __tablename__ = "number_ranges"

    prefix: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(default=0)


def next_key(session: Session, prefix: str, year: int) -> str:
    """Give out the next business key of ``prefix`` in ``year``.

    The counter stays locked until the transaction ends: numbers are unique, and one that is rolled
    back is given out again. Draw the number before locking anything else.
    """
    this_range = (NumberRange.prefix == prefix, NumberRange.year == year)
    increment = sa.update(NumberRange).where(*this_range).values(last=NumberRange.last + 1)
    in_database_only = {"synchronize_session": False}
    counted: sa.CursorResult[object] = session.execute(increment, execution_options=in_database_only)  # type: ignore[assignment]
    if counted.rowcount == 0:
        _open_range(session, prefix, year)
        session.execute(increment, execution_options=in_database_only)
    number = session.scalar(sa.select(NumberRange.last).where(*this_range))
    return f"{prefix}-{year}-{number:06d}"


def _open_range(session: Session, prefix: str, year: int) -> None:
    """Insert the counter, or wait for and keep the one that somebody else is just inserting."""
    values = {"prefix": prefix, "year": year, "last": 0}
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sqlite.insert(NumberRange).values(values).on_conflict_do_nothing())
    else:
        insert = mysql.insert(NumberRange).values(values)
        session.execute(insert.on_duplicate_key_update(last=NumberRange.last))
