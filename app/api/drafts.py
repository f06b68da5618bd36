"""Drafts of processes: kept while somebody changes them, tried, weighed and deployed."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, PageOf
from app.api.draft_schemas import (
    DeployedOut,
    DraftCheckOut,
    DraftDeployIn,
    DraftFilters,
    DraftIn,
    DraftKey,
    DraftOut,
    DraftSummary,
    ImpactIn,
    ImpactOut,
    RecordedOut,
    TrialOut,
    check_out,
    draft_out,
    draft_summary,
    impact_out,
    trial_out,
    version_ref,
)
from app.api.process_checks import refused
from app.domain.queries.paging import Page
from app.engine import drafts, impact
from app.engine.drafts import Draft
from app.engine.impact import Impact
from app.errors import Conflict, NotFound
from app.processes import publishing
from app.processes.publishing import Assessment, NotDeployable
from app.processes.scenarios import Recorded, Trial, record, try_out

resource = Resource(
    "Drafts", "Processes as their owners change them: each person has a draft of their own of each process."
)


# -- keeping -------------------------------------------------------------------------------------


@resource.get("/drafts", needs="processes:deploy", answers=PageOf[DraftSummary])
def list_drafts(query: DraftFilters) -> Page[DraftSummary]:
    """List one's own saved drafts, by key."""
    words = query.q.casefold().split()
    found = [
        draft_summary(draft)
        for draft in drafts.drafts_of(calls.session(), calls.actor())
        if all(word in draft.key for word in words)
    ]
    first = (query.page - 1) * query.page_size
    return Page(found[first : first + query.page_size], len(found), query.page, query.page_size)


@resource.get("/processes/{key}/draft", needs="processes:deploy", answers=DraftOut)
def get_draft(key: DraftKey) -> DraftOut:
    """Get one's own draft of a process.

    Where none is saved these are the files of the newest version, with revision 0; a key that no process
    has yet gives an empty draft, with which a new process can begin.
    """
    return draft_out(drafts.open_draft(calls.session(), key, calls.actor()))


@resource.put("/processes/{key}/draft", needs="processes:deploy", answers=DraftOut)
def save_draft(key: DraftKey, body: DraftIn) -> DraftOut:
    """Save one's own draft of a process: all of its files.

    `revision` is the one that was read, 0 for a first save. Refused with 409 where the draft has been saved
    since, in another window. `baseVersion` says that the changes of that version have been looked at, where
    somebody has deployed it since the draft began.
    """
    drafts.check_new_key(calls.engine(), calls.session(), key)
    saved = drafts.save(
        calls.session(),
        key,
        body.files,
        by=calls.actor(),
        revision=body.revision,
        base_version=body.base_version,
    )
    return draft_out(saved)


@resource.delete("/processes/{key}/draft", needs="processes:deploy")
def discard_draft(key: DraftKey) -> None:
    """Throw one's own draft of a process away."""
    drafts.discard(calls.session(), key, calls.actor())


# -- trying: before the transaction, for it takes seconds and writes nothing -----------------------


def _draft() -> tuple[str, Draft]:
    """The caller's draft of the process in the address: the saved one, or the newest version."""
    key = str((request.view_args or {})["key"])
    draft = drafts.open_draft(calls.session(), key, calls.actor())
    if not draft.is_saved and draft.base is None:
        raise NotFound(f"There is neither a process named {key} nor a draft of it.")
    return key, draft


def _checked() -> Assessment:
    key, draft = _draft()
    files = drafts.as_bytes(draft.files)
    problems = publishing.problems_of(calls.engine(), calls.session(), key, files)
    calls.session().rollback()
    return Assessment(key, files, problems)


def _tried() -> Trial:
    _, draft = _draft()
    calls.session().rollback()
    return try_out(calls.engine(), drafts.as_bytes(draft.files))


def _replayed(body: ImpactIn) -> Impact:
    key, draft = _draft()
    files = drafts.as_bytes(draft.files)
    found = impact.replay(calls.engine(), calls.session(), key, files, days=body.days)
    calls.session().rollback()
    return found


@dataclass(frozen=True)
class Assessed:
    """A saved draft that has been looked at, by its revision."""

    revision: int
    assessment: Assessment


def _assessed(body: DraftDeployIn) -> Assessed:
    key = str((request.view_args or {})["key"])
    draft = drafts.saved(calls.session(), key, calls.actor())
    files = drafts.as_bytes(draft.files)
    return Assessed(draft.revision, publishing.assess(calls.engine(), calls.session(), key, files))


@resource.post(
    "/processes/{key}/draft/check", needs="processes:deploy", answers=DraftCheckOut, prepares=_checked
)
def check_draft(key: DraftKey, prepared: Assessment) -> DraftCheckOut:
    """Look for mistakes in one's own draft: the same as `millwright check` finds."""
    return check_out(prepared)


@resource.post(
    "/processes/{key}/draft/scenarios", needs="processes:deploy", answers=TrialOut, prepares=_tried
)
def run_draft_scenarios(key: DraftKey, prepared: Trial) -> TrialOut:
    """Run the scenarios of one's own draft, and tell what of the diagram they come to.

    They run in a small factory in memory; nothing of this one is touched. Together they may take 30 seconds
    of work; those beyond that fail and are told as not run.
    """
    return trial_out(prepared)


@resource.post(
    "/processes/{key}/draft/impact", needs="processes:deploy", answers=ImpactOut, prepares=_replayed
)
def weigh_draft(key: DraftKey, body: ImpactIn, prepared: Impact) -> ImpactOut:
    """Make the real decisions of the last days again by the rules of one's own draft.

    Tells for each decision table and gateway how many would have gone another way, and which; and how many
    cannot be made again, because history does not hold what the draft's rules ask for.
    """
    return impact_out(prepared)


@resource.post(
    "/processes/{key}/draft/deploy",
    needs="processes:deploy",
    answers=DeployedOut,
    status=201,
    prepares=_assessed,
)
def deploy_draft(key: DraftKey, body: DraftDeployIn, prepared: Assessed) -> DeployedOut:
    """Make one's own saved draft the newest version of its process; the draft is gone then.

    Refused with all problems where the checks find errors, and where a scenario fails unless an
    administrator overrides that. Refused with 409 where somebody has deployed a newer version since the
    draft began: look at it, and save the draft with it as `baseVersion`.
    """
    session, actor = calls.session(), calls.actor()
    draft = drafts.saved(session, key, actor, lock=True)
    if draft.revision != prepared.revision:
        raise Conflict("You have saved this draft in another window meanwhile. Look at it and deploy again.")
    if draft.newer is not None:
        newer = draft.newer
        raise Conflict(
            f"{newer.deployed_by_name or 'Somebody'} has deployed version {newer.version} at "
            f"{newer.deployed_at:%Y-%m-%d %H:%M} UTC, after your draft began. Compare it with your draft, "
            f"and save the draft with baseVersion {newer.version}."
        )
    try:
        made = publishing.publish(
            calls.engine(),
            session,
            prepared.assessment,
            by=actor,
            note=body.note,
            override_scenarios=body.override_scenarios,
        )
    except NotDeployable as refusal:
        raise refused(refusal) from None
    drafts.discard(session, key, actor)
    calls.location(f"/processes/{key}/versions/{made.version}")
    return DeployedOut(
        **version_ref(made).model_dump(),
        key=made.key,
        name=made.name,
        failed_scenarios=[result.name for result in prepared.assessment.failed],
    )


# -- recording -----------------------------------------------------------------------------------


@resource.get("/instances/{instance_id}/scenario", needs="processes:deploy", answers=RecordedOut)
def record_scenario(instance_id: Id) -> Recorded:
    """Make a scenario of a run, with people replaced by their parts and ids by names.

    It is run against the version that the run belongs to before it is answered.
    """
    return record(calls.engine(), calls.session(), instance_id)
