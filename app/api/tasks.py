"""User tasks: what somebody has to do, and doing it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.access import records
from app.api import named_files
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, In, Out, PageOf, Paging, Text, left_out
from app.api.process_schemas import Reason
from app.api.task_schemas import CommentOut, JsonObject, TaskDetail, TaskOut, task_detail
from app.domain.requests import Priority
from app.engine import inbox, interventions, user_tasks
from app.engine.actors import Actor
from app.engine.models import TaskComment, UserTask
from app.engine.queries import Listed

resource = Resource("Tasks", "User tasks of running processes: what somebody has to do, and doing it.")

SORTS = {"urgency": "urgency", "dueAt": "due", "-createdAt": "newest"}


class TaskFilters(Paging):
    """Which open tasks, in which order."""

    scope: Literal["mine", "group", "all"] = Field(
        default="mine",
        description="Assigned to the caller, free for the caller's group, or all that the caller may see.",
    )
    process: Text = left_out()
    priority: Priority = left_out()
    instance_id: Id = left_out()
    overdue: bool = False
    sort: Literal["urgency", "dueAt", "-createdAt"] = "urgency"


class DelegationIn(In):
    """Whom a task is given to."""

    person: Id
    note: Annotated[str, Field(max_length=500)] = ""


class ReassignIn(In):
    """Who gets a task, and why."""

    person: Id
    reason: Reason


class NudgeIn(In):
    """Why somebody is reminded."""

    reason: Reason


class EscalateIn(In):
    """Which role may do a task too, and why."""

    role: Annotated[str, Field(min_length=1, max_length=40)]
    reason: Reason


class CompletionIn(In):
    """How a task was done."""

    outcome: Annotated[str, Field(min_length=1, max_length=60)] | None = Field(
        default=None, description="Which of the task's outcomes; may be left out where there is only one."
    )
    values: JsonObject = Field(
        default_factory=dict,
        description="The answers by the paths of the form's fields. What is left out stays as it is.",
    )


class CompletionOut(Out):
    """What completing a task led to."""

    task: TaskOut
    instance_state: str
    next_tasks: list[TaskOut] = Field(
        description="What is open now in the instance, as far as the caller sees it."
    )


class CommentIn(In):
    """Something to say."""

    body: Annotated[str, Field(min_length=1, max_length=4000)]


class CommentFilters(Paging):
    """In which order."""

    sort: Literal["createdAt", "-createdAt"] = "createdAt"


@resource.get("/tasks", needs="tasks:use", answers=PageOf[TaskOut])
def list_tasks(query: TaskFilters) -> inbox.Page:
    """List open tasks: the caller's own, those of the caller's group, or all that the caller may see."""
    filters = {**query.for_list(), "sort": SORTS[query.sort]}
    return inbox.list_tasks(calls.session(), calls.actor(), **filters)


@resource.get("/tasks/{task_id}", needs="tasks:use", answers=TaskDetail)
def get_task(task_id: Id) -> TaskDetail:
    """Get a task with its form, what the form holds already, and what the caller may do with it."""
    return task_detail(_visible(task_id))


@resource.post("/tasks/{task_id}/claim", needs="tasks:use", answers=TaskOut)
def claim_task(task_id: Id) -> UserTask:
    """Take a task of the group. A task that the caller has already stays theirs."""
    _visible(task_id)
    return user_tasks.claim(calls.engine(), calls.session(), task_id, calls.actor())


@resource.post("/tasks/{task_id}/release", needs="tasks:use", answers=TaskOut)
def release_task(task_id: Id) -> UserTask:
    """Give a task back to its group."""
    _visible(task_id)
    return user_tasks.release(calls.engine(), calls.session(), task_id, calls.actor())


@resource.post("/tasks/{task_id}/delegate", needs="tasks:use", answers=TaskOut)
def delegate_task(task_id: Id, body: DelegationIn) -> UserTask:
    """Give a task to another person who may do it; the note is kept as a comment."""
    _visible(task_id)
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    note = body.note.strip()
    task = user_tasks.delegate(engine, session, task_id, actor, body.person, note)
    if note:
        user_tasks.comment(session, task, actor, note)
    return task


@resource.post("/tasks/{task_id}/reassign", needs="instances:operate", answers=TaskOut)
def reassign_task(task_id: Id, body: ReassignIn) -> UserTask:
    """Give a task to any active person, also one outside its role. They are told."""
    return _perform("reassign", task_id, body.reason, person=body.person)


@resource.post("/tasks/{task_id}/nudge", needs="instances:operate", answers=TaskOut)
def nudge_task(task_id: Id, body: NudgeIn) -> UserTask:
    """Remind whoever has a task, or else its group, by a notification; at most once an hour."""
    return _perform("nudge", task_id, body.reason)


@resource.post("/tasks/{task_id}/escalate", needs="instances:operate", answers=TaskOut)
def escalate_task(task_id: Id, body: EscalateIn) -> UserTask:
    """Let another role too do a task, and move it up in that role's inbox. Its holders are told."""
    return _perform("escalate", task_id, body.reason, role=body.role)


@resource.post("/tasks/{task_id}/complete", needs="tasks:use", answers=CompletionOut)
def complete_task(task_id: Id, body: CompletionIn) -> CompletionOut:
    """Do a task: fill in its form and choose an outcome.

    What is wrong with the form comes back by the paths of its fields. Fields for files take the ids of
    files that the caller has uploaded. Where somebody else was quicker the answer is 409 and says who.
    """
    task = _visible(task_id)
    taken: list[int] = []
    check = named_files.checker(task.subject_type, task.subject_id)

    def take(path: str, ids: list[int]) -> None:
        check(path, ids)
        taken.extend(ids)

    done = user_tasks.submit(
        calls.engine(),
        calls.session(),
        task_id,
        calls.actor(),
        outcome=body.outcome,
        take_files=take,
        json=body.values,
    )
    named_files.link(done.task.subject_type, done.task.subject_id, taken)
    following = [task for task in done.next_tasks if user_tasks.may_see(task, calls.actor())]
    return CompletionOut(
        task=TaskOut.model_validate(done.task),
        instance_state=done.instance.state,
        next_tasks=[TaskOut.model_validate(task) for task in following],
    )


@resource.get("/tasks/{task_id}/comments", needs="tasks:use", answers=PageOf[CommentOut])
def list_task_comments(task_id: Id, query: CommentFilters) -> Listed[TaskComment]:
    """List what was said about the instance that a task belongs to."""
    task = _visible(task_id)
    return user_tasks.list_comments(calls.session(), task.instance_id, **query.for_list())


@resource.post("/tasks/{task_id}/comments", needs="tasks:use", answers=CommentOut, status=201)
def create_task_comment(task_id: Id, body: CommentIn) -> TaskComment:
    """Say something about a task; also after it is done."""
    return user_tasks.comment(calls.session(), _visible(task_id), calls.actor(), body.body)


def _perform(operation: str, task_id: int, reason: str, **values: Any) -> UserTask:
    task = _visible(task_id)
    interventions.perform(
        calls.engine(),
        calls.session(),
        operation,
        task.instance_id,
        calls.actor(),
        reason,
        task=task_id,
        **values,
    )
    return task


def _visible(task_id: int) -> UserTask:
    """A task, for those who may see it. Raises :class:`NotFound`."""
    found = calls.session().get(UserTask, task_id)
    return records.visible(calls.session(), calls.actor(), found, _may_see, "task")


def _may_see(session: Any, task: UserTask, actor: Actor) -> bool:
    return user_tasks.may_see(task, actor)
