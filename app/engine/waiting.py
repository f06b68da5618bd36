"""What an instance waits for, and since when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from SpiffWorkflow.util.task import TaskState
from sqlalchemy.orm import Session

from app.engine.actors import SYSTEM
from app.engine.diagram import Element
from app.engine.execution import Execution
from app.engine.models import EventWait, Incident, ProcessInstance, UserTask
from app.engine.models import TaskState as RowState
from app.engine.timers import Timer

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine


def waiting_timers(
    engine: ProcessEngine, session: Session, instance: ProcessInstance
) -> list[tuple[Element, datetime]]:
    """The timers of an instance that have not gone off, and when they will, the next one first."""
    if instance.next_due_at is None or not instance.engine_state:
        return []
    execution = Execution.resume(engine, session, instance, SYSTEM)
    found = [
        (execution.element_of(task), due_at)
        for tree in execution.trees()
        for task in list(tree.tasks.values())
        if task.state == TaskState.WAITING and (due_at := Timer.due(task)) is not None
    ]
    return sorted(found, key=lambda each: each[1])


def since(session: Session, instance_id: int) -> dict[str, datetime]:
    """Since when something has waited at each element: a task, an event, a step that failed."""
    task, wait, failed = UserTask, EventWait, Incident
    query = sa.union_all(
        sa.select(task.element_id, task.created_at.label("since")).where(
            task.instance_id == instance_id, task.state == RowState.OPEN
        ),
        sa.select(wait.element_id, wait.since).where(
            wait.instance_id == instance_id, wait.ended_at.is_(None)
        ),
        sa.select(failed.element_id, failed.created_at).where(
            failed.instance_id == instance_id, failed.resolved_at.is_(None)
        ),
    )
    found: dict[str, datetime] = {}
    for element_id, began in session.execute(query):
        found[element_id] = min(began, found.get(element_id, began))
    return found
