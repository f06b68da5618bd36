"""Maintenance work: the work order of a request, filled in by the technician in charge."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.orm import joinedload, selectinload

from app.access import records
from app.access.permissions import Scope
from app.api import lifecycle
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find, within_reach
from app.api.core.schemas import Amount, Id, In, Instant, Named, Out, PageOf, Paging, left_out
from app.api.maintenance_requests import SUBJECT, Photos
from app.api.references import CodeRef, MachineRef, PartRef
from app.domain.queries import requests as lists
from app.domain.queries.paging import Page
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.usage import PartsUsage
from app.domain.work import MaintenanceWork, WorkStep
from app.errors import Conflict, NotFound

resource = Resource(
    "Maintenance work",
    "Work orders: what was done about a request, the minutes it took, and the parts that went into it.",
)

NAMES = {"photos": "workPhotos"}  # as the form of the shipped diagram calls it


class StepOut(Out):
    """Something that was done."""

    id: int
    position: int
    description: str
    minutes: int
    performer: Named | None
    recorded_at: Instant


class UsageOut(Out):
    """Parts that went into the work, at their price on that day."""

    id: int
    part: PartRef
    quantity: int
    unit_cost: Amount
    cost: Amount
    used_at: Instant


class RepairedRequest(Out):
    """The request that the work is for."""

    id: int
    business_key: str
    status: RequestStatus
    machine: MachineRef


class WorkOut(Out):
    """A work order."""

    id: int
    request: RepairedRequest
    technician: Named | None
    maintenance_type: CodeRef | None
    cause: str
    remedy: str
    minutes_spent: int = Field(description="Working time over all steps, in minutes.")
    started_at: Instant
    completed_at: Instant | None
    steps: list[StepOut]
    parts_used: list[UsageOut]


class StepIn(In):
    """Something that was done, and the minutes it took."""

    description: Annotated[str, Field(min_length=1, max_length=500)]
    minutes: Annotated[int, Field(ge=0, le=1440)]


class WorkChanges(In):
    """What was done: steps are added; cause, remedy and type replace what was there."""

    steps: Annotated[list[StepIn], Field(max_length=100)] = left_out()
    cause: Annotated[str, Field(max_length=2000)] = left_out()
    remedy: Annotated[str, Field(max_length=2000)] = left_out()
    maintenance_type_id: Id = left_out()
    photos: Photos = left_out()


class WorkIn(WorkChanges):
    """What was done about a request."""

    maintenance_request_id: Id


class WorkFilters(Paging):
    """Which work orders, in which order."""

    technician_id: Id = left_out()
    maintenance_type_id: Id = left_out()
    machine_id: Id = left_out()
    department_id: Id = left_out()
    is_open: bool = left_out()
    since: Instant = left_out()
    until: Instant = left_out()
    sort: Literal[
        "startedAt", "-startedAt", "completedAt", "-completedAt", "machine", "-machine"
    ] = "-startedAt"  # fmt: skip


@resource.get("/maintenance-work", needs="maintenance-work:read", answers=PageOf[WorkOut])
def list_maintenance_work(query: WorkFilters) -> Page[MaintenanceWork]:
    """List work orders. Technicians get their own."""
    reach = {"technician_id": calls.user_id()} if calls.scope() is Scope.ASSIGNED else {}
    return within_reach(lists.list_work, query.for_list(), reach)


@resource.get("/maintenance-work/{work_id}", needs="maintenance-work:read", answers=WorkOut, etag=True)
def get_maintenance_work(work_id: Id) -> MaintenanceWork:
    """Get a work order with its steps and parts."""
    return _visible(work_id)


@resource.post("/maintenance-work", needs="maintenance-work:write", answers=WorkOut, status=201, etag=True)
def create_maintenance_work(body: WorkIn) -> MaintenanceWork:
    """Record work on a request: completes the caller's task that answers to the verb `record`.

    A request has one work order, opened when it is accepted: recording again adds to it.
    """
    request = _visible_request(body.maintenance_request_id)
    values = body.as_sent()
    values.pop("maintenanceRequestId")
    work = _record(request.id, "record", values)
    calls.location(f"/maintenance-work/{work.id}")
    return work


@resource.put("/maintenance-work/{work_id}", needs="maintenance-work:write", answers=WorkOut, etag=True)
def update_maintenance_work(work_id: Id, body: WorkChanges) -> MaintenanceWork:
    """Record more work on an open work order, as the task that answers to the verb `record`."""
    work = _visible(work_id)
    calls.require_unchanged(WorkOut, work)
    return _record(work.maintenance_request_id, "record", body.as_sent())


@resource.post("/maintenance-work/{work_id}/complete", needs="maintenance-work:write", answers=WorkOut)
def complete_maintenance_work(work_id: Id, body: WorkChanges) -> MaintenanceWork:
    """Complete the work: completes the caller's task that answers to the verb `complete`.

    What happens then, the diagram decides: as shipped, downtime ends, and a supervisor confirms the
    repair of critical machines.
    """
    work = _visible(work_id)
    return _record(work.maintenance_request_id, "complete", body.as_sent())


@resource.delete("/maintenance-work/{work_id}", needs="maintenance-work:write", etag=True)
def delete_maintenance_work(work_id: Id) -> None:
    """Never deletes: a work order is part of its machine's history. 409 says what to do instead."""
    work = _visible(work_id)
    calls.require_unchanged(WorkOut, work)
    raise Conflict(
        f"The work on {work.request.business_key} is part of the history of {work.request.machine.name} "
        "and is not deleted. Hand the request back, or ask for it to be cancelled."
    )


def _record(request_id: int, verb: str, values: dict[str, Any]) -> MaintenanceWork:
    lifecycle.act(SUBJECT, request_id, verb, values, names=NAMES, photos=values.get("photos", ()))
    session = calls.session()
    work = session.scalar(
        sa.select(MaintenanceWork).where(MaintenanceWork.maintenance_request_id == request_id)
    )
    if work is None:
        raise NotFound("The process opened no work order.")
    return _visible(work.id)


def _visible(work_id: int) -> MaintenanceWork:
    """A work order of a request that the caller may see; a technician's own, or one with a task for them."""
    session = calls.session()
    query = (
        sa.select(MaintenanceWork)
        .where(MaintenanceWork.id == work_id)
        .options(
            joinedload(MaintenanceWork.request).joinedload(MaintenanceRequest.machine),
            joinedload(MaintenanceWork.technician),
            joinedload(MaintenanceWork.maintenance_type),
            selectinload(MaintenanceWork.steps).joinedload(WorkStep.performer),
            selectinload(MaintenanceWork.parts_used).joinedload(PartsUsage.part),
        )
        .execution_options(populate_existing=True)
    )
    work = session.scalars(query).first()
    return records.visible(session, calls.actor(), work, records.may_see_work, "work order")


def _visible_request(request_id: int) -> MaintenanceRequest:
    session = calls.session()
    found = find(MaintenanceRequest, request_id)
    return records.visible(session, calls.actor(), found, records.may_see_request, "maintenance request")
