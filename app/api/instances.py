"""Running processes: where they stand, what happened in them, and putting them right."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.access import permissions, records
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import Id, In, Instant, PageOf, Paging, Text, left_out
from app.api.instance_schemas import (
    AwaitedOut,
    HistoryOut,
    InstanceDetail,
    InstanceOut,
    JobOut,
    MovedOut,
    VariablesOut,
    instance_out,
    instance_values,
)
from app.api.process_schemas import ElementId, ElementOut, Reason, Version
from app.domain.queries.paging import Page
from app.engine import history, instances, interventions, messages, moving, operations, queries
from app.engine.models import HistoryEntry, HistoryKind, InstanceState, Job, ProcessInstance
from app.engine.monitor import survey
from app.engine.monitor.obstacles import Reason as Stuck
from app.engine.moving import Moved
from app.engine.queries import Listed

# The reason of what is done without one.
BY_API = "Through the API"

resource = Resource(
    "Instances", "Running processes: where they stand, what happened, and putting them right."
)


class InstanceFilters(Paging):
    """Which instances, in which order."""

    process: Text = left_out()
    version: Version = left_out()
    state: list[InstanceState] = left_out()
    element: Annotated[
        ElementId, Field(description="An element where somebody has to do a task, or a step has failed.")
    ] = left_out()
    reason: Annotated[
        list[Stuck], Field(description="Why they are stuck, as the monitor found half a minute ago.")
    ] = left_out()
    business_key: Text = left_out()
    subject_type: Text = left_out()
    subject_id: Id = left_out()
    machine_id: Id = left_out()
    department_id: Id = left_out()
    started_from: Instant = left_out()
    started_until: Instant = left_out()
    started_by: Id = left_out()
    sort: Literal[
        "startedAt", "-startedAt", "endedAt", "-endedAt", "businessKey", "-businessKey", "state", "-state"
    ] = "-startedAt"


class HistoryFilters(Paging):
    """Which entries, in which order."""

    q: Annotated[str, Field(max_length=0)] = ""
    kind: list[HistoryKind] = left_out()
    element: ElementId = left_out()
    sort: Literal["at", "-at"] = "at"


class JobFilters(Paging):
    """Which page; the newest come first."""

    q: Annotated[str, Field(max_length=0)] = ""


class ReasonIn(In):
    """Why something is done to an instance."""

    reason: Reason


class MoveIn(In):
    """Which token goes where."""

    from_element: ElementId = Field(alias="from")
    to_element: ElementId | None = Field(
        default=None, alias="to", description="Left out, the token goes on along the only outgoing flow."
    )
    reason: Reason = left_out()
    dry_run: bool = Field(default=False, description="Only say what would happen; needs no reason.")


class VariablesIn(In):
    """Variables that get other values."""

    variables: Annotated[dict[str, Any], Field(min_length=1, max_length=200)] = Field(
        description="Names and new values; null removes a variable."
    )
    reason: Reason


# -- looking -------------------------------------------------------------------------------------


@resource.get("/instances", needs="instances:list", answers=PageOf[InstanceOut])
def list_instances(query: InstanceFilters) -> Page[InstanceOut]:
    """List process instances with their open user tasks and incidents."""
    filters = query.for_list()
    states = filters.pop("state", None)
    reasons = filters.pop("reason", None)
    found = queries.list_instances(calls.session(), states=states, reasons=reasons, **filters)
    return Page([instance_out(row) for row in found.items], found.total, found.page, found.page_size)


@resource.get("/instances/{instance_id}", needs="instances:read", answers=InstanceDetail, etag=True)
def get_instance(instance_id: Id) -> InstanceDetail:
    """Get an instance: where it stands, what it waits for, and which way it came."""
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    instance = _visible(instance_id)
    elements = engine.definition(session, instance.deployment_id).diagram.elements
    passed = history.path(session, instance_id)
    return InstanceDetail(
        **instance_values(queries.instance_row(session, instance)),
        stands_at=[
            ElementOut(id=name, name=elements[name].label, type=elements[name].type)
            for name in instances.tokens(engine, session, instance_id)
        ],
        awaited_messages=[
            AwaitedOut(
                name=awaited.name,
                element_id=awaited.element_id,
                element_name=awaited.element_name,
                may_send=messages.may_send(engine, session, instance, awaited.name, actor),
            )
            for awaited in queries.awaited_messages(engine, session, instance_id)
        ],
        passed_elements=passed["elements"],
        passed_flows=passed["flows"],
    )


@resource.get("/instances/{instance_id}/history", needs="instances:read", answers=PageOf[HistoryOut])
def list_instance_history(instance_id: Id, query: HistoryFilters) -> Page[HistoryOut]:
    """List what happened in an instance: who did what, when, and why."""
    _visible(instance_id)
    filters = query.for_list()
    filters.pop("q")
    kinds = filters.pop("kind", None)
    found: Listed[HistoryEntry] = queries.list_history(calls.session(), instance_id, kinds=kinds, **filters)
    told = permissions.may(calls.actor(), "instances:inspect")
    entries = [HistoryOut.model_validate(entry) for entry in found.items]
    if not told:
        entries = [entry.model_copy(update={"detail": None}) for entry in entries]
    return Page(entries, found.total, found.page, found.page_size)


@resource.get(
    "/instances/{instance_id}/variables", needs="instances:inspect", answers=VariablesOut, etag=True
)
def get_instance_variables(instance_id: Id) -> VariablesOut:
    """Get the variables of an instance."""
    return _variables(_visible(instance_id))


@resource.get("/instances/{instance_id}/jobs", needs="instances:inspect", answers=PageOf[JobOut])
def list_instance_jobs(instance_id: Id, query: JobFilters) -> Listed[Job]:
    """List what an instance has had done outside itself: messages and retries, newest first."""
    _visible(instance_id)
    return queries.jobs_of(calls.session(), instance_id, page=query.page, page_size=query.page_size)


# -- putting right -------------------------------------------------------------------------------


@resource.patch(
    "/instances/{instance_id}/variables", needs="instances:operate", answers=VariablesOut, etag=True
)
def update_instance_variables(instance_id: Id, body: VariablesIn) -> VariablesOut:
    """Correct variables of an instance. What comes next finds the new values; nothing is run."""
    engine, session = calls.engine(), calls.session()
    instance = operations.open_instance(session, instance_id)
    calls.require_unchanged(VariablesOut, _variables(instance))
    interventions.perform(
        engine, session, "edit-variable", instance_id, calls.actor(), body.reason, variables=body.variables
    )
    return _variables(instance)


@resource.post("/instances/{instance_id}/retry", needs="instances:operate", answers=InstanceOut)
def retry_instance(instance_id: Id) -> InstanceOut:
    """Run the failed steps of an instance again. One that fails again stays an incident."""
    return _perform("retry", instance_id, BY_API)


@resource.post("/instances/{instance_id}/fire-timers", needs="instances:operate", answers=InstanceOut)
def fire_instance_timers(instance_id: Id, body: ReasonIn) -> InstanceOut:
    """Let timers that should have gone off go off now."""
    return _perform("fire-timers", instance_id, body.reason)


@resource.post("/instances/{instance_id}/move", needs="instances:operate", answers=MovedOut)
def move_instance(instance_id: Id, body: MoveIn) -> Moved:
    """Take a token from the element where it stands and put it before another, or let it pass (no `to`).

    The user task of the old place is called off with its timers; an incident there is resolved. With
    `dryRun` only what would happen is told.
    """
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    if body.dry_run:
        return moving.preview(engine, session, instance_id, actor, body.from_element, body.to_element)
    reason = body.reason or ""
    if body.to_element is None:
        moved = moving.skip(engine, session, instance_id, actor, body.from_element, reason)
    else:
        moved = moving.move(engine, session, instance_id, actor, body.from_element, body.to_element, reason)
    survey.look_again(engine, session, instance_id)
    return moved


@resource.post("/instances/{instance_id}/suspend", needs="instances:operate", answers=InstanceOut)
def suspend_instance(instance_id: Id, body: ReasonIn) -> InstanceOut:
    """Hold an instance: its tasks and timers wait."""
    return _perform("suspend", instance_id, body.reason)


@resource.post("/instances/{instance_id}/resume", needs="instances:operate", answers=InstanceOut)
def resume_instance(instance_id: Id, body: ReasonIn) -> InstanceOut:
    """Let a suspended instance go on."""
    return _perform("resume", instance_id, body.reason)


@resource.post("/instances/{instance_id}/cancel", needs="instances:operate", answers=InstanceOut)
def cancel_instance(instance_id: Id, body: ReasonIn) -> InstanceOut:
    """Stop an instance where it stands. Its record keeps its status."""
    return _perform("cancel", instance_id, body.reason)


# -- inner parts ---------------------------------------------------------------------------------


def _visible(instance_id: int) -> ProcessInstance:
    """An instance, for those who may see it. Raises :class:`NotFound`."""
    session = calls.session()
    found = session.get(ProcessInstance, instance_id)
    return records.visible(session, calls.actor(), found, records.may_see_instance, "process instance")


def _perform(operation: str, instance_id: int, reason: str) -> InstanceOut:
    interventions.perform(calls.engine(), calls.session(), operation, instance_id, calls.actor(), reason)
    return _out(instance_id)


def _out(instance_id: int) -> InstanceOut:
    session = calls.session()
    return instance_out(queries.instance_row(session, instances.get(session, instance_id)))


def _variables(instance: ProcessInstance) -> VariablesOut:
    stored = instance.engine_state or {}
    return VariablesOut(revision=instance.revision, variables=stored.get("variables", {}))
