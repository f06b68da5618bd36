"""What stands above a report: whose it is, of when, and what it is narrowed to."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import settings
from app.domain.analytics.scope import Scope
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import Department
from app.domain.reports.model import Report
from app.errors import BusinessError

FILTERS = {"department_id": "departmentId", "machine_id": "machineId", "part_group": "partGroup"}


def report(session: Session, scope: Scope, *, as_of: bool = False, **parts: Any) -> Report:
    """A report on the scope; with ``as_of`` it shows how things stood at the end of the period."""
    site = settings.site(session)
    zone = scope.zone or site.zone
    end = min(scope.until, clock.now()) if as_of else scope.until
    when = f"As of {moment(end, zone)}" if as_of else period(scope, zone)
    return Report(
        subtitle=(when, *_narrowed(session, scope)),
        site=site.name,
        zone=zone,
        currency=site.currency,
        generated_at=clock.now(),
        **parts,
    )


def refuse_filters(scope: Scope, title: str, *names: str) -> None:
    """Refuse what a report cannot be narrowed to, rather than show figures that mean something else.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    for name in names:
        if getattr(scope, name) is not None:
            words = name.removesuffix("_id").replace("_", " ")
            message = f"“{title}” cannot be narrowed to a {words}; leave it out."
            raise BusinessError("FILTER_NOT_POSSIBLE", message, field=FILTERS[name])


def period(scope: Scope, zone: ZoneInfo) -> str:
    """The period: the first and the last day where it consists of whole days, else its times."""
    since, until = scope.since.astimezone(zone), scope.until.astimezone(zone)
    if since.time() == until.time() == time():
        return f"{since:%Y-%m-%d} to {until - timedelta(days=1):%Y-%m-%d}"
    return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"


def moment(value: datetime, zone: ZoneInfo) -> str:
    """A time as the clock on the wall shows it."""
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"


def _narrowed(session: Session, scope: Scope) -> list[str]:
    """What the report is narrowed to, in words."""
    found = []
    if scope.department_id is not None:
        name = session.scalar(sa.select(Department.name).where(Department.id == scope.department_id))
        found.append(f"Department: {name or scope.department_id}")
    if scope.machine_id is not None:
        name = session.scalar(sa.select(Machine.name).where(Machine.id == scope.machine_id))
        found.append(f"Machine: {name or scope.machine_id}")
    if scope.part_group is not None:
        name = session.scalar(
            sa.select(sa.func.max(SparePart.group_name)).where(SparePart.group_number == scope.part_group)
        )
        found.append(f"Part group: {scope.part_group} {name or ''}".rstrip())
    return found
