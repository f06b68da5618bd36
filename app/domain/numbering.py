"""Business keys: numbers that people can read out over the phone (``MR-2026-000123``)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Base
from app.errors import Conflict


class NumberRange(Base):
    """The last number that was given out for a prefix in a year."""

    __tablename__ = "number_ranges"

    prefix: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(default=0)


def next_key(session: Session, prefix: str, year: int) -> str:
    """Give out the next business key of ``prefix`` in ``year``.

    On MySQL and MariaDB in a short transaction of its own: the counter is free again before the action
    goes on, so that nobody who starts something waits for somebody else's action, and a number whose
    action is rolled back is not given out again. SQLite has one write lock, which the action holds
    anyway: there the number is part of it, and comes back with it.
    """
    database = session.get_bind().engine
    if database.dialect.name == "sqlite":
        number = _count_up(session, prefix, year)
    else:
        with database.begin() as connection:
            number = _count_up_at_once(connection, prefix, year)
    return f"{prefix}-{year}-{number:06d}"


def _count_up(session: Session, prefix: str, year: int) -> int:
    first = sqlite.insert(NumberRange).values(prefix=prefix, year=year, last=1)
    key = [NumberRange.prefix, NumberRange.year]
    session.execute(first.on_conflict_do_update(index_elements=key, set_={"last": NumberRange.last + 1}))
    given = sa.select(NumberRange.last).where(NumberRange.prefix == prefix, NumberRange.year == year)
    return session.scalars(given).one()


def _count_up_at_once(connection: sa.Connection, prefix: str, year: int) -> int:
    """One statement that answers what it wrote: as the id of the row, by ``LAST_INSERT_ID(value)``."""
    first = mysql.insert(NumberRange).values(prefix=prefix, year=year, last=sa.func.last_insert_id(1))
    counted = first.on_duplicate_key_update(last=sa.func.last_insert_id(NumberRange.last + 1))
    number: int = connection.execute(counted).lastrowid
    return number


# -- prefixes of processes that nobody has prepared ---------------------------------------------------

PREFIX_LENGTH = 10
PREFIX_ATTEMPTS = 5


class KeyPrefix(Base):
    """The prefix of the business keys of a process. It never changes: keys are read out and written down."""

    __tablename__ = "key_prefixes"

    process_key: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    prefix: Mapped[str] = mapped_column(sa.String(PREFIX_LENGTH), unique=True)


def prefix_of(session: Session, process_key: str, *, reserved: Collection[str] = ()) -> str:
    """The prefix of a process, chosen when first asked for: its initials, or longer where others have these.

    ``reserved`` are prefixes that the product itself uses.

    :raises Conflict: others took every prefix that was chosen, at the same moment
    """
    for _ in range(PREFIX_ATTEMPTS):
        found = session.scalar(sa.select(KeyPrefix.prefix).where(KeyPrefix.process_key == process_key))
        if found is not None:
            return found
        taken = {*reserved, *session.scalars(sa.select(KeyPrefix.prefix))}
        prefix = next(each for each in prefixes(process_key) if each not in taken)
        try:
            with session.begin_nested():
                session.add(KeyPrefix(process_key=process_key, prefix=prefix))
        except IntegrityError:
            continue  # somebody else has just taken it, or has just chosen one for this process
        return prefix
    raise Conflict("Others are starting new processes at the same moment. Try again.")


def prefixes(process_key: str) -> Iterator[str]:
    """What a process could be called, best first: initials, ever more of its letters, then numbers.

    ``tool_calibration`` gives TC, TCA, TCAL … and ``audit`` gives AU, AUD, AUDI ….
    """
    words = [word for word in re.split(r"[^A-Z0-9]+", process_key.upper()) if word] or ["P"]
    begin, rest = "".join(word[0] for word in words)[: PREFIX_LENGTH - 4], words[-1][1:]
    shortest = 1 if len(begin) == 1 and rest else 0
    for length in range(shortest, len(rest) + 1):
        if len(begin) + length <= PREFIX_LENGTH:
            yield begin + rest[:length]
    for number in itertools.count(2):
        yield f"{begin[: PREFIX_LENGTH - 4]}{number}"
