"""Specifications of what the engine does itself; the execution that runs them decides how."""

from __future__ import annotations

from SpiffWorkflow.bpmn.specs import defaults
from SpiffWorkflow.bpmn.specs.mixins import BpmnSpecMixin
from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.task import Task


class EngineTask(BpmnSpecMixin, TaskSpec):
    """A task that the engine does itself: the execution decides what that means.

    The hook answers True when it is done and None when the step failed and is parked as an
    incident: SpiffWorkflow then keeps the task STARTED, neither finished nor lost.
    """

    def _run_hook(self, my_task: Task) -> bool | None:
        super()._run_hook(my_task)
        done: bool | None = my_task.workflow.script_engine.run_element(my_task)
        return done


class ServiceTask(EngineTask):
    pass


class BusinessRuleTask(EngineTask):
    pass


class ScriptTask(EngineTask):
    pass


class PlainTask(BpmnSpecMixin, TaskSpec):
    """A task without a kind, or one that is done outside: the process passes it at once."""


class Subprocess(defaults.SubWorkflowTask):
    """An embedded subprocess: entered before the first of its steps, left after the last."""

    def start_workflow(self, my_task: Task) -> None:
        if my_task.workflow.script_engine.enter_subprocess(my_task):
            super().start_workflow(my_task)
