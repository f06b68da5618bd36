"""Finding the record that an address names."""

from __future__ import annotations

import re
from typing import TypeVar

from sqlalchemy.orm.interfaces import ORMOption

from app import current
from app.domain.locks import lock_rows
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


def _words(model: type) -> str:
    """What people call a class of rows: ``SparePart`` is a spare part."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__).lower()
