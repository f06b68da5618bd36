"""Moving a token by hand: to another element, or past the one where it stands.

For what the diagram did not foresee. The target is entered as if a flow had led there, and the
engine runs on to the next wait states; the history tells who did it and why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from sqlalchemy.orm import Session

from app.engine import instances
from app.engine.actors import Actor
from app.engine.diagram import Element
from app.engine.execution import Execution
from app.engine.gateways import ORIGIN, Join, call_off_others, origin
from app.engine.models import HistoryKind, InstanceState, ProcessInstance, UserTask
from app.engine.models import TaskState as RowState
from app.engine.operations import open_instance, reason_given, tried
from app.engine.state import BOUNDARY_JOIN, BOUNDARY_SPLIT, STANDING
from app.errors import Conflict

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine


@dataclass(frozen=True, slots=True)
class TaskOutline:
    """A user task that a move calls off or opens; ``id`` is None for one that is only foreseen."""

    id: int | None
    element_id: str
    name: str
    candidate_role: str | None
    assignee_id: int | None
    assignee_name: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move led to, or would lead to.

    ``stands_at`` are the ids of the elements where the instance stands then; ``state`` is its state.
    """

    from_element: str
    to_element: str
    cancelled: list[TaskOutline]
    opened: list[TaskOutline]
    stands_at: list[str]
    state: str


def move(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    from_element: str,
    to_element: str,
    reason: str,
) -> Moved:
    """Take the token that stands at one element and put it before another.

    The user task of the old place is called off with its timers, and an incident there is
    resolved. Of several tokens at one element the first is moved.

    Raises :class:`NotFound`, and :class:`Conflict` where the instance has ended or is suspended, no
    token stands at ``from_element``, or ``to_element`` cannot be entered from there.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; and whatever the steps that follow refuse
    """
    return _move(engine, session, instance_id, actor, from_element, to_element, reason)


def skip(
    engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, element_id: str, reason: str
) -> Moved:
    """Let the token that stands at an element leave it undone, along its only outgoing flow.

    Raises as :func:`move` does, and :class:`Conflict` where there is not just one way on.
    """
    return _move(engine, session, instance_id, actor, element_id, None, reason)


def preview(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    from_element: str,
    to_element: str | None = None,
) -> Moved:
    """What :func:`move` would lead to, or :func:`skip` where no target is given; nothing is changed.

    The move is made and taken back, service tasks included. Raises as these do.
    """
    with tried(session, keep=False):
        found = _move(engine, session, instance_id, actor, from_element, to_element, "preview")
    return replace(found, opened=[replace(outline, id=None) for outline in found.opened])


def _move(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    from_element: str,
    to_element: str | None,
    reason: str,
) -> Moved:
    reason = reason_given(reason)
    instance = open_instance(session, instance_id)
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is suspended: resume it first.")
    execution = Execution.resume(engine, session, instance, actor)
    token = _token_at(execution, from_element)
    source = execution.element_of(token)
    came_from = source.id if to_element is None else None
    target = _way_on(execution, source) if to_element is None else _target(execution, source, to_element)
    before = {row.id: row for row in execution.open_tasks}
    execution.journal.add(
        HistoryKind.MOVED, source, {"to": target.id, "toName": target.label, "reason": reason}
    )
    _put_before(token, target, came_from)
    execution.advance()
    opened = [row for row in execution.save() if row.id not in before]
    cancelled = [row for row in before.values() if row.state != RowState.OPEN]
    return Moved(
        from_element=source.id,
        to_element=target.id,
        cancelled=[_outline(row) for row in cancelled],
        opened=[_outline(row) for row in opened],
        stands_at=_stands_at(execution, instance),
        state=instance.state,
    )


def _token_at(execution: Execution, element_id: str) -> Task:
    """The first token that stands at an element. One of a boundary event is moved only when it is stuck."""
    for tree in execution.trees():
        for task in tree.tasks.values():
            if getattr(task.task_spec, "bpmn_id", None) != element_id or task.state not in STANDING:
                continue
            if execution.element_of(task).type != "boundaryEvent" or task.state == TaskState.STARTED:
                found: Task = task
                return found
    known = execution.definition.diagram.elements.get(element_id)
    raise Conflict(
        f"{execution.instance.business_key} does not stand at “{known.label if known else element_id}”."
    )


def _target(execution: Execution, source: Element, element_id: str) -> Element:
    target = execution.definition.diagram.elements.get(element_id)
    if target is None:
        raise Conflict(f"There is no element {element_id} in this version of the process.")
    if target.type in ("startEvent", "boundaryEvent"):
        raise Conflict(f"“{target.label}” is not entered by a flow: choose what comes after it.")
    if target.parent != source.parent:
        raise Conflict(
            f"“{target.label}” is not in the same subprocess as “{source.label}”: "
            "move the subprocess's own token, or choose an element next to it."
        )
    return target


def _way_on(execution: Execution, source: Element) -> Element:
    flows = execution.definition.diagram.outgoing(source.id)
    if len(flows) != 1:
        ways = "no way on" if not flows else f"{len(flows)} ways on"
        raise Conflict(f"“{source.label}” has {ways}: choose the element to go to.")
    return execution.definition.element(flows[0].target)


def _put_before(token: Task, target: Element, came_from: str | None) -> None:
    """End the token, with the events that wait beside it, and begin one at the target in its place."""
    tree = token.workflow
    spec = _entrance(tree, target)
    place = token.parent if token.parent.task_spec.name.endswith(BOUNDARY_SPLIT) else token
    home = place.parent
    if "race" in token.internal_data and isinstance(token.task_spec, CatchingEvent):
        call_off_others(token)
    place.cancel()
    moved = home._add_child(spec, TaskState.FUTURE)
    if isinstance(spec, Join):
        moved.internal_data[ORIGIN] = _arrives_from(tree, spec, came_from)
    spec._predict(moved, mask=TaskState.NOT_FINISHED_MASK)
    spec._update(moved)
    # A join that waited for the old token may have no more to wait for.
    tree.update_waiting_tasks()


def _entrance(tree: Any, target: Element) -> Any:
    """The specification that a flow to an element leads to."""
    specs = tree.spec.task_specs
    found = specs.get(target.id + BOUNDARY_SPLIT) or specs.get(target.id)
    if found is None:
        raise Conflict(f"No flow leads to “{target.label}”, so it cannot be entered.")
    return found


def _arrives_from(tree: Any, join: Any, came_from: str | None) -> str:
    """Along which flow a token arrives at a join: from where it came, else one that none came along yet."""
    names: list[str] = [spec.name for spec in join.inputs]
    if came_from is not None:
        for name in (came_from, came_from + BOUNDARY_JOIN):
            if name in names:
                return name
    arrived = {
        origin(task)
        for task in tree.tasks.values()
        if task.task_spec is join and task.state == TaskState.WAITING
    }
    return next((name for name in names if name not in arrived), names[0])


def _stands_at(execution: Execution, instance: ProcessInstance) -> list[str]:
    if instance.ended_at is not None:
        return []
    return instances.standing(execution.definition, instance.engine_state)


def _outline(row: UserTask) -> TaskOutline:
    return TaskOutline(
        row.id, row.element_id, row.name, row.candidate_role, row.assignee_id, row.assignee_name
    )
