"""User tasks: who may do them, claiming and handing over, their forms, and completing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine import projection
from app.engine.actors import Actor, Identity
from app.engine.diagram import Element
from app.engine.execution import Execution, lock
from app.engine.forms import TaskForm, build_form, load_schema, put
from app.engine.models import (
    HistoryKind,
    InstanceState,
    ProcessInstance,
    TaskComment,
    TaskState,
    UserTask,
)
from app.engine.queries import Listed, listed
from app.errors import BusinessError, Conflict, Forbidden, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

StoreUploads = Callable[[str, list[Any]], list[int]]
TakeFiles = Callable[[str, list[int]], None]


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


# -- who may -----------------------------------------------------------------------------------


def get(session: Session, task_id: int) -> UserTask:
    """The task. Raises :class:`NotFound`."""
    task = session.get(UserTask, task_id)
    if task is None:
        raise NotFound("There is no such task.")
    return task


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
    """Candidates, assignee and overseers see a task's page; others only the record it is about."""
    return (
        may_act(task, actor)
        or actor.oversees
        or task.completed_by == actor.user_id
        or any(_is_candidate(task, identity) for identity in actor.identities)
    )


def _require(engine: ProcessEngine, task: UserTask, actor: Actor) -> Identity:
    identity = acting_as(task, actor)
    if identity is not None:
        return identity
    if task.assignee_id is not None:
        raise NotYours(f"“{task.name}” is assigned to {task.assignee_name or 'somebody else'}.")
    names = [engine.bindings.roles.get(role, role) for role in task.candidate_roles]
    raise NotYours(f"“{task.name}” is for: {', '.join(names) or 'nobody'}.")


# -- claim, release, delegate ------------------------------------------------------------------


def _lock_open(session: Session, task_id: int) -> tuple[ProcessInstance, UserTask]:
    """The instance's lock and the open task under it. Raises NotFound, AlreadyDone or Conflict."""
    instance_id = session.scalar(select(UserTask.instance_id).where(UserTask.id == task_id))
    instance = lock(session, instance_id) if instance_id is not None else None
    if instance is None:
        raise NotFound("There is no such task.")
    task = session.get_one(UserTask, task_id, populate_existing=True)
    if not task.is_open:
        raise AlreadyDone(task)
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is suspended: its tasks wait until a manager resumes it.")
    return instance, task


def _note(
    engine: ProcessEngine,
    session: Session,
    instance: ProcessInstance,
    task: UserTask,
    actor: Actor,
    kind: HistoryKind,
    detail: dict[str, Any],
) -> None:
    definition = engine.definition(session, instance.deployment_id)
    execution = Execution(engine, session, instance, definition, actor, refuses=True)
    execution.journal.add(kind, definition.diagram.elements.get(task.element_id), {"task": task.id, **detail})
    execution.journal.write(session)
    instance.revision += 1


def claim(engine: ProcessEngine, session: Session, task_id: int, actor: Actor) -> UserTask:
    """Take a task of the group. Raises NotFound, AlreadyDone, :class:`NotYours` or Conflict."""
    instance, task = _lock_open(session, task_id)
    if task.assignee_id == actor.user_id:
        return task
    if task.assignee_id is not None:
        raise Conflict(f"{task.assignee_name} has taken “{task.name}”.")
    identity = _require(engine, task, actor)
    task.assignee_id, task.assignee_name = actor.user_id, actor.name
    _note(
        engine, session, instance, task, actor, HistoryKind.CLAIMED, {"for": _stood_in_for(actor, identity)}
    )
    return task


def release(engine: ProcessEngine, session: Session, task_id: int, actor: Actor) -> UserTask:
    """Give a task back to its group. Raises NotFound, AlreadyDone, :class:`NotYours` or Conflict."""
    instance, task = _lock_open(session, task_id)
    if task.assignee_id is None:
        return task
    if not actor.oversees:
        _require(engine, task, actor)
    if task.candidate_role is None:
        raise Conflict(f"“{task.name}” has no group to go back to. Hand it over to somebody instead.")
    before = task.assignee_id
    task.assignee_id, task.assignee_name = None, ""
    _note(engine, session, instance, task, actor, HistoryKind.RELEASED, {"from": before})
    return task


def delegate(
    engine: ProcessEngine, session: Session, task_id: int, actor: Actor, to_user_id: int, note: str = ""
) -> UserTask:
    """Give a task to another person who is eligible for it.

    Raises NotFound, AlreadyDone, :class:`NotYours`, Conflict, and :class:`BusinessError`
    (``NOT_ELIGIBLE``, field ``person``) for somebody who could not do it.
    """
    instance, task = _lock_open(session, task_id)
    if not may_delegate(task, actor):
        _require(engine, task, actor)
    people = dict(delegates(engine, session, task))
    if to_user_id not in people:
        raise BusinessError("NOT_ELIGIBLE", "Choose somebody who may do this task.", field="person")
    before = task.assignee_id
    task.assignee_id, task.assignee_name = to_user_id, people[to_user_id]
    _note(
        engine,
        session,
        instance,
        task,
        actor,
        HistoryKind.DELEGATED,
        {"from": before, "to": to_user_id, "name": people[to_user_id], "note": note[:500]},
    )
    return task


def delegates(engine: ProcessEngine, session: Session, task: UserTask) -> list[tuple[int, str]]:
    """Ids and names of the people a task may be given to."""
    found: dict[int, str] = {}
    for role in task.candidate_roles:
        department = None if role == task.escalation_role else task.candidate_department_id
        found.update(dict(engine.bindings.eligible(session, role, department)))
    found.pop(task.assignee_id or 0, None)
    return sorted(found.items(), key=lambda person: person[1].casefold())


def comment(session: Session, task: UserTask, actor: Actor, body: str) -> TaskComment:
    """Say something about a task. Raises :class:`BusinessError` (``EMPTY``) for nothing said."""
    body = body.strip()
    if not body:
        raise BusinessError("EMPTY", "Write something first.", field="body")
    if len(body) > 4000:
        raise BusinessError("TOO_LONG", "Keep it under 4,000 characters.", field="body")
    said = TaskComment(
        instance_id=task.instance_id,
        task_id=task.id,
        author_id=actor.user_id,
        author_name=actor.name,
        body=body,
    )
    session.add(said)
    session.flush()
    return said


def comments(session: Session, instance_id: int) -> list[TaskComment]:
    """What was said about an instance, oldest first."""
    query = select(TaskComment).where(TaskComment.instance_id == instance_id).order_by(TaskComment.id)
    return list(session.scalars(query))


def list_comments(
    session: Session,
    instance_id: int,
    *,
    q: str = "",
    sort: str = "createdAt",
    page: int = 1,
    page_size: int = 25,
) -> Listed[TaskComment]:
    """A page of what was said about an instance, oldest first, or newest first (``-createdAt``)."""
    query = select(TaskComment).where(TaskComment.instance_id == instance_id)
    for word in q.split():
        query = query.where(TaskComment.body.icontains(word, autoescape=True))
    return listed(session, query, {"createdAt": TaskComment.id}, sort, TaskComment.id, page, page_size)


# -- forms and completing ----------------------------------------------------------------------


def element_of(engine: ProcessEngine, session: Session, task: UserTask) -> Element:
    """The task's element in its diagram: outcomes, documentation, form."""
    instance = session.get_one(ProcessInstance, task.instance_id)
    return engine.definition(session, instance.deployment_id).element(task.element_id)


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
    engine: ProcessEngine, session: Session, key: str, actor: Actor, **submission: Any
) -> TaskForm:
    """The form that starts a process. Raises :class:`NotFound` where it has none."""
    from app.engine.deployments import newest_definition

    definition = newest_definition(engine, session, key)
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
    instance, task = _lock_open(session, task_id)
    identity = _require(engine, task, actor)
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


def stands_in_name(actor: Actor, identity: Identity) -> str:
    return identity.name if identity.user_id != actor.user_id else ""


def _stood_in_for(actor: Actor, identity: Identity) -> str | None:
    return stands_in_name(actor, identity) or None


@dataclass(frozen=True, slots=True)
class VerbMatch:
    """What is open about a record, as far as a verb of the REST API is concerned.

    ``task`` is the one that the actor may do, and ``outcome`` what the verb means for it; ``others``
    are those that answer to the verb but are somebody else's; ``open`` are all that are open.
    """

    task: UserTask | None
    outcome: str | None
    others: list[UserTask]
    open: list[UserTask]


def for_verb(
    engine: ProcessEngine, session: Session, subject_type: str, subject_id: int, verb: str, actor: Actor
) -> VerbMatch:
    """The actor's oldest open task about a record that a verb completes, and what else is open about it."""
    opened = open_for_subject(session, subject_type, subject_id)
    instance_ids = {task.instance_id for task in opened}
    query = select(ProcessInstance.id, ProcessInstance.deployment_id).where(
        ProcessInstance.id.in_(instance_ids)
    )
    deployed = {row.id: row.deployment_id for row in session.execute(query)}
    elements = {
        task.id: engine.definition(session, deployed[task.instance_id]).element(task.element_id)
        for task in opened
    }
    answering = [task for task in opened if verb in elements[task.id].api_verbs]
    own = next((task for task in answering if may_act(task, actor)), None)
    return VerbMatch(
        task=own,
        outcome=elements[own.id].outcome_of(verb) if own is not None else None,
        others=[task for task in answering if not may_act(task, actor)],
        open=opened,
    )


def open_for_subject(session: Session, subject_type: str, subject_id: int) -> list[UserTask]:
    """The open tasks about a record, oldest first."""
    query = select(UserTask).where(
        UserTask.subject_type == subject_type,
        UserTask.subject_id == subject_id,
        UserTask.state == TaskState.OPEN,
    )
    return list(session.scalars(query.order_by(UserTask.id)))
