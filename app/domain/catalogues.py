"""The factory's own vocabulary: failure codes and maintenance types."""

from __future__ import annotations

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.database import Base
from app.domain import records, values
from app.domain.columns import Timestamps
from app.domain.deletion import refuse_if_used
from app.domain.entities import EntityType
from app.domain.locks import lock

Entry = TypeVar("Entry", "FailureCode", "MaintenanceType")


class FailureCode(Timestamps, Base):
    """How a machine fails, as the factory counts it (``HYD-LEAK``: hydraulic leak)."""

    __tablename__ = "failure_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(50), unique=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    active: Mapped[bool] = mapped_column(default=True)


class MaintenanceType(Timestamps, Base):
    """What kind of maintenance a job was (corrective, preventive, ...)."""

    __tablename__ = "maintenance_types"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(50), unique=True)
    name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    active: Mapped[bool] = mapped_column(default=True)


CODE = records.Unique("code", "CODE_TAKEN", "code", "code")
CHECKS: records.Checks = {
    "code": lambda value: values.line(value, code="CODE", what="code", field="code", most=50),
    "name": lambda value: values.line(value, code="NAME", what="name", field="name"),
    "description": lambda value: values.line(
        value, code="DESCRIPTION", what="description", field="description", most=values.PROSE, required=False
    ),
    "active": records.flag,
}


def create_failure_code(
    session: Session, by: int | None, *, code: str, name: str, description: str = "", active: bool = True
) -> FailureCode:
    """Add a failure code.

    :raises BusinessError: CODE_MISSING, CODE_TAKEN, NAME_MISSING, DESCRIPTION_TOO_LONG ...
    """
    row = FailureCode()
    given = {"code": code, "name": name, "description": description, "active": active}
    return _save(session, "CREATE_FAILURE_CODE", EntityType.FAILURE_CODE, row, by, given)


def update_failure_code(session: Session, row: FailureCode, by: int | None, **changes: Any) -> FailureCode:
    """Change code, name, description or active of a failure code.

    :raises BusinessError: as :func:`create_failure_code`
    """
    lock(session, row)
    return _save(session, "UPDATE_FAILURE_CODE", EntityType.FAILURE_CODE, row, by, changes)


def delete_failure_code(session: Session, row: FailureCode, by: int | None) -> None:
    """Remove a failure code that was never used.

    :raises Conflict: requests have it
    """
    refuse_if_used(session, row, what=f"The failure code {row.code}", instead="Deactivate it instead.")
    records.remove(session, "DELETE_FAILURE_CODE", EntityType.FAILURE_CODE, row, by)


def create_maintenance_type(
    session: Session, by: int | None, *, code: str, name: str, description: str = "", active: bool = True
) -> MaintenanceType:
    """Add a maintenance type.

    :raises BusinessError: as :func:`create_failure_code`
    """
    row = MaintenanceType()
    given = {"code": code, "name": name, "description": description, "active": active}
    return _save(session, "CREATE_MAINTENANCE_TYPE", EntityType.MAINTENANCE_TYPE, row, by, given)


def update_maintenance_type(
    session: Session, row: MaintenanceType, by: int | None, **changes: Any
) -> MaintenanceType:
    """Change code, name, description or active of a maintenance type.

    :raises BusinessError: as :func:`create_failure_code`
    """
    lock(session, row)
    return _save(session, "UPDATE_MAINTENANCE_TYPE", EntityType.MAINTENANCE_TYPE, row, by, changes)


def delete_maintenance_type(session: Session, row: MaintenanceType, by: int | None) -> None:
    """Remove a maintenance type that was never used.

    :raises Conflict: requests or work orders have it
    """
    refuse_if_used(session, row, what=f"The maintenance type {row.code}", instead="Deactivate it instead.")
    records.remove(session, "DELETE_MAINTENANCE_TYPE", EntityType.MAINTENANCE_TYPE, row, by)


def _save(
    session: Session, action: str, entity_type: str, row: Entry, by: int | None, given: dict[str, Any]
) -> Entry:
    records.assign(row, CHECKS, given)
    records.save(session, action, entity_type, row, by, CODE)
    return row
