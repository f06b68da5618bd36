"""What maintenance costs: the parts that went into it, and the time that people spent on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Worth
from app.domain import settings
from app.domain.analytics import calendar, machines
from app.domain.analytics.machines import MachineName
from app.domain.analytics.scope import Scope
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.preventive.models import PreventiveLog, PreventiveTask
from app.domain.requests import MaintenanceRequest
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork, WorkStep

PARTS_INCLUDED = (
    "Spare parts issued for maintenance work in the period, at what the stock cost when they were issued "
    "(moving average, or first in, first out, as the site had it set)."
)
LABOUR_INCLUDED = (
    "Working time recorded in the period for repairs and preventive tasks, in minutes. No wage is known, "
    "so it is not an amount."
)
LABOUR_UNKNOWN = "No working time: it is not recorded by part group."
NOT_INCLUDED = "Not included: contractors, lost production, and parts that left the store for anything else."


@dataclass(frozen=True)
class MachineCosts:
    """What was spent on one machine."""

    machine: MachineName
    parts: Decimal
    labour_minutes: int | None


@dataclass(frozen=True)
class DepartmentCosts:
    """What was spent on the machines of one department."""

    department_id: int
    department: str
    parts: Decimal
    labour_minutes: int | None


@dataclass(frozen=True)
class GroupCosts:
    """What was spent on one group of parts."""

    group_number: str
    group_name: str
    parts: Decimal


@dataclass(frozen=True)
class CostStep:
    """What was spent in one day, week or month."""

    first: date
    parts: Decimal
    labour_minutes: int | None


@dataclass(frozen=True)
class CostAnalysis:
    """Costs in all, by machine, department and part group (dearest first), and their development.

    ``included`` says in sentences what the amounts are made of. ``labour_minutes`` is None where it is
    not known: for a single part group.
    """

    currency: str
    parts: Decimal
    labour_minutes: int | None
    machines: tuple[MachineCosts, ...]
    departments: tuple[DepartmentCosts, ...]
    groups: tuple[GroupCosts, ...]
    steps: tuple[CostStep, ...]
    included: tuple[str, ...]


def costs(session: Session, scope: Scope, group_by: str | None = None) -> CostAnalysis:
    """Parts and working time of the period. At most six statements.

    :raises BusinessError: PERIOD_TOO_LONG
    """
    site = settings.site(session)
    zone = scope.zone or site.zone
    found = calendar.buckets(scope.since, scope.until, group_by, zone) if group_by else []

    def place(moment: Any) -> sa.Label[int]:
        return calendar.place_in_database(found, moment).label("place")

    by_machine: dict[int, Decimal] = {}
    by_step = [Decimal(0)] * (len(found) or 1)
    cost = sa.type_coerce(sa.func.sum(PartsUsage.cost), Worth)
    for machine_id, at, spent in session.execute(_used_on_machines(scope, place(PartsUsage.used_at), cost)):
        by_machine[machine_id] = by_machine.get(machine_id, Decimal(0)) + spent
        by_step[at] += spent
    minutes: dict[int, int] | None = None
    minutes_by_step: list[int] | None = None
    if scope.part_group is None:
        minutes, minutes_by_step = {}, [0] * len(by_step)
        for query in (
            _worked(scope, place(WorkStep.recorded_at), sa.func.sum(WorkStep.minutes)),
            _prevented(scope, place(PreventiveLog.performed_at), sa.func.sum(PreventiveLog.minutes_spent)),
        ):
            for machine_id, at, taken in session.execute(query):
                minutes[machine_id] = minutes.get(machine_id, 0) + int(taken)
                minutes_by_step[at] += int(taken)
    rows = _machines(machines.names(session, scope), by_machine, minutes)
    labour = PARTS_INCLUDED, LABOUR_UNKNOWN if minutes is None else LABOUR_INCLUDED, NOT_INCLUDED
    groups = [GroupCosts(*row) for row in session.execute(_used_of_groups(scope, cost))]
    return CostAnalysis(
        currency=site.currency,
        parts=sum(by_machine.values(), Decimal(0)),
        labour_minutes=None if minutes is None else sum(minutes.values()),
        machines=tuple(rows),
        departments=_departments(rows),
        groups=tuple(sorted(groups, key=lambda row: (-row.parts, row.group_number))),
        steps=tuple(
            CostStep(bucket.first, by_step[at], None if minutes_by_step is None else minutes_by_step[at])
            for at, bucket in enumerate(found)
        ),
        included=labour,
    )


def _used_on_machines(scope: Scope, place: sa.Label[int], cost: Any) -> sa.Select[Any]:
    """What the parts cost that went into work in the period, by machine and step."""
    query = _on_requests(scope, sa.select(MaintenanceRequest.machine_id, place, cost).select_from(PartsUsage))
    if conditions := scope.parts():
        query = query.join(SparePart, SparePart.id == PartsUsage.spare_part_id).where(*conditions)
    return query.where(scope.contains(PartsUsage.used_at)).group_by(MaintenanceRequest.machine_id, "place")


def _used_of_groups(scope: Scope, cost: Any) -> sa.Select[Any]:
    """The same by group of parts."""
    query = (
        sa.select(SparePart.group_number, sa.func.max(SparePart.group_name), cost)
        .select_from(PartsUsage)
        .join(SparePart, SparePart.id == PartsUsage.spare_part_id)
        .where(scope.contains(PartsUsage.used_at), *scope.parts())
        .group_by(SparePart.group_number)
    )
    return _on_requests(scope, query) if scope.requests() else query


def _on_requests(scope: Scope, query: sa.Select[Any]) -> sa.Select[Any]:
    """Join the requests of the scope to parts used."""
    return scope.narrowed(
        query.join(MaintenanceWork, MaintenanceWork.id == PartsUsage.work_id).join(
            MaintenanceRequest, MaintenanceRequest.id == MaintenanceWork.maintenance_request_id
        )
    )


def _worked(scope: Scope, place: sa.Label[int], minutes: Any) -> sa.Select[Any]:
    """The time of the steps of work recorded in the period, by machine and step of the development."""
    query = (
        sa.select(MaintenanceRequest.machine_id, place, minutes)
        .select_from(WorkStep)
        .join(MaintenanceWork, MaintenanceWork.id == WorkStep.work_id)
        .join(MaintenanceRequest, MaintenanceRequest.id == MaintenanceWork.maintenance_request_id)
        .where(scope.contains(WorkStep.recorded_at))
        .group_by(MaintenanceRequest.machine_id, "place")
    )
    return scope.narrowed(query)


def _prevented(scope: Scope, place: sa.Label[int], minutes: Any) -> sa.Select[Any]:
    """The time of the preventive tasks carried out in the period, likewise."""
    query = (
        sa.select(PreventiveTask.machine_id, place, minutes)
        .select_from(PreventiveLog)
        .join(PreventiveTask, PreventiveTask.id == PreventiveLog.task_id)
        .join(Machine, Machine.id == PreventiveTask.machine_id)
        .where(PreventiveLog.minutes_spent > 0, scope.contains(PreventiveLog.performed_at))
        .where(*scope.machines())
        .group_by(PreventiveTask.machine_id, "place")
    )
    if scope.technician_id is None:
        return query
    return query.where(PreventiveLog.performed_by == scope.technician_id)


def _machines(
    names: dict[int, MachineName], parts: dict[int, Decimal], minutes: dict[int, int] | None
) -> list[MachineCosts]:
    """What was spent on each machine that anything was spent on, dearest first."""
    rows = [
        MachineCosts(
            names[machine_id],
            parts.get(machine_id, Decimal(0)),
            None if minutes is None else minutes.get(machine_id, 0),
        )
        for machine_id in parts.keys() | (minutes or {}).keys()
    ]
    rows.sort(key=lambda row: (row.machine.name, row.machine.id))
    return sorted(rows, key=_dearest_first)


def _departments(rows: list[MachineCosts]) -> tuple[DepartmentCosts, ...]:
    """Machines added up by department."""
    found: dict[int, DepartmentCosts] = {}
    for row in rows:
        key, name = row.machine.department_id, row.machine.department
        known = found.get(key) or DepartmentCosts(
            key, name, Decimal(0), None if row.labour_minutes is None else 0
        )
        labour = None if row.labour_minutes is None else (known.labour_minutes or 0) + row.labour_minutes
        found[key] = DepartmentCosts(key, name, known.parts + row.parts, labour)
    return tuple(sorted(found.values(), key=lambda row: (*_dearest_first(row), row.department)))


def _dearest_first(row: MachineCosts | DepartmentCosts) -> tuple[Decimal, int]:
    return -row.parts, -(row.labour_minutes or 0)
