"""Everything that those who oversee the work can do to an instance, in one table.

Each operation is a function ``(engine, session, instance_id, actor, reason, **values)`` that answers in words
what it does. :func:`perform` does one and tells what came of it; :func:`preview` does it and takes it back.
Pages, API and batches call these by the operation's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.engine import incidents, instances, moving, operations, resolving, subjects, task_care
from app.engine.actors import Actor
from app.engine.models import (
    HistoryKind,
    Incident,
    InstanceState,
    Job,
    ProcessInstance,
    TaskState,
    UserTask,
)
from app.engine.monitor import survey
from app.engine.moving import TaskOutline
from app.engine.queries import LISTENING
from app.errors import Conflict, MillwrightError, NotFound
from app.patience import will_pass

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

RIGHT = "instances:operate"
Act = Callable[..., list[str]]


class Changed(Conflict):
    """The instance is no longer what somebody looked at when they decided; ``revision`` is what it is now."""

    def __init__(self, instance: ProcessInstance) -> None:
        self.revision = instance.revision
        super().__init__(f"{instance.business_key} has changed since you looked at it.")


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that can be done to an instance.

    ``needs`` are the values that it must be given, ``takes`` those it may be given. Left out, ``task`` and
    ``incident`` mean all that are open, so that a batch can leave them out. ``for_many`` are those that
    make sense for instances that nobody has looked at one by one; see :mod:`app.engine.batches`.
    """

    name: str
    title: str
    explanation: str
    act: Act
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    right: str = RIGHT
    for_many: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What an operation does, or would do.

    ``said`` is in words. ``stands_at`` are the names of the steps where the instance stands then, ``state``
    its state, ``status`` that of its record; ``failed`` are the steps that have failed and still do, with
    their errors; ``sent`` the names of messages. ``revision`` is the one it was done to.
    """

    said: list[str]
    cancelled: list[TaskOutline]
    opened: list[TaskOutline]
    stood_at: list[str]
    stands_at: list[str]
    state_before: str
    state: str
    status_before: str
    status: str
    failed: list[tuple[str, str]]
    resolved: list[str]
    sent: list[str]
    revision: int

    @property
    def moves(self) -> bool:
        """Whether the instance stands elsewhere then, or in another state."""
        return (self.stood_at, self.state_before) != (self.stands_at, self.state)


def perform(
    engine: ProcessEngine,
    session: Session,
    name: str,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    revision: int | None = None,
    **values: Any,
) -> Effect:
    """Do an operation, and take what it freed off the list of what is stuck, in one transaction.

    ``revision`` is that of the instance that somebody looked at; where it has changed since, nothing is done.

    Raises :class:`NotFound`, :class:`Changed`, :class:`Conflict`, and :class:`BusinessError` as the operation
    does; KeyError for an operation that does not exist.
    """
    operation, reason = OPERATIONS[name], operations.reason_given(reason)
    instance = operations.open_instance(session, instance_id)
    if revision is not None and instance.revision != revision:
        raise Changed(instance)
    before = _look(engine, session, instance)
    said = operation.act(engine, session, instance_id, actor, reason, **values)
    session.flush()
    survey.look_again(engine, session, instance_id)
    return _effect(said, before, _look(engine, session, instance))


def preview(
    engine: ProcessEngine,
    session: Session,
    name: str,
    instance_id: int,
    actor: Actor,
    reason: str,
    **values: Any,
) -> Effect:
    """What :func:`perform` would do; it is done and taken back, inside a unit of work. Raises as it does."""
    with operations.tried(session, keep=False):
        found = perform(engine, session, name, instance_id, actor, reason, **values)
    return replace(found, opened=[replace(outline, id=None) for outline in found.opened])


# -- the operations --------------------------------------------------------------------------------


def reassign(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    person: int,
    task: int | None = None,
) -> list[str]:
    """Give the open tasks of an instance, or one of them, to a person. See :func:`task_care.reassign`."""
    return [
        line
        for task_id in task_care.open_tasks(session, instance_id, task)
        for line in task_care.reassign(engine, session, task_id, actor, reason, person=person)
    ]


def nudge(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    task: int | None = None,
) -> list[str]:
    """Remind those who have the open tasks, or one of them. See :func:`task_care.nudge`."""
    return [
        line
        for task_id in task_care.open_tasks(session, instance_id, task)
        for line in task_care.nudge(engine, session, task_id, actor, reason)
    ]


def escalate(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    role: str,
    task: int | None = None,
) -> list[str]:
    """Let another role too do the open tasks, or one of them. See :func:`task_care.escalate`."""
    return [
        line
        for task_id in task_care.open_tasks(session, instance_id, task)
        for line in task_care.escalate(engine, session, task_id, actor, reason, role=role)
    ]


def retry(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    incident: int | None = None,
) -> list[str]:
    """Run the failed steps of an instance again, or one of them. See :func:`incidents.retry`."""
    reason = operations.reason_given(reason)
    failed = _failed(session, instance_id, incident)
    for found in failed:
        # What an earlier one led to may have resolved the later.
        if incident is not None or found.id in [
            each.id for each in incidents.unresolved(session, instance_id)
        ]:
            incidents.retry(engine, session, found.id, actor, reason)
    return [f"“{found.element_name}” is tried again." for found in failed]


def resolve(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    incident: int | None = None,
    variables: Mapping[str, Any] | None = None,
) -> list[str]:
    """Let a failed step count as done outside. See :func:`resolving.resolve`.

    Raises :class:`Conflict` where several have failed and none is named.
    """
    failed = _failed(session, instance_id, incident)
    if len(failed) > 1:
        raise Conflict("Several steps have failed: say which one was done outside.")
    resolving.resolve(engine, session, failed[0].id, actor, reason, variables=variables)
    said = [f"“{failed[0].element_name}” counts as done. What it does itself is not done again."]
    if variables:
        said.append(f"Its results are given by hand: {', '.join(sorted(variables))}.")
    return said


def fire_timers(
    engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, reason: str
) -> list[str]:
    """Let the timers of an instance that are due go off now.

    Raises :class:`Conflict` where none is due, the instance is suspended, or they cannot go off.
    """
    reason = operations.reason_given(reason)
    instance = operations.open_instance(session, instance_id)
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is suspended: resume it first.")
    if instance.next_due_at is None or instance.next_due_at > clock.now():
        raise Conflict(f"No timer of {instance.business_key} is due.")
    operations.note(engine, session, instance, actor, HistoryKind.RETRIED, {"timers": True, "reason": reason})
    try:
        with session.begin_nested():
            instances.fire_timers(engine, session, instance_id)
    except MillwrightError:
        raise
    except Exception as error:
        if will_pass(error):
            raise
        raise Conflict(
            f"The timers of {instance.business_key} cannot go off: {error} Move its token instead."
        ) from error
    return ["The timers that are due go off."]


def move(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    from_element: str,
    to_element: str,
) -> list[str]:
    """Put a token before another element. See :func:`moving.move`."""
    moved = moving.move(engine, session, instance_id, actor, from_element, to_element, reason)
    names = _names(engine, session, instance_id)
    return [f"The token leaves “{names[moved.from_element]}” and enters “{names[moved.to_element]}”."]


def skip(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    from_element: str,
) -> list[str]:
    """Let a token leave an element undone. See :func:`moving.skip`."""
    moved = moving.skip(engine, session, instance_id, actor, from_element, reason)
    names = _names(engine, session, instance_id)
    return [
        f"“{names[moved.from_element]}” is left undone, and the token enters “{names[moved.to_element]}”."
    ]


def set_variables(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    reason: str,
    *,
    variables: Mapping[str, Any],
) -> list[str]:
    """Give variables other values. See :func:`operations.set_variables`."""
    before = dict(operations.open_instance(session, instance_id).engine_state["variables"])
    operations.set_variables(engine, session, instance_id, actor, variables, reason)
    changed = [name for name, value in variables.items() if before.get(name) != value]
    said = [f"The variable {name} is {_done_to(before, name, variables[name])}." for name in changed]
    return said or ["Nothing changes: it has this value already."]


def suspend(
    engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, reason: str
) -> list[str]:
    """Hold an instance. See :func:`operations.suspend`."""
    operations.suspend(engine, session, instance_id, actor, reason)
    return ["Its tasks cannot be done, its timers do not go off and its messages wait until it is resumed."]


def resume(engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, reason: str) -> list[str]:
    """Let a suspended instance go on. See :func:`operations.resume`."""
    operations.resume(engine, session, instance_id, actor, reason)
    return ["Its tasks can be done again. Timers that were due meanwhile go off, and kept messages arrive."]


def cancel(engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, reason: str) -> list[str]:
    """Stop an instance for good. See :func:`operations.cancel`."""
    operations.cancel(engine, session, instance_id, actor, reason)
    return ["The process stops here for good. Nothing of what it has done is undone."]


_TABLE = (
    Operation(
        "nudge",
        "Nudge",
        "Remind whoever has to do a task, or its group, by a notification. At most once an hour.",
        nudge,
        takes=("task",),
        for_many=True,
    ),
    Operation(
        "reassign",
        "Reassign",
        "Give a task to somebody else. You can also choose somebody outside the task's role.",
        reassign,
        needs=("person",),
        takes=("task",),
        for_many=True,
    ),
    Operation(
        "escalate",
        "Escalate",
        "Let another role too do a task, and move it up in that role's inbox.",
        escalate,
        needs=("role",),
        takes=("task",),
        for_many=True,
    ),
    Operation(
        "retry",
        "Retry",
        "Run a failed step again, once its cause is mended.",
        retry,
        takes=("incident",),
        for_many=True,
    ),
    Operation(
        "resolve",
        "Resolve by hand",
        "The failed step was done outside of Millwright: it counts as done, its status is set, you give its "
        "results, and the token goes on its way. (A step that is skipped counts as not done, sets no status "
        "and has no results.)",
        resolve,
        takes=("incident", "variables"),
    ),
    Operation(
        "fire-timers",
        "Let timers go off",
        "Timers that should have gone off go off now.",
        fire_timers,
        for_many=True,
    ),
    Operation(
        "move",
        "Move the token",
        "Put the token before another step, as if a flow had led there. What was open at the old place is "
        "called off.",
        move,
        needs=("from_element", "to_element"),
    ),
    Operation(
        "skip",
        "Skip a step",
        "Let the token leave a step undone, along its only way on.",
        skip,
        needs=("from_element",),
    ),
    Operation(
        "edit-variable",
        "Edit a variable",
        "Give a variable another value. Nothing is run: whatever comes next finds the new value.",
        set_variables,
        needs=("variables",),
        for_many=True,
    ),
    Operation(
        "suspend",
        "Suspend",
        "Hold it: tasks, timers and messages wait until it is resumed.",
        suspend,
        for_many=True,
    ),
    Operation("resume", "Resume", "Let it go on after it was suspended.", resume, for_many=True),
    Operation(
        "cancel",
        "Cancel the process",
        "Stop the process where it stands, for good. This cannot be taken back.",
        cancel,
        for_many=True,
    ),
)
OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _TABLE}


def possible(instance: ProcessInstance, tasks: list[UserTask], failed: list[Incident]) -> list[Operation]:
    """The operations that make sense for an instance as it is now."""
    if instance.state == InstanceState.SUSPENDED:
        return [OPERATIONS[name] for name in ("resume", "edit-variable", "cancel")]
    if instance.ended_at is not None:
        return []
    due = instance.next_due_at is not None and instance.next_due_at <= clock.now()
    leave_out = {"resume"}
    leave_out |= set() if tasks else {"nudge", "reassign", "escalate"}
    leave_out |= set() if failed else {"retry", "resolve"}
    leave_out |= set() if due else {"fire-timers"}
    return [operation for operation in _TABLE if operation.name not in leave_out]


# -- inner parts -----------------------------------------------------------------------------------


def _failed(session: Session, instance_id: int, incident_id: int | None) -> list[Incident]:
    if incident_id is not None:
        found = session.get(Incident, incident_id)
        if found is None or found.instance_id != instance_id:
            raise NotFound("There is no such incident.")
        return [found]
    failed = incidents.unresolved(session, instance_id)
    if not failed:
        raise Conflict(f"No step of {instances.get(session, instance_id).business_key} has failed.")
    return failed


def _names(engine: ProcessEngine, session: Session, instance_id: int) -> dict[str, str]:
    instance = instances.get(session, instance_id)
    elements = engine.definition(session, instance.deployment_id).diagram.elements
    return {element.id: element.label for element in elements.values()}


def _done_to(before: Mapping[str, Any], name: str, value: Any) -> str:
    if value is None:
        return "removed"
    return "changed" if name in before else "added"


@dataclass(frozen=True, slots=True)
class _Sight:
    """An instance as it is at one moment, in plain values: what is loaded may be rolled back."""

    revision: int
    state: str
    status: str
    stands_at: list[str]
    tasks: dict[int, TaskOutline]
    failed: dict[int, tuple[str, str]]
    messages: dict[int, str]


def _look(engine: ProcessEngine, session: Session, instance: ProcessInstance) -> _Sight:
    opened = sa.select(UserTask).where(UserTask.instance_id == instance.id, UserTask.state == TaskState.OPEN)
    queued = sa.select(Job).where(Job.instance_id == instance.id, Job.kind == "message")
    return _Sight(
        revision=instance.revision,
        state=instance.state,
        status=subjects.status_of(engine, session, instance),
        stands_at=_steps(engine, session, instance),
        tasks={
            row.id: TaskOutline(
                row.id, row.element_id, row.name, row.candidate_role, row.assignee_id, row.assignee_name
            )
            for row in session.scalars(opened.order_by(UserTask.id))
        },
        failed={
            found.id: (found.element_name, found.message)
            for found in incidents.unresolved(session, instance.id)
        },
        messages={job.id: job.payload["name"] for job in session.scalars(queued.order_by(Job.id))},
    )


def _steps(engine: ProcessEngine, session: Session, instance: ProcessInstance) -> list[str]:
    """The steps where an instance stands; where there are none, the events that it waits for."""
    if instance.ended_at is not None:
        return []
    definition = engine.definition(session, instance.deployment_id)
    found = [definition.element(name) for name in instances.standing(definition, instance.engine_state)]
    steps = [element for element in found if element.type not in LISTENING]
    return [element.label for element in steps or found]


def _effect(said: list[str], before: _Sight, after: _Sight) -> Effect:
    return Effect(
        said=said,
        cancelled=[task for number, task in before.tasks.items() if number not in after.tasks],
        opened=[task for number, task in after.tasks.items() if number not in before.tasks],
        stood_at=before.stands_at,
        stands_at=after.stands_at,
        state_before=before.state,
        state=after.state,
        status_before=before.status,
        status=after.status,
        failed=list(after.failed.values()),
        resolved=[name for number, (name, _) in before.failed.items() if number not in after.failed],
        sent=[name for number, name in after.messages.items() if number not in before.messages],
        revision=before.revision,
    )
