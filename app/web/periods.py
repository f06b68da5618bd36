"""The period and the narrowing that pages of figures are asked for in their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from flask import request

from app import clock
from app.access.permissions import Scope as Reach
from app.current import site
from app.domain.analytics.calendar import GroupBy, midnight
from app.domain.analytics.scope import Scope
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import Department
from app.errors import Forbidden
from app.extensions import db
from app.web import listing
from app.web.people import current_actor, me

PERIODS = {
    "30": "Last 30 days",
    "90": "Last 90 days",
    "365": "Last 12 months",
    "month": "This month",
    "last-month": "Last month",
    "year": "This year",
    "other": "Other dates …",
}
USUAL = "30"
EARLIEST = date(2000, 1, 1)
LONGEST = 5 * 366  # days


@dataclass(frozen=True)
class Asked:
    """What an address asks for: days, both included, and whose figures."""

    period: str
    since: date
    until: date
    scope: Scope
    steps: str
    department_id: int | None
    machine_id: int | None
    part_group: str
    fixed_department: bool
    problem: str = ""

    @property
    def words(self) -> str:
        """The period in words for the heading."""
        return f"{self.since.isoformat()} to {self.until.isoformat()}"

    @property
    def arguments(self) -> dict[str, Any]:
        """What links to other figures of the same take along."""
        given: dict[str, Any] = {
            "period": self.period,
            "from": self.since.isoformat() if self.period == "other" else None,
            "until": self.until.isoformat() if self.period == "other" else None,
            "department": None if self.fixed_department else self.department_id,
            "machine": self.machine_id,
            "group": self.part_group,
        }
        return {name: value for name, value in given.items() if value not in (None, "")}


def asked(reach: Reach, *, parts: bool = False, machines: bool = True) -> Asked:
    """What the address asks for, narrowed to what the signed-in person may see.

    :raises Forbidden: a supervisor without a department
    """
    zone = site().zone
    today = clock.now().astimezone(zone).date()
    period = listing.one_of("period", tuple(PERIODS), USUAL)
    since, until, problem = _days(period, today)
    fixed = reach is Reach.DEPARTMENT
    department_id = request.args.get("department", type=int) if machines else None
    if fixed:
        department_id = current_actor().department_id
        if department_id is None:
            raise Forbidden("You belong to no department, so there are no figures for you.")
    machine_id = request.args.get("machine", type=int) if machines else None
    group = request.args.get("group", "")[:100] if parts else ""
    days = (until - since).days + 1
    scope = Scope(
        midnight(since, zone),
        midnight(until + timedelta(days=1), zone),
        department_id=department_id,
        machine_id=machine_id,
        part_group=group or None,
        technician_id=me().id if reach is Reach.ASSIGNED else None,
        zone=zone,
    )
    steps = GroupBy.DAY if days <= 31 else GroupBy.WEEK if days <= 190 else GroupBy.MONTH
    return Asked(
        period, since, until, scope, steps, department_id, machine_id, group, fixed, problem
    )  # fmt: skip


def _days(period: str, today: date) -> tuple[date, date, str]:
    first = today.replace(day=1)
    if period == "month":
        return first, today, ""
    if period == "last-month":
        last = first - timedelta(days=1)
        return last.replace(day=1), last, ""
    if period == "year":
        return today.replace(month=1, day=1), today, ""
    if period != "other":
        return today - timedelta(days=int(period) - 1), today, ""
    since, until = (
        min(max(request.args.get(name, day, type=date.fromisoformat), EARLIEST), today)
        for name, day in (("from", today - timedelta(days=29)), ("until", today))
    )
    since, until = min(since, until), max(since, until)
    if (until - since).days >= LONGEST:
        return until - timedelta(days=LONGEST - 1), until, "Figures are of five years at most."
    return since, until, ""


def choices(asked: Asked, *, parts: bool = False) -> dict[str, list[tuple[str, str]]]:
    """What can be chosen: departments, machines of the department chosen, part groups."""
    session = db.session()
    departments = sa.select(Department.id, Department.name).order_by(Department.name)
    machines = sa.select(Machine.id, Machine.name).order_by(Machine.name, Machine.id)
    if asked.department_id is not None:
        machines = machines.where(Machine.department_id == asked.department_id)
    groups = (
        sa.select(SparePart.group_number, sa.func.max(SparePart.group_name))
        .where(SparePart.group_number != "")
        .group_by(SparePart.group_number)
        .order_by(SparePart.group_number)
    )
    return {
        "departments": []
        if asked.fixed_department
        else [(str(row.id), row.name) for row in session.execute(departments)],
        "machines": [(str(row.id), row.name) for row in session.execute(machines.limit(1000))],
        "groups": [(row[0], f"{row[0]} {row[1]}".strip()) for row in session.execute(groups)]
        if parts
        else [],
    }
