"""Analytics: what the factory's history adds up to, by period, department, machine and part group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, abort, render_template, url_for
from flask_login import login_required

from app.access import permissions
from app.access.permissions import Scope as Reach
from app.domain.analytics import maintenance_types as types
from app.domain.analytics.calendar import GroupBy
from app.domain.analytics.consumption import consumption
from app.domain.analytics.costs import costs
from app.domain.analytics.dashboard import dashboard
from app.domain.analytics.definitions import DEFINITIONS
from app.domain.analytics.downtime import downtime
from app.domain.analytics.failures import Measure, failures
from app.domain.analytics.preventive import compliance
from app.domain.analytics.reliability import reliability
from app.errors import Forbidden
from app.extensions import db
from app.web import charts, formatting, listing, periods
from app.web.charts import Value
from app.web.figures import Cell, Table, View, figure, told
from app.web.labels import label
from app.web.people import current_actor
from app.web.periods import Asked
from app.web.request_filters import COUNTED, NO_CODE

pages = Blueprint("analytics", __name__)

SHOWN = 50  # rows of a table
PARETO = 20  # columns of a chart of codes


@dataclass(frozen=True)
class Analysis:
    """One of the pages: its title, who sees it, whether it is about parts, and what makes it."""

    title: str
    lead: str
    needs: str
    icon: str
    build: Callable[[Asked, Reach], View]
    parts: bool = False


@pages.get("/analytics")
@login_required
def show_dashboard() -> str:
    """The factory at a glance."""
    return _show("dashboard")


@pages.get("/analytics/<name>")
@login_required
def show(name: str) -> str:
    """One of the analyses."""
    if name not in VIEWS or name == "dashboard":
        abort(404)
    return _show(name)


@pages.get("/analytics/how")
@login_required
def how() -> str:
    """How each figure is calculated."""
    if not visible():
        raise Forbidden("Figures are for those who may see some.")
    return render_template("analytics/how.html", definitions=DEFINITIONS)


def visible() -> list[tuple[str, Analysis]]:
    """The analyses that the signed-in person may see."""
    actor = current_actor()
    return [(name, view) for name, view in VIEWS.items() if permissions.may(actor, view.needs)]


def _show(name: str) -> str:
    view = VIEWS[name]
    reach = permissions.require(current_actor(), view.needs)
    wanted = periods.asked(reach, parts=view.parts)
    return render_template(
        "analytics/show.html",
        name=name,
        view=view,
        shown=view.build(wanted, reach),
        asked=wanted,
        periods=periods.PERIODS,
        choices=periods.choices(wanted, parts=view.parts),
        views=visible(),
        here=url_for("analytics.show_dashboard")
        if name == "dashboard"
        else url_for("analytics.show", name=name),
        url_with=listing.url_with,
        measure=listing.one_of("measure", tuple(Measure), Measure.COUNT) if name == "failures" else "",
        measures={"count": "How often", "downtime": "Downtime", "cost": "Cost of parts"},
    )


def _dashboard(asked: Asked, reach: Reach) -> View:
    found = dashboard(db.session(), asked.scope, asked.steps)
    before = found.previous_activity
    kept = found.preventive
    return View(
        figures=(
            figure("open-requests", found.open_requests),
            figure("open-requests", found.unassigned, label="Of these, nobody in charge"),
            figure("failures", found.activity.reported, before.reported, good="less", label="Reported"),
            figure("failures", found.activity.completed, before.completed, good="more", label="Completed"),
            figure(
                "downtime",
                found.downtime.minutes,
                found.previous_downtime_minutes,
                unit="minutes",
                good="less",
            ),
            figure("preventive-compliance", kept.compliance, unit="share"),
            figure("low-stock", found.low_stock),
        ),
        charts=(_steps("Downtime, hours", found.downtime.steps, lambda step: step.minutes / 60, asked, "h"),),
        tables=(
            _standstills("Machines that stood still for longest", found.top_machines),
            Table(
                "Machines by state",
                ("State", "Machines"),
                [
                    [
                        Cell(label("machine", status).text, url_for("machines.listing", status=status)),
                        Cell(str(count)),
                    ]
                    for status, count in found.machines_by_status.items()
                    if count
                ],
                (1,),
            ),
            Table(
                "Parts below their minimum",
                ("Part", "In stock", "Minimum"),
                [
                    [
                        Cell(
                            f"{part.part_number} {part.part_name}",
                            url_for("parts.show", part_id=part.part_id)
                            if permissions.may(current_actor(), "spare-parts:read")
                            else "",
                        ),
                        Cell(told(part.quantity, "number")),
                        Cell(told(part.min_quantity, "number")),
                    ]
                    for part in found.low_parts
                ],
                (1, 2),
                empty="No part is below its minimum.",
            ),
        ),
    )


def _downtime(asked: Asked, reach: Reach) -> View:
    found = downtime(db.session(), asked.scope, asked.steps)
    before = downtime(db.session(), asked.scope.previous())
    return View(
        figures=(
            figure("downtime", found.minutes, before.minutes, unit="minutes", good="less"),
            figure("stops", found.stops, before.stops, good="less"),
        ),
        charts=(_steps("Downtime, hours", found.steps, lambda step: step.minutes / 60, asked, "h"),),
        tables=(
            _standstills("By machine", found.machines),
            Table(
                "Development",
                (_STEP_NAMES[asked.steps], "Stops", "Downtime"),
                [
                    [
                        _step(step.first, asked, "downtime"),
                        Cell(told(step.stops, "number")),
                        Cell(told(step.minutes, "minutes")),
                    ]
                    for step in found.steps
                ],
                (1, 2),
            ),
        ),
        is_empty=not found.stops,
    )


def _failures(asked: Asked, reach: Reach) -> View:
    measure = listing.one_of("measure", tuple(Measure), Measure.COUNT)
    found = failures(db.session(), asked.scope, measure)
    before = failures(db.session(), asked.scope.previous(), measure)
    sees_costs = permissions.may(current_actor(), "analytics:costs")
    value: dict[str, Callable[[Any], float]] = {
        Measure.COUNT: lambda row: row.failures,
        Measure.DOWNTIME: lambda row: row.downtime_minutes / 60,
        Measure.COST: lambda row: float(row.parts_cost),
    }
    first = found.codes[:PARETO]
    headings = ["Failure", "Reported", "Share", "Cumulative", "Downtime"] + ["Parts"] * sees_costs
    rows = []
    for row in found.codes[:SHOWN]:
        cells = [
            Cell(f"{row.code} {row.name}".strip(), _requests(asked, failure=row.code_id or NO_CODE)),
            Cell(told(row.failures, "number")),
            Cell(told(row.share, "share"), bar=row.share),
            Cell(told(row.cumulative_share, "share")),
            Cell(told(row.downtime_minutes, "minutes")),
        ]
        rows.append(cells + ([Cell(told(row.parts_cost, "money"))] if sees_costs else []))
    figures = [
        figure("failures", found.failures, before.failures, good="less"),
        figure("downtime", found.downtime_minutes, before.downtime_minutes, unit="minutes", good="less"),
    ]
    if sees_costs:
        figures.append(figure("parts-cost", found.parts_cost, before.parts_cost, unit="money", good="less"))
    return View(
        figures=figures,
        charts=(
            charts.columns(
                "Failures in the order of their weight (Pareto)",
                [Value(row.code or "No code", value[measure](row), told_share(row)) for row in first],
                {Measure.DOWNTIME: "h", Measure.COST: formatting.currency()}.get(Measure(measure), ""),
                shares=[row.cumulative_share for row in first],
                legend="Line: share of all down to there, 0 to 100 %",
            ),
        ),
        tables=(
            Table("By failure code", headings, rows, tuple(range(1, len(headings)))),
            Table(
                "By machine",
                ("Machine", "Department", "Reported"),
                [
                    [
                        Cell(row.machine.name, url_for("machines.show", machine_id=row.machine.id)),
                        Cell(row.machine.department),
                        Cell(
                            told(row.failures, "number"),
                            _requests(asked, machine=row.machine.id),
                            bar=row.failures / found.machines[0].failures,
                        ),
                    ]
                    for row in found.machines[:SHOWN]
                ],
                (2,),
                more=max(0, len(found.machines) - SHOWN),
            ),
        ),
        is_empty=not found.failures,
    )


def told_share(row: Any) -> str:
    """A code of the Pareto chart in words."""
    return f"{row.name}, {told(row.failures, 'number')} times, {told(row.share, 'share')}"


def _requests(asked: Asked, **filters: Any) -> str:
    """The list of the requests that a figure counts."""
    if not permissions.may(current_actor(), "maintenance-requests:read"):
        return ""
    given = {
        "from": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        "department": asked.department_id,
        "machine": asked.machine_id,
        **filters,
    }
    return url_for("requests.listing", show=COUNTED, **{k: v for k, v in given.items() if v is not None})


def _overdue_plans(asked: Asked) -> str:
    """The list of the plans that are behind."""
    if not permissions.may(current_actor(), "preventive-maintenance:read"):
        return ""
    given: dict[str, Any] = {"department": asked.department_id, "machine": asked.machine_id}
    return url_for("preventive.listing", overdue="yes", **{k: v for k, v in given.items() if v is not None})


def _step(first: date, asked: Asked, name: str) -> Cell:
    """A day, week or month, leading to the same analysis of its days; a day is as far as it goes."""
    if asked.steps == GroupBy.DAY:
        return Cell(step_name(first, asked.steps))
    last = first + timedelta(days=6)
    if asked.steps == GroupBy.MONTH:
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    given = {**asked.arguments, "period": "other", "from": first.isoformat(), "until": last.isoformat()}
    return Cell(step_name(first, asked.steps), url_for("analytics.show", name=name, **given))


def _reliability(asked: Asked, reach: Reach) -> View:
    found = reliability(db.session(), asked.scope)
    before = reliability(db.session(), asked.scope.previous()).overall
    now = found.overall
    kept = compliance(db.session(), asked.scope)
    return View(
        figures=(
            figure("availability", now.availability, before.availability, unit="share", good="more"),
            figure("mtbf", now.mtbf_minutes, before.mtbf_minutes, unit="minutes", good="more"),
            figure("mttr", now.mttr_minutes, before.mttr_minutes, unit="minutes", good="less"),
            figure("required-time", now.required_minutes, unit="minutes"),
            figure("preventive-compliance", kept.compliance, unit="share"),
        ),
        tables=(
            Table(
                "By machine",
                ("Machine", "Department", "Failures", "MTBF", "MTTR", "Availability"),
                [
                    [
                        Cell(row.machine.name, url_for("machines.show", machine_id=row.machine.id)),
                        Cell(row.machine.department),
                        Cell(told(row.figures.failures, "number")),
                        Cell(told(row.figures.mtbf_minutes, "minutes")),
                        Cell(told(row.figures.mttr_minutes, "minutes")),
                        Cell(told(row.figures.availability, "share"), bar=row.figures.availability),
                    ]
                    for row in sorted(
                        found.machines, key=lambda row: (row.figures.availability or 0, row.machine.name)
                    )[:SHOWN]
                ],
                (2, 3, 4, 5),
                more=max(0, len(found.machines) - SHOWN),
            ),
        ),
        notes=("Machines are taken to be required around the clock. A dash stands for a figure that does not "
               "exist: without a failure there is no MTBF and no MTTR.",),
        is_empty=not found.machines,
    )  # fmt: skip


def _types(asked: Asked, reach: Reach) -> View:
    found = types.maintenance_types(db.session(), asked.scope)
    before = types.maintenance_types(db.session(), asked.scope.previous())
    kept = compliance(db.session(), asked.scope)
    sees_costs = permissions.may(current_actor(), "analytics:costs")
    headings = ["Maintenance type", "Work orders", "Share", "Labour", "Downtime"] + ["Parts"] * sees_costs
    rows = [
        [
            Cell(
                f"{row.code} {row.name}".strip(),
                "" if row.type_id is None else _requests(asked, type=row.type_id),
            ),
            Cell(told(row.jobs, "number")),
            Cell(told(row.share, "share"), bar=row.share),
            Cell(told(row.labour_minutes, "minutes")),
            Cell(told(row.downtime_minutes, "minutes")),
            *([Cell(told(row.parts_cost, "money"))] if sees_costs else []),
        ]
        for row in found.types
    ]
    return View(
        figures=(
            figure("jobs", found.jobs, before.jobs),
            figure("labour", found.labour_minutes, before.labour_minutes, unit="minutes"),
            figure("preventive-compliance", kept.compliance, unit="share"),
        ),
        tables=(
            Table("By maintenance type", headings, rows, tuple(range(1, len(headings)))),
            Table(
                "Due dates of preventive work",
                ("What became of them", "Due dates"),
                [
                    [Cell(name, link), Cell(told(count, "number"))]
                    for name, count, link in (
                        ("Done in time", kept.on_time, ""),
                        ("Done late", kept.late, ""),
                        ("Skipped", kept.skipped, ""),
                        ("Overdue", kept.overdue, _overdue_plans(asked) if kept.overdue else ""),
                    )
                ],
                (1,),
            ),
        ),
        is_empty=not found.jobs and not kept.due,
    )


def _consumption(asked: Asked, reach: Reach) -> View:
    found = consumption(db.session(), asked.scope, asked.steps)
    before = consumption(db.session(), asked.scope.previous())
    return View(
        figures=(
            figure("consumption", found.cost, before.cost, unit="money", label="Cost"),
            figure("consumption", found.quantity, before.quantity, label="Pieces"),
        ),
        charts=(
            _steps(
                "Cost of the parts that left the store",
                found.steps,
                lambda step: float(step.cost),
                asked,
                formatting.currency(),
            ),
        ),
        tables=(
            Table(
                "By part",
                ("Part", "Group", "Issues", "Quantity", "Cost", "Share"),
                [
                    [
                        Cell(
                            f"{row.part_number} {row.part_name}", url_for("parts.show", part_id=row.part_id)
                        ),
                        Cell(row.group_name or row.group_number or "–"),
                        Cell(told(row.movements, "number")),
                        Cell(told(row.quantity, "number")),
                        Cell(told(row.cost, "money")),
                        Cell(told(row.share, "share"), bar=row.share),
                    ]
                    for row in found.parts[:SHOWN]
                ],
                (2, 3, 4, 5),
                more=max(0, len(found.parts) - SHOWN),
            ),
            Table(
                "By group",
                ("Group", "Quantity", "Cost"),
                [
                    [
                        Cell(
                            f"{row.group_number} {row.group_name}".strip() or "No group",
                            listing.url_with(group=row.group_number) if row.group_number else "",
                        ),
                        Cell(told(row.quantity, "number")),
                        Cell(told(row.cost, "money")),
                    ]
                    for row in found.groups[:SHOWN]
                ],
                (1, 2),
            ),
        ),
        is_empty=not found.quantity,
    )


def _costs(asked: Asked, reach: Reach) -> View:
    found = costs(db.session(), asked.scope, asked.steps)
    before = costs(db.session(), asked.scope.previous())
    most = max((row.parts for row in found.machines), default=0) or 1
    return View(
        figures=(
            figure("parts-cost", found.parts, before.parts, unit="money", good="less"),
            figure("labour", found.labour_minutes, before.labour_minutes, unit="minutes"),
        ),
        charts=(
            _steps(
                "Cost of parts", found.steps, lambda step: float(step.parts), asked, formatting.currency()
            ),
        ),
        tables=(
            Table(
                "By machine",
                ("Machine", "Department", "Parts", "Labour"),
                [
                    [
                        Cell(row.machine.name, url_for("machines.show", machine_id=row.machine.id)),
                        Cell(row.machine.department),
                        Cell(told(row.parts, "money"), bar=float(row.parts / most)),
                        Cell(told(row.labour_minutes, "minutes")),
                    ]
                    for row in found.machines[:SHOWN]
                ],
                (2, 3),
                more=max(0, len(found.machines) - SHOWN),
            ),
            Table(
                "By department",
                ("Department", "Parts", "Labour"),
                [
                    [
                        Cell(row.department, listing.url_with(department=row.department_id, machine=None)),
                        Cell(told(row.parts, "money")),
                        Cell(told(row.labour_minutes, "minutes")),
                    ]
                    for row in found.departments[:SHOWN]
                ],
                (1, 2),
            ),
            Table(
                "By group of parts",
                ("Group", "Parts"),
                [
                    [
                        Cell(
                            f"{row.group_number} {row.group_name}".strip() or "No group",
                            listing.url_with(group=row.group_number) if row.group_number else "",
                        ),
                        Cell(told(row.parts, "money")),
                    ]
                    for row in found.groups[:SHOWN]
                ],
                (1,),
            ),
        ),
        notes=found.included,
        is_empty=not found.machines,
    )


VIEWS = {
    "dashboard": Analysis(
        "Dashboard", "The factory at a glance.", "analytics:dashboard", "pulse", _dashboard
    ),
    "downtime": Analysis(
        "Downtime", "How long machines stood still.", "analytics:maintenance", "pause", _downtime
    ),
    "failures": Analysis(
        "Failures", "What fails most, after Pareto.", "analytics:maintenance", "alert", _failures
    ),
    "reliability": Analysis(
        "Reliability", "MTBF, MTTR and availability.", "analytics:maintenance", "thumb", _reliability
    ),
    "maintenance-types": Analysis(
        "Maintenance types", "What kinds of work are done, and whether in time.", "analytics:maintenance",
        "wrench", _types,
    ),
    "consumption": Analysis(
        "Consumption", "Which spare parts left the store.", "analytics:costs", "box", _consumption, parts=True
    ),
    "costs": Analysis(
        "Costs", "What maintenance costs: parts and working time.", "analytics:costs", "tag", _costs,
        parts=True,
    ),
}  # fmt: skip

_STEP_NAMES = {"day": "Day", "week": "Week from", "month": "Month"}


def step_name(first: date, steps: str) -> str:
    """What a day, week or month is called."""
    return formatting.month(first) if steps == GroupBy.MONTH else formatting.day(first)


def _steps(
    title: str, steps: Sequence[Any], value: Callable[[Any], float], asked: Asked, unit: str = ""
) -> charts.Chart | None:
    """The development as a chart."""
    values = []
    for step in steps:
        number = value(step)
        name = step_name(step.first, asked.steps)
        values.append(Value(name, number, f"{number:,.1f}{' ' + unit if unit else ''}"))
    return charts.columns(title, values, unit)


def _standstills(title: str, rows: Sequence[Any]) -> Table:
    return Table(
        title,
        ("Machine", "Department", "Stops", "Downtime", "Longest", "Share"),
        [
            [
                Cell(row.machine.name, url_for("machines.show", machine_id=row.machine.id)),
                Cell(row.machine.department),
                Cell(told(row.stops, "number")),
                Cell(told(row.minutes, "minutes")),
                Cell(told(row.longest_minutes, "minutes")),
                Cell(told(row.share, "share"), bar=row.share),
            ]
            for row in rows[:SHOWN]
        ],
        (2, 3, 4, 5),
        empty="No machine stood still in the period.",
        more=max(0, len(rows) - SHOWN),
    )
