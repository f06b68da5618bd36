"""Drafts of processes, their scenarios and their impact, as the API answers them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.core.schemas import In, Instant, Out, Paging, left_out
from app.api.process_schemas import ProblemOut, Version
from app.engine.drafts import FILE_NAME_PATTERN, MAXIMUM_FILES, Draft
from app.engine.impact import MAXIMUM_DAYS, Impact
from app.engine.models import Deployment
from app.processes.publishing import Assessment
from app.processes.scenarios import Trial

DraftKey = Annotated[
    str, Field(min_length=1, max_length=100, description="The key of a process, which may be a new one.")
]


class VersionRef(Out):
    """A version of a process, with who made it and when."""

    version: int
    deployed_at: Instant
    deployed_by: str
    note: str


def version_ref(deployment: Deployment) -> VersionRef:
    return VersionRef(
        version=deployment.version,
        deployed_at=deployment.deployed_at,
        deployed_by=deployment.deployed_by_name,
        note=deployment.note,
    )


class DraftSummary(Out):
    """A draft without its files."""

    key: str
    revision: int = Field(description="Counts the saves; 0 where nothing has been saved yet.")
    saved_at: Instant | None
    base: VersionRef | None = Field(description="The version it began with; null for a new process.")
    newer: VersionRef | None = Field(
        description="The newest version, where somebody has deployed one since the draft began."
    )


class DraftOut(DraftSummary):
    """Somebody's draft of a process."""

    files: dict[str, str] = Field(description="The files by name, as texts.")


def draft_summary(draft: Draft) -> DraftSummary:
    return DraftSummary(**_common(draft))


def draft_out(draft: Draft) -> DraftOut:
    return DraftOut(**_common(draft), files=draft.files)


def _common(draft: Draft) -> dict[str, Any]:
    return {
        "key": draft.key,
        "revision": draft.revision,
        "saved_at": draft.saved_at,
        "base": version_ref(draft.base) if draft.base else None,
        "newer": version_ref(draft.newer) if draft.newer else None,
    }


class DraftFilters(Paging):
    """Which page of the drafts."""


class DraftIn(In):
    """A draft to be saved."""

    files: Annotated[
        dict[str, str],
        Field(
            max_length=MAXIMUM_FILES,
            description="All files by name, as texts: .bpmn, .dmn and .form files, and scenarios.yaml. "
            f"At most 2 MB each and 5 MB together. Names match `{FILE_NAME_PATTERN}`.",
        ),
    ]
    revision: Annotated[int, Field(ge=0, le=2**31 - 1, description="The one that was read.")]
    base_version: Version = left_out()


class DraftCheckOut(Out):
    """What the checks say about a draft."""

    errors: int
    warnings: int
    problems: list[ProblemOut]


def check_out(assessment: Assessment) -> DraftCheckOut:
    errors = len(assessment.errors)
    return DraftCheckOut(
        errors=errors,
        warnings=len(assessment.problems) - errors,
        problems=[ProblemOut(**problem.as_dict()) for problem in assessment.problems],
    )


class ScenarioRunOut(Out):
    """How a scenario of a draft went, and the ids of the elements and flows it came to."""

    name: str
    passed: bool
    ran: bool = Field(description="False where the time was up before its turn came.")
    failures: list[str]
    seconds: float
    elements: list[str]
    flows: list[str]


class CoverageOut(Out):
    """The ids of elements and sequence flows that some scenario comes to, and of those that none does."""

    elements: list[str]
    flows: list[str]
    missed_elements: list[str]
    missed_flows: list[str]


class TrialOut(Out):
    """How the scenarios of a draft went."""

    passed: bool
    problem: str = Field(description="Why none could be run; empty where they could.")
    line: int | None = Field(description="Where in scenarios.yaml the problem is.")
    seconds: float
    scenarios: list[ScenarioRunOut]
    coverage: CoverageOut | None


def trial_out(trial: Trial) -> TrialOut:
    runs = [
        ScenarioRunOut(
            name=result.name,
            passed=result.passed,
            ran=result.ran,
            failures=result.failures,
            seconds=round(result.seconds, 3),
            elements=sorted(result.elements),
            flows=sorted(result.flows),
        )
        for result in trial.results
    ]
    coverage = CoverageOut.model_validate(trial.coverage) if trial.coverage is not None else None
    return TrialOut(
        passed=trial.passed,
        problem=trial.problem,
        line=trial.line,
        seconds=round(trial.seconds, 3),
        scenarios=runs,
        coverage=coverage,
    )


class ImpactIn(In):
    """How far to look back."""

    days: Annotated[int, Field(ge=1, le=MAXIMUM_DAYS)] = 30


class CaseOut(Out):
    """A decision that would have gone another way."""

    instance_id: int
    business_key: str
    at: Instant
    inputs: dict[str, Any] = Field(description="What it was made on, by the names of the inputs.")
    then: Any = Field(description="The outputs, or the names of the ways that a gateway went.")
    now: Any = Field(description="The same by the rules of the draft.")
    problem: str = Field(description="Why the draft's rules give nothing; empty where they do.")


class NotReplayedOut(Out):
    """Decisions that cannot be made again, and why."""

    reason: str
    count: int


class StepImpactOut(Out):
    """What would have become of the decisions of one step."""

    kind: Literal["decision", "gateway"]
    element: str
    name: str
    replayed: int
    same: int
    different: int
    cases: list[CaseOut] = Field(description="Those that differ, the newest first; 200 at most.")
    not_replayed: list[NotReplayedOut]


class ImpactOut(Out):
    """What a draft would have changed."""

    since: Instant
    decisions: int = Field(description="How many were looked at; 5,000 at most, the newest.")
    complete: bool = Field(description="False where there were more than could be looked at.")
    different: int
    steps: list[StepImpactOut]


def impact_out(impact: Impact) -> ImpactOut:
    steps = [
        StepImpactOut(
            kind=step.kind,  # type: ignore[arg-type]
            element=step.element,
            name=step.name,
            replayed=step.replayed,
            same=step.same,
            different=step.different,
            cases=[CaseOut.model_validate(case) for case in step.cases],
            not_replayed=[
                NotReplayedOut(reason=reason, count=count)
                for reason, count in step.not_replayed.most_common()
            ],
        )
        for step in impact.steps
    ]
    return ImpactOut(
        since=impact.since,
        decisions=impact.decisions,
        complete=impact.complete,
        different=impact.different,
        steps=steps,
    )


class DraftDeployIn(In):
    """What the list of versions says of the new one."""

    note: Annotated[str, Field(max_length=500)] = ""
    override_scenarios: bool = Field(
        default=False, description="Deploy although scenarios fail; for administrators, and logged."
    )


class DeployedOut(VersionRef):
    """The version that was made."""

    key: str
    name: str
    failed_scenarios: list[str] = Field(description="Scenarios that fail, and were overridden.")


class RecordedOut(Out):
    """A scenario made of a run."""

    yaml: str = Field(description="A scenario file with this one story.")
    warnings: list[str] = Field(description="What the story leaves out, and why it fails where it does.")
    passed: bool = Field(description="Whether it passes against the version that the run belongs to.")
