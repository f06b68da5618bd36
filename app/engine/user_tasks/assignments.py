"""Taking a user task, giving it back, and handing it over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.actors import Actor, Identity
from app.engine.execution import Execution, lock
from app.engine.models import HistoryKind, InstanceState, ProcessInstance, UserTask
from app.engine.user_tasks.rights import AlreadyDone, may_delegate, require
from app.errors import BusinessError, Conflict, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine


def lock_open(session: Session, task_id: int) -> tuple[ProcessInstance, UserTask]:
    """The instance's lock and the open task under it. Raises NotFound, AlreadyDone or Conflict."""
    instance_id = session.scalar(select(UserTask.instance_id).where(UserTask.id == task_id))
    instance = lock(session, instance_id) if instance_id is not None else None
    if instance is None:
        raise NotFound("There is no such task.")
    task = session.get_one(UserTask, task_id, populate_existing=True)
    if not task.is_open:
        raise AlreadyDone(task)
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is suspended: its tasks wait until a manager resumes it.")
    return instance, task


def _note(
    engine: ProcessEngine,
    session: Session,
    instance: ProcessInstance,
    task: UserTask,
    actor: Actor,
    kind: HistoryKind,
    detail: dict[str, Any],
) -> None:
    definition = engine.definition(session, instance.deployment_id)
    execution = Execution(engine, session, instance, definition, actor, refuses=True)
    execution.journal.add(kind, definition.diagram.elements.get(task.element_id), {"task": task.id, **detail})
    execution.journal.write(session)
    instance.revision += 1


def claim(engine: ProcessEngine, session: Session, task_id: int, actor: Actor) -> UserTask:
    """Take a task of the group. Raises NotFound, AlreadyDone, :class:`NotYours` or Conflict."""
    instance, task = lock_open(session, task_id)
    if task.assignee_id == actor.user_id:
        return task
    if task.assignee_id is not None:
        raise Conflict(f"{task.assignee_name} has taken “{task.name}”.")
    identity = require(engine, task, actor)
    task.assignee_id, task.assignee_name = actor.user_id, actor.name
    _note(
        engine, session, instance, task, actor, HistoryKind.CLAIMED, {"for": _stood_in_for(actor, identity)}
    )
    return task


def release(engine: ProcessEngine, session: Session, task_id: int, actor: Actor) -> UserTask:
    """Give a task back to its group. Raises NotFound, AlreadyDone, :class:`NotYours` or Conflict."""
    instance, task = lock_open(session, task_id)
    if task.assignee_id is None:
        return task
    if not actor.oversees:
        require(engine, task, actor)
    if task.candidate_role is None:
        raise Conflict(f"“{task.name}” has no group to go back to. Hand it over to somebody instead.")
    before = task.assignee_id
    task.assignee_id, task.assignee_name = None, ""
    _note(engine, session, instance, task, actor, HistoryKind.RELEASED, {"from": before})
    return task


def delegate(
    engine: ProcessEngine, session: Session, task_id: int, actor: Actor, to_user_id: int, note: str = ""
) -> UserTask:
    """Give a task to another person who is eligible for it.

    Raises NotFound, AlreadyDone, :class:`NotYours`, Conflict, and :class:`BusinessError`
    (``NOT_ELIGIBLE``, field ``person``) for somebody who could not do it.
    """
    instance, task = lock_open(session, task_id)
    if not may_delegate(task, actor):
        require(engine, task, actor)
    people = dict(delegates(engine, session, task))
    if to_user_id not in people:
        raise BusinessError("NOT_ELIGIBLE", "Choose somebody who may do this task.", field="person")
    before = task.assignee_id
    task.assignee_id, task.assignee_name = to_user_id, people[to_user_id]
    _note(
        engine,
        session,
        instance,
        task,
        actor,
        HistoryKind.DELEGATED,
        {"from": before, "to": to_user_id, "name": people[to_user_id], "note": note[:500]},
    )
    return task


def delegates(engine: ProcessEngine, session: Session, task: UserTask) -> list[tuple[int, str]]:
    """Ids and names of the people a task may be given to."""
    found: dict[int, str] = {}
    for role in task.candidate_roles:
        department = None if role == task.escalation_role else task.candidate_department_id
        found.update(dict(engine.bindings.eligible(session, role, department)))
    found.pop(task.assignee_id or 0, None)
    return sorted(found.items(), key=lambda person: person[1].casefold())


def _stood_in_for(actor: Actor, identity: Identity) -> str | None:
    return identity.name if identity.user_id != actor.user_id else None
