"""One page of a list."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

Item = TypeVar("Item")

MAX_PAGE_SIZE = 200
EVERY: Final = -1  # a page size: all rows, read from the database as they are consumed
AT_ONCE = 500  # rows that are read at a time when all are


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of the rows that a filter matches; ``page`` counts from 1, ``total`` counts all rows."""

    items: list[Item]
    total: int
    page: int
    page_size: int

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, -(-self.total // self.page_size))


def page_of(session: Session, query: sa.Select[Any], page: int, page_size: int) -> Page[Any]:
    """The rows of one page of an ordered query over one class, and how many there are in all.

    With :data:`EVERY` as its size the page has all rows, which are read as they are gone through, once.
    """
    if page_size == EVERY:
        return Page(_each(session, query), count(session, query), 1, MAX_PAGE_SIZE)  # type: ignore[arg-type]
    page, page_size = max(1, page), min(max(1, page_size), MAX_PAGE_SIZE)
    total = count(session, query)
    rows = session.scalars(query.limit(page_size).offset((page - 1) * page_size)).unique().all()
    return Page(items=list(rows), total=total, page=page, page_size=page_size)


def count(session: Session, query: sa.Select[Any], most: int | None = None) -> int:
    """How many rows a query has; where it has more than ``most``, just so many are counted."""
    counted = query.with_only_columns(sa.literal(1), maintain_column_froms=True).order_by(None).limit(most)
    return session.scalar(sa.select(sa.func.count()).select_from(counted.subquery())) or 0


def _each(session: Session, query: sa.Select[Any]) -> Iterator[Any]:
    """All rows of an ordered query over one class: first their keys, then the rows, some hundred at a time.

    No result stays open meanwhile, so that what belongs to the rows can be loaded with them on any database.
    """
    key = sa.inspect(query.column_descriptions[0]["entity"]).primary_key[0]
    keys = array("q", session.scalars(query.with_only_columns(key, maintain_column_froms=True)))
    for begin in range(0, len(keys), AT_ONCE):
        wanted = keys[begin : begin + AT_ONCE]
        found = session.scalars(query.where(key.in_(wanted)).order_by(None)).unique()
        rows = {row.id: row for row in found}
        # What was deleted meanwhile is left out.
        yield from (rows[one] for one in wanted if one in rows)


def matches(words: str, *columns: sa.ColumnElement[Any] | Any) -> sa.ColumnElement[bool]:
    """Whether each of the words occurs in one of the columns, in upper or lower case."""
    return sa.and_(
        *(sa.or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words.split())
    )
