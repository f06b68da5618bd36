"""What failure codes and maintenance types have in common: entries of a list, each with a code and a name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.core.schemas import In, Instant, LongText, Out, Paging, Text, left_out

Code = Annotated[str, Field(min_length=1, max_length=50)]


class CodedOut(Out):
    """An entry."""

    id: int
    code: str
    name: str
    description: str
    active: bool
    created_at: Instant
    updated_at: Instant


class CodedIn(In):
    """A new entry."""

    code: Code
    name: Text
    description: LongText = ""
    active: bool = True


class CodedChanges(In):
    """What changes; what is left out stays."""

    code: Code = left_out()
    name: Text = left_out()
    description: LongText = left_out()
    active: bool = left_out()


class CodedFilters(Paging):
    """Which entries, in which order."""

    active: bool = left_out()
    sort: Literal[
        "code", "-code", "name", "-name", "active", "-active",
        "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    ] = "code"  # fmt: skip
