"""Failure codes: how machines fail, as the factory counts it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, Instant, LongText, Out, PageOf, Paging, Text, left_out
from app.domain import catalogues
from app.domain.catalogues import FailureCode
from app.domain.queries import catalogues as lists
from app.domain.queries.paging import Page

resource = Resource("Failure codes", "How machines fail, as the factory counts it.")

Code = Annotated[str, Field(min_length=1, max_length=50)]


class FailureCodeOut(Out):
    """A failure code."""

    id: int
    code: str
    name: str
    description: str
    active: bool
    created_at: Instant
    updated_at: Instant


class FailureCodeIn(In):
    """A new failure code."""

    code: Code
    name: Text
    description: LongText = ""
    active: bool = True


class FailureCodeChanges(In):
    """What changes; what is left out stays."""

    code: Code = left_out()
    name: Text = left_out()
    description: LongText = left_out()
    active: bool = left_out()


class FailureCodeFilters(Paging):
    """Which failure codes, in which order."""

    active: bool = left_out()
    sort: Literal[
        "code", "-code", "name", "-name", "active", "-active",
        "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    ] = "code"  # fmt: skip


@resource.get("/failure-codes", needs="failure-codes:read", answers=PageOf[FailureCodeOut])
def list_failure_codes(query: FailureCodeFilters) -> Page[FailureCode]:
    """List failure codes."""
    return lists.list_failure_codes(calls.session(), **query.for_list())


@resource.get(
    "/failure-codes/{failure_code_id}", needs="failure-codes:read", answers=FailureCodeOut, etag=True
)
def get_failure_code(failure_code_id: Id) -> FailureCode:
    """Get a failure code."""
    return find(FailureCode, failure_code_id)


@resource.post("/failure-codes", needs="failure-codes:write", answers=FailureCodeOut, status=201, etag=True)
def create_failure_code(body: FailureCodeIn) -> FailureCode:
    """Create a failure code."""
    made = catalogues.create_failure_code(
        calls.session(),
        calls.user_id(),
        code=body.code,
        name=body.name,
        description=body.description,
        active=body.active,
    )
    calls.location(f"/failure-codes/{made.id}")
    return made


@resource.put(
    "/failure-codes/{failure_code_id}", needs="failure-codes:write", answers=FailureCodeOut, etag=True
)
def update_failure_code(failure_code_id: Id, body: FailureCodeChanges) -> FailureCode:
    """Change a failure code. One that is not active is offered nowhere any more."""
    found = find(FailureCode, failure_code_id, lock=True)
    calls.require_unchanged(FailureCodeOut, found)
    return catalogues.update_failure_code(calls.session(), found, calls.user_id(), **body.given())


@resource.delete("/failure-codes/{failure_code_id}", needs="failure-codes:write", etag=True)
def delete_failure_code(failure_code_id: Id) -> None:
    """Delete a failure code that was never used; others are deactivated instead."""
    found = find(FailureCode, failure_code_id, lock=True)
    calls.require_unchanged(FailureCodeOut, found)
    catalogues.delete_failure_code(calls.session(), found, calls.user_id())
