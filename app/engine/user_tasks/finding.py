"""Finding user tasks: by id, by the record they are about, by a verb of the REST API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.engine.actors import Actor
from app.engine.diagram import Element
from app.engine.models import ProcessInstance, TaskState, UserTask
from app.engine.user_tasks.rights import may_act
from app.errors import NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine


def get(session: Session, task_id: int) -> UserTask:
    """The task. Raises :class:`NotFound`."""
    task = session.get(UserTask, task_id)
    if task is None:
        raise NotFound("There is no such task.")
    return task


def element_of(engine: ProcessEngine, session: Session, task: UserTask) -> Element:
    """The task's element in its diagram: outcomes, documentation, form."""
    instance = session.get_one(ProcessInstance, task.instance_id)
    return engine.definition(session, instance.deployment_id).element(task.element_id)


def open_for_subject(session: Session, subject_type: str, subject_id: int) -> list[UserTask]:
    """The open tasks about a record, oldest first."""
    query = select(UserTask).where(
        UserTask.subject_type == subject_type,
        UserTask.subject_id == subject_id,
        UserTask.state == TaskState.OPEN,
    )
    return list(session.scalars(query.order_by(UserTask.id)))


@dataclass(frozen=True, slots=True)
class VerbMatch:
    """What is open about a record, as far as a verb of the REST API is concerned.

    ``task`` is the one that the actor may do, and ``outcome`` what the verb means for it; ``others``
    are those that answer to the verb but are somebody else's; ``open`` are all that are open.
    """

    task: UserTask | None
    outcome: str | None
    others: list[UserTask]
    open: list[UserTask]


def for_verb(
    engine: ProcessEngine, session: Session, subject_type: str, subject_id: int, verb: str, actor: Actor
) -> VerbMatch:
    """The actor's oldest open task about a record that a verb completes, and what else is open about it."""
    opened = open_for_subject(session, subject_type, subject_id)
    instance_ids = {task.instance_id for task in opened}
    query = select(ProcessInstance.id, ProcessInstance.deployment_id).where(
        ProcessInstance.id.in_(instance_ids)
    )
    deployed = {row.id: row.deployment_id for row in session.execute(query)}
    elements = {
        task.id: engine.definition(session, deployed[task.instance_id]).element(task.element_id)
        for task in opened
    }
    answering = [task for task in opened if verb in elements[task.id].api_verbs]
    own = next((task for task in answering if may_act(task, actor)), None)
    return VerbMatch(
        task=own,
        outcome=elements[own.id].outcome_of(verb) if own is not None else None,
        others=[task for task in answering if not may_act(task, actor)],
        open=opened,
    )
