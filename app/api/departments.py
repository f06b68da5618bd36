"""Departments: the parts of the factory that machines stand in and people belong to."""

from __future__ import annotations

from typing import Literal

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, Instant, Out, PageOf, Paging, Text, left_out
from app.domain import departments
from app.domain.people import Department
from app.domain.queries import catalogues
from app.domain.queries.paging import Page

resource = Resource("Departments", "The parts of the factory that machines stand in and people belong to.")


class DepartmentOut(Out):
    """A department."""

    id: int
    name: str
    active: bool
    created_at: Instant
    updated_at: Instant


class DepartmentIn(In):
    """A new department."""

    name: Text


class DepartmentChanges(In):
    """What changes; what is left out stays."""

    name: Text = left_out()
    active: bool = left_out()


class DepartmentFilters(Paging):
    """Which departments, in which order."""

    active: bool = left_out()
    sort: Literal["name", "-name", "createdAt", "-createdAt"] = "name"


@resource.get("/departments", needs="departments:read", answers=PageOf[DepartmentOut])
def list_departments(query: DepartmentFilters) -> Page[Department]:
    """List departments."""
    return catalogues.list_departments(calls.session(), **query.for_list())


@resource.get("/departments/{department_id}", needs="departments:read", answers=DepartmentOut, etag=True)
def get_department(department_id: Id) -> Department:
    """Get a department."""
    return find(Department, department_id)


@resource.post("/departments", needs="departments:write", answers=DepartmentOut, status=201, etag=True)
def create_department(body: DepartmentIn) -> Department:
    """Create a department."""
    made = departments.create_department(calls.session(), calls.user_id(), name=body.name)
    calls.location(f"/departments/{made.id}")
    return made


@resource.put("/departments/{department_id}", needs="departments:write", answers=DepartmentOut, etag=True)
def update_department(department_id: Id, body: DepartmentChanges) -> Department:
    """Change a department. One that is not active is offered nowhere any more."""
    found = find(Department, department_id, lock=True)
    calls.require_unchanged(DepartmentOut, found)
    return departments.update_department(calls.session(), found, calls.user_id(), **body.given())


@resource.delete("/departments/{department_id}", needs="departments:write", etag=True)
def delete_department(department_id: Id) -> None:
    """Delete a department that nothing belongs to; others are deactivated instead."""
    found = find(Department, department_id, lock=True)
    calls.require_unchanged(DepartmentOut, found)
    departments.delete_department(calls.session(), found, calls.user_id())
