"""Gateways where tokens meet or race, as BPMN says and whatever has been pruned from the state.

A token that arrives at a join waits there until the join fires. The decision to fire looks at
nothing but the tokens that stand somewhere now, and at the specification: finished tasks, which
:mod:`app.engine.state` drops, play no part in it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from SpiffWorkflow.bpmn.specs import defaults
from SpiffWorkflow.bpmn.specs.mixins import BpmnSpecMixin
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.specs.MultiChoice import MultiChoice
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from app.errors import MillwrightError

# Where a token came from that did not come from its parent task (see BoundaryEvent).
ORIGIN = "from"


class NoWayOut(MillwrightError):
    """No condition of a gateway holds, and it has no default flow."""


class Join:
    """What the joins share: arrivals wait, and those that make the join fire become one token."""

    name: str

    def _update_hook(self, my_task: Task) -> bool:
        if not my_task.has_state(TaskState.WAITING):
            my_task.internal_data[ORIGIN] = origin(my_task)
            my_task._set_state(TaskState.WAITING)
        arrived = self._arrived(my_task)
        chosen = self._chosen(my_task, arrived)
        if not chosen:
            return False
        for task in chosen:
            if task is not my_task:
                task.cancel()
        return True

    def _arrived(self, my_task: Task) -> dict[str, list[Task]]:
        """The tokens that wait here by where they came from; the given one first."""
        found: dict[str, list[Task]] = {origin(my_task): [my_task]}
        for task in my_task.workflow.tasks.values():
            if task.task_spec is self and task.state == TaskState.WAITING and task is not my_task:
                found.setdefault(origin(task), []).append(task)
        return found

    def _chosen(self, my_task: Task, arrived: dict[str, list[Task]]) -> list[Task]:
        """The tokens that the join takes now; none while it has to wait."""
        raise NotImplementedError


def origin(task: Task) -> str:
    """The name of the specification that a token came from."""
    return str(task.internal_data.get(ORIGIN) or task.parent.task_spec.name)


class ParallelGateway(Join, defaults.ParallelGateway):
    """Fires when a token has arrived along each incoming flow, and takes one from each."""

    inputs: list[TaskSpec]

    def _chosen(self, my_task: Task, arrived: dict[str, list[Task]]) -> list[Task]:
        wanted = Counter(spec.name for spec in self.inputs)
        if any(len(arrived.get(name, ())) < number for name, number in wanted.items()):
            return []
        return [task for name, number in wanted.items() for task in arrived[name][:number]]

    def _run_hook(self, my_task: Task) -> bool:
        return True


class InclusiveGateway(Join, defaults.InclusiveGateway):
    """Fires when no other token can still arrive along a flow that nothing has arrived along."""

    inputs: list[TaskSpec]

    def _chosen(self, my_task: Task, arrived: dict[str, list[Task]]) -> list[Task]:
        empty = {spec.name for spec in self.inputs} - set(arrived)
        if empty:
            for spec in _standing(my_task.workflow, self):
                reached = self._reached_from(spec)
                if reached & empty and not reached & set(arrived):
                    return []
        return [tasks[0] for tasks in arrived.values()]

    def _reached_from(self, spec: TaskSpec) -> set[str]:
        """What a token can come to without passing this gateway."""
        seen: set[str] = set()
        pending = [spec]
        while pending:
            current = pending.pop()
            if current is not self and current.name not in seen:
                seen.add(current.name)
                pending.extend(current.outputs)
        return seen

    def _run_hook(self, my_task: Task) -> bool:
        matches, otherwise = self._get_matching_outputs(my_task)
        if not matches and not otherwise:
            raise NoWayOut(f"No condition of {self.bpmn_name or self.name} holds.")
        my_task._sync_children(matches or otherwise, TaskState.FUTURE)
        for child in my_task.children:
            child.task_spec._predict(child, mask=TaskState.FUTURE | TaskState.PREDICTED_MASK)
        return True

    def test(self) -> None:
        MultiChoice.test(self)


def _standing(workflow: Any, gateway: TaskSpec) -> set[TaskSpec]:
    """Where the other tokens of a workflow stand, those included that are just being handed on."""
    return {
        task.task_spec
        for task in workflow.tasks.values()
        if task.task_spec is not gateway
        and (
            task.has_state(TaskState.READY | TaskState.WAITING | TaskState.STARTED)
            or (task.state == TaskState.FUTURE and task.parent.state == TaskState.COMPLETED)
        )
    }


class EventBasedGateway(BpmnSpecMixin, TaskSpec):
    """Lets the events after it race: all of them wait, and the first to happen calls off the others."""

    def _run_hook(self, my_task: Task) -> bool:
        for child in my_task.children:
            child.internal_data["race"] = my_task.id.hex
        return True


def call_off_others(my_task: Task) -> None:
    """Cancel the events that this one has raced against and won."""
    race = my_task.internal_data.get("race")
    if race is None:
        return
    for other in list(my_task.workflow.tasks.values()):
        if (
            other is not my_task
            and other.internal_data.get("race") == race
            and isinstance(other.task_spec, CatchingEvent)
            and not other.has_state(TaskState.FINISHED_MASK)
        ):
            other.cancel()
