"""Records of processes that process owners have drawn: what their forms asked for, and how they stand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.access import records as access
from app.api import lifecycle
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, Instant, Named, Out, PageOf, Paging, left_out
from app.api.references import MachineRef, TaskRef
from app.domain.entities import EntityType
from app.domain.process_records import STATUS, ProcessRecord
from app.domain.queries import people
from app.domain.queries import process_records as lists
from app.domain.queries.paging import Page
from app.engine import history
from app.processes.generic import SUBJECT

resource = Resource(
    "Records",
    "What processes are about that were drawn in the Studio. They begin with `POST /processes/{key}/start` "
    "and change by the tasks of their process. Seen by whoever started one, has or had a task in it, "
    "supervises its department, or oversees the work or the processes.",
)

Status = Annotated[str, Field(pattern=f"^{STATUS.pattern}$")]


class RecordOut(Out):
    """A record of a process."""

    id: int
    process: str = Field(validation_alias="process_key", description="The key of the process.")
    business_key: str
    title: str
    status: str = Field(description="A code that the diagram sets; OPEN until it sets one.")
    fields: dict[str, Any] = Field(description="The answers of all forms so far, by field.")
    department: Named | None
    machine: MachineRef | None
    creator: Named | None
    created_at: Instant
    updated_at: Instant
    closed_at: Instant | None


class RecordDetail(RecordOut):
    """A record with where its process stands."""

    instance_id: int
    open_tasks: list[TaskRef] = Field(description="The user tasks at which its process stands now.")


class RecordFilters(Paging):
    """Which records, in which order. `q` looks into business key, title and answers."""

    process: Annotated[str, Field(max_length=100, description="The key of a process.")] = left_out()
    status: list[Status] = Field(default_factory=list)
    is_open: bool = left_out()
    machine_id: Id = left_out()
    department_id: Id = left_out()
    created_by: Id = left_out()
    since: Instant = left_out()
    until: Instant = left_out()
    sort: Literal[
        "createdAt", "-createdAt", "updatedAt", "-updatedAt", "title", "-title", "status", "-status",
        "businessKey", "-businessKey",
    ] = "-createdAt"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["statuses"] = values.pop("status")
        return values


class RecordEvent(Out):
    """Something that happened to a record: a step of its process, or a change of its answers."""

    at: Instant
    kind: str = Field(description="What happened, as a code.")
    source: Literal["process", "record"]
    by: Named | None
    element_id: str | None = None
    element_name: str = ""
    detail: Any = None


@resource.get("/records", needs="records:read", answers=PageOf[RecordOut])
def list_records(query: RecordFilters) -> Page[ProcessRecord]:
    """List the records that the caller sees."""
    within = access.followed_records(calls.actor())
    return lists.list_records(calls.session(), within=within, **query.for_list())


@resource.get("/records/{record_id}", needs="records:read", answers=RecordDetail, etag=True)
def get_record(record_id: Id) -> RecordDetail:
    """Get a record, with the tasks at which its process stands."""
    found = _visible(record_id)
    return RecordDetail.model_validate(
        {
            **RecordOut.model_validate(found).__dict__,
            "instance_id": lifecycle.instance_of(SUBJECT, found.id).id,
            "open_tasks": lifecycle.open_tasks(SUBJECT, found.id),
        }
    )


@resource.get("/records/{record_id}/history", needs="records:read", answers=list[RecordEvent])
def get_record_history(record_id: Id) -> list[RecordEvent]:
    """What happened to a record, oldest first: the 1,000 newest events."""
    found, session = _visible(record_id), calls.session()
    events = [
        RecordEvent(
            at=entry.at,
            kind=entry.action,
            source="record",
            by=None if entry.user is None else Named(id=entry.user.id, name=entry.user.name),
            detail={"before": entry.before, "after": entry.after},
        )
        for entry in people.activity_of(session, EntityType.PROCESS_RECORD, found.id)
    ]
    instance = lifecycle.instance_of(SUBJECT, found.id)
    events += [
        RecordEvent(
            at=entry.at,
            kind=entry.kind,
            source="process",
            by=None if entry.actor_id is None else Named(id=entry.actor_id, name=entry.actor_name),
            element_id=entry.element_id,
            element_name=entry.element_name,
        )
        for entry in history.entries(session, instance.id, limit=1000)
    ]
    return sorted(events, key=lambda event: event.at)[-1000:]


def _visible(record_id: int) -> ProcessRecord:
    session = calls.session()
    found = lists.get_record(session, record_id)
    return access.visible(session, calls.actor(), found, access.may_see_record, "record")
