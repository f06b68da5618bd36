"""Figures that somebody can want to be told of: what each is, how it is measured, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.engine.models import OPEN_STATES, ProcessInstance, TaskState, UserTask
from app.engine.monitor import instance_list, statistics
from app.engine.monitor.filters import GOING, Filters
from app.engine.monitor.obstacles import Reason
from app.engine.monitor.statistics import WHOLE, Figures
from app.engine.monitor.words import SHORT, span

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

# More than this many stuck instances are not counted.
COUNTED = 100_000
# Of fewer, a share or a quantile says nothing: the rule stays quiet.
FEWEST = 5


class AlertMeasure(StrEnum):
    """What is measured."""

    STUCK = "stuck"  # instances that are stuck
    P90 = "p90"  # what nine in ten of a step, or of whole instances, took no longer than
    ON_TIME = "on_time"  # the share of tasks done by their due time
    WAITING = "waiting"  # how long the oldest open task has waited
    OPEN = "open"  # open instances


class Unit(StrEnum):
    """In what a measure and its threshold are counted; a share is 0 to 1."""

    INSTANCES = "instances"
    SECONDS = "seconds"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Kind:
    """A measure: its unit, which of a rule's fields it has, and whether it is a matter when it is low."""

    title: str
    explanation: str
    unit: Unit
    of_reason: bool = False
    of_step: bool = False
    of_days: bool = False
    needs_process: bool = False
    below: bool = False


KINDS: Mapping[AlertMeasure, Kind] = {
    AlertMeasure.STUCK: Kind(
        "Instances are stuck",
        "More than so many do not go on, for any reason or for one.",
        Unit.INSTANCES,
        of_reason=True,
    ),
    AlertMeasure.P90: Kind(
        "A step takes long",
        "Of those done within some days, one in ten took longer than this.",
        Unit.SECONDS,
        of_step=True,
        of_days=True,
        needs_process=True,
    ),
    AlertMeasure.ON_TIME: Kind(
        "Tasks are late",
        "Of the tasks done within some days, less than this share was done by its due time.",
        Unit.SHARE,
        of_days=True,
        below=True,
    ),
    AlertMeasure.WAITING: Kind(
        "A task waits long",
        "The oldest open task has waited longer than this.",
        Unit.SECONDS,
        of_step=True,
    ),
    AlertMeasure.OPEN: Kind(
        "Instances pile up", "More than so many are open at the same time.", Unit.INSTANCES
    ),
}


class Subject(Protocol):
    """What a rule measures."""

    measure: str
    process_key: str
    element_id: str
    reason: str
    days: int | None
    threshold: float


def measure(engine: ProcessEngine, session: Session, subject: Subject) -> float | None:
    """What a rule's figure is now, in its unit; None where there is too little to measure it by."""
    match AlertMeasure(subject.measure):
        case AlertMeasure.STUCK:
            reasons = (Reason(subject.reason),) if subject.reason else ()
            filters = Filters(process=subject.process_key or None, reasons=reasons)
            return instance_list.count(session, filters, sort=instance_list.URGENT, most=COUNTED)
        case AlertMeasure.P90:
            today = statistics.today(engine, session)
            found = statistics.by_element(session, subject.process_key, _since(subject, today), today)
            figures = found.get(subject.element_id or WHOLE, Figures())
            return figures.p90 if figures.number >= FEWEST else None
        case AlertMeasure.ON_TIME:
            today = statistics.today(engine, session)
            steps = [
                each
                for key, (_, each) in statistics.by_process(session, _since(subject, today), today).items()
                if subject.process_key in ("", key)
            ]
            with_due = sum(each.with_due for each in steps)
            return sum(each.on_time for each in steps) / with_due if with_due >= FEWEST else None
        case AlertMeasure.WAITING:
            return _oldest(session, subject)
        case AlertMeasure.OPEN:
            query = sa.select(sa.func.count(ProcessInstance.id)).where(ProcessInstance.state.in_(OPEN_STATES))
            if subject.process_key:
                query = query.where(ProcessInstance.key == subject.process_key)
            return session.scalar(query) or 0


def passes(subject: Subject, value: float | None) -> bool:
    """Whether a figure is one that somebody wants to be told of."""
    if value is None:
        return False
    if KINDS[AlertMeasure(subject.measure)].below:
        return value < subject.threshold
    return value > subject.threshold


def in_words(subject: Subject, value: float, process: str, element: str) -> str:
    """What is the matter, in a sentence. ``process`` and ``element`` are names; empty means all."""
    limit = amount(subject.measure, subject.threshold)
    told = amount(subject.measure, value)
    of, within = f" of {process}" if process else "", f" within {days(subject.days or 0)}"
    match AlertMeasure(subject.measure):
        case AlertMeasure.STUCK:
            why = f" ({SHORT[Reason(subject.reason)].lower()})" if subject.reason else ""
            return f"{_many(value)}{of} {'is' if value == 1 else 'are'} stuck{why}: more than {limit}."
        case AlertMeasure.P90:
            what = f"“{element}”" if element else "An instance"
            return f"{what}{of} took longer than {told} one time in ten{within}: over {limit}."
        case AlertMeasure.ON_TIME:
            return f"{told} of the tasks{of} were done on time{within}: below {limit}."
        case AlertMeasure.WAITING:
            what = f"“{element}”" if element else "A task"
            return f"{what}{of} has waited {told}: over {limit}."
        case AlertMeasure.OPEN:
            return f"{_many(value)}{of} {'is' if value == 1 else 'are'} open: more than {limit}."


def rule_in_words(subject: Subject, process: str, element: str) -> str:
    """When a rule is true, as a phrase: “more than 3 instances of Parts approval are stuck”."""
    limit = amount(subject.measure, subject.threshold)
    of, within = f" of {process}" if process else "", f" within {days(subject.days or 0)}"
    step = f"“{element}”" if element else ""
    match AlertMeasure(subject.measure):
        case AlertMeasure.STUCK:
            why = f": {SHORT[Reason(subject.reason)].lower()}" if subject.reason else ""
            return f"More than {limit} {_plural(subject.threshold)}{of} stuck{why}"
        case AlertMeasure.P90:
            return f"{step or 'Whole instances'}{of} over {limit} one time in ten{within}"
        case AlertMeasure.ON_TIME:
            return f"Less than {limit} of the tasks{of} on time{within}"
        case AlertMeasure.WAITING:
            return f"{step or 'An open task'}{of} waiting for over {limit}"
        case AlertMeasure.OPEN:
            return f"More than {limit} {_plural(subject.threshold)}{of} open"


def amount(name: str, value: float) -> str:
    """A figure or a threshold of a measure, for people."""
    match KINDS[AlertMeasure(name)].unit:
        case Unit.INSTANCES:
            return f"{value:,.0f}"
        case Unit.SECONDS:
            return span(timedelta(seconds=value))
        case Unit.SHARE:
            # 89.96 % is not 90 %, which it would be below.
            return f"{value * 100:.1f}".rstrip("0").rstrip(".") + " %"


def days(number: int) -> str:
    """A period, for people."""
    return "a day" if number == 1 else f"{number} days"


def link(subject: Subject) -> str:
    """The path of the page that shows more."""
    asked = {"process": subject.process_key, "element": subject.element_id, "reason": subject.reason}
    match AlertMeasure(subject.measure):
        case AlertMeasure.STUCK:
            asked = {"show": "stuck", **asked}
        case AlertMeasure.WAITING:
            asked = {**asked, "sort": "oldest"}
        case AlertMeasure.P90 | AlertMeasure.ON_TIME:
            return f"/monitor/processes/{subject.process_key}" if subject.process_key else "/monitor"
    query = urlencode({name: value for name, value in asked.items() if value})
    return "/monitor/instances" + (f"?{query}" if query else "")


def _oldest(session: Session, subject: Subject) -> float | None:
    query = (
        sa.select(sa.func.min(UserTask.created_at))
        .join(ProcessInstance, ProcessInstance.id == UserTask.instance_id)
        .where(UserTask.state == TaskState.OPEN, ProcessInstance.state.in_(GOING))
    )
    if subject.process_key:
        query = query.where(UserTask.process_key == subject.process_key)
    if subject.element_id:
        query = query.where(UserTask.element_id == subject.element_id)
    oldest = session.scalar(query)
    return (clock.now() - oldest).total_seconds() if oldest is not None else None


def _since(subject: Subject, today: date) -> date:
    return today - timedelta(days=(subject.days or 1) - 1)


def _many(value: float) -> str:
    return f"{value:,.0f} {_plural(value)}"


def _plural(value: float) -> str:
    return "instance" if value == 1 else "instances"
