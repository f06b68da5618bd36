"""One action on one instance: load, act, run to the next wait states, project, save.

An execution lives inside the transaction of its action and under the instance's lock. It is also
the "script engine" that SpiffWorkflow asks to evaluate expressions and to do the engine's tasks.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.specs.mixins.events.start_event import StartEvent
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine import evidence, incidents, messages, projection, state, waits
from app.engine.actors import Actor
from app.engine.core import ProcessEngine
from app.engine.definitions import Definition
from app.engine.diagram import Element
from app.engine.events import BoundaryEvent, Message, catch_error, error_boundary
from app.engine.gateways import EventBasedGateway
from app.engine.models import HistoryKind, Incident, InstanceState, ProcessInstance, UserTask
from app.engine.steps import EngineTask, Subprocess
from app.engine.timers import FAILED, Timer
from app.engine.work import Work
from app.errors import BusinessError, MillwrightError
from app.patience import will_pass

log = logging.getLogger(__name__)

MAXIMUM_STEPS = 1000
# Finished tasks are dropped after so many steps, so that each costs the same.
PRUNED_EVERY = 50
# Gateways whose conditions decide where a token goes.
DECIDING = ("exclusiveGateway", "inclusiveGateway")


class EndlessLoop(MillwrightError):
    """The diagram goes round without ever waiting for anybody."""


class Execution(Work):
    """The running of one instance within one transaction.

    ``refuses`` says whether a business error without a boundary event refuses the whole action
    (there is somebody to tell) or is parked as an incident (a timer or a message caused it).
    """

    def __init__(
        self,
        engine: ProcessEngine,
        session: Session,
        instance: ProcessInstance,
        definition: Definition,
        actor: Actor,
        *,
        refuses: bool,
        acted_for: str = "",
    ) -> None:
        super().__init__(engine, session, instance, definition, actor)
        # What is logged from here on, in this request or job, is about this instance.
        structlog.contextvars.bind_contextvars(instance_id=instance.id)
        self.acted_for = acted_for
        self.refuses = refuses
        self.retrying: Incident | None = None
        self.workflow: BpmnWorkflow
        self._listened: set[str] = set()
        self._waited: set[str] = set()

    # -- beginning and end ---------------------------------------------------------------------

    @classmethod
    def begin(
        cls, engine: ProcessEngine, session: Session, instance: ProcessInstance, actor: Actor
    ) -> Execution:
        """The execution of a new instance, standing at its start."""
        definition = engine.definition(session, instance.deployment_id)
        execution = cls(engine, session, instance, definition, actor, refuses=actor.user_id is not None)
        execution.workflow = state.Workflow(
            definition.spec, dict(definition.subprocess_specs), script_engine=execution
        )
        return execution

    def stand_at(self, start: Element) -> None:
        """Let a new instance begin at one of its start events, and at no other."""
        while ready := [task for task in self.workflow.tasks.values() if _is_internal(task)]:
            ready[0].run()
        for task in list(self.workflow.tasks.values()):
            other = isinstance(task.task_spec, StartEvent) and task.task_spec.bpmn_id != start.id
            if other and not task.has_state(TaskState.FINISHED_MASK):
                task.cancel()

    @classmethod
    def resume(
        cls,
        engine: ProcessEngine,
        session: Session,
        instance: ProcessInstance,
        actor: Actor,
        *,
        acted_for: str = "",
        refuses: bool | None = None,
    ) -> Execution:
        """The execution of an instance that is locked in this transaction."""
        definition = engine.definition(session, instance.deployment_id)
        execution = cls(
            engine,
            session,
            instance,
            definition,
            actor,
            refuses=actor.user_id is not None if refuses is None else refuses,
            acted_for=acted_for,
        )
        saved = instance.engine_state
        execution.variables = dict(saved["variables"])
        execution.workflow = state.load(saved, definition.spec, dict(definition.subprocess_specs), execution)
        execution.open_tasks = projection.open_tasks(session, instance.id)
        execution._listened = execution._listens_to()
        execution._waited = waits.listed(execution)
        return execution

    def listen_anew(self) -> None:
        """Have all kept messages offered again at the next save: what is waited for may be others now."""
        self._listened = set()

    def advance(self) -> None:
        """Do everything the engine can do by itself, until somebody or something is waited for.

        Raises :class:`EndlessLoop` for a diagram that would go on for ever.
        """
        steps = 0
        while True:
            ready = self._ready_engine_tasks()
            if not ready:
                self.workflow.refresh_timers()
                ready = self._ready_engine_tasks()
                if not ready:
                    return
            for task in ready:
                if task.state == TaskState.READY and task.id in task.workflow.tasks:
                    steps += 1
                    if steps > MAXIMUM_STEPS:
                        raise EndlessLoop(
                            f"{self.definition.name} goes on for more than {MAXIMUM_STEPS} steps "
                            "without waiting for anybody."
                        )
                    self._step(task)
                    if steps % PRUNED_EVERY == 0:
                        state.prune(self.workflow)

    def save(self) -> list[UserTask]:
        """Project the open tasks, write history and state; answers the user tasks now open."""
        self._note_arrivals()
        created = projection.project(self)
        self.instance.next_due_at = self._next_due()
        if self.workflow.is_completed():
            self._finish()
        if self.instance.state == InstanceState.INCIDENT or self.instance.ended_at is not None:
            incidents.settle(self)
        self.instance.engine_state = state.dump(self.workflow, self.variables)
        self.instance.revision += 1
        self.session.flush()
        self.journal.write(self.session)
        if newly := self._listens_to() - self._listened:
            messages.wake(self.session, self.instance.business_key, newly)
        return created

    def _finish(self) -> None:
        self.instance.state = InstanceState.COMPLETED
        self.instance.ended_at = clock.now()
        self.instance.next_due_at = None
        self.end_subject(InstanceState.COMPLETED)
        self.journal.add(HistoryKind.COMPLETED)

    def trees(self) -> Iterable[Any]:
        """The subprocesses that have begun, and the workflow itself."""
        return (*self.workflow.subprocesses.values(), self.workflow)

    def _ready_engine_tasks(self) -> list[Task]:
        for tree in list(self.workflow.subprocesses.values()):
            parent = self.workflow.get_task_from_id(tree.parent_task_id)
            if tree.completed and parent.state == TaskState.STARTED:
                parent.task_spec._update(parent)
        return [
            task
            for tree in self.trees()
            for task in list(tree.tasks.values())
            if task.state == TaskState.READY and not task.task_spec.manual
        ]

    def ready_user_tasks(self) -> list[Task]:
        """The engine's tasks that wait for a person."""
        return [
            task
            for tree in self.trees()
            for task in tree.tasks.values()
            if task.state == TaskState.READY and task.task_spec.manual
        ]

    # -- steps ---------------------------------------------------------------------------------

    def _step(self, task: Task) -> None:
        """Run one task that needs nobody. What goes wrong is parked, not lost."""
        element = self._element(task)
        try:
            if element is not None and not isinstance(task.task_spec, (EngineTask, Subprocess)):
                self.enter(task, element)
            finished = task.run()
        except EndlessLoop:
            raise
        except Exception as error:
            self._failed(task, element, error)
            return
        if not finished:
            return
        self._succeeded(task)
        if element is not None:
            timer = isinstance(task.task_spec, CatchingEvent) and element.event == "timer"
            self._leave(task, element, HistoryKind.TIMER if timer else HistoryKind.PASSED)

    def _failed(self, task: Task, element: Element | None, error: Exception) -> None:
        """Refuse the whole action for a business error that somebody can be told, else park the step.

        What the database could not do is tried again as a whole: the step did not fail.
        """
        if (isinstance(error, BusinessError) and self.refuses) or will_pass(error):
            raise error
        task._set_state(TaskState.STARTED)
        self._park(task, element, error)

    def _succeeded(self, task: Task) -> None:
        if self.retrying is not None and self.retrying.engine_task == task.id.hex:
            incidents.resolve(self.retrying, self.actor)
            self.retrying = None

    def complete_user_task(self, task: Task) -> None:
        """Run a user task that a person has done."""
        task.run()

    def enter(self, task: Task, element: Element) -> None:
        """Set the subject's status where the element asks for one, once for each token."""
        if element.status and "entered" not in task.internal_data:
            with self.session.begin_nested():
                self.set_status(element.status)
                self.session.flush()
            task.internal_data["entered"] = True

    def enter_user_task(self, task: Task) -> bool:
        """Enter a user task that has become ready; False where that failed and the task is parked."""
        element = self.element_of(task)
        try:
            self.enter(task, element)
        except Exception as error:
            self._failed(task, element, error)
            return False
        self._succeeded(task)
        return True

    def enter_subprocess(self, task: Task) -> bool:
        """Enter a subprocess before its first step; False where that failed and the task is parked."""
        element = self.element_of(task)
        try:
            self.enter(task, element)
        except Exception as error:
            self._failed(task, element, error)
            return False
        self._succeeded(task)
        self.journal.add(HistoryKind.ENTERED, element)
        return True

    def flows_out_of(self, task: Task) -> list[str]:
        """The sequence flows that a finished task's token went along."""
        source, diagram = task.task_spec.bpmn_id, self.definition.diagram
        if isinstance(task.task_spec, EventBasedGateway):
            return []  # told by the event that wins
        found: list[str] = []
        if "race" in task.internal_data:
            found += [flow.id for flow in diagram.incoming(source) if flow.source in diagram.races]
        if isinstance(task.task_spec, BoundaryEvent) and not task.task_spec.cancel_activity:
            return [flow.id for flow in diagram.outgoing(source)]
        for child in task.children:
            if child.has_state(TaskState.PREDICTED_MASK) or child.state == TaskState.CANCELLED:
                continue
            target = child.task_spec.name.removesuffix(".BoundaryEventSplit")
            found.extend(diagram.between.get((source, target), ())[:1])
        return found

    def _leave(self, task: Task, element: Element, kind: HistoryKind) -> None:
        flows = self.flows_out_of(task)
        detail: dict[str, Any] = {"flows": flows} if flows else {}
        if element.type in DECIDING and (read := self._read_by_conditions(element)):
            detail["read"] = read
        self.journal.add(kind, element, detail or None)

    def _read_by_conditions(self, gateway: Element) -> dict[str, Any]:
        """What the conditions after a gateway read. Facts that none has asked for are not looked up."""
        feel = self.engine.feel
        paths: set[evidence.Path] = set()
        names: set[str] = set()
        for flow in self.definition.diagram.outgoing(gateway.id):
            if flow.condition:
                paths |= feel.paths(flow.condition)
                names |= feel.names(flow.condition)
        known = [name for name in sorted(names) if name not in self.facts or self.facts.is_known(name)]
        return evidence.kept(self.context(known), paths)

    def _element(self, task: Task) -> Element | None:
        name = getattr(task.task_spec, "bpmn_id", None)
        return self.definition.diagram.elements.get(name) if name else None

    def element_of(self, task: Task) -> Element:
        found = self._element(task)
        if found is None:
            raise LookupError(f"{task.task_spec.name} is not drawn in {self.definition.key}")
        return found

    def _note_arrivals(self) -> None:
        """Write down which events have begun to wait since the last save, and which do no more."""
        for task, element in list(waits.waiting(self)):
            if waits.SINCE not in task.internal_data:
                waits.begin(self, task, element)
                self.journal.add(HistoryKind.ENTERED, element)
                self._enter_waiting(task, element)
        still = waits.listed(self)
        waits.end(self.session, self._waited - still)
        self._waited = still

    def _enter_waiting(self, task: Task, element: Element) -> None:
        try:
            self.enter(task, element)
        except Exception as error:
            if (isinstance(error, BusinessError) and self.refuses) or will_pass(error):
                raise
            task.internal_data[FAILED] = True
            self._park(task, element, error)

    def _listens_to(self) -> set[str]:
        """The names of the messages that somebody waits for."""
        definitions = [t.task_spec.event_definition for t in self.workflow.event_manager.tasks.values()]
        return {definition.name for definition in definitions if isinstance(definition, Message)}

    def _next_due(self) -> datetime | None:
        due = [
            time
            for tree in self.trees()
            for task in tree.tasks.values()
            if task.state == TaskState.WAITING and (time := Timer.due(task)) is not None
        ]
        return min(due, default=None)

    # -- what SpiffWorkflow asks of its script engine ------------------------------------------

    def evaluate(self, task: Task, expression: str, external_context: Any = None) -> Any:
        """A condition or a timer's expression."""
        text = expression.strip().removeprefix("=").strip()
        return self.value(text)

    def execute(self, task: Task, script: str, external_context: Any = None) -> bool:
        raise RuntimeError("process files hold no scripts but FEEL")

    def run_element(self, task: Task) -> bool | None:
        """Do a service, business rule or script task; None means it did not finish."""
        element = self.element_of(task)
        variables, noted = dict(self.variables), self.journal.mark()
        try:
            with self.session.begin_nested():
                self.do(element)
                # A service finds the status as it was.
                self.enter(task, element)
                self.session.flush()
        except Exception as error:
            self.variables = variables
            self.journal.forget_since(noted)
            self.facts.forget()
            if not isinstance(error, BusinessError) or not self._caught(task, error.code, error.message):
                self._failed(task, element, error)
            return None
        return True

    def _caught(self, task: Task, code: str, message: str) -> bool:
        """Hand a business error to a boundary event for it, if the diagram has one."""
        boundary = error_boundary(task, code)
        if boundary is None:
            return False
        self.variables |= {"errorCode": code, "errorMessage": message}
        catch_error(boundary)
        self._succeeded(task)
        return True

    def throw_error(self, task: Task, code: str) -> None:
        """An error end event has been reached."""
        element = self.element_of(task)
        if not self._caught(task, code, element.label):
            raise MillwrightError(f"Nothing handles the error {code} that “{element.label}” raises.")

    def throw_message(self, task: Task, name: str) -> None:
        element = self.element_of(task)
        wanted = element.attributes.get("to", "").strip()
        to = self.attribute(element, "to")
        if wanted and (to is None or to == []):
            return  # the expression found nobody to tell
        self.send(name, to, self.mapped(element.inputs), element)

    def receive_message(self, task: Task, payload: Mapping[str, Any]) -> None:
        element = self.element_of(task)
        if element.outputs:
            self.variables |= self.mapped(element.outputs, {"payload": dict(payload)})
        else:
            self.variables |= payload

    # -- incidents -----------------------------------------------------------------------------

    def park_timer(self, task: Task, error: Exception) -> None:
        """A timer's expression has no value: the timer is parked, and its task or event still waits."""
        self._park(task, self._element(task), error)

    def _park(self, task: Task, element: Element | None, error: Exception) -> None:
        """Keep a failed step as an incident: the token stays where it is until somebody retries."""
        log.error(
            "step %s of %s failed: %s",
            element.id if element else task.task_spec.name,
            self.instance.business_key,
            error,
            extra={"instance_id": self.instance.id, "business_key": self.instance.business_key},
            exc_info=error,
        )
        trace = "".join(traceback.format_exception(error))[-8000:]
        incident = incidents.park(self, task.id.hex, element, error, trace)
        self.journal.add(
            HistoryKind.INCIDENT, element, {"message": incident.message, "attempts": incident.attempts}
        )

    def parked(self) -> dict[str, Task]:
        """The tasks that incidents are about, by id."""
        return {
            task.id.hex: task
            for tree in self.trees()
            for task in tree.tasks.values()
            if (task.state == TaskState.STARTED or FAILED in task.internal_data)
            and not task.has_state(TaskState.FINISHED_MASK)
        }

    def unpark(self, incident: Incident) -> None:
        """Put the token of an incident back to where it can run again."""
        task = self.parked().get(incident.engine_task)
        if task is None:
            return
        self.retrying = incident
        if task.internal_data.pop(FAILED, False):
            self._retry_waiting(task)
        elif isinstance(task.task_spec, Subprocess) and task.id not in self.workflow.subprocesses:
            task.task_spec._update(task)
        else:
            task._set_state(TaskState.READY)

    def _retry_waiting(self, task: Task) -> None:
        task.task_spec._update(task)
        if FAILED not in task.internal_data:
            self._enter_waiting(task, self.element_of(task))
        if FAILED not in task.internal_data:
            self._succeeded(task)


def _is_internal(task: Task) -> bool:
    """Whether a task that is ready stands for nothing that is drawn."""
    return bool(task.state == TaskState.READY and task.task_spec.bpmn_id is None)


def lock(session: Session, instance_id: int, *, skip_locked: bool = False) -> ProcessInstance | None:
    """The instance's row, locked until the transaction ends, with its engine state.

    With ``skip_locked`` None also where somebody else has it (SQLite has no such locks).
    """
    return session.scalar(
        select(ProcessInstance)
        .where(ProcessInstance.id == instance_id)
        .options(*projection.WITH_STATE)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
