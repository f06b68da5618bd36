"""The forms of user tasks, and completing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine import projection
from app.engine.actors import Actor
from app.engine.deployments import newest_definition
from app.engine.diagram import Element
from app.engine.execution import Execution
from app.engine.forms import TaskForm, build_form, load_schema, put
from app.engine.models import Deployment, HistoryKind, ProcessInstance, TaskState, UserTask
from app.engine.user_tasks.assignments import lock_open
from app.engine.user_tasks.rights import require
from app.errors import BusinessError, Conflict, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

StoreUploads = Callable[[str, list[Any]], list[int]]
TakeFiles = Callable[[str, list[int]], None]


class InvalidSubmission(BusinessError):
    """The submitted form has errors; ``form`` shows them beside what was typed."""

    def __init__(self, form: TaskForm) -> None:
        super().__init__("INVALID", "Some answers need your attention.")
        self.form = form


@dataclass(frozen=True, slots=True)
class Completion:
    """What completing a user task led to: ``next_tasks`` are those open now in the instance."""

    instance: ProcessInstance
    task: UserTask
    next_tasks: list[UserTask]


def form_for(
    engine: ProcessEngine, session: Session, task: UserTask, actor: Actor, **submission: Any
) -> TaskForm:
    """The task's form, prefilled; with ``formdata``/``files`` or ``json``, as it was submitted."""
    instance = session.scalar(
        select(ProcessInstance).where(ProcessInstance.id == task.instance_id).options(*projection.WITH_STATE)
    )
    if instance is None:
        raise NotFound("There is no such task.")
    definition = engine.definition(session, instance.deployment_id)
    execution = Execution(engine, session, instance, definition, actor, refuses=True)
    execution.variables = dict((instance.engine_state or {}).get("variables", {}))
    return _form(execution, definition.element(task.element_id), submission, None)


def start_form(
    engine: ProcessEngine,
    session: Session,
    key: str,
    actor: Actor,
    *,
    deployment: Deployment | None = None,
    **submission: Any,
) -> TaskForm:
    """The form that starts a process: of its newest version, or of the one that was looked up before.

    Raises :class:`NotFound` where it has none.
    """
    if deployment is None:
        definition = newest_definition(engine, session, key)
    else:
        definition = engine.definition(session, deployment.id)
    element = next((s for s in definition.diagram.starts if s.event is None), None)
    if element is None or element.form is None:
        raise NotFound(f"{definition.name} is not started by a form.")
    return build_form(
        definition.form(element.form),
        feel=engine.feel,
        context={
            "actor": {"id": actor.user_id, "name": actor.name, "role": actor.role},
            "timeZone": engine.bindings.time_zone(session),
        },
        options=engine.options(session),
        **submission,
    )


EMPTY_FORM = load_schema({"type": "default", "components": []})


def _form(
    execution: Execution, element: Element, submission: Mapping[str, Any], outcome: str | None
) -> TaskForm:
    schema = execution.definition.form(element.form) if element.form else EMPTY_FORM
    feel = execution.engine.feel
    names = {name for _, expression in schema.expressions() for name in feel.names(expression)}
    names |= schema.option_keys
    prefilled = execution.mapped(element.inputs)
    data = {**execution.context({field.variable for field in schema.fields}), **prefilled}
    return build_form(
        schema,
        feel=feel,
        context={
            **execution.context(names),
            **prefilled,
            "outcome": outcome,
            "timeZone": execution.engine.bindings.time_zone(execution.session),
        },
        data={**data, **submission.get("data", {})},
        options=execution.engine.options(execution.session),
        **{key: value for key, value in submission.items() if key != "data"},
    )


def submit(
    engine: ProcessEngine,
    session: Session,
    task_id: int,
    actor: Actor,
    *,
    outcome: str | None = None,
    store_uploads: StoreUploads | None = None,
    take_files: TakeFiles | None = None,
    **submission: Any,
) -> Completion:
    """Complete a task with its submitted form (``formdata`` and ``files``, or ``json``).

    The form is validated under the instance's lock, by the facts of that moment. ``store_uploads``
    keeps the files of a field and answers their ids, which become the field's value. ``take_files``
    checks the files that a field names by their ids and refuses those that are not the actor's to
    attach; without it no file can be named.

    Raises :class:`InvalidSubmission`, AlreadyDone, :class:`NotYours`, Conflict, and
    :class:`BusinessError` from whatever the steps that follow refuse. Nothing has changed then.
    """
    execution, task, token, acted_for = _begin(engine, session, task_id, actor)
    element = execution.element_of(token)
    chosen = _outcome(element, outcome)
    form = _form(execution, element, submission, chosen)
    validates = next((o.validates for o in element.outcomes if o.value == chosen), True)
    if validates and not form.validate():
        raise InvalidSubmission(form)
    values = form.values()
    for path, ids in form.given_files.items():
        if take_files is None:
            raise BusinessError("UNKNOWN_FILE", "Files cannot be named here.", field=path)
        take_files(path, ids)
    if store_uploads is not None:
        for path, files in form.uploads.items():
            put(values, path, store_uploads(path, files))
    return _complete(execution, task, token, element, values, chosen, acted_for)


def complete(
    engine: ProcessEngine,
    session: Session,
    task_id: int,
    actor: Actor,
    values: Mapping[str, Any],
    outcome: str | None = None,
) -> Completion:
    """Complete a task with values that have been validated. Raises as :func:`submit` does."""
    execution, task, token, acted_for = _begin(engine, session, task_id, actor)
    element = execution.element_of(token)
    return _complete(execution, task, token, element, values, _outcome(element, outcome), acted_for)


def _begin(
    engine: ProcessEngine, session: Session, task_id: int, actor: Actor
) -> tuple[Execution, UserTask, Any, str]:
    instance, task = lock_open(session, task_id)
    identity = require(engine, task, actor)
    acted_for = identity.name if identity.user_id != actor.user_id else ""
    execution = Execution.resume(engine, session, instance, actor, acted_for=acted_for)
    token = next((t for t in execution.ready_user_tasks() if t.id.hex == task.engine_task), None)
    if token is None:
        raise Conflict(f"“{task.name}” cannot be done now. A manager can see why under Monitor.")
    if identity.user_id != actor.user_id:
        task.completed_for = identity.user_id
    return execution, task, token, acted_for


def _outcome(element: Element, given: str | None) -> str | None:
    allowed = [outcome.value for outcome in element.outcomes]
    if not allowed:
        return None
    if given is None and len(allowed) == 1:
        return allowed[0]
    if given not in allowed:
        labels = ", ".join(outcome.label for outcome in element.outcomes)
        raise BusinessError("UNKNOWN_OUTCOME", f"Choose one of: {labels}.", field="outcome")
    return given


def _complete(
    execution: Execution,
    task: UserTask,
    token: Any,
    element: Element,
    values: Mapping[str, Any],
    outcome: str | None,
    acted_for: str,
) -> Completion:
    actor = execution.actor
    task.state = TaskState.COMPLETED
    task.outcome = outcome
    task.submission = dict(values)
    task.completed_at = clock.now()
    task.completed_by, task.completed_by_name = actor.user_id, actor.name
    if task.assignee_id is None:
        task.assignee_id, task.assignee_name = actor.user_id, actor.name
    execution.keep_answers(values)
    if element.outputs:
        own = {"completedBy": actor.user_id, "outcome": outcome}
        execution.variables |= execution.mapped(element.outputs, {**values, **own})
    else:
        execution.variables |= values
    execution.variables["completedBy"] = actor.user_id
    if element.outcomes:
        execution.variables["outcome"] = outcome
    execution.complete_user_task(token)
    execution.journal.add(
        HistoryKind.LEFT,
        element,
        {
            "task": task.id,
            "outcome": outcome,
            "values": dict(values),
            "flows": execution.flows_out_of(token),
            "since": task.created_at.isoformat(),
        },
        acted_for=acted_for,
    )
    execution.advance()
    open_now = execution.save()
    return Completion(execution.instance, task, open_now)
