"""One page of a list."""

from __future__ import annotations

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

    With :data:`EVERY` as its size the page has all rows, which can be gone through once and are not counted.
    """
    if page_size == EVERY:
        every = session.scalars(query.execution_options(yield_per=AT_ONCE))
        return Page(items=every, total=0, page=1, page_size=MAX_PAGE_SIZE)  # type: ignore[arg-type]
    page, page_size = max(1, page), min(max(1, page_size), MAX_PAGE_SIZE)
    counted = query.with_only_columns(sa.literal(1), maintain_column_froms=True).order_by(None)
    total = session.scalar(sa.select(sa.func.count()).select_from(counted.subquery())) or 0
    rows = session.scalars(query.limit(page_size).offset((page - 1) * page_size)).unique().all()
    return Page(items=list(rows), total=total, page=page, page_size=page_size)


def matches(words: str, *columns: sa.ColumnElement[Any] | Any) -> sa.ColumnElement[bool]:
    """Whether each of the words occurs in one of the columns, in upper or lower case."""
    return sa.and_(
        *(sa.or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words.split())
    )
