"""Keeps the rows of awaited events equal to the messages and timers that an instance waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import update
from sqlalchemy.orm import Session

from app import clock
from app.engine import projection
from app.engine.diagram import Element
from app.engine.models import EventWait
from app.engine.timers import Timer

if TYPE_CHECKING:
    from app.engine.execution import Execution

# Set on a task whose wait has been written down.
SINCE = "since"


def waiting(execution: Execution) -> Iterator[tuple[Task, Element]]:
    """The events in the way of a token that wait now; those at the edge of a task are not among them."""
    for tree in execution.trees():
        for task in tree.tasks.values():
            if task.state == TaskState.WAITING and isinstance(task.task_spec, CatchingEvent):
                element = execution.definition.diagram.elements.get(task.task_spec.bpmn_id)
                if element is not None and element.type != "boundaryEvent":
                    yield task, element


def listed(execution: Execution) -> set[str]:
    """The engine's ids of the waits that have rows."""
    return {task.id.hex for task, _ in waiting(execution) if SINCE in task.internal_data}


def begin(execution: Execution, task: Task, element: Element) -> None:
    """Write down that an event begins to wait."""
    now = clock.now()
    task.internal_data[SINCE] = now.isoformat()
    execution.session.add(
        EventWait(
            instance_id=execution.instance.id,
            process_key=execution.instance.key,
            engine_task=task.id.hex,
            element_id=element.id,
            element_name=element.label[:255],
            event=(element.event or "")[:20],
            message=(element.message or "")[:255],
            due_at=_due(execution, task, element, now),
            since=now,
        )
    )


def rename(execution: Execution) -> None:
    """Bring the rows up to what another version of the diagram calls the events."""
    for task, element in waiting(execution):
        execution.session.execute(
            update(EventWait)
            .where(EventWait.engine_task == task.id.hex)
            .values(
                element_id=element.id,
                element_name=element.label[:255],
                message=(element.message or "")[:255],
            )
        )


def end(session: Session, engine_tasks: set[str]) -> None:
    """Write down that waits are over."""
    if engine_tasks:
        session.execute(
            update(EventWait).where(EventWait.engine_task.in_(engine_tasks)).values(ended_at=clock.now())
        )


def end_all(session: Session, instance_id: int) -> None:
    """Write down that an instance waits for nothing any more."""
    session.execute(
        update(EventWait)
        .where(EventWait.instance_id == instance_id, EventWait.ended_at.is_(None))
        .values(ended_at=clock.now())
    )


def _due(execution: Execution, task: Task, element: Element, now: datetime) -> datetime | None:
    if element.event == "timer":
        return Timer.due(task)
    return projection.due(execution, element, now)
