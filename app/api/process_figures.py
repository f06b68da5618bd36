"""The figures of processes: where they wait, what held them up, which paths were taken; the event log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from flask import Response, current_app
from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Download, Resource
from app.api.core.schemas import Day, In, Instant, Out, left_out
from app.api.process_schemas import ProcessKey, Version
from app.current import site
from app.engine import deployments
from app.engine.models import Deployment
from app.engine.monitor import event_log, heat, statistics, variants
from app.engine.monitor.event_log import Selection
from app.engine.monitor.heat import Heat, Place
from app.engine.monitor.paths import StepKind
from app.engine.monitor.statistics import Figures
from app.engine.monitor.variants import Way, Which
from app.errors import BusinessError, NotFound
from app.exports import event_logs
from app.exports.event_logs import LogFormat
from app.jobs.system import JobSystem
from app.processes import event_logs as taken

resource = Resource(
    "Process figures", "Where a process waits, which paths its instances take, and its event log."
)

WATCH = "instances:list"
USUAL = 30  # days
LONGEST = 366
EARLIEST = date(2000, 1, 1)

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Number = Annotated[int, Field(ge=0)]


class DaysIn(In):
    """The days of the site that are meant, both included, and the version."""

    since: Annotated[
        Day, Field(alias="from", description="The first day; 30 days with the last one if left out.")
    ] = left_out()
    until: Annotated[Day, Field(description="The last day; today if left out.")] = left_out()
    version: Annotated[Version, Field(description="One version; all together if left out.")] = left_out()


class VariantsIn(DaysIn):
    """The same, and how many paths to list."""

    most: Annotated[int, Field(ge=1, le=variants.MOST_LISTED)] = 25


class EventLogIn(DaysIn):
    """Which instances, by the day on which they began, and how."""

    format: LogFormat = LogFormat.XES
    names: Annotated[
        bool, Field(description="People by their names; else by pseudonyms that are good for this file only.")
    ] = False


class FiguresOut(Out):
    """How long what ended in a period took, in seconds. Shares are 0 to 1; null where nothing is known."""

    number: Number
    median: Seconds | None
    p90: Seconds | None = Field(description="Nine in ten took no longer.")
    on_time_share: Share | None = Field(description="Of those with a due time.")
    rework_share: Share | None = Field(description="Done in the same instance before.")


class StepFiguresOut(FiguresOut):
    """The same of a step, and what is open at it now."""

    element_id: str
    name: str
    type: str = Field(description="As BPMN has it; empty for a step that no deployed diagram shows.")
    listens: bool = Field(description="It waits beside the work, and is in no share.")
    open_tasks: Number
    awaited_events: Number
    incidents: Number
    open_since: Instant | None = Field(description="Since when the oldest of them has been open.")
    waiting_seconds: Number = Field(description="The durations of the period added up.")
    waiting_share: Share = Field(description="Of all waiting in the period.")


class ProcessFiguresOut(Out):
    """A process in a period: its instances from start to end, and each of its steps."""

    key: str
    since: date = Field(alias="from")
    until: date
    version: int | None
    open_instances: Number
    whole: FiguresOut
    steps: list[StepFiguresOut]


class BottleneckOut(Out):
    """A step that held waiting, and its part of it."""

    element_id: str
    name: str
    waiting_seconds: Number
    waiting_share: Share
    number: Number
    median: Seconds | None
    p90: Seconds | None


class PathStepOut(Out):
    """A step of a path: a task with its outcome, a way that rules chose, what interrupted, how it ended."""

    kind: StepKind
    element_id: str
    name: str
    outcome: str = Field(description="The code of the outcome, or the ids of the flows taken.")
    outcome_label: str


class VariantOut(Out):
    """A path, and how often it was taken."""

    id: int
    steps: list[PathStepOut]
    length: Number = Field(description="All its steps; of very long paths only the first are listed.")
    instances: Number
    share: Share
    cumulative_share: Share = Field(description="Of this one and all more frequent ones.")
    median: Seconds | None
    p90: Seconds | None


class VariantsOut(Out):
    """The paths of what ended in a period, the most frequent first."""

    instances: Number
    variants: Number = Field(description="How many different paths there are.")
    items: list[VariantOut]


@dataclass(frozen=True)
class _Asked:
    newest: Deployment
    since: date
    until: date
    only: Deployment | None


@resource.get("/processes/{key}/figures", needs=WATCH, answers=ProcessFiguresOut)
def get_process_figures(key: ProcessKey, query: DaysIn) -> ProcessFiguresOut:
    """Where a process waits.

    For each step: what is open at it now, and how long those took that ended in the period. Figures are
    gathered each minute; durations are right to within 2 %.
    """
    asked = _asked(key, query)
    found = _heat(asked)
    return ProcessFiguresOut(
        key=key,
        **{"from": asked.since},
        until=asked.until,
        version=asked.only.version if asked.only else None,
        open_instances=found.open_instances,
        whole=FiguresOut(**_figures(found.whole)),
        steps=[_step(place) for place in found.places],
    )


@resource.get("/processes/{key}/bottlenecks", needs=WATCH, answers=list[BottleneckOut])
def list_bottlenecks(key: ProcessKey, query: DaysIn) -> list[BottleneckOut]:
    """The steps that held most of the waiting in a period, the worst first."""
    return [
        BottleneckOut(
            element_id=place.element_id,
            name=place.name,
            waiting_seconds=place.figures.seconds,
            waiting_share=place.share,
            number=place.figures.number,
            median=place.figures.median,
            p90=place.figures.p90,
        )
        for place in _heat(_asked(key, query)).bottlenecks(most=20)
    ]


@resource.get("/processes/{key}/variants", needs=WATCH, answers=VariantsOut)
def list_variants(key: ProcessKey, query: VariantsIn) -> VariantsOut:
    """The distinct paths of what ended in a period, and how often each was taken."""
    asked = _asked(key, query)
    ids = (asked.only.id,) if asked.only else None
    found = variants.listed(calls.session(), Which(key, asked.since, asked.until, ids), most=query.most)
    return VariantsOut(
        instances=found.instances, variants=found.variants, items=[_variant(way) for way in found.listed]
    )


@resource.get(
    "/processes/{key}/event-log",
    needs=WATCH,
    answers=Download,
    media=[form.media_type for form in LogFormat],
)
def get_event_log(key: ProcessKey, query: EventLogIn) -> Response:
    """The event log for process mining: as XES (IEEE 1849), or as CSV.

    Of the instances that began in the period. Variables and what people wrote are not in it. It is written
    while it is read, however long it is. The activity log says who took it with people's names.
    """
    asked = _asked(key, query)
    only = asked.only.id if asked.only else None
    selection = Selection(key, asked.newest.name, asked.since, asked.until, site().zone, only)
    system: JobSystem = current_app.extensions["millwright.jobs"]
    naming = taken.naming(calls.session(), selection, asked.newest, calls.user_id(), named=query.names)
    cases = event_log.cases(system.sessions, selection, naming=naming)
    chunks = event_logs.chunks(query.format, selection.name, cases, selection.zone)
    response = Response(chunks, mimetype=query.format.media_type)
    name = event_logs.file_name(key, asked.since, asked.until, query.format)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _asked(key: str, query: DaysIn) -> _Asked:
    """What is asked for.

    :raises NotFound: no such process or version
    :raises BusinessError: BAD_PERIOD, PERIOD_TOO_LONG (field ``from``)
    """
    session = calls.session()
    newest = deployments.latest(session, key)
    if newest is None:
        raise NotFound("No such process is deployed.")
    until = min(query.until or date.max, statistics.today(calls.engine(), session))
    since = query.since or max(until, EARLIEST + timedelta(days=USUAL)) - timedelta(days=USUAL - 1)
    if since > until or since < EARLIEST:
        message = "Ask for days from the year 2000 until today, the first before the last."
        raise BusinessError("BAD_PERIOD", message, field="from")
    if (until - since).days >= LONGEST:
        raise BusinessError("PERIOD_TOO_LONG", "Ask for a year at most.", field="from")
    only = None if query.version is None else deployments.get_version(session, key, query.version)
    return _Asked(newest, since, until, only)


def _heat(asked: _Asked) -> Heat:
    return heat.of_process(
        calls.engine(),
        calls.session(),
        asked.only or asked.newest,
        asked.since,
        asked.until,
        only=asked.only is not None,
    )


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "number": figures.number,
        "median": figures.median,
        "p90": figures.p90,
        "on_time_share": figures.on_time_share,
        "rework_share": figures.rework_share,
    }


def _step(place: Place) -> StepFiguresOut:
    return StepFiguresOut(
        **_figures(place.figures),
        element_id=place.element_id,
        name=place.name,
        type=place.type,
        listens=place.listens,
        open_tasks=place.tasks,
        awaited_events=place.events,
        incidents=place.incidents,
        open_since=place.since,
        waiting_seconds=place.figures.seconds,
        waiting_share=place.share,
    )


def _variant(way: Way) -> VariantOut:
    return VariantOut(
        id=way.variant_id,
        steps=[
            PathStepOut(
                kind=step.kind,
                element_id=step.element_id,
                name=step.name,
                outcome=step.outcome,
                outcome_label=step.words,
            )
            for step in way.steps
        ],
        length=way.length,
        instances=way.number,
        share=way.share,
        cumulative_share=way.cumulative,
        median=way.median,
        p90=way.p90,
    )
