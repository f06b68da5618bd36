"""Processes, their versions, files and checks as the API answers them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.api.core.schemas import In, Instant, Out, Paging
from app.engine.check import Severity
from app.engine.differences import Change

ProcessKey = Annotated[str, Field(min_length=1, max_length=100)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Files = Annotated[
    dict[str, str],
    Field(
        min_length=1,
        max_length=100,
        description="The process's files: names such as `parts_approval.bpmn`, and their texts. "
        "A `scenarios.yaml` among them is run.",
    ),
]
Reason = Annotated[str, Field(min_length=1, max_length=500, description="Why; the history tells it.")]
ElementId = Annotated[str, Field(min_length=1, max_length=255)]


class ProcessOut(Out):
    """A deployed process, by its newest version."""

    key: str
    name: str
    version: int
    versions: int = Field(description="How many versions there are.")
    deployed_at: Instant
    deployed_by: str
    open_instances: int
    open_incidents: int = Field(description="Instances that a failed step has stopped.")


class ElementOut(Out):
    """An element of a diagram."""

    id: str
    name: str
    type: str


class ProcessDetail(ProcessOut):
    """A process with what its newest diagram says."""

    documentation: str
    subject_type: str
    start_roles: list[str] = Field(description="Who may start it by its form; empty: everybody.")
    start_messages: list[str] = Field(description="The messages that start it.")
    has_start_form: bool
    elements: list[ElementOut]
    decisions: list[str]


class VersionOut(Out):
    """A version of a process. Versions never change."""

    version: int
    name: str
    note: str
    digest: str
    deployed_at: Instant
    deployed_by: str
    open_instances: int = Field(description="Instances that run this version and have not ended.")


class FileOut(Out):
    """A file of a version."""

    name: str
    size: int = Field(description="Bytes.")


class VersionDetail(VersionOut):
    """A version with its files and elements."""

    files: list[FileOut]
    elements: list[ElementOut]


class ProblemOut(Out):
    """Something to put right in the files of a process."""

    file: str
    element: str | None
    element_name: str
    severity: Severity
    code: str
    message: str
    hint: str
    line: int | None


class ScenarioOut(Out):
    """How a scenario went."""

    name: str
    passed: bool
    failures: list[str]
    seconds: float


class CheckOut(Out):
    """What the checks say about files."""

    deployable: bool
    errors: int
    warnings: int
    problems: list[ProblemOut]
    scenarios: list[ScenarioOut] = Field(description="Empty where they were not run.")


class CheckIn(In):
    """Files to look at."""

    files: Files
    run_scenarios: bool = False


class DeployIn(In):
    """Files that become a new version."""

    files: Files
    note: Annotated[str, Field(max_length=500)] = ""
    override_scenarios: bool = Field(
        default=False, description="Deploy although scenarios fail; for administrators, and logged."
    )


class AttributeOut(Out):
    """One thing that is said of something, before and after; null where nothing is said."""

    name: str
    before: Any
    after: Any


class Difference(Out):
    """One thing that differs."""

    kind: str = Field(description="process, lane, element, flow; input, output, rule; field; file.")
    change: Change
    id: str
    name: str
    type: str
    attributes: list[AttributeOut]


class GroupOut(Out):
    """A decision or a form that differs."""

    kind: str
    change: Change
    id: str
    name: str
    attributes: list[AttributeOut]
    items: list[Difference]


class DifferencesOut(Out):
    """What differs between two versions."""

    files: list[Difference]
    diagram: list[Difference]
    decisions: list[GroupOut]
    forms: list[GroupOut]


class DiffQuery(In):
    """Which versions are compared."""

    from_version: Version = Field(alias="from")
    to_version: Version | None = Field(default=None, alias="to")


class VersionFilters(Paging):
    """In which order."""

    q: Annotated[str, Field(max_length=0)] = ""


class ProcessFilters(Paging):
    """Which processes."""


class StartIn(In):
    """What a process starts with."""

    values: dict[str, Any] = Field(
        default_factory=dict, description="The answers by the paths of the start form's fields."
    )
