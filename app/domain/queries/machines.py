"""Lists and look-ups of machines."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from app.domain.downtime import MachineDowntime
from app.domain.machines import Criticality, Machine, MachineSparePart
from app.domain.parts import SparePart
from app.domain.people import Department
from app.domain.queries.filters import equal
from app.domain.queries.paging import Page, matches, page_of
from app.domain.queries.sorting import Sorts, order_by

_CRITICALITY = sa.case(
    {Criticality.HIGH: 0, Criticality.MEDIUM: 1, Criticality.LOW: 2}, value=Machine.criticality
)
SORTS: Sorts = {
    "name": (Machine.name,),
    "qrCode": (Machine.qr_code,),
    "status": (Machine.status, Machine.name),
    "criticality": (_CRITICALITY, Machine.name),  # the most critical first
    "department": (Department.name, Machine.name),
    "installationDate": (Machine.installation_date,),
    "createdAt": (Machine.created_at,),
    "updatedAt": (Machine.updated_at,),
}
FITTED_SORTS: Sorts = {
    "partName": (SparePart.part_name,),
    "partNumber": (SparePart.part_number,),
    "machine": (Machine.name,),
    "quantity": (MachineSparePart.quantity,),
}


def list_machines(
    session: Session,
    *,
    department_id: int | None = None,
    status: str | None = None,
    statuses: Collection[str] = (),
    criticality: str | None = None,
    q: str = "",
    sort: str = "name",
    page: int = 1,
    page_size: int = 25,
) -> Page[Machine]:
    """Machines that fit all filters given, with department; ``sort`` is a name of :data:`SORTS`."""
    query = sa.select(Machine).options(joinedload(Machine.department))
    if sort.removeprefix("-") == "department":
        query = query.join(Machine.department)
    if statuses:
        query = query.where(Machine.status.in_(list(statuses)))
    query = equal(
        query,
        (Machine.department_id, department_id),
        (Machine.status, status),
        (Machine.criticality, criticality),
    )
    if q.strip():
        query = query.where(
            matches(q, Machine.name, Machine.qr_code, Machine.model, Machine.serial_number, Machine.location)
        )
    return page_of(session, order_by(query, SORTS, sort, Machine.id), page, page_size)


def list_fitted(
    session: Session,
    *,
    machine_id: int | None = None,
    part_id: int | None = None,
    sort: str = "partName",
    page: int = 1,
    page_size: int = 25,
) -> Page[MachineSparePart]:
    """The parts list of a machine, or the machines that use a part, with machine, department and part.

    ``sort`` is a name of :data:`FITTED_SORTS`.
    """
    query = (
        sa.select(MachineSparePart)
        .join(MachineSparePart.machine)
        .join(MachineSparePart.part)
        .options(
            contains_eager(MachineSparePart.machine).joinedload(Machine.department),
            contains_eager(MachineSparePart.part),
        )
    )
    query = equal(query, (MachineSparePart.machine_id, machine_id), (MachineSparePart.spare_part_id, part_id))
    return page_of(session, order_by(query, FITTED_SORTS, sort, MachineSparePart.id), page, page_size)


def in_order(session: Session, machine_ids: Collection[int]) -> list[Machine]:
    """The machines with these ids that there are, with department, by name."""
    query = (
        sa.select(Machine).where(Machine.id.in_(list(machine_ids))).options(joinedload(Machine.department))
    )
    return list(session.scalars(query.order_by(Machine.name, Machine.id)))


def by_qr_code(session: Session, qr_code: str) -> Machine | None:
    """The machine with this label, typed in upper or lower case, with its department and parts list."""
    code = qr_code.strip()
    query = (
        sa.select(Machine)
        .where(Machine.qr_code.in_([code, code.upper()]))
        .options(
            joinedload(Machine.department),
            selectinload(Machine.spare_parts).joinedload(MachineSparePart.part),
        )
    )
    return session.scalars(query).first()


def downtimes(session: Session, machine_id: int, since: datetime | None = None) -> list[MachineDowntime]:
    """When the machine stood still, newest first; with ``since``, only what had not ended by then."""
    query = sa.select(MachineDowntime).where(MachineDowntime.machine_id == machine_id)
    if since is not None:
        query = query.where(sa.or_(MachineDowntime.ended_at.is_(None), MachineDowntime.ended_at > since))
    return list(session.scalars(query.order_by(MachineDowntime.started_at.desc(), MachineDowntime.id.desc())))
