"""Departments: added, renamed, deactivated, removed."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.domain import records, values
from app.domain.deletion import refuse_if_used
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.people import Department

NAME = records.Unique("name", "NAME_TAKEN", "department name", "name")
CHECKS: records.Checks = {
    "name": lambda value: values.line(value, code="NAME", what="name", field="name"),
    "active": records.flag,
}


def create_department(session: Session, by: int | None, *, name: str, active: bool = True) -> Department:
    """Add a department.

    :raises BusinessError: NAME_MISSING, NAME_TOO_LONG, NAME_UNREADABLE, NAME_TAKEN
    """
    department = Department()
    records.assign(department, CHECKS, {"name": name, "active": active})
    records.save(session, "CREATE_DEPARTMENT", EntityType.DEPARTMENT, department, by, NAME)
    return department


def update_department(session: Session, department: Department, by: int | None, **changes: Any) -> Department:
    """Change ``name`` or ``active``. An inactive department keeps what it has, but gets nothing new.

    :raises BusinessError: as :func:`create_department`
    """
    lock(session, department)
    records.assign(department, CHECKS, changes)
    records.save(session, "UPDATE_DEPARTMENT", EntityType.DEPARTMENT, department, by, NAME)
    return department


def delete_department(session: Session, department: Department, by: int | None) -> None:
    """Remove a department that was entered by mistake.

    :raises Conflict: machines or people belong to it
    """
    refuse_if_used(
        session, department, what=f"The department {department.name}", instead="Deactivate it instead."
    )
    records.remove(session, "DELETE_DEPARTMENT", EntityType.DEPARTMENT, department, by)
