"""What is asked about: a period, and perhaps only one department, machine, part group or technician."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import settings
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.requests import MaintenanceRequest
from app.errors import BusinessError

LONGEST = timedelta(days=20 * 365 + 5)


@dataclass(frozen=True)
class Scope:
    """A half-open period of at most :data:`LONGEST`, ``since`` included and ``until`` not, and what it is
    narrowed to.

    A figure leaves out narrowings that cannot concern it: stock belongs to no machine. ``zone`` says whose
    days are meant where it is not the site's setting.

    :raises BusinessError: BAD_PERIOD, PERIOD_TOO_LONG
    """

    since: datetime
    until: datetime
    department_id: int | None = None
    machine_id: int | None = None
    part_group: str | None = None
    technician_id: int | None = None
    zone: ZoneInfo | None = None

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("a period begins and ends at aware times")
        if self.until <= self.since:
            message = "The period ends before it has begun; choose a later end."
            raise BusinessError("BAD_PERIOD", message, field="until")
        if self.length > LONGEST:
            message = f"The period is longer than {LONGEST.days // 365} years; choose a shorter one."
            raise BusinessError("PERIOD_TOO_LONG", message, field="until")

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    @property
    def known_until(self) -> datetime:
        """The end of what can have happened yet: ``until``, or now."""
        return min(self.until, clock.now())

    def zone_on_the_wall(self, session: Session) -> ZoneInfo:
        """By which clock days begin."""
        return self.zone or settings.site(session).zone

    def previous(self) -> Scope:
        """The period of the same length just before."""
        return replace(self, since=self.since - self.length, until=self.since)

    def contains(self, moment: Any) -> sa.ColumnElement[bool]:
        """Whether a column's time lies in the period."""
        return sa.and_(moment >= self.since, moment < self.until)

    def machines(self) -> list[sa.ColumnElement[bool]]:
        """What must hold for a row's machine."""
        conditions: list[sa.ColumnElement[bool]] = []
        if self.department_id is not None:
            conditions.append(Machine.department_id == self.department_id)
        if self.machine_id is not None:
            conditions.append(Machine.id == self.machine_id)
        return conditions

    def requests(self) -> list[sa.ColumnElement[bool]]:
        """What must hold for a row's maintenance request and its machine."""
        if self.technician_id is None:
            return self.machines()
        return [*self.machines(), MaintenanceRequest.assigned_technician_id == self.technician_id]

    def narrowed(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """A query on maintenance requests, narrowed to those of the scope; machines are joined if need be."""
        if self.machines():
            query = query.join(Machine, Machine.id == MaintenanceRequest.machine_id)
        return query.where(*self.requests())

    def parts(self) -> list[sa.ColumnElement[bool]]:
        """What must hold for a row's spare part."""
        return [] if self.part_group is None else [SparePart.group_number == self.part_group]
