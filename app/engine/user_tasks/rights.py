"""Who may do a user task, take it, give it back, hand it over, or see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.engine.actors import Actor, Identity
from app.engine.models import TaskState, UserTask
from app.errors import Conflict, Forbidden

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine


class AlreadyDone(Conflict):
    """Somebody else was quicker, or the task is no longer needed; ``task`` tells which."""

    def __init__(self, task: UserTask) -> None:
        self.task = task
        if task.state == TaskState.COMPLETED:
            message = f"“{task.name}” has already been done by {task.completed_by_name}."
        else:
            message = f"“{task.name}” is no longer needed."
        super().__init__(message)


class NotYours(Forbidden):
    """The task belongs to others; the message says to whom."""


def acting_as(task: UserTask, actor: Actor) -> Identity | None:
    """As whom this actor may do the task: themselves, somebody absent they stand in for, or nobody.

    The assignee may; where nobody is assigned, whoever holds a candidate role, in the candidate
    department if there is one. The role that a task was escalated to may in any case.
    """
    for identity in actor.identities:
        if identity.user_id is not None and identity.user_id == task.assignee_id:
            return identity
    for identity in actor.identities:
        if task.escalation_role is not None and identity.role == task.escalation_role:
            return identity
        if task.assignee_id is None and _is_candidate(task, identity):
            return identity
    return None


def _is_candidate(task: UserTask, identity: Identity) -> bool:
    if identity.role is None or identity.role not in task.candidate_roles:
        return False
    return task.candidate_department_id in (None, identity.department_id)


def may_act(task: UserTask, actor: Actor) -> bool:
    return acting_as(task, actor) is not None


def may_claim(task: UserTask, actor: Actor) -> bool:
    return task.is_open and task.assignee_id is None and may_act(task, actor)


def may_release(task: UserTask, actor: Actor) -> bool:
    """The assignee can give a task back to its group, if it has one."""
    return (
        task.is_open
        and task.candidate_role is not None
        and task.assignee_id is not None
        and may_act(task, actor)
    )


def may_delegate(task: UserTask, actor: Actor) -> bool:
    """Whoever may do a task may give it to somebody else; so may those who oversee the work."""
    return task.is_open and (may_act(task, actor) or actor.oversees)


def may_see(task: UserTask, actor: Actor) -> bool:
    """Candidates, assignee and overseers see a task's page; others only the record it is about.

    A task that the diagram gave to one person was never its group's: colleagues do not see it.
    """
    if may_act(task, actor) or actor.oversees or task.completed_by == actor.user_id:
        return True
    return not task.is_personal and any(_is_candidate(task, identity) for identity in actor.identities)


def require(engine: ProcessEngine, task: UserTask, actor: Actor) -> Identity:
    """As whom the actor may do the task. Raises :class:`NotYours`, saying whose it is."""
    identity = acting_as(task, actor)
    if identity is not None:
        return identity
    if task.assignee_id is not None:
        raise NotYours(f"“{task.name}” is assigned to {task.assignee_name or 'somebody else'}.")
    names = [engine.bindings.roles.get(role, role) for role in task.candidate_roles]
    raise NotYours(f"“{task.name}” is for: {', '.join(names) or 'nobody'}.")
