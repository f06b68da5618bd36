"""Lists and look-ups of machines."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine, MachineSparePart
from app.domain.queries.paging import Page, matches, page_of


def list_machines(
    session: Session,
    *,
    department_id: int | None = None,
    status: str | None = None,
    criticality: str | None = None,
    q: str = "",
    page: int = 1,
    page_size: int = 25,
) -> Page[Machine]:
    """Machines that fit all filters given, with department, by name."""
    query = sa.select(Machine).options(joinedload(Machine.department)).order_by(Machine.name, Machine.id)
    for column, value in (
        (Machine.department_id, department_id),
        (Machine.status, status),
        (Machine.criticality, criticality),
    ):
        if value is not None:
            query = query.where(column == value)
    if q.strip():
        query = query.where(
            matches(q, Machine.name, Machine.qr_code, Machine.model, Machine.serial_number, Machine.location)
        )
    return page_of(session, query, page, page_size)


def by_qr_code(session: Session, qr_code: str) -> Machine | None:
    """The machine with this label, with its department and parts list."""
    query = (
        sa.select(Machine)
        .where(Machine.qr_code == qr_code.strip())
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
