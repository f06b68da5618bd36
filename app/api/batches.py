"""Operations on many instances: a look beforehand, the order, and how far it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, In, Instant, Out, PageOf, Paging, Text, left_out
from app.api.process_schemas import ElementId, Reason, Version
from app.domain.queries.paging import Page
from app.engine import batches
from app.engine.batches import BatchOutcome, Glance, Progress, Result
from app.engine.job_batches import MAXIMUM_INSTANCES
from app.engine.models import InstanceState
from app.engine.monitor import instance_list
from app.engine.monitor.filters import Filters
from app.engine.monitor.obstacles import Reason as Stuck
from app.errors import BusinessError

resource = Resource("Batches", "One operation on many running processes, each by itself.")

BatchName = Annotated[str, Field(pattern="^[0-9a-f]{32}$", description="As `Location` gave it.")]
OperationName = Literal[
    "nudge",
    "reassign",
    "escalate",
    "retry",
    "fire-timers",
    "edit-variable",
    "suspend",
    "resume",
    "cancel",
]


class BatchFilter(In):
    """Instances that have not ended and fit all that is given."""

    process: Text = left_out()
    version: Version = left_out()
    state: Annotated[list[InstanceState], Field(min_length=1, max_length=5)] = left_out()
    element: ElementId = left_out()
    reason: Annotated[list[Stuck], Field(min_length=1, max_length=6, description="Why they are stuck.")] = (
        left_out()
    )
    machine_id: Id = left_out()
    department_id: Id = left_out()
    person_id: Id = left_out()
    started_from: Instant = left_out()
    started_until: Instant = left_out()
    q: Annotated[str, Field(max_length=200, description="Words of the business key.")] = ""


class BatchIn(In):
    """What to do to which instances, and why. Name them, or give a filter: one of the two."""

    operation: OperationName
    instance_ids: Annotated[list[Id], Field(min_length=1, max_length=MAXIMUM_INSTANCES)] = left_out()
    filter: BatchFilter = left_out()
    person: Annotated[Id, Field(description="To reassign: who gets the tasks.")] = left_out()
    role: Annotated[Text, Field(description="To escalate: the code of the role.")] = left_out()
    variables: Annotated[
        dict[str, Any],
        Field(min_length=1, max_length=200, description="To edit variables; null removes one."),
    ] = left_out()
    reason: Reason


class BatchGlanceOut(Out):
    """What would become of one instance."""

    instance_id: int
    business_key: str
    said: list[str] = Field(description="What would be done.")
    refusal: str = Field(description="Why it would be refused; else empty.")


class BatchPreviewOut(Out):
    """What would come of an operation."""

    total: int = Field(description="Instances that it would be ordered for.")
    sample: list[BatchGlanceOut] = Field(description="The first of them, tried and taken back.")


class BatchOut(Out):
    """How far a batch is."""

    name: str
    operation: str
    values: dict[str, Any] = Field(description="What the operation is given: `person`, `role`, `variables`.")
    reason: str
    by: str
    began_at: Instant
    total: int
    waiting: int
    done: int
    refused: int
    is_done: bool


class BatchFilters(Paging):
    """Which page; the newest come first."""

    q: Annotated[str, Field(max_length=0)] = ""


class BatchResultFilters(Paging):
    """Which page; those that were refused come first, then those that wait."""

    q: Annotated[str, Field(max_length=0)] = ""


class BatchResultOut(Out):
    """What became of one instance."""

    instance_id: int
    business_key: str
    outcome: BatchOutcome
    said: list[str] = Field(description="What was done.")
    reason: str = Field(description="Why it was refused, or what failed so far.")


@resource.post("/instances/batch-preview", needs="instances:operate", answers=BatchPreviewOut)
def preview_batch(body: BatchIn) -> BatchPreviewOut:
    """Say what an operation would do to the first five of some instances. Nothing is changed."""
    ids = sorted(set(_ids(body)))
    glances = batches.sample(
        calls.engine(), calls.session(), body.operation, ids, calls.actor(), body.reason, _values(body)
    )
    return BatchPreviewOut(total=len(ids), sample=[_glance(glance) for glance in glances])


@resource.post("/instances/batches", needs="instances:operate", answers=BatchOut, status=202)
def operate_on_many(body: BatchIn) -> Progress:
    """Do an operation to many instances: those named, or all that fit a filter, at most 2,000.

    Each is done by itself right after this answer, so that one that is refused keeps no other from it.
    `Location` says where to follow them. The history of each tells who wanted it, and why.
    """
    session = calls.session()
    batch = batches.begin(
        session, body.operation, _ids(body), by=calls.actor(), reason=body.reason, values=_values(body)
    )
    calls.location(f"/instances/batches/{batch.name}")
    return batches.progress(session, batch.name)


@resource.get("/instances/batches", needs="instances:operate", answers=PageOf[BatchOut])
def list_batches(query: BatchFilters) -> Page[Progress]:
    """List the batches that one has ordered."""
    found = batches.recent(calls.session(), calls.user_id(), page=query.page, page_size=query.page_size)
    return Page(found.items, found.total, found.page, found.page_size)


@resource.get("/instances/batches/{name}", needs="instances:operate", answers=BatchOut)
def get_batch(name: BatchName) -> Progress:
    """Get how far a batch is. It is done when none of its instances waits any more."""
    return batches.progress(calls.session(), name)


@resource.get("/instances/batches/{name}/results", needs="instances:operate", answers=PageOf[BatchResultOut])
def list_batch_results(name: BatchName, query: BatchResultFilters) -> Page[Result]:
    """List what became of the instances of a batch."""
    session = calls.session()
    batches.progress(session, name)
    found = batches.results(session, name, page=query.page, page_size=query.page_size)
    return Page(found.items, found.total, found.page, found.page_size)


def _ids(body: BatchIn) -> list[int]:
    given = body.given()
    if ("instance_ids" in given) is ("filter" in given):
        message = "Name the instances, or give a filter: one of the two."
        raise BusinessError("INSTANCES_MISSING", message, field="instanceIds")
    if "instance_ids" in given:
        return body.instance_ids
    values = body.filter.given()
    states, reasons = tuple(values.pop("state", ())), tuple(values.pop("reason", ()))
    filters = Filters(ended=False, states=states, reasons=reasons, **values)
    return instance_list.ids(calls.session(), filters, most=MAXIMUM_INSTANCES + 1)


def _values(body: BatchIn) -> dict[str, Any]:
    names = ("person", "role", "variables")
    return {name: value for name, value in body.given().items() if name in names}


def _glance(found: Glance) -> BatchGlanceOut:
    return BatchGlanceOut(
        instance_id=found.instance_id,
        business_key=found.business_key,
        said=found.effect.said if found.effect else [],
        refusal=found.refusal,
    )
