"""Maintenance types: what kinds of maintenance there are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, Instant, LongText, Out, PageOf, Paging, Text, left_out
from app.domain import catalogues
from app.domain.catalogues import MaintenanceType
from app.domain.queries import catalogues as lists
from app.domain.queries.paging import Page

resource = Resource("Maintenance types", "What kinds of maintenance there are.")

Code = Annotated[str, Field(min_length=1, max_length=50)]


class MaintenanceTypeOut(Out):
    """A maintenance type."""

    id: int
    code: str
    name: str
    description: str
    active: bool
    created_at: Instant
    updated_at: Instant


class MaintenanceTypeIn(In):
    """A new maintenance type."""

    code: Code
    name: Text
    description: LongText = ""
    active: bool = True


class MaintenanceTypeChanges(In):
    """What changes; what is left out stays."""

    code: Code = left_out()
    name: Text = left_out()
    description: LongText = left_out()
    active: bool = left_out()


class MaintenanceTypeFilters(Paging):
    """Which maintenance types, in which order."""

    active: bool = left_out()
    sort: Literal[
        "code", "-code", "name", "-name", "active", "-active",
        "createdAt", "-createdAt", "updatedAt", "-updatedAt",
    ] = "code"  # fmt: skip


@resource.get("/maintenance-types", needs="maintenance-types:read", answers=PageOf[MaintenanceTypeOut])
def list_maintenance_types(query: MaintenanceTypeFilters) -> Page[MaintenanceType]:
    """List maintenance types."""
    return lists.list_maintenance_types(calls.session(), **query.for_list())


@resource.get(
    "/maintenance-types/{maintenance_type_id}",
    needs="maintenance-types:read",
    answers=MaintenanceTypeOut,
    etag=True,
)
def get_maintenance_type(maintenance_type_id: Id) -> MaintenanceType:
    """Get a maintenance type."""
    return find(MaintenanceType, maintenance_type_id)


@resource.post(
    "/maintenance-types", needs="maintenance-types:write", answers=MaintenanceTypeOut, status=201, etag=True
)
def create_maintenance_type(body: MaintenanceTypeIn) -> MaintenanceType:
    """Create a maintenance type."""
    made = catalogues.create_maintenance_type(
        calls.session(),
        calls.user_id(),
        code=body.code,
        name=body.name,
        description=body.description,
        active=body.active,
    )
    calls.location(f"/maintenance-types/{made.id}")
    return made


@resource.put(
    "/maintenance-types/{maintenance_type_id}",
    needs="maintenance-types:write",
    answers=MaintenanceTypeOut,
    etag=True,
)
def update_maintenance_type(maintenance_type_id: Id, body: MaintenanceTypeChanges) -> MaintenanceType:
    """Change a maintenance type. One that is not active is offered nowhere any more."""
    found = find(MaintenanceType, maintenance_type_id, lock=True)
    calls.require_unchanged(MaintenanceTypeOut, found)
    return catalogues.update_maintenance_type(calls.session(), found, calls.user_id(), **body.given())


@resource.delete("/maintenance-types/{maintenance_type_id}", needs="maintenance-types:write", etag=True)
def delete_maintenance_type(maintenance_type_id: Id) -> None:
    """Delete a maintenance type that was never used; others are deactivated instead."""
    found = find(MaintenanceType, maintenance_type_id, lock=True)
    calls.require_unchanged(MaintenanceTypeOut, found)
    catalogues.delete_maintenance_type(calls.session(), found, calls.user_id())
