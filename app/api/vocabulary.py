"""What the files of a process may speak of, for those who write them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Out
from app.api.draft_schemas import DraftKey
from app.engine import drafts
from app.engine.definitions import FILE_ERRORS, compile_files
from app.engine.drafts import Draft
from app.engine.outline import ProcessOutline
from app.engine.services import ServiceTask
from app.engine.vocabulary import Vocabulary, vocabulary

resource = Resource(
    "Vocabulary", "What the files of a process may speak of, so that editors offer that and nothing else."
)


class RoleOut(Out):
    """A role, by its code and its name."""

    code: str
    name: str


class ServiceInputOut(Out):
    """What a service task is given."""

    name: str
    type: str = Field(description="A FEEL type.")
    description: str
    required: bool


class ServiceOutputOut(Out):
    """What a service task answers."""

    name: str
    type: str = Field(description="A FEEL type.")
    description: str


class ServiceErrorOut(Out):
    """A refusal of a service task, which an error boundary event can catch."""

    code: str
    description: str


class ServiceOut(Out):
    """A service task of the registry."""

    name: str
    title: str
    description: str
    inputs: list[ServiceInputOut]
    outputs: list[ServiceOutputOut]
    errors: list[ServiceErrorOut]


class FactOut(Out):
    """A name that expressions may use, looked up when they do."""

    name: str
    description: str
    fields: Any = Field(
        description="Its fields with their FEEL types: an object of them, a list with its items' shape, "
        "or null where nobody knows."
    )


class VocabularyOut(Out):
    """What the files of a process may speak of."""

    roles: list[RoleOut]
    services: list[ServiceOut]
    facts: list[FactOut]
    subject_type: str = Field(description="The kind of record it is about; empty where nothing says so.")
    statuses: list[str] = Field(description="The statuses that the diagram may set.")
    free_statuses: bool = Field(description="Whether the diagram may set any other status too.")
    options: list[str] = Field(description="Lists of choices that a form's `valuesKey` may name.")


@resource.get("/processes/{key}/vocabulary", needs="processes:deploy", answers=VocabularyOut)
def get_vocabulary(key: DraftKey) -> VocabularyOut:
    """Get what the files of a process may speak of: roles, service tasks, facts, statuses, lists of choices.

    The facts of a process that nobody has prepared are the fields of its forms, as one's own draft has them.
    """
    draft = drafts.open_draft(calls.session(), key, calls.actor())
    return _vocabulary_out(vocabulary(calls.engine(), key, _outline(draft)))


def _outline(draft: Draft) -> ProcessOutline | None:
    """What the draft says of its records, or the version it began with where the draft cannot be read."""
    try:
        return compile_files(drafts.as_bytes(draft.files)).outline
    except FILE_ERRORS:
        if draft.base is None:
            return None
    return calls.engine().definition(calls.session(), draft.base.id).outline


def _vocabulary_out(known: Vocabulary) -> VocabularyOut:
    return VocabularyOut(
        roles=[RoleOut(code=code, name=name) for code, name in known.roles.items()],
        services=[_service_out(task) for task in known.services],
        facts=[
            FactOut(name=name, description=fact.description, fields=fact.fields)
            for name, fact in sorted(known.facts.items())
        ],
        subject_type=known.subject_type,
        statuses=list(known.statuses),
        free_statuses=known.free_statuses,
        options=known.options,
    )


def _service_out(task: ServiceTask) -> ServiceOut:
    return ServiceOut(
        name=task.name,
        title=task.title,
        description=task.description,
        inputs=[
            ServiceInputOut(
                name=name, type=given.type, description=given.description, required=given.required
            )
            for name, given in task.inputs.items()
        ],
        outputs=[
            ServiceOutputOut(name=name, type=answer.type, description=answer.description)
            for name, answer in task.outputs.items()
        ],
        errors=[ServiceErrorOut(code=code, description=text) for code, text in task.errors.items()],
    )
