"""What maintenance costs: the parts that went into it, and the time that people spent on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import Money, Worth
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
    """Parts and working time of the period. At most nine statements.

    :raises BusinessError: PERIOD_TOO_LONG
    """
    site = settings.site(session)
    found = calendar.buckets(scope.since, scope.until, group_by, scope.zone or site.zone) if group_by else []
    cost = sa.type_coerce(sa.func.sum(PartsUsage.cost), Money)
    spent_on = _used(scope, Machine.id, cost).group_by(Machine.id)
    by_machine: dict[int, Decimal] = {row[0]: row[1] for row in session.execute(spent_on)}
    group = (SparePart.group_number, sa.func.max(SparePart.group_name), cost)
    groups = session.execute(_used(scope, *group).group_by(SparePart.group_number)).all()
    minutes: dict[int, int] | None = None
    if scope.part_group is None:
        minutes = {}
        for spent in (
            _worked(scope, Machine.id, sa.func.sum(WorkStep.minutes)),
            _prevented(scope, Machine.id, sa.func.sum(PreventiveLog.minutes_spent)),
        ):
            for machine_id, total in session.execute(spent.group_by(Machine.id)):
                minutes[machine_id] = minutes.get(machine_id, 0) + int(total)
    rows = _machines(machines.names(session, scope), by_machine, minutes)
    labour = PARTS_INCLUDED, LABOUR_UNKNOWN if minutes is None else LABOUR_INCLUDED, NOT_INCLUDED
    return CostAnalysis(
        currency=site.currency,
        parts=sum(by_machine.values(), Decimal(0)),
        labour_minutes=None if minutes is None else sum(minutes.values()),
        machines=tuple(rows),
        departments=_departments(rows),
        groups=tuple(
            sorted((GroupCosts(*row) for row in groups), key=lambda row: (-row.parts, row.group_number))
        ),
        steps=_steps(session, scope, found),
        included=labour,
    )


def _used(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """The parts that went into work in the period, with part, request and machine."""
    return (
        sa.select(*columns)
        .select_from(PartsUsage)
        .join(SparePart, SparePart.id == PartsUsage.spare_part_id)
        .join(MaintenanceWork, MaintenanceWork.id == PartsUsage.work_id)
        .join(MaintenanceRequest, MaintenanceRequest.id == MaintenanceWork.maintenance_request_id)
        .join(Machine, Machine.id == MaintenanceRequest.machine_id)
        .where(scope.contains(PartsUsage.used_at), *scope.requests(), *scope.parts())
    )


def _worked(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """The steps of work recorded in the period, with request and machine."""
    return (
        sa.select(*columns)
        .select_from(WorkStep)
        .join(MaintenanceWork, MaintenanceWork.id == WorkStep.work_id)
        .join(MaintenanceRequest, MaintenanceRequest.id == MaintenanceWork.maintenance_request_id)
        .join(Machine, Machine.id == MaintenanceRequest.machine_id)
        .where(scope.contains(WorkStep.recorded_at), *scope.requests())
    )


def _prevented(scope: Scope, *columns: Any) -> sa.Select[Any]:
    """The preventive tasks that took time in the period, with their machines."""
    query = (
        sa.select(*columns)
        .select_from(PreventiveLog)
        .join(PreventiveTask, PreventiveTask.id == PreventiveLog.task_id)
        .join(Machine, Machine.id == PreventiveTask.machine_id)
        .where(PreventiveLog.minutes_spent > 0, scope.contains(PreventiveLog.performed_at))
        .where(*scope.machines())
    )
    return (
        query
        if scope.technician_id is None
        else query.where(PreventiveLog.performed_by == scope.technician_id)
    )


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


def _steps(session: Session, scope: Scope, found: list[calendar.Bucket]) -> tuple[CostStep, ...]:
    """Usage and work by days, weeks or months."""
    if not found:
        return ()

    def place(moment: Any) -> sa.Label[int]:
        return calendar.place_in_database(found, moment).label("place")

    parts = [Decimal(0)] * len(found)
    used = _used(scope, place(PartsUsage.used_at), sa.type_coerce(sa.func.sum(PartsUsage.cost), Worth))
    for at, cost in session.execute(used.group_by("place")):
        parts[at] += cost
    minutes: list[int] | None = None
    if scope.part_group is None:
        minutes = [0] * len(found)
        for spent in (
            _worked(scope, place(WorkStep.recorded_at), sa.func.sum(WorkStep.minutes)),
            _prevented(scope, place(PreventiveLog.performed_at), sa.func.sum(PreventiveLog.minutes_spent)),
        ):
            for at, taken in session.execute(spent.group_by("place")):
                minutes[at] += int(taken)
    return tuple(
        CostStep(bucket.first, parts[at], None if minutes is None else minutes[at])
        for at, bucket in enumerate(found)
    )
