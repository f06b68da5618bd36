"""User tasks and their forms as the API answers them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.api.core import calls
from app.api.core.schemas import Instant, Named, Out
from app.engine import deployments, instances, user_tasks
from app.engine.forms import TaskForm
from app.engine.forms.items import Item
from app.engine.models import TaskState, UserTask

JsonObject = dict[str, Any]


class TaskOut(Out):
    """A user task: something that somebody has to do in a process."""

    id: int
    name: str
    state: TaskState
    process_key: str
    instance_id: int
    business_key: str
    element_id: str
    subject_type: str
    subject_id: int
    title: str
    detail: str
    priority: str
    due_at: Instant | None
    created_at: Instant
    candidate_roles: list[str] = Field(description="Who may do it while nobody has taken it.")
    candidate_department_id: int | None
    assignee_id: int | None
    assignee_name: str
    machine_id: int | None
    department_id: int | None
    outcome: str | None
    completed_at: Instant | None
    completed_by: int | None
    completed_by_name: str


class OptionOut(Out):
    """One of the answers that a field offers."""

    value: Any
    label: str


class FieldOut(Out):
    """A field of a form as it stands now."""

    path: str = Field(description="Where its value goes in `values`; rows by their position.")
    type: str
    label: str
    description: str
    required: bool
    read_only: bool
    value: Any
    options: list[OptionOut]


class FormOut(Out):
    """A form to fill in: what to send as `values`, and how its author drew it."""

    id: str | None = Field(description="The file's name without its ending; null for a task without a form.")
    fields: list[FieldOut] = Field(description="The fields that are shown now, those in rows too.")
    data: JsonObject = Field(description="What the fields hold before anything is answered.")
    form_schema: JsonObject | None = Field(
        serialization_alias="schema", description="The form-js schema, as it was deployed."
    )


class OutcomeOut(Out):
    """A way to end a task."""

    value: str
    label: str
    kind: str = Field(description="`primary`, `secondary` or `danger`.")
    validates: bool = Field(description="Whether the form has to be complete for it.")


class TaskDetail(TaskOut):
    """A user task with its form and everything that the caller may do with it."""

    documentation: str
    outcomes: list[OutcomeOut]
    verbs: list[str] = Field(description="The words by which other endpoints complete it.")
    form: FormOut | None = Field(description="For those who may do the task, while it is open.")
    may_complete: bool
    may_claim: bool
    may_release: bool
    may_delegate: bool
    acts_for: Named | None = Field(description="The absent person that the caller would stand in for.")
    people: list[Named] = Field(description="Whom the caller may give it to.")


class CommentOut(Out):
    """Something that was said about a task, or about another task of the same instance."""

    id: int
    task_id: int | None
    author_id: int | None
    author_name: str
    body: str
    created_at: Instant


def task_detail(task: UserTask) -> TaskDetail:
    """A task as the caller sees it."""
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    element = user_tasks.element_of(engine, session, task)
    identity = user_tasks.acting_as(task, actor) if task.is_open else None
    may_delegate = user_tasks.may_delegate(task, actor)
    for_whom = identity if identity is not None and identity.user_id != actor.user_id else None
    form = user_tasks.form_for(engine, session, task, actor) if identity is not None else None
    return TaskDetail(
        **TaskOut.model_validate(task).model_dump(),
        documentation=element.documentation,
        outcomes=[OutcomeOut.model_validate(outcome) for outcome in element.outcomes],
        verbs=list(element.api_verbs),
        form=None if form is None else form_out(form, task.form_id, _deployment_of(task)),
        may_complete=identity is not None,
        may_claim=user_tasks.may_claim(task, actor),
        may_release=user_tasks.may_release(task, actor),
        may_delegate=may_delegate,
        acts_for=None if for_whom is None else Named(id=for_whom.user_id or 0, name=for_whom.name),
        people=[
            Named(id=user_id, name=name)
            for user_id, name in (user_tasks.delegates(engine, session, task) if may_delegate else ())
        ],
    )


def _deployment_of(task: UserTask) -> int:
    return instances.get(calls.session(), task.instance_id).deployment_id


def form_out(form: TaskForm, form_id: str | None, deployment_id: int) -> FormOut:
    """A form as it stands before it is answered."""
    schema = deployments.form_schema(calls.session(), deployment_id, form_id) if form_id else None
    return form_with(form, form_id, schema)


def form_with(form: TaskForm, form_id: str | None, schema: JsonObject | None) -> FormOut:
    """A form as it stands before it is answered, with its schema as it was deployed."""
    return FormOut(
        id=form_id, fields=[_field(item) for item in form.shown], data=form.data, form_schema=schema
    )


def _field(item: Item) -> FieldOut:
    return FieldOut(
        path=item.path,
        type=item.type,
        label=item.label,
        description=item.description,
        required=item.required,
        read_only=item.locked or item.type == "expression",
        value=item.value,
        options=[OptionOut(value=value, label=label) for _, value, label in item.choices],
    )
