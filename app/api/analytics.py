"""Analytics: what the factory's history adds up to."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field

from app import clock
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Amount, Instant, Out, left_out
from app.api.periods import MachinePeriod, PeriodOut, WholePeriod, scope_of
from app.domain.analytics.calendar import GroupBy
from app.domain.analytics.consumption import consumption
from app.domain.analytics.costs import costs
from app.domain.analytics.dashboard import dashboard
from app.domain.analytics.downtime import downtime
from app.domain.analytics.failures import Measure, failures
from app.domain.analytics.maintenance_types import maintenance_types
from app.domain.analytics.preventive import compliance
from app.domain.analytics.reliability import reliability
from app.domain.analytics.scope import Scope
from app.domain.machines import Machine
from app.domain.requests import MaintenanceRequest
from app.engine.models import TaskState, UserTask

resource = Resource(
    "Analytics",
    "Figures of a period (the last 30 days unless told otherwise), by department and machine. Durations are "
    "whole minutes, shares are parts of 1, what does not exist (a mean of nothing) is null. Days, weeks and "
    "months are those of the site's time zone.",
)

Share = Annotated[float, Field(ge=0, description="A part of 1.")]
Minutes = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Steps = Annotated[GroupBy, Field(description="Also answer the development, in days, weeks or months.")]


class MachineSteps(MachinePeriod):
    """The figures of which time and machines, and in which steps."""

    group_by: Steps = left_out()


class WholeSteps(WholePeriod):
    """The figures of which time, machines and parts, and in which steps."""

    group_by: Steps = left_out()


class FailureFilters(MachinePeriod):
    """The failures of which time and machines, and what the Pareto order goes by."""

    measure: Annotated[Measure, Field(description="What order and shares go by.")] = Measure.COUNT


class AnalysedMachine(Out):
    """Which machine it is."""

    id: int
    name: str
    qr_code: str
    department_id: int
    department: str


class Figures(Out):
    """Figures of a period."""

    period: PeriodOut


# -- downtime ----------------------------------------------------------------------------------------


class StandstillOut(Out):
    """The downtime of one machine. A stop is an unbroken time without production."""

    machine: AnalysedMachine
    stops: Count
    minutes: Minutes
    longest_minutes: Minutes
    share: Share
    is_down: bool = Field(description="Whether it stood still when the period ended, or stands still now.")


class DowntimeStepOut(Out):
    """The downtime of one day, week or month; `first` is its first day."""

    first: date
    stops: Count
    minutes: Minutes


class DowntimeAnalysisOut(Figures):
    """Downtime: in all, by machine (most first), and its development."""

    stops: Count
    minutes: Minutes
    machines: list[StandstillOut]
    steps: list[DowntimeStepOut]


@resource.get("/analytics/downtime", needs="analytics:maintenance", answers=DowntimeAnalysisOut)
def get_downtime(query: MachineSteps) -> object:
    """How long machines stood still.

    Downtime is clipped to the period. Downtimes of one machine that overlap count once, and one that is
    open counts until now. Supervisors get their department's figures.
    """
    scope = scope_of(query, calls.scope())
    return _of(scope, downtime(calls.session(), scope, query.group_by))


# -- consumption and costs ---------------------------------------------------------------------------


class PartConsumptionOut(Out):
    """How many of a part left the store, and what they cost."""

    part_id: int
    part_number: str
    part_name: str
    group_number: str
    group_name: str
    movements: Count
    quantity: Count
    cost: Amount
    share: Share


class GroupConsumptionOut(Out):
    """How many of a group of parts left the store, and what they cost."""

    group_number: str
    group_name: str
    quantity: Count
    cost: Amount


class ConsumptionStepOut(Out):
    """What left the store in one day, week or month; `first` is its first day."""

    first: date
    quantity: Count
    cost: Amount


class ConsumptionAnalysisOut(Figures):
    """Consumption: in all, by part and group (dearest first), and its development."""

    quantity: Count
    cost: Amount
    parts: list[PartConsumptionOut]
    groups: list[GroupConsumptionOut]
    steps: list[ConsumptionStepOut]


class MachineCostsOut(Out):
    """What was spent on a machine. The minutes are null where they are not known."""

    machine: AnalysedMachine
    parts: Amount
    labour_minutes: Minutes | None


class DepartmentCostsOut(Out):
    """What was spent on the machines of a department."""

    department_id: int
    department: str
    parts: Amount
    labour_minutes: Minutes | None


class GroupCostsOut(Out):
    """What was spent on a group of parts."""

    group_number: str
    group_name: str
    parts: Amount


class CostStepOut(Out):
    """What was spent in one day, week or month; `first` is its first day."""

    first: date
    parts: Amount
    labour_minutes: Minutes | None


class CostAnalysisOut(Figures):
    """Costs: in all, by machine, department and part group (dearest first), and their development."""

    currency: str
    parts: Amount
    labour_minutes: Minutes | None
    machines: list[MachineCostsOut]
    departments: list[DepartmentCostsOut]
    groups: list[GroupCostsOut]
    steps: list[CostStepOut]
    included: list[str] = Field(description="What the figures are made of, in sentences.")


@resource.get("/analytics/consumption", needs="analytics:costs", answers=ConsumptionAnalysisOut)
def get_consumption(query: WholeSteps) -> object:
    """Which spare parts left the store.

    It is what the movements OUT took, at the cost that each movement recorded. Narrowed to a department or
    machine it is what was issued for their maintenance work.
    """
    scope = scope_of(query, calls.scope())
    return _of(scope, consumption(calls.session(), scope, query.group_by))


@resource.get("/analytics/costs", needs="analytics:costs", answers=CostAnalysisOut)
def get_costs(query: WholeSteps) -> object:
    """What maintenance costs.

    Parts are an amount, labour is in minutes; `included` says what is counted.
    """
    scope = scope_of(query, calls.scope())
    return _of(scope, costs(calls.session(), scope, query.group_by))


# -- failures, types, reliability --------------------------------------------------------------------


class FailureFiguresOut(Out):
    """The failures of one code; those without a code have no `codeId`."""

    code_id: int | None
    code: str
    name: str
    failures: Count
    downtime_minutes: Minutes
    parts_cost: Amount
    share: Share
    cumulative_share: Share


class MachineFailuresOut(Out):
    """How often a machine failed."""

    machine: AnalysedMachine
    failures: Count


class FailureAnalysisOut(Figures):
    """Failures: in all, by code in Pareto order, and by machine (most first)."""

    failures: Count
    downtime_minutes: Minutes
    parts_cost: Amount
    codes: list[FailureFiguresOut]
    machines: list[MachineFailuresOut]


class TypeFiguresOut(Out):
    """The work of one maintenance type; work without one has no `typeId`."""

    type_id: int | None
    code: str
    name: str
    jobs: Count
    share: Share
    labour_minutes: Minutes
    downtime_minutes: Minutes
    parts_cost: Amount


class ComplianceOut(Out):
    """What became of the due dates of preventive tasks."""

    due: Count
    on_time: Count
    late: Count
    skipped: Count
    overdue: Count
    compliance: Share | None = Field(description="The share that was done on or before its due date.")


class TypeAnalysisOut(Figures):
    """Work by maintenance type, and preventive compliance."""

    jobs: Count
    labour_minutes: Minutes
    downtime_minutes: Minutes
    parts_cost: Amount
    types: list[TypeFiguresOut]
    preventive: ComplianceOut


class ReliabilityOut(Out):
    """How reliable a machine, or several together, were."""

    failures: Count
    required_minutes: Minutes
    up_minutes: Minutes
    down_minutes: Minutes
    restoration_minutes: Minutes
    mtbf_minutes: Minutes | None = Field(description="Up time / failures; null without a failure.")
    mttr_minutes: Minutes | None = Field(description="Time to restoration / failures; null without one.")
    availability: Share | None = Field(description="Up time / (up time + down time).")


class MachineReliabilityOut(Out):
    """How reliable a machine was."""

    machine: AnalysedMachine
    figures: ReliabilityOut


class ReliabilityAnalysisOut(Figures):
    """All machines together, and each by itself, by name."""

    overall: ReliabilityOut
    machines: list[MachineReliabilityOut]


@resource.get("/analytics/failures", needs="analytics:maintenance", answers=FailureAnalysisOut)
def get_failures(query: FailureFilters) -> object:
    """What fails most, after Pareto.

    Failures are the maintenance requests reported in the period that were not cancelled. Supervisors get
    their department's figures.
    """
    scope = scope_of(query, calls.scope())
    return _of(scope, failures(calls.session(), scope, query.measure))


@resource.get("/analytics/maintenance-types", needs="analytics:maintenance", answers=TypeAnalysisOut)
def get_maintenance_types_analysis(query: MachinePeriod) -> object:
    """What kinds of maintenance are done, and whether preventive tasks are done in time.

    Counted are the work orders closed in the period, each with its whole labour, downtime and parts.
    """
    scope = scope_of(query, calls.scope())
    found = maintenance_types(calls.session(), scope)
    return _of(scope, found, preventive=compliance(calls.session(), scope))


@resource.get("/analytics/mtbf", needs="analytics:maintenance", answers=ReliabilityAnalysisOut)
def get_mtbf(query: MachinePeriod) -> object:
    """MTBF, MTTR and availability.

    Terms after EN 13306, estimates after ISO 14224: MTBF = up time / failures, MTTR = time to restoration /
    failures, availability = up time / (up time + down time). A failure is the stop of a machine that was up,
    for a request that was not cancelled; rework on the same request is not another one. Machines are taken to
    be required around the clock, from their installation until they are decommissioned.
    """
    scope = scope_of(query, calls.scope())
    return _of(scope, reliability(calls.session(), scope))


# -- dashboard ---------------------------------------------------------------------------------------


class LowPartOut(Out):
    """A part of which less is left than its minimum."""

    part_id: int
    part_number: str
    part_name: str
    quantity: Count
    min_quantity: Count


class ActivityCountsOut(Out):
    """How many requests were reported, completed and cancelled, and parts requests made and ended."""

    reported: Count
    completed: Count
    cancelled: Count
    parts_requested: Count
    parts_closed: Count


class DashboardOut(Figures):
    """What stands open now, and what the period was like, beside the period of the same length before it."""

    open_requests: Count
    open_by_status: dict[str, Count]
    open_by_priority: dict[str, Count]
    unassigned: Count = Field(description="Open requests that nobody is in charge of.")
    overdue: Count = Field(description="Open requests of which a task is past its due time.")
    oldest_open: Instant | None
    machines_by_status: dict[str, Count]
    parts_requests_waiting: dict[str, Count]
    low_stock: Count
    low_parts: list[LowPartOut]
    downtime_minutes: Minutes
    previous_downtime_minutes: Minutes
    downtime_steps: list[DowntimeStepOut]
    top_machines: list[StandstillOut] = Field(description="Those that stood still for longest.")
    activity: ActivityCountsOut
    previous_activity: ActivityCountsOut
    preventive: ComplianceOut


@resource.get("/analytics/dashboard", needs="analytics:dashboard", answers=DashboardOut)
def get_dashboard(query: MachineSteps) -> object:
    """The factory at a glance.

    Supervisors get their department's figures, technicians those of the requests assigned to them. Stock is
    always the whole factory's.
    """
    scope = scope_of(query, calls.scope())
    found = dashboard(calls.session(), scope, query.group_by)
    return _of(
        scope,
        found,
        overdue=_overdue(scope),
        downtime_minutes=found.downtime.minutes,
        downtime_steps=found.downtime.steps,
    )


def _overdue(scope: Scope) -> int:
    """How many requests have an open task that is past its due time."""
    query = (
        sa.select(sa.func.count(UserTask.subject_id.distinct()))
        .join(MaintenanceRequest, MaintenanceRequest.id == UserTask.subject_id)
        .join(Machine, Machine.id == MaintenanceRequest.machine_id)
        .where(UserTask.subject_type == "maintenance_request", UserTask.state == TaskState.OPEN)
        .where(UserTask.due_at < clock.now(), *scope.requests())
    )
    return calls.session().scalar(query) or 0


def _of(scope: Scope, found: Any, **more: Any) -> object:
    """Figures with the period that they are of."""
    return SimpleNamespace(period=scope, **{**vars(found), **more})
