"""What those who oversee the work do about an open task: give it to somebody, remind, escalate.

Each is one transaction under the instance's lock, told in the history with its reason. Each answers in
words what it has done, which a preview shows before it is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine import projection
from app.engine.actors import Actor
from app.engine.bindings import Colleague
from app.engine.models import HistoryEntry, HistoryKind, ProcessInstance, TaskState, UserTask
from app.engine.operations import note, reason_given
from app.engine.user_tasks.assignments import lock_open
from app.errors import BusinessError, Conflict, Forbidden

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

# Who has just been reminded knows it.
NUDGED_EVERY = timedelta(hours=1)
LINK = "/tasks/{}"
NAMES_SHOWN = 3


def reassign(
    engine: ProcessEngine, session: Session, task_id: int, actor: Actor, reason: str, *, person: int
) -> list[str]:
    """Give a task to any active person, also one outside its role: the assignee may do it.

    They and whoever had it before are told.

    Raises NotFound, AlreadyDone, Conflict, and :class:`Forbidden` for those who do not oversee the work.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; UNKNOWN_PERSON, HAS_IT_ALREADY (field ``person``)
    """
    reason = reason_given(reason)
    if not actor.oversees:
        raise Forbidden("Only those who oversee the work give tasks to people outside their role.")
    instance, task = lock_open(session, task_id)
    people = {colleague.user_id: colleague for colleague in engine.bindings.colleagues(session)}
    chosen = people.get(person)
    if chosen is None:
        raise BusinessError("UNKNOWN_PERSON", "Choose somebody who works here.", field="person")
    if task.assignee_id == person:
        raise BusinessError(
            "HAS_IT_ALREADY",
            f"{chosen.name} has “{task.name}” already: choose somebody else.",
            field="person",
        )
    before, had = task.assignee_id, task.assignee_name
    task.assignee_id, task.assignee_name = chosen.user_id, chosen.name
    detail = {"from": before, "fromName": had, "to": person, "name": chosen.name, "reason": reason}
    _note(engine, session, instance, task, actor, HistoryKind.DELEGATED, detail)
    _tell(engine, session, task, reaching([chosen], people), f"“{task.name}” is yours now", reason)
    former = people.get(before or 0)
    if former is not None and before != actor.user_id:
        _tell(engine, session, task, [former], f"{chosen.name} does “{task.name}” now", reason)
    whence = f"from {had}" if had else "from its group"
    said = [f"“{task.name}” goes {whence} to {chosen.name}, who is told."]
    if chosen.absent_until is not None:
        stands_in = chosen.substitute_name or "nobody"
        said.append(f"{chosen.name} is absent; {stands_in} stands in and can do it.")
    if not can_by_role(task, chosen):
        said.append(f"{chosen.name} could not do it by role: that it is given to them lets them.")
    return said


def nudge(engine: ProcessEngine, session: Session, task_id: int, actor: Actor, reason: str) -> list[str]:
    """Remind whoever has a task, or else its group, and whoever stands in for those who are absent.

    Raises NotFound, AlreadyDone, Conflict.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; JUST_NUDGED where that was done within the last
        hour, NOBODY_TO_TELL (field ``task``)
    """
    reason = reason_given(reason)
    instance, task = lock_open(session, task_id)
    since = last_nudge(session, task)
    if since is not None and clock.now() - since < NUDGED_EVERY:
        minutes = max(1, round((clock.now() - since) / timedelta(minutes=1)))
        ago = "1 minute ago" if minutes == 1 else f"{minutes} minutes ago"
        raise BusinessError(
            "JUST_NUDGED",
            f"Somebody was reminded of “{task.name}” {ago}. Once an hour is enough: talk to them, or "
            "give the task to somebody else.",
            field="task",
        )
    found = responsible(engine, session, task)
    if not found:
        raise BusinessError(
            "NOBODY_TO_TELL",
            f"Nobody can do “{task.name}” now, so nobody can be reminded: give it to somebody.",
            field="task",
        )
    named = names(found)
    _note(engine, session, instance, task, actor, HistoryKind.NUDGED, {"told": named, "reason": reason})
    _tell(engine, session, task, found, f"“{task.name}” waits for you", reason)
    return [f"“{task.name}”: {named} {'is' if len(found) == 1 else 'are'} reminded by a notification."]


def escalate(
    engine: ProcessEngine, session: Session, task_id: int, actor: Actor, reason: str, *, role: str
) -> list[str]:
    """Let another role too do a task, and move it up in that role's inbox. Its holders are told.

    Raises NotFound, AlreadyDone, Conflict.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; UNKNOWN_ROLE, NOBODY_HOLDS_IT,
        ESCALATED_ALREADY (field ``role``)
    """
    reason = reason_given(reason)
    instance, task = lock_open(session, task_id)
    title = engine.bindings.roles.get(role)
    if title is None:
        raise BusinessError("UNKNOWN_ROLE", "Choose one of the roles.", field="role")
    if task.escalation_role == role:
        message = f"“{task.name}” is escalated to this role already: {title}."
        raise BusinessError("ESCALATED_ALREADY", message, field="role")
    people = {colleague.user_id: colleague for colleague in engine.bindings.colleagues(session)}
    holders = [colleague for colleague in people.values() if colleague.role == role]
    if not holders:
        message = f"Nobody holds this role: {title}. Choose another one."
        raise BusinessError("NOBODY_HOLDS_IT", message, field="role")
    before = task.escalation_role
    projection.escalate(task, role)
    _note(engine, session, instance, task, actor, HistoryKind.ESCALATED, {"role": role, "reason": reason})
    told = reaching(holders, people)
    _tell(engine, session, task, told, f"“{task.name}” was escalated to you", reason)
    said = [f"“{task.name}” can be done by this role too: {title}. {names(told)} {_verb(told)} told."]
    if before is not None:
        said.append(f"It is no longer escalated to: {engine.bindings.roles.get(before, before)}.")
    return said


# -- whom it reaches -------------------------------------------------------------------------------


def responsible(engine: ProcessEngine, session: Session, task: UserTask) -> list[Colleague]:
    """Who has to do a task: its assignee, else its group; and the role that it was escalated to.

    Where they are absent, whoever stands in for them is among them.
    """
    people = {colleague.user_id: colleague for colleague in engine.bindings.colleagues(session)}
    if task.assignee_id is not None:
        found = [people[task.assignee_id]] if task.assignee_id in people else []
        found += [colleague for colleague in people.values() if colleague.role == task.escalation_role]
    else:
        found = [colleague for colleague in people.values() if can_by_role(task, colleague)]
    return reaching(found, people)


def can_by_role(task: UserTask, colleague: Colleague) -> bool:
    """Whether the role of somebody would let them do a task that nobody has."""
    if colleague.role is None or colleague.role not in task.candidate_roles:
        return False
    if colleague.role == task.escalation_role:
        return True
    return task.candidate_department_id in (None, colleague.department_id)


def reaching(found: Iterable[Colleague], people: dict[int, Colleague]) -> list[Colleague]:
    """These people, each once, with those who stand in for the absent ones."""
    reached: dict[int, Colleague] = {}
    for colleague in found:
        reached[colleague.user_id] = colleague
        substitute = people.get(colleague.substitute_id or 0)
        if substitute is not None:
            reached[substitute.user_id] = substitute
    return list(reached.values())


def names(found: list[Colleague]) -> str:
    """People as a list in words; of many only the first."""
    said = [colleague.name for colleague in found]
    if len(said) > NAMES_SHOWN + 1:
        return f"{', '.join(said[:NAMES_SHOWN])} and {len(said) - NAMES_SHOWN} others"
    return " and ".join(part for part in (", ".join(said[:-1]), *said[-1:]) if part)


def last_nudge(session: Session, task: UserTask) -> Any:
    """When somebody was last reminded of a task by hand; None where nobody was."""
    query = select(HistoryEntry.at, HistoryEntry.detail).where(
        HistoryEntry.instance_id == task.instance_id, HistoryEntry.kind == HistoryKind.NUDGED
    )
    found = session.execute(query.order_by(HistoryEntry.id.desc()))
    return next((at for at, detail in found if (detail or {}).get("task") == task.id), None)


def open_tasks(session: Session, instance_id: int, task_id: int | None = None) -> list[int]:
    """The ids of the open tasks of an instance, or the one that is meant, where it is one of them.

    Raises :class:`Conflict` where there is none.
    """
    query = select(UserTask.id).where(UserTask.instance_id == instance_id)
    if task_id is not None:
        # Done or not: what to do with it says what has become of it.
        found = list(session.scalars(query.where(UserTask.id == task_id)))
    else:
        found = list(session.scalars(query.where(UserTask.state == TaskState.OPEN).order_by(UserTask.id)))
    if not found:
        raise Conflict("No task of this instance is open.")
    return found


# -- inner parts -----------------------------------------------------------------------------------


def _verb(found: list[Colleague]) -> str:
    return "is" if len(found) == 1 else "are"


def _note(
    engine: ProcessEngine,
    session: Session,
    instance: ProcessInstance,
    task: UserTask,
    actor: Actor,
    kind: HistoryKind,
    detail: dict[str, Any],
) -> None:
    element = engine.definition(session, instance.deployment_id).diagram.elements.get(task.element_id)
    note(engine, session, instance, actor, kind, {"task": task.id, **detail}, element)


def _tell(
    engine: ProcessEngine,
    session: Session,
    task: UserTask,
    found: list[Colleague],
    title: str,
    reason: str,
) -> None:
    body = f"{task.business_key}, {task.title}: {reason}"
    ids = [colleague.user_id for colleague in found]
    engine.bindings.tell(session, ids, title, body, LINK.format(task.id))
