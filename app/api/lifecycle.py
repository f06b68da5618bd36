"""Acting in running processes: an endpoint completes the caller's matching user task, and nothing else.

Which task answers to a verb, with which outcome, and what follows, is in the diagram (``apiVerb``). So a
changed diagram changes what the endpoints do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.api import named_files
from app.api.core import calls
from app.api.core.problems import ApiError, NoOpenTask
from app.engine import deployments, instances, messages, user_tasks
from app.engine.models import ProcessInstance, UserTask
from app.engine.user_tasks import Completion, InvalidSubmission, NotYours
from app.errors import BusinessError, NotFound

# How the answers of shipped forms are called in request bodies.
Names = Mapping[str, str]


def act(
    subject_type: str,
    subject_id: int,
    verb: str,
    values: Mapping[str, Any],
    *,
    names: Names | None = None,
    photos: Iterable[int] = (),
) -> Completion:
    """Complete the caller's open task about a record that answers to ``verb``.

    ``names`` maps fields of the request's body to those of the form, so that errors come back at the
    field that the caller knows. ``photos`` are files uploaded before.

    :raises NotYours: such a task is open, but for others
    :raises NoOpenTask: there is none; the error carries what is open instead
    :raises ApiError, BusinessError: what the form or a step refuses
    """
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    match = user_tasks.for_verb(engine, session, subject_type, subject_id, verb, actor)
    if match.task is None:
        if match.others:
            raise NotYours(_whose(match.others[0]))
        raise _nothing_open(verb, match.open)
    sent = {(names or {}).get(name, name): value for name, value in values.items()}
    with _named_as_sent(names or {}):
        completion = user_tasks.submit(
            engine,
            session,
            match.task.id,
            actor,
            outcome=match.outcome,
            take_files=named_files.checker(subject_type, subject_id),
            json=sent,
        )
    keep_files(completion.task.subject_type, completion.task.subject_id, photos)
    return completion


def start(key: str, values: Mapping[str, Any], *, photos: Iterable[int] = ()) -> ProcessInstance:
    """Start a process with its start form, as the caller.

    :raises Forbidden: the diagram lets others start it
    :raises InvalidSubmission, BusinessError: what the form or a step refuses
    """
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    deployment = deployments.latest(session, key)
    form = user_tasks.start_form(engine, session, key, actor, deployment=deployment, json=dict(values))
    if not form.validate():
        raise InvalidSubmission(form)
    for path, ids in form.given_files.items():
        named_files.checker()(path, ids)
    instance = instances.start(engine, session, key, actor, form.values(), deployment=deployment)
    keep_files(instance.subject_type, instance.subject_id, photos)
    return instance


def send(name: str, business_key: str, payload: Mapping[str, Any]) -> ProcessInstance:
    """Send a message to an instance, as the caller, where its diagram allows that.

    :raises NotFound, Forbidden, Conflict: as :func:`app.engine.messages.deliver`
    """
    return messages.deliver(calls.engine(), calls.session(), name, business_key, payload, calls.actor())


def open_tasks(subject_type: str, subject_id: int) -> list[UserTask]:
    """The user tasks that are open about a record."""
    return user_tasks.open_for_subject(calls.session(), subject_type, subject_id)


def keep_files(subject_type: str, subject_id: int, photos: Iterable[int]) -> None:
    """Tie those of the files that nothing in the process has tied yet to the subject of the instance."""
    named_files.link(subject_type, subject_id, photos)


def instance_of(subject_type: str, subject_id: int) -> ProcessInstance:
    """The instance that a record's life runs in.

    :raises NotFound: it has none
    """
    found = instances.of_subject(calls.session(), subject_type, subject_id)
    if found is None:
        raise NotFound("No process runs for this record.")
    return found


@contextmanager
def _named_as_sent(names: Names) -> Iterator[None]:
    """Inside the block, errors about fields of a form come out at the fields that the caller sent."""
    sent = {form: field for field, form in names.items()}

    def renamed(path: str) -> str:
        first, dot, rest = path.partition(".")
        return f"{sent.get(first, first)}{dot}{rest}"

    try:
        yield
    except InvalidSubmission as error:
        errors = {renamed(path): messages for path, messages in error.form.errors.items()}
        raise ApiError(422, error.code, error.message, errors) from None
    except BusinessError as error:
        field = None if error.field is None else renamed(error.field)
        raise BusinessError(error.code, error.message, field=field) from None


def _whose(task: UserTask) -> str:
    if task.assignee_id is not None:
        return f"“{task.name}” is assigned to {task.assignee_name or 'somebody else'}."
    roles = calls.engine().bindings.roles
    return f"“{task.name}” is for: {', '.join(roles.get(role, role) for role in task.candidate_roles)}."


def _nothing_open(verb: str, open_now: list[UserTask]) -> NoOpenTask:
    engine, session = calls.engine(), calls.session()
    verbs = [(task, list(user_tasks.element_of(engine, session, task).api_verbs)) for task in open_now]
    names = ", ".join(f"“{task.name}”" for task in open_now) or "nothing"
    return NoOpenTask(f"No open task answers to “{verb}” now. Open is: {names}.", verbs)
