"""Where a process waits: each step with what is open at it now, and how long it took those before.

What is open now are three queries; the rest is what :mod:`~app.engine.monitor.statistics` has gathered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine.diagram import Diagram, Element
from app.engine.models import (
    OPEN_STATES,
    Deployment,
    EventWait,
    Incident,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.monitor import statistics
from app.engine.monitor.statistics import WHOLE, Figures

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

SHADES = 5
# With fewer samples than this, figures say little.
FEW = 20
# Of so many steps that the version shown no longer has, the names are looked up.
MOST_GONE = 50
# Of all waiting: what held less is no bottleneck.
LEAST_SHARE = 0.01
# Elements at which a token can stay; boundary events wait beside a task, which has the figures.
WAITING = {"userTask", "receiveTask", "intermediateCatchEvent"}


class Measure(StrEnum):
    """What the heat of a diagram tells."""

    OPEN = "open"  # tasks, awaited events and failed steps, now
    MEDIAN = "median"  # seconds
    P90 = "p90"  # seconds that nine in ten took no longer than
    ON_TIME = "on-time"  # share of those with a due time
    REWORK = "rework"  # share that had been done in the same instance before


@dataclass(slots=True)
class Place:
    """A step of a process. ``share`` is its part of all waiting in the period, 0 to 1.

    ``since`` is since when the oldest of what is open has been; ``is_drawn`` says whether the version that
    is shown has the step. One that ``listens`` waits beside the work, for what need never come: nobody waits
    for it, so it has no heat and no share.
    """

    element_id: str
    name: str
    type: str
    is_drawn: bool = True
    listens: bool = False
    tasks: int = 0
    events: int = 0
    incidents: int = 0
    since: datetime | None = None
    figures: Figures = field(default_factory=Figures)
    share: float = 0.0

    @property
    def open_now(self) -> int:
        return self.tasks + self.events + self.incidents

    def value(self, measure: Measure) -> float | None:
        """What a measure says of the step; None where nothing is known."""
        if self.listens:
            return None
        match measure:
            case Measure.OPEN:
                return self.open_now
            case Measure.MEDIAN:
                return self.figures.median
            case Measure.P90:
                return self.figures.p90
            case Measure.ON_TIME:
                return self.figures.on_time_share
            case Measure.REWORK:
                return self.figures.rework_share

    def stands_since(self, since: datetime) -> None:
        """Note that something has been open at the step since then."""
        self.since = since if self.since is None else min(self.since, since)


@dataclass(frozen=True, slots=True)
class Scale:
    """Which shade of heat a value has: ``limits`` are the highest values of the shades, coolest first.

    Where late is hot (``is_falling``), the limits are the lowest values, and a lower value is hotter.
    """

    limits: tuple[float, ...]
    is_falling: bool = False

    def shade(self, value: float | None) -> int:
        """0 (none) to :data:`SHADES` (hottest)."""
        if value is None or not self.limits or value == (1 if self.is_falling else 0):
            return 0
        reached = sum(value < limit if self.is_falling else value > limit for limit in self.limits[:-1])
        return self.shades[reached]

    @property
    def shades(self) -> tuple[int, ...]:
        """The shade of each limit: the last is always the hottest."""
        number = len(self.limits)
        return tuple(math.ceil(SHADES * n / number) for n in range(1, number + 1))


@dataclass(frozen=True, slots=True)
class Heat:
    """The steps of a process in a period, in the order of the diagram; ``whole`` are its instances."""

    deployment: Deployment
    places: list[Place]
    whole: Figures
    open_instances: int

    @property
    def has_samples(self) -> bool:
        return any(place.figures.number for place in self.places)

    def scale(self, measure: Measure) -> Scale:
        """The shades of a measure, by what is hottest in this period."""
        if measure is Measure.ON_TIME:
            return Scale((0.8, 0.6, 0.4, 0.2, 0.0), is_falling=True)
        values = [value for place in self.places if (value := place.value(measure))]
        if not values:
            return Scale(())
        hottest = max(values)
        limits = [hottest * n / SHADES for n in range(1, SHADES + 1)]
        if measure is Measure.OPEN:
            limits = [float(math.ceil(limit)) for limit in limits]
        return Scale(tuple(sorted(set(limits))))

    def bottlenecks(self, most: int = 5) -> list[Place]:
        """The steps that held the most waiting of the period, the worst first."""
        waited = [place for place in self.places if place.share >= LEAST_SHARE]
        return sorted(waited, key=lambda place: -place.figures.seconds)[:most]


@dataclass(frozen=True, slots=True)
class Pair:
    """A step, or the whole (with an empty element id), in two versions; figures without samples are empty."""

    element_id: str
    name: str
    before: Figures
    after: Figures

    @property
    def is_thin(self) -> bool:
        """Whether there are too few samples on either side to compare."""
        return min(self.before.number, self.after.number) < FEW


# -- reading -------------------------------------------------------------------------------------


def of_process(
    engine: ProcessEngine,
    session: Session,
    shown: Deployment,
    since: date,
    until: date,
    *,
    only: bool = False,
) -> Heat:
    """The heat of a process, drawn on a version: of all its versions, or ``only`` of that one.

    ``since`` and ``until`` are days of the site, both included; what is open is so now.
    """
    ids = [shown.id] if only else None
    diagram = engine.definition(session, shown.id).diagram
    figures = statistics.by_element(session, shown.key, since, until, deployment_ids=ids)
    whole = figures.pop(WHOLE, Figures())
    places = {each.id: _place(each) for each in diagram.elements.values() if each.type in WAITING}
    for element_id in listeners(diagram):
        places[element_id].listens = True

    def at(element_id: str, name: str = "") -> Place:
        if element_id not in places:
            known = diagram.elements.get(element_id)
            places[element_id] = (
                _place(known) if known else Place(element_id, name or element_id, "", is_drawn=False)
            )
        return places[element_id]

    for element_id, number, oldest in session.execute(_open_tasks(shown.key, ids)):
        at(element_id).tasks = number
        at(element_id).stands_since(oldest)
    for element_id, number, oldest, name in session.execute(_awaited_events(shown.key, ids)):
        at(element_id, name).events = number
        at(element_id).stands_since(oldest)
    for element_id, number, oldest, name in session.execute(_incidents(shown.key, ids)):
        at(element_id, name).incidents = number
        at(element_id).stands_since(oldest)
    for element_id, each in figures.items():
        at(element_id).figures = each
    waited = [place for place in places.values() if place.figures.seconds and not place.listens]
    total = sum(place.figures.seconds for place in waited)
    for place in waited:
        place.share = place.figures.seconds / total
    _name_what_is_gone(session, shown.key, places)
    return Heat(shown, list(places.values()), whole, _open_instances(session, shown, only=only))


def compare(
    engine: ProcessEngine, session: Session, before: Deployment, after: Deployment, since: date, until: date
) -> list[Pair]:
    """The whole and each step of two versions of a process in a period, as far as either has samples."""
    found = [
        statistics.by_element(session, each.key, since, until, deployment_ids=[each.id])
        for each in (before, after)
    ]
    elements = {
        **engine.definition(session, before.id).diagram.elements,
        **engine.definition(session, after.id).diagram.elements,
    }
    known = [WHOLE, *(name for name in elements if any(name in figures for figures in found))]
    known += sorted({name for figures in found for name in figures} - set(known))
    return [
        Pair(
            element_id,
            "" if element_id == WHOLE else _label(elements, element_id),
            found[0].get(element_id, Figures()),
            found[1].get(element_id, Figures()),
        )
        for element_id in known
    ]


def listeners(diagram: Diagram) -> set[str]:
    """The elements that wait for messages on a branch of their own, while people work on another.

    Such as a cancellation, which is listened for from the start on and hardly ever comes.
    """
    found: set[str] = set()
    for gateway in diagram.of_type("parallelGateway"):
        branches = [_first_waits(diagram, flow.target) for flow in diagram.outgoing(gateway.id)]
        if any(wait.type == "userTask" for waits in branches for wait in waits):
            for waits in branches:
                if all(wait.event == "message" for wait in waits):
                    found |= {wait.id for wait in waits}
    return found


def _first_waits(diagram: Diagram, start: str) -> list[Element]:
    """The elements at which a token that begins at ``start`` can first stay."""
    seen, next_ones, found = {start}, [start], []
    while next_ones:
        element = diagram.elements.get(next_ones.pop())
        if element is None:
            continue
        if element.type in WAITING:
            found.append(element)
            continue
        fresh = {flow.target for flow in diagram.outgoing(element.id)} - seen
        seen |= fresh
        next_ones.extend(fresh)
    return found


def _label(elements: dict[str, Element], element_id: str) -> str:
    return elements[element_id].label if element_id in elements else element_id


def _place(element: Element) -> Place:
    return Place(element.id, element.label, element.type)


def _name_what_is_gone(session: Session, key: str, places: dict[str, Place]) -> None:
    """Say what steps of earlier versions were called, as far as somebody has done them."""
    nameless = [place.element_id for place in places.values() if not place.is_drawn]
    if not nameless:
        return
    # One row each, by the index of elements: there may be very many tasks of a step.
    tasks = [
        sa.select(UserTask.element_id, UserTask.name)
        .where(UserTask.element_id == element_id, UserTask.process_key == key)
        .limit(1)
        .subquery()
        for element_id in nameless[:MOST_GONE]
    ]
    for element_id, name in session.execute(sa.union_all(*(sa.select(each) for each in tasks))):
        places[element_id].name, places[element_id].type = name, "userTask"


def _of(ids: Iterable[int] | None) -> list[sa.ColumnElement[bool]]:
    return [] if ids is None else [ProcessInstance.deployment_id.in_(list(ids))]


def _open_tasks(key: str, ids: list[int] | None) -> sa.Executable:
    query = _counted(UserTask.element_id, UserTask.created_at).where(
        UserTask.process_key == key, UserTask.state == TaskState.OPEN
    )
    if ids is None:
        return query
    return query.join(ProcessInstance, ProcessInstance.id == UserTask.instance_id).where(*_of(ids))


def _awaited_events(key: str, ids: list[int] | None) -> sa.Executable:
    query = _counted(EventWait.element_id, EventWait.since, EventWait.element_name).where(
        EventWait.process_key == key, EventWait.ended_at.is_(None)
    )
    if ids is None:
        return query
    return query.join(ProcessInstance, ProcessInstance.id == EventWait.instance_id).where(*_of(ids))


def _incidents(key: str, ids: list[int] | None) -> sa.Executable:
    return (
        _counted(Incident.element_id, Incident.created_at, Incident.element_name)
        .join(ProcessInstance, ProcessInstance.id == Incident.instance_id)
        .where(Incident.resolved_at.is_(None), ProcessInstance.key == key, *_of(ids))
    )


def _counted(element: Any, since: Any, *names: Any) -> sa.Select[Any]:
    highest = [sa.func.max(name) for name in names]
    return sa.select(element, sa.func.count(), sa.func.min(since), *highest).group_by(element)


def _open_instances(session: Session, shown: Deployment, *, only: bool) -> int:
    open_ones = ProcessInstance.state.in_(OPEN_STATES)
    which = ProcessInstance.deployment_id == shown.id if only else ProcessInstance.key == shown.key
    return session.scalar(sa.select(sa.func.count(ProcessInstance.id)).where(which, open_ones)) or 0
