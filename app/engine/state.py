"""An instance's engine state as compact JSON: the tokens, and nothing that is known elsewhere.

The specification belongs to the deployment and is cached; variables belong to the whole
instance, not to each task; finished tasks are in the history. What remains are the tokens, and the
few finished tasks that boundary events still look at, so that the hundredth round of a loop costs
what the first did.

A task is a list ``[id, parent's position, specification, state, changed at]`` with its internal
data as a sixth item where there is any; a tree lists parents before children.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.subworkflow_task import SubWorkflowTask
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from app.engine.events import BoundaryEvent
from app.engine.timers import Timer

VERSION = 1


class Workflow(BpmnWorkflow):
    """A workflow whose timers go off in the order in which they are due, and only when asked."""

    def refresh_timers(self) -> None:
        waiting = [
            (Timer.due(task), task)
            for task in self.event_manager.tasks.values()
            if isinstance(task.task_spec.event_definition, Timer)
        ]
        waiting.sort(key=lambda entry: (entry[0] is not None, entry[0]))
        for _, task in waiting:
            task.task_spec._update(task)

    def update_waiting_tasks(self) -> None:
        for task in list(self.tasks.values()):
            if task.state == TaskState.WAITING and not isinstance(task.task_spec, CatchingEvent):
                task.task_spec._update(task)


# What SpiffWorkflow calls the tasks before and after an element with boundary events: its id, and this.
BOUNDARY_SPLIT, BOUNDARY_JOIN = ".BoundaryEventSplit", ".BoundaryEventJoin"

# The states of a task that holds a token: somebody or something has to happen there.
STANDING = (TaskState.READY, TaskState.WAITING, TaskState.STARTED)


def dump(workflow: BpmnWorkflow, variables: dict[str, Any]) -> dict[str, Any]:
    """Prune ``workflow`` and answer its state as JSON values."""
    prune(workflow)
    subprocesses = {task_id.hex: _dump_tree(sub) for task_id, sub in workflow.subprocesses.items()}
    state: dict[str, Any] = {"version": VERSION, "variables": variables, "tree": _dump_tree(workflow)}
    if subprocesses:
        state["subprocesses"] = subprocesses
    return state


def load(
    state: dict[str, Any], spec: Any, subprocess_specs: dict[str, Any], script_engine: Any
) -> BpmnWorkflow:
    """Rebuild the workflow that :func:`dump` described."""
    if state.get("version") != VERSION:
        raise ValueError(f"engine state of version {state.get('version')} is not known")
    workflow = Workflow(spec, subprocess_specs, script_engine=script_engine, deserializing=True)
    _load_tree(workflow, state["tree"])
    waiting = dict(state.get("subprocesses", {}))
    _load_subprocesses(workflow, workflow, waiting)
    return workflow


def _dump_tree(tree: Any) -> dict[str, Any]:
    positions: dict[UUID, int] = {}
    tasks: list[list[Any]] = []
    pending = [tree.task_tree]
    while pending:
        task = pending.pop(0)
        positions[task.id] = len(tasks)
        entry = [
            task.id.hex,
            positions.get(task._parent, -1),
            task.task_spec.name,
            task.state,
            round(task.last_state_change),
        ]
        internal = {
            key: value
            for key, value in task.internal_data.items()
            if value is not None and value is not False
        }
        if internal:
            entry.append(internal)
        tasks.append(entry)
        pending.extend(task.children)
    dumped: dict[str, Any] = {"tasks": tasks}
    if tree.completed:
        dumped["completed"] = True
    return dumped


def _load_tree(tree: Any, dumped: dict[str, Any]) -> None:
    created: list[Task] = []
    specs = tree.spec.task_specs
    events = tree.top_workflow.event_manager
    for entry in dumped["tasks"]:
        task_id, parent, name, state, changed = entry[:5]
        task = Task(tree, specs[name], state=state, id=UUID(task_id))
        task.last_state_change = changed
        if len(entry) > 5:
            # A copy: what was loaded is compared with what is stored in its place.
            task.internal_data = deepcopy(entry[5])
        if parent >= 0:
            task._parent = created[parent].id
            created[parent]._children.append(task.id)
        if state == TaskState.WAITING and isinstance(task.task_spec, CatchingEvent):
            events.add_task(task)
        created.append(task)
    tree.task_tree = created[0]
    tree.completed = dumped.get("completed", False)


def _load_subprocesses(top: BpmnWorkflow, tree: Any, waiting: dict[str, Any]) -> None:
    for task in list(tree.tasks.values()):
        dumped = waiting.pop(task.id.hex, None) if isinstance(task.task_spec, SubWorkflowTask) else None
        if dumped is None:
            continue
        spec = top.subprocess_specs[task.task_spec.spec]
        sub = BpmnSubWorkflow(spec, task.id, top, deserializing=True)
        _load_tree(sub, dumped)
        top.subprocesses[task.id] = sub
        sub.completed_event.connect(task.task_spec._on_subworkflow_completed, task)
        _load_subprocesses(top, sub, waiting)


def prune(workflow: BpmnWorkflow) -> None:
    """Take out of ``workflow`` the subprocesses and tasks that are over and not asked about again.

    Kept are the roots, all unfinished tasks, and of the finished ones the splits of boundary events
    that are still open, with the tasks attached to them, because their join compares these. A
    finished task between a kept parent and kept descendants is spliced out.
    """
    trees = (workflow, *workflow.subprocesses.values())
    living = {task.id for tree in trees for task in tree.tasks.values() if not _finished(task)}
    for task_id in set(workflow.subprocesses) - living:
        del workflow.subprocesses[task_id]
    for tree in (workflow, *workflow.subprocesses.values()):
        _prune_below(tree, tree.task_tree)


def _prune_below(tree: Any, task: Task) -> None:
    attached = _is_open_split(task)
    children: list[UUID] = []
    for child in task.children:
        children.extend(_kept(tree, child, attached))
    task._children = children
    for child_id in children:
        tree.tasks[child_id]._parent = task.id


def _kept(tree: Any, task: Task, attached: bool) -> list[UUID]:
    """What takes this task's place under its parent: itself, its kept descendants, or nothing.

    ``attached`` says that the parent is a split of boundary events that is still open.
    """
    if not _finished(task):
        if not task.has_state(TaskState.PREDICTED_MASK):
            _prune_below(tree, task)
        return [task.id]
    if _is_open_split(task) or (attached and not _listened(task)):
        _prune_below(tree, task)
        return [task.id]
    inherited: list[UUID] = []
    for child in task.children:
        inherited.extend(_kept(tree, child, False))
    tree.tasks.pop(task.id)
    return inherited


def _is_open_split(task: Task) -> bool:
    return bool(task.task_spec.name.endswith(BOUNDARY_SPLIT)) and any(
        not _finished(child) for child in task.children
    )


def _listened(task: Task) -> bool:
    """Whether this is an event that happened without interrupting anything: its token is elsewhere."""
    return isinstance(task.task_spec, BoundaryEvent) and not task.task_spec.cancel_activity


def _finished(task: Task) -> bool:
    return bool(task.has_state(TaskState.FINISHED_MASK))
