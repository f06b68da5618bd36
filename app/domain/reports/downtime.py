"""Downtime report: how long each machine stood still."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.domain.analytics.downtime import downtime
from app.domain.analytics.reliability import reliability
from app.domain.analytics.scope import Scope
from app.domain.reports import heading
from app.domain.reports.model import Chart, Column, Kind, Report

TITLE = "Downtime"

COLUMNS = (
    Column("machine", "Machine"),
    Column("qrCode", "QR code"),
    Column("department", "Department"),
    Column("stops", "Stops", Kind.INTEGER, total=True),
    Column("downtimeMinutes", "Downtime, min", Kind.MINUTES, total=True),
    Column("longestMinutes", "Longest stop, min", Kind.MINUTES),
    Column("share", "Share", Kind.PERCENT),
    Column("availability", "Availability", Kind.PERCENT),
)

NOTES = (
    "Downtime is clipped to the period; downtimes of one machine that overlap count once, and one that "
    "is still open counts until now.",
    "Availability = up time / (up time + down time), after EN 13306. Machines are taken to be required "
    "around the clock.",
)


def build(session: Session, scope: Scope) -> Report:
    """One row for each machine that stood still in the period, the longest downtime first.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    heading.refuse_filters(scope, TITLE, "part_group")
    found = downtime(session, scope)
    known = reliability(session, scope)
    availability = {row.machine.id: row.figures.availability for row in known.machines}
    return heading.report(
        session,
        scope,
        name="downtime",
        title=TITLE,
        columns=COLUMNS,
        rows=[
            (
                row.machine.name,
                row.machine.qr_code,
                row.machine.department,
                row.stops,
                row.minutes,
                row.longest_minutes,
                row.share,
                availability.get(row.machine.id),
            )
            for row in found.machines
        ],
        totals={"downtimeMinutes": found.minutes, "availability": known.overall.availability},
        chart=Chart("bar", "machine", "downtimeMinutes"),
        notes=NOTES,
    )
