"""Failure codes: how machines fail, as the factory counts it."""

from __future__ import annotations

from app.api.coded_schemas import CodedChanges, CodedFilters, CodedIn, CodedOut
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, PageOf
from app.domain import catalogues
from app.domain.catalogues import FailureCode
from app.domain.queries import catalogues as lists
from app.domain.queries.paging import Page

resource = Resource("Failure codes", "How machines fail, as the factory counts it.")


class FailureCodeOut(CodedOut):
    """A failure code."""


class FailureCodeIn(CodedIn):
    """A new failure code."""


class FailureCodeChanges(CodedChanges):
    """What changes; what is left out stays."""


class FailureCodeFilters(CodedFilters):
    """Which failure codes, in which order."""


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
