"""Maintenance efficiency report: how quickly and lastingly machines are repaired, how reliable they are."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.orm import Session

from app.domain.analytics.costs import costs
from app.domain.analytics.efficiency import RepairTimes, repairs
from app.domain.analytics.reliability import Reliability, reliability
from app.domain.analytics.scope import Scope
from app.domain.reports import heading
from app.domain.reports.model import Chart, Column, Kind, Report, Row

TITLE = "Maintenance efficiency"

COLUMNS = (
    Column("machine", "Machine"),
    Column("department", "Department"),
    Column("completed", "Completed requests", Kind.INTEGER, total=True),
    Column("firstTimeShare", "Fixed at first attempt", Kind.PERCENT),
    Column("responseMinutes", "Mean response, min", Kind.MINUTES),
    Column("resolutionMinutes", "Mean resolution, min", Kind.MINUTES),
    Column("labourMinutes", "Labour, min", Kind.MINUTES, total=True),
    Column("partsCost", "Parts", Kind.MONEY, total=True),
    Column("failures", "Failures", Kind.INTEGER, total=True),
    Column("mtbfMinutes", "MTBF, min", Kind.MINUTES),
    Column("mttrMinutes", "MTTR, min", Kind.MINUTES),
    Column("availability", "Availability", Kind.PERCENT),
)

NOTES = (
    "Response is from report to acceptance, resolution from report to completion, of requests completed"
    " in the period. Labour and parts are those of the period.",
    "MTBF = up time / failures, MTTR = time to restoration / failures, availability = up time / (up "
    "time + down time); terms after EN 13306, estimates after ISO 14224. Machines are taken to be "
    "required around the clock.",
)

_NOTHING = RepairTimes(0, 0, 0, None, None)


def build(session: Session, scope: Scope) -> Report:
    """One row for each machine that was in use in the period, by name.

    :raises BusinessError: FILTER_NOT_POSSIBLE
    """
    heading.refuse_filters(scope, TITLE, "part_group")
    found = repairs(session, scope)
    times = {row.machine.id: row.times for row in found.machines}
    spent = costs(session, scope)
    by_machine = {row.machine.id: row for row in spent.machines}
    known = reliability(session, scope)
    rows = []
    for item in known.machines:
        cost = by_machine.get(item.machine.id)
        rows.append(
            (
                item.machine.name,
                item.machine.department,
                *_cells(
                    times.get(item.machine.id, _NOTHING),
                    (cost.labour_minutes or 0) if cost else 0,
                    cost.parts if cost else Decimal(0),
                    item.figures,
                ),
            )
        )
    keys = [column.key for column in COLUMNS[2:]]
    totals = _cells(found.overall, spent.labour_minutes or 0, spent.parts, known.overall)
    return heading.report(
        session,
        scope,
        name="maintenance-efficiency",
        title=TITLE,
        columns=COLUMNS,
        rows=rows,
        totals=dict(zip(keys, totals, strict=True)),
        chart=Chart("bar", "machine", "mttrMinutes"),
        notes=NOTES,
    )


def _cells(times: RepairTimes, labour: int, parts: Decimal, figures: Reliability) -> Row:
    """The figures of a machine, or of all."""
    return (
        times.completed,
        times.first_time_share,
        times.response_minutes,
        times.resolution_minutes,
        labour,
        parts,
        figures.failures,
        figures.mtbf_minutes,
        figures.mttr_minutes,
        figures.availability,
    )
