"""Migrations of running instances as the API answers them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.api.core.schemas import Id, In, Instant, Out, Paging, left_out
from app.api.process_schemas import ElementId, Reason, Version
from app.engine.job_batches import MAXIMUM_INSTANCES
from app.engine.migration_batch import MigrationOutcome

MigrationName = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="As `Location` gave it.")]
Mapping = Annotated[
    dict[ElementId, ElementId],
    Field(max_length=200, description="Ids of old elements, and the new ones that take their places."),
]
InstanceIds = Annotated[list[Id], Field(min_length=1, max_length=MAXIMUM_INSTANCES)]


class MigrationPreviewIn(In):
    """Which instances would move to which version."""

    to_version: Version
    from_version: Version = left_out()
    instance_ids: Annotated[list[Id], Field(min_length=1, max_length=500)] = left_out()
    mapping: Mapping = Field(default_factory=dict)


class MigrationForecast(Out):
    """What would become of one instance."""

    instance_id: int
    business_key: str
    state: str
    version: int = Field(description="The version that it has.")
    stands_at: list[str] = Field(description="The elements where it stands.")
    can_move: bool
    reasons: list[str] = Field(description="Why it cannot move.")


class MigrationPreviewOut(Out):
    """What a migration would do."""

    to_version: int
    instances: list[MigrationForecast]


class MigrationIn(In):
    """Which instances move to which version, and why: those named, or everything that has another one."""

    to_version: Version
    from_version: Version = left_out()
    instance_ids: InstanceIds = left_out()
    everything: bool = Field(
        default=False,
        alias="all",
        description="Instead of `instanceIds`: all open ones that have another version, "
        "only those of `fromVersion` if given.",
    )
    mapping: Mapping = Field(default_factory=dict)
    reason: Reason


class MigrationOut(Out):
    """How far a migration is."""

    name: str
    key: str = Field(description="Of the process.")
    to_version: int
    mapping: dict[str, str]
    reason: str
    by: str
    began_at: Instant
    total: int = Field(description="Instances that it was begun with.")
    waiting: int
    moved: int
    stayed: int = Field(description="Those that could not move; they keep their version.")
    is_done: bool


class MigrationResultOut(Out):
    """What became of one instance."""

    instance_id: int
    business_key: str
    from_version: int
    outcome: MigrationOutcome
    reason: str = Field(description="Why it stays, or what failed so far.")


class MigrationResultFilters(Paging):
    """Which page."""

    q: Annotated[str, Field(max_length=0)] = ""
