"""Finding the record that an address names, and the records that a caller's reach leaves of a list."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy.orm.interfaces import ORMOption

from app import current
from app.domain.locks import lock_rows
from app.domain.queries.paging import Page
from app.errors import NotFound

Row = TypeVar("Row")


def find(model: type[Row], row_id: int, *options: ORMOption, lock: bool = False) -> Row:
    """The row with this id, with what the loader ``options`` ask for; locked for a change to come.

    :raises NotFound: there is none
    """
    session = current.session()
    if lock:
        found = lock_rows(session, model, [row_id], *options).get(row_id)
    else:
        found = session.get(model, row_id, options=options)
    if found is None:
        raise NotFound(f"There is no such {_words(model)}.")
    return found


def within_reach(
    listed: Callable[..., Page[Any]], filters: Mapping[str, Any], reach: Mapping[str, Any]
) -> Page[Any]:
    """A list with the caller's filters inside their reach, which are filters too.

    A filter that reaches farther finds nothing: it never widens what somebody sees.
    """
    if any(filters.get(name, value) != value for name, value in reach.items()):
        return Page(items=[], total=0, page=filters["page"], page_size=filters["page_size"])
    return listed(current.session(), **{**filters, **reach})


def _words(model: type) -> str:
    """What people call a class of rows: ``SparePart`` is a spare part."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__).lower()
