"""Keeping a dry run: it becomes one more scenario among the files of a draft."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from app.engine import drafts
from app.engine.actors import Actor
from app.engine.drafts import Draft
from app.engine.scenario_files import FILE, Scenario, ScenarioError, read_scenarios
from app.errors import BusinessError, Conflict
from app.processes.scenarios.telling import written

NAME_LENGTH = 120


def keep(session: Session, draft: Draft, story: Scenario, name: str, *, by: Actor, revision: int) -> Draft:
    """Add a story to the scenarios of somebody's draft, under a name of its own, and save the draft.

    ``revision`` is that of the draft by which the story went as it did.

    :raises BusinessError: NAME_MISSING, BAD_NAME, NAME_TAKEN (field ``name``); BAD_SCENARIOS where the
        file of scenarios cannot be added to; as :func:`app.engine.drafts.save` for files that are too large
    :raises Conflict: the draft has been saved meanwhile
    """
    if draft.revision != revision:
        raise Conflict(
            "You have saved this draft in another window meanwhile. This is how the dry run goes by the "
            "draft as it is now: look at it, and keep it then."
        )
    text = added(draft.files.get(FILE, ""), replace(story, name=_name(name)))
    return drafts.save(session, draft.key, {**draft.files, FILE: text}, by=by, revision=revision)


def added(file: str, story: Scenario) -> str:
    """A file of scenarios with one more.

    :raises BusinessError: NAME_TAKEN (field ``name``), BAD_SCENARIOS
    """
    before = file.rstrip()
    try:
        names = [known.name for known in read_scenarios(before.encode())] if before else []
    except ScenarioError as error:
        raise _unusable(error) from None
    if story.name in names:
        message = "There is a scenario of this name already: choose another one."
        raise BusinessError("NAME_TAKEN", message, field="name")
    text = written(story, [])
    text = f"{before}\n\n{text}" if before else text
    try:
        read_scenarios(text.encode())
    except ScenarioError as error:
        raise _unusable(error) from None
    return text


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise BusinessError("NAME_MISSING", "Say in a few words what happens in it.", field="name")
    if len(name) > NAME_LENGTH or not name.isprintable():
        message = f"Use at most {NAME_LENGTH} letters, digits and signs."
        raise BusinessError("BAD_NAME", message, field="name")
    return name


def _unusable(error: ScenarioError) -> BusinessError:
    message = f"Nothing can be added to {FILE}: correct it first. {error}"
    return BusinessError("BAD_SCENARIOS", message, field="name")
