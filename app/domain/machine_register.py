"""The register of machines: added, changed, decommissioned, removed."""

from __future__ import annotations

import re
import secrets
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import attachments, records, values
from app.domain.deletion import refuse_if_used
from app.domain.downtime import MachineDowntime
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.machines import Criticality, Machine, MachineStatus
from app.domain.people import Department
from app.domain.preventive import jobs
from app.domain.requests import OPEN_STATUSES, MaintenanceRequest
from app.errors import BusinessError, Conflict

QR_CODE = records.Unique("qr_code", "QR_CODE_TAKEN", "QR code", "qrCode")
# What stands in an address without being changed, and can be read off a label and typed.
_QR_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]*")
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that look like another


def _qr_code(value: str | None) -> str:
    code = values.line(value, code="QR_CODE", what="QR code", field="qrCode", most=100)
    if not _QR_CODE.fullmatch(code):
        message = "A QR code begins with a letter or digit and has only letters, digits and . _ : + - in it."
        raise BusinessError("BAD_QR_CODE", message, field="qrCode")
    return code


def _installation_date(value: date | None) -> date | None:
    if value is not None and value.year < 1800:
        message = "The installation date lies before 1800; check the year."
        raise BusinessError("BAD_DATE", message, field="installationDate")
    return value


CHECKS: records.Checks = {
    "qr_code": _qr_code,
    "name": lambda value: values.line(value, code="NAME", what="name", field="name"),
    "model": lambda value: values.line(value, code="MODEL", what="model", field="model", required=False),
    "serial_number": lambda value: values.line(
        value, code="SERIAL_NUMBER", what="serial number", field="serialNumber", required=False
    ),
    "location": lambda value: values.line(
        value, code="LOCATION", what="location", field="location", required=False
    ),
    "department_id": lambda value: value,
    "installation_date": _installation_date,
    "criticality": lambda value: values.one_of(
        value, list(Criticality), code="BAD_CRITICALITY", what="criticality", field="criticality"
    ),
    "status": lambda value: values.one_of(
        value, list(MachineStatus), code="BAD_STATUS", what="machine status", field="status"
    ),
}


def create_machine(
    session: Session,
    by: int | None,
    *,
    name: str,
    department_id: int | None,
    qr_code: str | None = None,
    model: str = "",
    serial_number: str = "",
    location: str = "",
    installation_date: date | None = None,
    criticality: str = Criticality.MEDIUM,
    status: str = MachineStatus.OPERATIONAL,
) -> Machine:
    """Add a machine; without a QR code it gets one that is not used yet.

    :raises BusinessError: NAME_MISSING, UNKNOWN_DEPARTMENT, QR_CODE_TAKEN, BAD_QR_CODE, BAD_DATE,
        BAD_CRITICALITY, BAD_STATUS, or ..._TOO_LONG
    """
    machine = Machine()
    given = {
        "qr_code": qr_code or new_qr_code(session),
        "name": name,
        "model": model,
        "serial_number": serial_number,
        "department_id": department_id,
        "location": location,
        "installation_date": installation_date,
        "criticality": criticality,
        "status": status,
    }
    _put(session, machine, given)
    records.save(session, "CREATE_MACHINE", EntityType.MACHINE, machine, by, QR_CODE)
    return machine


def update_machine(session: Session, machine: Machine, by: int | None, **changes: Any) -> Machine:
    """Change what :func:`create_machine` takes.

    The status is what the open downtimes say, as long as there are any. A machine with open
    maintenance requests cannot be decommissioned; open preventive jobs are called off by it.

    :raises BusinessError: as :func:`create_machine`; STATUS_BY_REQUESTS, OPEN_REQUESTS
    """
    lock(session, machine)
    if changes.get("qr_code", "") is None:
        del changes["qr_code"]  # a machine keeps the label it has
    _put(session, machine, changes)
    if records.changed(machine, "status"):
        _check_status(session, machine)
        if machine.status == MachineStatus.DECOMMISSIONED:
            jobs.machine_out_of_use(session, machine, by)
    records.save(session, "UPDATE_MACHINE", EntityType.MACHINE, machine, by, QR_CODE)
    session.expire(machine, ["department"])
    return machine


def delete_machine(session: Session, machine: Machine, by: int | None) -> None:
    """Remove a machine that was entered by mistake, with its parts list.

    :raises Conflict: it has history, or files are attached to it
    """
    instead = "Decommission it instead."
    refuse_if_used(
        session, machine, what=f"The machine {machine.name}", instead=instead, ignore=["machine_spare_parts"]
    )
    if attachments.of(session, EntityType.MACHINE, machine.id):
        raise Conflict(f"Files are attached to the machine {machine.name}; remove them first. {instead}")
    records.remove(session, "DELETE_MACHINE", EntityType.MACHINE, machine, by)


def random_qr_code() -> str:
    """A code that nobody can guess from another."""
    return "M-" + "".join(secrets.choice(_LETTERS) for _ in range(8))


def new_qr_code(session: Session) -> str:
    """A code that no machine has yet and that nobody can guess from another: ``M-7KX2PW9D``."""
    while True:
        code = random_qr_code()
        if session.scalars(sa.select(Machine.id).where(Machine.qr_code == code)).first() is None:
            return code


def _put(session: Session, machine: Machine, given: dict[str, Any]) -> None:
    """Put checked values on a machine; a department that it moves to must be in use."""
    with session.no_autoflush:
        if "department_id" in given and given["department_id"] != machine.department_id:
            values.active_row(
                session, Department, given["department_id"],
                code="UNKNOWN_DEPARTMENT", what="department", field="departmentId",
            )  # fmt: skip
        elif given.get("department_id", 0) is None:
            raise BusinessError("UNKNOWN_DEPARTMENT", "Say where the machine stands.", field="departmentId")
        records.assign(machine, CHECKS, given)


def _check_status(session: Session, machine: Machine) -> None:
    """Refuse a status that contradicts the open requests; the machine is locked, so none can be added."""
    with session.no_autoflush:
        stopped = sa.select(MaintenanceRequest.business_key).join(
            MachineDowntime, MachineDowntime.maintenance_request_id == MaintenanceRequest.id
        )
        stopped = stopped.where(MachineDowntime.machine_id == machine.id, MachineDowntime.ended_at.is_(None))
        if keys := session.scalars(stopped.order_by(MaintenanceRequest.id)).all():
            message = (
                f"{_listed(keys)} says how the machine is until its work is done; finish or cancel it first."
            )
            raise BusinessError("STATUS_BY_REQUESTS", message, field="status")
        if machine.status != MachineStatus.DECOMMISSIONED:
            return
        still_open = sa.select(MaintenanceRequest.business_key).where(
            MaintenanceRequest.machine_id == machine.id, MaintenanceRequest.status.in_(OPEN_STATUSES)
        )
        if keys := session.scalars(still_open.order_by(MaintenanceRequest.id)).all():
            message = (
                f"{_listed(keys)} is still open; complete or cancel it before decommissioning the machine."
            )
            raise BusinessError("OPEN_REQUESTS", message, field="status")


def _listed(keys: Any) -> str:
    """The first of the keys, and how many more there are."""
    return f"{keys[0]} (and {len(keys) - 1} more)" if len(keys) > 1 else str(keys[0])
