"""The machines that a figure is about, and since and until when the factory knows how they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain.activity import ActivityLog
from app.domain.analytics.calendar import midnight
from app.domain.analytics.scope import Scope
from app.domain.downtime import MachineDowntime
from app.domain.entities import EntityType
from app.domain.machines import Machine, MachineStatus
from app.domain.people import Department


@dataclass(frozen=True)
class MachineName:
    """Which machine it is, as tables show it."""

    id: int
    name: str
    qr_code: str
    department_id: int
    department: str


@dataclass(frozen=True)
class ObservedMachine:
    """A machine, and the part of the period in which it was in use and would have been reported."""

    machine: MachineName
    since: datetime
    until: datetime


def names(session: Session, scope: Scope) -> dict[int, MachineName]:
    """All machines of the scope by id, in the order of their names."""
    query = (
        sa.select(Machine.id, Machine.name, Machine.qr_code, Machine.department_id, Department.name)
        .join(Machine.department)
        .where(*scope.machines())
        .order_by(Machine.name, Machine.id)
    )
    return {row[0]: MachineName(*row) for row in session.execute(query)}


def observed(session: Session, scope: Scope, zone: ZoneInfo) -> list[ObservedMachine]:
    """The machines of the scope that were observed in the period, by name.

    A machine is observed from the day on which it was installed or entered here, whichever is later
    (earlier if a downtime of before is recorded), until it is decommissioned, and never into the
    future. One statement.
    """
    first_stop = (
        sa.select(sa.func.min(MachineDowntime.started_at))
        .where(MachineDowntime.machine_id == Machine.id)
        .scalar_subquery()
    )
    retired = (
        sa.select(sa.func.max(ActivityLog.at))
        .where(
            ActivityLog.entity_type == EntityType.MACHINE,
            ActivityLog.entity_id == Machine.id,
            sa.type_coerce(ActivityLog.after, sa.Text).contains(
                f'"status":"{MachineStatus.DECOMMISSIONED}"', autoescape=True
            ),
            Machine.status == MachineStatus.DECOMMISSIONED,
        )
        .scalar_subquery()
    )
    query = (
        sa.select(Machine, Department.name, first_stop, retired)
        .join(Machine.department)
        .where(*scope.machines())
        .order_by(Machine.name, Machine.id)
    )
    found = []
    for machine, department, first, end in session.execute(query):
        since = machine.created_at
        if machine.installation_date is not None:
            since = max(since, midnight(machine.installation_date, zone))
        since = max(scope.since, since if first is None else min(since, first))
        if machine.status == MachineStatus.DECOMMISSIONED:
            # Nobody knows when it was taken out of use: then nothing is known about the period either.
            until = since if end is None else min(scope.known_until, end)
        else:
            until = scope.known_until
        if since < until:
            name = MachineName(machine.id, machine.name, machine.qr_code, machine.department_id, department)
            found.append(ObservedMachine(name, since, until))
    return found
