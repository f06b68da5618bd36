"""The recorded downtimes of a period, machine by machine, as the figures need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.domain.analytics.scope import Scope
from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine
from app.domain.requests import MaintenanceRequest, RequestStatus

ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Stop:
    """One recorded downtime, not clipped; ``end`` is the present where it is still open.

    ``is_first`` tells the failure itself from rework on it, ``is_failure`` a failure from a false alarm
    that was cancelled.
    """

    request_id: int
    start: datetime
    end: datetime
    is_open: bool
    is_first: bool
    is_failure: bool


def by_machine(session: Session, scope: Scope) -> Iterator[tuple[int, list[Stop]]]:
    """For each machine that has any: its downtimes that reach into the period, earliest first.

    One statement, read as it is consumed.
    """
    end = scope.known_until
    earlier = aliased(MachineDowntime)
    again = sa.exists().where(
        earlier.maintenance_request_id == MachineDowntime.maintenance_request_id,
        earlier.id < MachineDowntime.id,
    )
    query = (
        sa.select(
            MachineDowntime.machine_id,
            MachineDowntime.maintenance_request_id,
            MachineDowntime.started_at,
            MachineDowntime.ended_at,
            MaintenanceRequest.status,
            again.label("again"),
        )
        .join(Machine, Machine.id == MachineDowntime.machine_id)
        .join(MaintenanceRequest, MaintenanceRequest.id == MachineDowntime.maintenance_request_id)
        .where(MachineDowntime.started_at < end, *scope.requests())
        # What ended just as the period began touches what began just then.
        .where(sa.or_(MachineDowntime.ended_at.is_(None), MachineDowntime.ended_at >= scope.since))
        .order_by(MachineDowntime.machine_id, MachineDowntime.started_at, MachineDowntime.id)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    for machine_id, rows in groupby(session.execute(query), key=lambda row: row.machine_id):
        yield (
            machine_id,
            [
                Stop(
                    request_id=row.maintenance_request_id,
                    start=row.started_at,
                    end=max(end, row.started_at) if row.ended_at is None else row.ended_at,
                    is_open=row.ended_at is None,
                    is_first=not row.again,
                    is_failure=row.status != RequestStatus.CANCELLED,
                )
                for row in rows
            ],
        )
