"""Maintenance types: what kinds of maintenance there are."""

from __future__ import annotations

from app.api.coded_schemas import CodedChanges, CodedFilters, CodedIn, CodedOut
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, PageOf
from app.domain import catalogues
from app.domain.catalogues import MaintenanceType
from app.domain.queries import catalogues as lists
from app.domain.queries.paging import Page

resource = Resource("Maintenance types", "What kinds of maintenance there are.")


class MaintenanceTypeOut(CodedOut):
    """A maintenance type."""


class MaintenanceTypeIn(CodedIn):
    """A new maintenance type."""


class MaintenanceTypeChanges(CodedChanges):
    """What changes; what is left out stays."""


class MaintenanceTypeFilters(CodedFilters):
    """Which maintenance types, in which order."""


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
