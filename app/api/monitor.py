"""The monitor: what is stuck and why, and how each process goes."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, Instant, Out, PageOf, Paging, Text, left_out
from app.api.process_schemas import ElementId
from app.domain.people import Department
from app.domain.queries.paging import Page
from app.engine.monitor import overview, stuck
from app.engine.monitor.filters import Filters
from app.engine.monitor.obstacles import Reason
from app.engine.monitor.stuck import Stuck
from app.engine.monitor.words import explain, explain_group

resource = Resource("Monitor", "What is stuck and why, and how each process goes.")

NEEDED = 10  # groups that an overview tells of

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class ObstacleFilters(Paging):
    """Which obstacles. `q` is looked for in the business key."""

    process: Text = left_out()
    reason: list[Reason] = left_out()
    element: ElementId = left_out()
    machine_id: Id = left_out()
    department_id: Id = left_out()
    person_id: Annotated[Id, Field(description="Somebody who has the task, or started the instance.")] = (
        left_out()
    )


class ObstacleOut(Out):
    """What keeps an instance from going on, in words."""

    id: int
    instance_id: int
    process_key: str
    business_key: str
    reason: Reason
    element_id: str = Field(description="Where it stands; empty for a missed timer.")
    element_name: str
    task_id: int | None
    assignee_id: int | None
    assignee_name: str
    machine_id: int | None
    department_id: int | None
    since: Instant
    matter: str = Field(description="What is the matter.")
    advice: str = Field(description="What can be done about it.")


class StuckGroupOut(Out):
    """How many instances of a process are stuck at one element for one reason."""

    process_key: str
    reason: Reason
    element_id: str
    element_name: str
    instances: int
    since: Instant = Field(description="Since when the first of them is.")
    matter: str
    advice: str


class StuckCountOut(Out):
    """How many instances are stuck for a reason."""

    reason: Reason
    instances: int


class WeekOut(Out):
    """The instances that ended in a week."""

    monday: date
    ended: int
    median_seconds: Seconds | None


class ProcessOverviewOut(Out):
    """How a process goes. Figures are those of the last eight weeks; null where nothing ended."""

    key: str
    name: str
    version: int
    open_instances: int
    stuck: list[StuckCountOut]
    ended: int
    on_time_share: Share | None = Field(description="Of all its tasks with a due time, those done by then.")
    median_seconds: Seconds | None
    p90_seconds: Seconds | None
    weeks: list[WeekOut] = Field(description="The oldest first; weeks in which nothing ended too.")


class OverviewOut(Out):
    """What needs a manager now, and how each process goes."""

    surveyed_at: Instant | None = Field(description="When what is stuck was last looked for.")
    is_old: bool = Field(description="Whether nobody looks any more: the scheduler does not run.")
    needed: list[StuckGroupOut] = Field(description="The most urgent first.")
    processes: list[ProcessOverviewOut]


@resource.get("/monitor/overview", needs="instances:list", answers=OverviewOut)
def get_monitor_overview() -> OverviewOut:
    """Get what needs a manager now, and how each process goes."""
    engine, session = calls.engine(), calls.session()
    survey, departments = stuck.age(session), _departments()
    found, needed = stuck.piles(session), []
    for group in stuck.groups(session, found, limit=NEEDED):
        words = explain_group(group, engine.bindings, departments)
        needed.append(
            StuckGroupOut(
                process_key=group.process_key,
                reason=group.reason,
                element_id=group.element_id,
                element_name=group.element_name,
                instances=group.instances,
                since=group.since,
                matter=words.matter,
                advice=words.advice,
            )
        )
    processes = [_process(each) for each in overview.processes(engine, session, found)]
    return OverviewOut(surveyed_at=survey.at, is_old=survey.is_old, needed=needed, processes=processes)


@resource.get("/monitor/obstacles", needs="instances:list", answers=PageOf[ObstacleOut])
def list_obstacles(query: ObstacleFilters) -> Page[ObstacleOut]:
    """List what keeps instances from going on, the most urgent first.

    It is what was found at most half a minute ago; what is over by now is left out.
    """
    given = query.for_list()
    page, page_size = given.pop("page"), given.pop("page_size")
    filters = Filters(reasons=tuple(given.pop("reason", ())), **given)
    session = calls.session()
    found = stuck.page(session, filters, page=page, page_size=page_size)
    places = stuck.places(session, [each.instance.id for each in found.items])
    departments = _departments()
    items = [_obstacle(each, places.get(each.instance.id), departments) for each in found.items]
    return Page(items, found.total, page, page_size)


def _obstacle(found: Stuck, place: stuck.Place | None, departments: dict[int, str]) -> ObstacleOut:
    obstacle, task = found.obstacle, found.task
    words = explain(found, calls.engine().bindings, departments)
    about = task or place
    return ObstacleOut(
        id=obstacle.id,
        instance_id=obstacle.instance_id,
        process_key=obstacle.process_key,
        business_key=found.instance.business_key,
        reason=found.reason,
        element_id=obstacle.element_id,
        element_name=obstacle.element_name,
        task_id=obstacle.task_id,
        assignee_id=task.assignee_id if task else None,
        assignee_name=task.assignee_name if task else "",
        machine_id=about.machine_id if about else None,
        department_id=about.department_id if about else None,
        since=obstacle.since,
        matter=words.matter,
        advice=words.advice,
    )


def _process(found: overview.ProcessOverview) -> ProcessOverviewOut:
    return ProcessOverviewOut(
        key=found.key,
        name=found.name,
        version=found.version,
        open_instances=found.open,
        stuck=[StuckCountOut(reason=reason, instances=number) for reason, number in found.stuck.items()],
        ended=found.instances.number,
        on_time_share=found.steps.on_time_share,
        median_seconds=found.instances.median,
        p90_seconds=found.instances.p90,
        weeks=[
            WeekOut(monday=monday, ended=figures.number, median_seconds=figures.median)
            for monday, figures in sorted(found.weeks.items())
        ],
    )


def _departments() -> dict[int, str]:
    rows = calls.session().execute(sa.select(Department.id, Department.name))
    return dict(rows.all())
