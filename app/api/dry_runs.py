"""Dry runs: one's own draft, played through in a small factory in memory."""

from __future__ import annotations

from typing import Any

from flask import request

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.problems import ApiError
from app.api.draft_schemas import DraftKey
from app.api.dry_run_schemas import (
    DryDecisionOut,
    DryInstanceOut,
    DryMessageOut,
    DryPersonOut,
    DryRefusalOut,
    DryRunIn,
    DryRunOut,
    DryTaskOut,
    DryTimerOut,
    DryToldOut,
)
from app.api.task_schemas import FormOut, OutcomeOut, form_with
from app.engine import drafts
from app.engine.drafts import Draft
from app.engine.scenario_files import Scenario, ScenarioError, scenario_of
from app.errors import BusinessError, MillwrightError, NotFound
from app.processes import publishing
from app.processes.scenarios import DryRun, NotRunnable, choices_of, rehearse
from app.processes.scenarios.standing import OpenTask
from app.processes.scenarios.telling import written
from app.processes.scenarios.world import PEOPLE

resource = Resource(
    "Dry runs", "A draft played through with its real forms, as anybody, in a small factory in memory."
)


def _rehearsed(body: DryRunIn) -> DryRunOut:
    """Before the transaction: it takes a while and writes nothing."""
    key = str((request.view_args or {})["key"])
    draft = drafts.open_draft(calls.session(), key, calls.actor())
    if not draft.is_saved and draft.base is None:
        raise NotFound(f"There is neither a process named {key} nor a draft of it.")
    files = drafts.as_bytes(draft.files)
    given = body.what_is_given
    if given is None:
        given = choices_of(key, files)[0].given
    calls.session().rollback()
    try:
        story = _story(key, given, body)
        with rehearse(calls.engine(), key, files, given, story) as dry:
            return _answer(dry)
    except NotRunnable as error:
        raise _broken(draft, files, str(error)) from None
    except ScenarioError as error:
        raise BusinessError("BAD_STEPS", str(error)) from None


def _story(key: str, given: dict[str, Any], body: DryRunIn) -> Scenario | None:
    start = {"process": key, **(body.start or {})}
    told = {"name": "Dry run", "given": given, "start": start, "steps": body.steps}
    story = scenario_of(told)
    if story.start["process"] != key:
        raise ScenarioError(f"“start” begins {story.start['process']}, but this is {key}.")
    if body.start is None and body.steps:
        raise ScenarioError("Steps are done once it has begun: say how it starts.")
    return None if body.start is None else story


def _broken(draft: Draft, files: dict[str, bytes], why: str) -> ApiError:
    errors: dict[str, list[str]] = {}
    for problem in publishing.problems_of(calls.engine(), calls.session(), draft.key, files):
        if problem.is_error:
            told = f"{problem.message} {problem.hint}".strip()
            errors.setdefault(f"files.{problem.file}" if problem.file else "files", []).append(told)
    calls.session().rollback()
    return ApiError(422, "PROCESS_PROBLEMS", why, errors)


@resource.post(
    "/processes/{key}/draft/dry-run", needs="processes:deploy", answers=DryRunOut, prepares=_rehearsed
)
def dry_run_draft(key: DraftKey, body: DryRunIn, prepared: DryRunOut) -> DryRunOut:
    """Play one's own draft through.

    Nothing is kept: send all steps that have been done, and one more to go on. Each call goes through them
    from the beginning, in a small factory in memory, by the draft as it is now; nothing of this one is
    touched. A step that does not work is the `refusal` of the answer. Parts, people, failure codes and
    types of maintenance are named in steps as in scenario files; files of a form are named only.
    """
    return prepared


def _answer(dry: DryRun) -> DryRunOut:
    begun = dry.start is not None
    now = dry.standing() if begun else None
    starters = dry.starters()
    refusal = dry.refusal
    return DryRunOut(
        begun=begun,
        ended=now.has_ended if now else False,
        done=len(dry.steps),
        refusal=None if refusal is None else DryRefusalOut.model_validate(refusal),
        people=[DryPersonOut(name=name, role=role) for name, role in PEOPLE.items()],
        starters=starters,
        start_form=None if begun or refusal is not None else _start_form(dry, starters),
        now=now.now if now else dry.run.world.time(),
        instances=[DryInstanceOut.model_validate(run) for run in (now.runs if now else ())],
        open_tasks=[_task(dry, task) for task in (now.tasks if now else ())],
        timers=[DryTimerOut.model_validate(timer) for timer in (now.timers if now else ())],
        awaited_messages=[DryMessageOut.model_validate(each) for each in (now.messages if now else ())],
        decisions=[DryDecisionOut.model_validate(each) for each in (now.decisions if now else ())],
        notifications=[DryToldOut.model_validate(each) for each in (now.told if now else ())],
        stock=now.stock if now else {},
        scenario=written(dry.ending(), []) if begun else "",
    )


def _start_form(dry: DryRun, starters: list[str]) -> FormOut | None:
    """The form that it begins with; None where it begins with none."""
    try:
        return form_with(dry.start_form(starters[0]), None, None) if starters else None
    except NotFound:
        return None
    except MillwrightError as error:
        raise ScenarioError(str(error)) from None


def _task(dry: DryRun, task: OpenTask) -> DryTaskOut:
    form, outcomes = None, []
    if task.people:
        row, element, built = dry.task_form(task.id, task.people[0])
        form = form_with(built, row.form_id, dry.schema(task.id))
        outcomes = [OutcomeOut.model_validate(outcome) for outcome in element.outcomes]
    return DryTaskOut(
        name=task.name,
        which=task.which,
        element_id=task.element,
        process_key=task.process,
        business_key=task.business_key,
        title=task.title,
        roles=list(task.roles),
        people=list(task.people),
        assignee=task.assignee,
        priority=task.priority,
        due_at=task.due_at,
        is_own=task.is_own,
        outcomes=outcomes,
        form=form,
    )
