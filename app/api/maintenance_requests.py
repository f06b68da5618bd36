"""Maintenance requests: reported over the API, and moved on by the tasks of their process."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.access import records
from app.access.permissions import Scope
from app.api import lifecycle
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find, within_reach
from app.api.core.schemas import Id, In, Instant, Named, Out, PageOf, Paging, left_out
from app.api.references import CodeRef, MachineInDepartment, TaskRef
from app.domain import requests
from app.domain.machines import Machine
from app.domain.people import Department
from app.domain.queries import requests as request_lists
from app.domain.queries.paging import Page
from app.domain.requests import MaintenanceRequest, Priority, RequestStatus
from app.engine import history, projection
from app.errors import Conflict, Forbidden, NotFound

resource = Resource(
    "Maintenance requests",
    "Faults, from the report to the repaired machine. Where a request goes next, its diagram decides.",
)

SUBJECT = "maintenance_request"
CANCEL = "cancel requested"  # the message that a maintenance request's diagram waits for

Description = Annotated[str, Field(min_length=1, max_length=2000)]
Photos = Annotated[list[Id], Field(max_length=20, description="Files uploaded before, by their ids.")]


class RequestOut(Out):
    """A maintenance request."""

    id: int
    business_key: str
    status: RequestStatus
    priority: Priority
    description: str = Field(validation_alias="problem_description")
    machine: MachineInDepartment
    reporter: Named | None
    assigned_technician: Named | None
    failure_code_id: int | None
    maintenance_type_id: int | None
    reported_at: Instant
    accepted_at: Instant | None
    completed_at: Instant | None
    cancelled_at: Instant | None
    updated_at: Instant


class RequestDetail(RequestOut):
    """A maintenance request with what belongs to it."""

    failure_code: CodeRef | None
    maintenance_type: CodeRef | None
    cancellation_reason: str
    work_id: int | None
    instance_id: int | None
    open_tasks: list[TaskRef] = Field(description="The user tasks at which its process stands now.")


class RequestIn(In):
    """A report of a problem."""

    machine_id: Id
    priority: Priority = Priority.MEDIUM
    description: Description
    machine_stopped: bool = False
    failure_code_id: Id | None = None
    photos: Photos = Field(default_factory=list)


class RequestChanges(In):
    """What is corrected; what is left out stays."""

    description: Description = left_out()
    priority: Priority = left_out()
    failure_code_id: Id | None = left_out()


class StatusChange(In):
    """The status that is wanted, and the answers for the form of the task that leads there."""

    status: RequestStatus
    reason: Annotated[str, Field(min_length=1, max_length=500, description="Needed to cancel.")] = left_out()
    values: dict[str, Any] = Field(
        default_factory=dict, description="Answers for the task's form, by the names of its fields."
    )


class RequestFilters(Paging):
    """Which requests, in which order."""

    status: list[RequestStatus] = Field(default_factory=list)
    priority: Priority = left_out()
    machine_id: Id = left_out()
    department_id: Id = left_out()
    reporter_id: Id = left_out()
    technician_id: Id = left_out()
    failure_code_id: Id = left_out()
    since: Instant = left_out()
    until: Instant = left_out()
    sort: Literal[
        "reportedAt", "-reportedAt", "priority", "-priority", "status", "-status", "machine", "-machine",
        "businessKey", "-businessKey", "updatedAt", "-updatedAt",
    ] = "-reportedAt"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["statuses"] = values.pop("status")
        return values


class Event(Out):
    """Something that happened to a request: a step of its process, or a change of a record."""

    at: Instant
    kind: str = Field(description="What happened, as a code.")
    source: Literal["process", "record"]
    by: Named | None
    element_id: str | None = None
    element_name: str = ""
    entity_type: str | None = None
    entity_id: int | None = None
    detail: Any = None


@resource.get("/maintenance-requests", needs="maintenance-requests:read", answers=PageOf[RequestOut])
def list_maintenance_requests(query: RequestFilters) -> Page[MaintenanceRequest]:
    """List maintenance requests.

    Supervisors get those of their department, technicians those assigned to them.
    """
    return _listed(query.for_list())


@resource.get("/maintenance-requests/assigned", needs="maintenance-requests:read", answers=PageOf[RequestOut])
def list_assigned_requests(query: RequestFilters) -> Page[MaintenanceRequest]:
    """List the requests that are assigned to the caller."""
    return _listed({**query.for_list(), "technician_id": calls.user_id()})


@resource.get(
    "/maintenance-requests/department/{department_id}",
    needs="maintenance-requests:read",
    answers=PageOf[RequestOut],
)
def list_department_requests(department_id: Id, query: RequestFilters) -> Page[MaintenanceRequest]:
    """List the requests about the machines of a department."""
    if calls.scope() is Scope.DEPARTMENT and calls.actor().department_id != department_id:
        raise Forbidden("This is another department's.")
    find(Department, department_id)
    return _listed({**query.for_list(), "department_id": department_id})


@resource.get(
    "/maintenance-requests/{request_id}", needs="maintenance-requests:read", answers=RequestDetail, etag=True
)
def get_maintenance_request(request_id: Id) -> RequestDetail:
    """Get a maintenance request with what belongs to it."""
    return _detail(_visible(request_id))


@resource.post(
    "/maintenance-requests",
    needs="maintenance-requests:create",
    answers=RequestDetail,
    status=201,
    etag=True,
)
def create_maintenance_request(body: RequestIn) -> RequestDetail:
    """Report a problem: starts the process of a maintenance request."""
    find(Machine, body.machine_id)
    values = {name: value for name, value in body.model_dump(by_alias=True).items() if value is not None}
    instance = lifecycle.start(SUBJECT, values, photos=body.photos)
    calls.location(f"/maintenance-requests/{instance.subject_id}")
    return _detail(_visible(instance.subject_id))


@resource.put(
    "/maintenance-requests/{request_id}",
    needs="maintenance-requests:update",
    answers=RequestDetail,
    etag=True,
)
def update_maintenance_request(request_id: Id, body: RequestChanges) -> RequestDetail:
    """Correct an open request. Whoever reported it may while nobody has accepted it."""
    found = _visible(request_id)
    find(MaintenanceRequest, request_id, lock=True)
    calls.require_unchanged(RequestDetail, _detail(found))
    if calls.scope() is Scope.OWN and not _may_still_correct(found):
        raise Forbidden("A request is corrected by whoever reported it while it waits, or by a manager.")
    requests.update(calls.session(), found, calls.user_id(), **body.given())
    projection.describe_again(calls.engine(), calls.session(), SUBJECT, request_id)
    return _detail(_visible(request_id))


@resource.patch(
    "/maintenance-requests/{request_id}/status",
    needs="maintenance-requests:read",
    answers=RequestDetail,
    etag=True,
)
def change_maintenance_request_status(request_id: Id, body: StatusChange) -> RequestDetail:
    """Bring a request to another status, by completing the caller's task that leads there.

    Which task that is, the diagram says (`apiVerb`). `CANCELLED` is asked for by a message, which the
    diagram takes from whom it allows. Where nothing leads there: 409 with the tasks that are open.
    """
    found = _visible(request_id)
    calls.require_unchanged(RequestDetail, _detail(found))
    if body.status == RequestStatus.CANCELLED:
        lifecycle.send(CANCEL, found.business_key, {"reason": body.given().get("reason", "")})
    else:
        lifecycle.act(SUBJECT, request_id, body.status, _answers(body))
    return _detail(_fresh(request_id))


@resource.delete("/maintenance-requests/{request_id}", needs="maintenance-requests:update", etag=True)
def delete_maintenance_request(request_id: Id) -> None:
    """Never deletes: a request is part of its machine's history. 409 says what to do instead."""
    found = _visible(request_id)
    calls.require_unchanged(RequestDetail, _detail(found))
    raise Conflict(
        f"{found.business_key} is part of the history of {found.machine.name} and is not deleted. "
        "Cancel it instead: PATCH its status to CANCELLED."
    )


@resource.get(
    "/maintenance-requests/{request_id}/history", needs="maintenance-requests:read", answers=list[Event]
)
def get_maintenance_request_history(request_id: Id) -> list[Event]:
    """What happened to a request, its work and its parts, oldest first: the 1,000 newest events."""
    found = _visible(request_id)
    session = calls.session()
    events = [
        Event(
            at=entry.at,
            kind=entry.action,
            source="record",
            by=None if entry.user is None else Named(id=entry.user.id, name=entry.user.name),
            entity_type=entry.entity_type,
            entity_id=entry.entity_id,
            detail={"before": entry.before, "after": entry.after},
        )
        for entry in request_lists.timeline(session, found.id)
    ]
    instance = lifecycle.instance_of(SUBJECT, found.id)
    events += [
        Event(
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


def _answers(body: StatusChange) -> dict[str, Any]:
    """The answers for the form. Its own name for a reason depends on what the reason is for."""
    if "reason" not in body.given():
        return body.values
    name = "handBackReason" if body.status == RequestStatus.PENDING else "reason"
    return {name: body.reason, **body.values}


def _listed(filters: dict[str, Any]) -> Page[MaintenanceRequest]:
    """A list within the caller's reach."""
    reach = records.followed_requests(calls.actor()).filters
    return within_reach(request_lists.list_requests, filters, reach)


def _visible(request_id: int) -> MaintenanceRequest:
    session = calls.session()
    found = request_lists.get_request(session, request_id)
    return records.visible(session, calls.actor(), found, records.may_see_request, "maintenance request")


def _fresh(request_id: int) -> MaintenanceRequest:
    """The request as it is now; whoever handed it back may not see it any more, but is told."""
    found = request_lists.get_request(calls.session(), request_id, fresh=True)
    if found is None:
        raise NotFound("There is no such maintenance request.")
    return found


def _may_still_correct(found: MaintenanceRequest) -> bool:
    return found.reporter_id == calls.user_id() and found.status == RequestStatus.PENDING


def _detail(found: MaintenanceRequest) -> RequestDetail:
    instance = lifecycle.instance_of(SUBJECT, found.id)
    return RequestDetail.model_validate(
        {
            **RequestOut.model_validate(found).__dict__,
            "failure_code": found.failure_code,
            "maintenance_type": found.maintenance_type,
            "cancellation_reason": found.cancellation_reason,
            "work_id": None if found.work is None else found.work.id,
            "instance_id": instance.id,
            "open_tasks": lifecycle.open_tasks(SUBJECT, found.id),
        }
    )
