"""The recorded downtimes of a period, machine by machine, as the figures need them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.domain.analytics.instants import Instant, instant, instant_of
from app.domain.analytics.scope import Scope
from app.domain.downtime import MachineDowntime
from app.domain.machines import Machine
from app.domain.requests import MaintenanceRequest, RequestStatus

ROWS_AT_ONCE = 2000


class Stop(NamedTuple):
    """One recorded downtime, not clipped; ``end`` is the present where it is still open.

    ``is_first`` tells the failure itself from rework on it, ``is_failure`` a failure from a false alarm
    that was cancelled; they are 1, or else 0.
    """

    start: Instant
    end: Instant
    is_first: int
    is_failure: int


def times(session: Session, scope: Scope) -> Iterator[tuple[int, list[tuple[Instant, Instant | None]]]]:
    """For each machine that has any: start and end of its downtimes that reach into the period, in order.

    They are not clipped, and have no end where they are still open. One statement, read as it is consumed.
    """
    for machine_id, rows in _by_machine(session, scope):
        yield machine_id, [(start, end) for _, start, _, end in rows]


def by_machine(session: Session, scope: Scope) -> Iterator[tuple[int, list[Stop]]]:
    """The same as stops, those that began at the same time in the order in which they were entered.

    One statement, read as it is consumed.
    """
    earlier = aliased(MachineDowntime)
    is_first = ~sa.exists().where(
        earlier.maintenance_request_id == MachineDowntime.maintenance_request_id,
        earlier.id < MachineDowntime.id,
    )
    cancelled = sa.select(MaintenanceRequest.id).where(MaintenanceRequest.status == RequestStatus.CANCELLED)
    is_failure = MachineDowntime.maintenance_request_id.not_in(cancelled)
    # As the databases have them, 0 or 1: nothing is converted in every row.
    flags = (sa.type_coerce(flag, sa.Integer) for flag in (is_first, is_failure))
    now = instant_of(scope.known_until)
    for machine_id, rows in _by_machine(session, scope, *flags):
        yield (
            machine_id,
            [
                Stop(start, max(now, start) if end is None else end, first, failure)
                for _, start, _, end, first, failure in sorted(rows, key=itemgetter(1, 2))
            ],
        )


def _by_machine(session: Session, scope: Scope, *columns: Any) -> Iterator[tuple[int, Iterator[Any]]]:
    """Machine, start, number, end and more of the downtimes that reach into the period, in this order."""
    query = (
        sa.select(
            MachineDowntime.machine_id,
            instant(MachineDowntime.started_at),
            MachineDowntime.id,
            instant(MachineDowntime.ended_at),
            *columns,
        )
        .where(MachineDowntime.started_at < scope.known_until)
        # What ended just as the period began touches what began just then.
        .where(sa.or_(MachineDowntime.ended_at.is_(None), MachineDowntime.ended_at >= scope.since))
        .order_by(MachineDowntime.machine_id, MachineDowntime.started_at)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    # Joined only when asked about: an index holds all the rest.
    if conditions := scope.machines():
        query = query.join(Machine, Machine.id == MachineDowntime.machine_id).where(*conditions)
    if scope.technician_id is not None:
        query = query.join(
            MaintenanceRequest, MaintenanceRequest.id == MachineDowntime.maintenance_request_id
        ).where(MaintenanceRequest.assigned_technician_id == scope.technician_id)
    # Read without the session, which would look for entities in every row.
    return groupby(session.connection().execute(query), key=itemgetter(0))
