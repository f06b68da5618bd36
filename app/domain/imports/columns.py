"""What a file can say about a kind of thing: its columns, declared once.

Reading, previews, templates and the API's description all go by these declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Needed(StrEnum):
    """When a cell may not be empty."""

    ALWAYS = "always"
    FOR_NEW = "for new ones"
    NEVER = "no"


class CellKind(StrEnum):
    """What stands in the cells of a column."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the API, what its header may be called beside it, and what it is for.

    ``example`` is what a template shows.
    """

    name: str
    about: str
    example: str = ""
    also: tuple[str, ...] = ()
    needed: Needed = Needed.NEVER
    kind: CellKind = CellKind.TEXT


def names(columns: Iterable[Column]) -> Mapping[str, tuple[str, ...]]:
    """The headers that are understood, for each column."""
    return {column.name: column.also for column in columns}
