"""What an instance waits for by itself: its timers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from SpiffWorkflow.util.task import TaskState
from sqlalchemy.orm import Session

from app.engine.actors import SYSTEM
from app.engine.diagram import Element
from app.engine.execution import Execution
from app.engine.models import ProcessInstance
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
