"""Keeps the rows of open user tasks equal to the engine's ready tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.task import Task
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app import clock
from app.engine import timers
from app.engine.diagram import Element
from app.engine.models import HistoryKind, ProcessInstance, TaskState, UserTask
from app.errors import MillwrightError

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.execution import Execution

WITH_STATE = (undefer(ProcessInstance.engine_state),)

# How much earlier a task sorts for its priority, and how long one without a due time may wait
# before it sorts among those that are due. An inbox puts first what hurts most if left.
HEAD_START = {
    "CRITICAL": timedelta(hours=48),
    "HIGH": timedelta(hours=8),
    "MEDIUM": timedelta(0),
    "LOW": timedelta(hours=-24),
}
PRIORITIES = tuple(HEAD_START)
UNHURRIED = timedelta(hours=72)
ESCALATED = timedelta(hours=24)


def urgency(
    created_at: datetime, due_at: datetime | None, priority: str, *, escalated: bool = False
) -> datetime:
    """The instant that inboxes sort by: when the task is due, earlier the more it matters."""
    head_start = HEAD_START.get(priority, timedelta(0)) + (ESCALATED if escalated else timedelta(0))
    return (due_at or created_at + UNHURRIED) - head_start


def open_tasks(session: Session, instance_id: int) -> list[UserTask]:
    """The open user tasks of an instance, read anew."""
    return list(
        session.scalars(
            select(UserTask)
            .where(UserTask.instance_id == instance_id, UserTask.state == TaskState.OPEN)
            .execution_options(populate_existing=True)
        )
    )


def project(execution: Execution) -> list[UserTask]:
    """Cancel the rows of tasks that are gone and add those of new ones; answers all open rows."""
    ready = {task.id.hex: task for task in execution.ready_user_tasks()}
    still_open: list[UserTask] = []
    for row in execution.open_tasks:
        if row.state != TaskState.OPEN:
            continue
        if row.engine_task in ready:
            still_open.append(row)
            del ready[row.engine_task]
        else:
            row.state = TaskState.CANCELLED
            row.completed_at = clock.now()
            element = execution.definition.diagram.elements.get(row.element_id)
            execution.journal.add(HistoryKind.CANCELLED, element, {"task": row.id})
    entered = [task for task in ready.values() if execution.enter_user_task(task)]
    if entered:
        summary = execution.binding.describe(execution.session, execution.instance.subject_id)
        for task in entered:
            still_open.append(_row(execution, task, summary))
        execution.session.flush()
    execution.open_tasks = still_open
    return still_open


def describe_again(engine: ProcessEngine, session: Session, subject_type: str, subject_id: int) -> None:
    """Bring what inboxes say about a record up to date, after the record was corrected by hand."""
    query = select(UserTask).where(
        UserTask.subject_type == subject_type,
        UserTask.subject_id == subject_id,
        UserTask.state == TaskState.OPEN,
    )
    for row in session.scalars(query):
        row.detail = engine.binding(row.process_key).describe(session, subject_id).detail[:500]


def _row(execution: Execution, task: Task, summary: Any) -> UserTask:
    element = execution.element_of(task)
    now = clock.now()
    instance = execution.instance
    roles = element.candidate_roles
    priority = _priority(_attribute(execution, element, "priority"))
    due_at = due(execution, element, now)
    assignee_id = _number(_attribute(execution, element, "assignee"))
    assignee_name = ""
    if assignee_id is not None:
        assignee_name = execution.engine.bindings.person_name(execution.session, assignee_id)
    title = _attribute(execution, element, "summary") or summary.title
    row = UserTask(
        instance_id=instance.id,
        engine_task=task.id.hex,
        element_id=element.id,
        name=element.label[:255],
        form_id=element.form,
        candidate_role=roles[0] if roles else None,
        candidate_department_id=_number(_attribute(execution, element, "candidateDepartment")),
        assignee_id=assignee_id,
        assignee_name=assignee_name,
        is_personal=assignee_id is not None,
        priority=priority,
        due_at=due_at,
        urgency=urgency(now, due_at, priority),
        state=TaskState.OPEN,
        created_at=now,
        process_key=instance.key,
        business_key=instance.business_key,
        subject_type=instance.subject_type,
        subject_id=instance.subject_id,
        title=str(title)[:255],
        detail=summary.detail[:500],
        machine_id=summary.machine_id,
        department_id=summary.department_id,
    )
    execution.session.add(row)
    execution.journal.add(
        HistoryKind.ENTERED,
        element,
        {"role": row.candidate_role, "assignee": assignee_id, "priority": priority},
    )
    return row


def escalate(row: UserTask, role: str) -> None:
    """Let another role too do an open task, and move it up in inboxes."""
    row.escalation_role = role
    row.urgency = urgency(row.created_at, row.due_at, row.priority, escalated=True)


def renew(execution: Execution, row: UserTask, before: Element, element: Element) -> None:
    """Give an open task the name, form and role of another version of its element.

    Who has it and when it is due stay; somebody is assigned where nobody was and the diagram now
    says who.
    """
    row.element_id, row.name, row.form_id = element.id, element.label[:255], element.form
    row.candidate_role = element.candidate_roles[0] if element.candidate_roles else None
    row.candidate_department_id = _number(_attribute(execution, element, "candidateDepartment"))
    if row.assignee_id is None and element.attributes.get("assignee") != before.attributes.get("assignee"):
        row.assignee_id = _number(_attribute(execution, element, "assignee"))
        if row.assignee_id is not None:
            row.assignee_name = execution.engine.bindings.person_name(execution.session, row.assignee_id)


def _attribute(execution: Execution, element: Element, name: str) -> Any:
    """An attribute of a user task; one that cannot be evaluated must not lose the task itself."""
    try:
        return execution.attribute(element, name)
    except MillwrightError as error:
        execution.journal.add(HistoryKind.INCIDENT, element, {"attribute": name, "message": str(error)[:500]})
        return None


def due(execution: Execution, element: Element, now: datetime) -> datetime | None:
    """When an element is to be done with, by its attribute. A failing one must not lose what it is about."""
    given = _attribute(execution, element, "due")
    if given is None:
        return None
    try:
        return timers.instant(given, now)
    except MillwrightError as error:
        execution.journal.add(HistoryKind.INCIDENT, element, {"attribute": "due", "message": str(error)})
        return None


def _priority(given: Any) -> str:
    return given if isinstance(given, str) and given in HEAD_START else "MEDIUM"


def _number(given: Any) -> int | None:
    if isinstance(given, bool) or given is None:
        return None
    try:
        return int(given)
    except (TypeError, ValueError):
        return None
