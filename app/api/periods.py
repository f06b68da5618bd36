"""The period that figures are asked for, and how far the caller may see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from app import clock, current
from app.access import permissions
from app.api.core import calls
from app.api.core.schemas import Id, In, Instant, Out, left_out
from app.domain.analytics.scope import Scope
from app.errors import Forbidden

USUAL = timedelta(days=30)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

Since = Annotated[
    Instant, Field(alias="from", description="The beginning, included; 30 days before the end if left out.")
]
Until = Annotated[Instant, Field(description="The end, not included; now if left out.")]
PartGroup = Annotated[str, Field(min_length=1, max_length=100, description="The number of a part group.")]


class Period(In):
    """The figures of which time: the last 30 days unless told otherwise."""

    since: Since = left_out()
    until: Until = left_out()


class MachinePeriod(Period):
    """The figures of which time and which machines."""

    department_id: Id = left_out()
    machine_id: Id = left_out()


class PartsPeriod(Period):
    """The figures of which time and which parts."""

    part_group: PartGroup = left_out()


class WholePeriod(MachinePeriod):
    """The figures of which time, machines and parts."""

    part_group: PartGroup = left_out()


class PeriodOut(Out):
    """The period that the figures are of: from its beginning on, and before its end."""

    since: Instant = Field(alias="from")
    until: Instant


def scope_of(period: Period, reach: permissions.Scope, filters: In | None = None) -> Scope:
    """What figures are asked for, narrowed to what the caller may see.

    ``filters`` hold what it is narrowed to where the period itself does not.

    :raises Forbidden: another department's figures are asked for, or the caller has no department
    :raises BusinessError: BAD_PERIOD, PERIOD_TOO_LONG
    """
    wanted = filters or period
    until = period.until or clock.now()
    since = period.since or max(until - USUAL, EARLIEST)
    department_id = getattr(wanted, "department_id", None)
    if reach is permissions.Scope.DEPARTMENT:
        own = calls.actor().department_id
        if own is None:
            raise Forbidden("You belong to no department, so there are no figures for you.")
        if department_id not in (None, own):
            raise Forbidden("You may see the figures of your own department only.")
        department_id = own
    return Scope(
        since,
        until,
        department_id=department_id,
        machine_id=getattr(wanted, "machine_id", None),
        part_group=getattr(wanted, "part_group", None),
        technician_id=calls.user_id() if reach is permissions.Scope.ASSIGNED else None,
        zone=current.site().zone,
    )
