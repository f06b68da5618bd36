"""Specifications of messages, errors and the events that catch them.

SpiffWorkflow's events know one listener for each boundary event and one timer for each gateway;
these add what BPMN asks for beyond that, and hand messages to the execution that runs the instance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SpiffWorkflow.bpmn.specs import defaults
from SpiffWorkflow.bpmn.specs.event_definitions.item_aware_event import ErrorEventDefinition
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.util.event import BpmnEvent
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from app.engine.gateways import ORIGIN, call_off_others
from app.engine.timers import CycleTimer


class Message(MessageEventDefinition):
    """A message: thrown into the job table, caught with the outputs its element maps."""

    def throw(self, my_task: Task) -> None:
        my_task.workflow.script_engine.throw_message(my_task, self.name)

    def update_internal_data(self, my_task: Task, event: BpmnEvent) -> None:
        my_task.internal_data["payload"] = event.payload

    def update_task_data(self, my_task: Task) -> None:
        payload = my_task.internal_data.get("payload")
        if payload is not None:
            my_task.workflow.script_engine.receive_message(my_task, payload)
            # Only now: a mapping that fails is tried again with the same payload.
            del my_task.internal_data["payload"]


class Error(ErrorEventDefinition):
    """A business error: raised by a service task or an error end event, caught on a boundary."""


class _Catching(CatchingEvent):
    """What all catching events share: one that is over catches nothing, one that wins ends its race."""

    def catch(self, my_task: Task, event: BpmnEvent) -> None:
        if not my_task.has_state(TaskState.FINISHED_MASK):
            super().catch(my_task, event)

    def _update_hook(self, my_task: Task) -> bool | None:
        if my_task.has_state(TaskState.FINISHED_MASK):
            return False
        fires: bool | None = super()._update_hook(my_task)
        return fires

    def _on_ready_hook(self, my_task: Task) -> None:
        super()._on_ready_hook(my_task)
        call_off_others(my_task)


class CatchEvent(_Catching, defaults.IntermediateCatchEvent):
    pass


class ReceiveTask(_Catching, defaults.ReceiveTask):
    pass


class BoundaryEvent(_Catching, defaults.BoundaryEvent):
    """An event on a task or subprocess.

    One that does not interrupt sends off a token that lives on when its host is done, and goes on
    listening if it may happen again: for the next message, or the next period of a cycle.
    """

    def _run_hook(self, my_task: Task) -> bool:
        super()._run_hook(my_task)
        if not self.cancel_activity:
            for child in my_task.children:
                my_task.workflow._remove_task(child.id)
            self._listen_again(my_task)
        return True

    def _listen_again(self, my_task: Task) -> None:
        if not isinstance(self.event_definition, (Message, CycleTimer)):
            return
        again = my_task.parent._add_child(self, TaskState.WAITING)
        if "event_value" in my_task.internal_data:
            again.internal_data["event_value"] = my_task.internal_data["event_value"]
        my_task.workflow.top_workflow.event_manager.add_task(again)

    def _on_complete_hook(self, my_task: Task) -> None:
        super()._on_complete_hook(my_task)
        if self.cancel_activity:
            return
        home = my_task.parent.parent
        for output in self.outputs:
            if not output.name.endswith(".BoundaryEventJoin"):
                token = home._add_child(output, TaskState.FUTURE)
                token.internal_data[ORIGIN] = self.name
                output._predict(token, mask=TaskState.NOT_FINISHED_MASK)
                output._update(token)


class EndEvent(defaults.EndEvent):
    """An end event; one with an error ends the subprocess around it by the error's boundary event."""

    def _run_hook(self, my_task: Task) -> bool | None:
        if not isinstance(self.event_definition, Error):
            super()._run_hook(my_task)
            return True
        # The token stays until the boundary event cancels it together with all of the subprocess.
        my_task.workflow.script_engine.throw_error(my_task, self.event_definition.code or "")
        return None


def error_boundary(task: Task, code: str) -> Task | None:
    """The waiting boundary event that catches an error ``code`` of ``task``: on the task itself, or on
    a subprocess around it. One for this very code is preferred to one for any error."""
    for host in _around(task):
        split = host.parent
        if split is None or not split.task_spec.name.endswith(".BoundaryEventSplit"):
            continue
        catching = [
            sibling
            for sibling in split.children
            if sibling.state == TaskState.WAITING
            and isinstance(definition := getattr(sibling.task_spec, "event_definition", None), Error)
            and definition.code in (None, "", code)
        ]
        if catching:
            return max(catching, key=lambda sibling: sibling.task_spec.event_definition.code == code)
    return None


def _around(task: Task) -> Iterator[Task]:
    """A task, the task of the subprocess it is in, and so on outwards."""
    current: Any = task
    while current is not None:
        yield current
        outer = current.workflow.parent_task_id
        current = current.workflow.top_workflow.get_task_from_id(outer) if outer is not None else None


def catch_error(boundary: Task) -> None:
    """Let the error that :func:`error_boundary` found a boundary event for be caught there."""
    boundary.task_spec.catch(boundary, BpmnEvent(boundary.task_spec.event_definition, payload={}))
    boundary.task_spec._update(boundary)
