"""Lists of departments, failure codes, maintenance types and stock locations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.parts import StockLocation
from app.domain.people import Department
from app.domain.queries.filters import equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by


def _named(model: Any) -> Sorts:
    return {
        "name": (model.name,),
        "active": (model.active, model.name),
        "createdAt": (model.created_at,),
        "updatedAt": (model.updated_at,),
    }


DEPARTMENT_SORTS = _named(Department)
LOCATION_SORTS = _named(StockLocation)
FAILURE_CODE_SORTS: Sorts = {"code": (FailureCode.code,), **_named(FailureCode)}
MAINTENANCE_TYPE_SORTS: Sorts = {"code": (MaintenanceType.code,), **_named(MaintenanceType)}


def list_departments(
    session: Session,
    *,
    active: bool | None = None,
    q: str = "",
    sort: str = "name",
    page: int = 1,
    page_size: int = 25,
) -> Page[Department]:
    """Departments that fit all filters given; ``sort`` is a name of :data:`DEPARTMENT_SORTS`."""
    return _list(session, Department, DEPARTMENT_SORTS, active, q, sort, page, page_size)


def list_locations(
    session: Session,
    *,
    active: bool | None = None,
    q: str = "",
    sort: str = "name",
    page: int = 1,
    page_size: int = 25,
) -> Page[StockLocation]:
    """Stock locations that fit all filters given; ``sort`` is a name of :data:`LOCATION_SORTS`."""
    return _list(session, StockLocation, LOCATION_SORTS, active, q, sort, page, page_size)


def list_failure_codes(
    session: Session,
    *,
    active: bool | None = None,
    q: str = "",
    sort: str = "code",
    page: int = 1,
    page_size: int = 25,
) -> Page[FailureCode]:
    """Failure codes that fit all filters given; ``sort`` is a name of :data:`FAILURE_CODE_SORTS`."""
    return _list(session, FailureCode, FAILURE_CODE_SORTS, active, q, sort, page, page_size)


def list_maintenance_types(
    session: Session,
    *,
    active: bool | None = None,
    q: str = "",
    sort: str = "code",
    page: int = 1,
    page_size: int = 25,
) -> Page[MaintenanceType]:
    """Maintenance types that fit all filters given; ``sort`` is a name of :data:`MAINTENANCE_TYPE_SORTS`."""
    return _list(session, MaintenanceType, MAINTENANCE_TYPE_SORTS, active, q, sort, page, page_size)


def _list(
    session: Session,
    model: Any,
    sorts: Sorts,
    active: bool | None,
    q: str,
    sort: str,
    page: int,
    page_size: int,
) -> Page[Any]:
    query = equal(sa.select(model), (model.active, active))
    if q.strip():
        searched = [getattr(model, name) for name in ("code", "name", "description") if hasattr(model, name)]
        query = query.where(matches(q, *searched))
    return page_of(session, order_by(query, sorts, sort, model.id), page, page_size)
