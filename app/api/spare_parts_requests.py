"""Parts requests: asked for by technicians, decided and issued by the tasks of their process."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy.orm import joinedload, selectinload

from app.access import records
from app.api import lifecycle
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find, within_reach
from app.api.core.problems import ApiError
from app.api.core.schemas import Amount, Id, In, Instant, Named, Out, PageOf, Paging, left_out
from app.api.references import MachineRef, PartRef, TaskRef
from app.domain import parts_requests
from app.domain.queries import inventory
from app.domain.queries import requests as request_lists
from app.domain.queries.paging import Page
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import (
    ISSUABLE_STATUSES,
    PartsRequestStatus,
    SparePartsRequest,
    SparePartsRequestLine,
)
from app.engine import instances
from app.errors import Forbidden, NotFound

resource = Resource(
    "Spare parts requests",
    "Parts for a repair. Who must approve them, the decision table of their process says.",
)

SUBJECT = "spare_parts_request"
REQUEST = "maintenance_request"
CANCEL = "cancel requested"  # the message that a parts request's diagram waits for

Reason = Annotated[str, Field(max_length=500)]
Count = Annotated[int, Field(ge=0, le=10_000)]


class LineOut(Out):
    """One part of a parts request. ``unitPrice`` is the price when it was asked for."""

    id: int
    part: PartRef
    quantity_requested: int
    quantity_approved: int | None
    quantity_issued: int
    quantity_reserved: int
    quantity_open: int = Field(description="Approved and not issued yet: the back-order.")
    unit_price: Amount
    reason: str


class RequestRef(Out):
    """The maintenance request that needs the parts."""

    id: int
    business_key: str
    machine: MachineRef


class PartsRequestOut(Out):
    """A parts request."""

    id: int
    business_key: str
    status: PartsRequestStatus
    maintenance_request: RequestRef
    requester: Named | None
    approver: Named | None
    approved_at: Instant | None
    closed_at: Instant | None
    closing_reason: str
    created_at: Instant
    updated_at: Instant
    lines: list[LineOut]


class PartsRequestDetail(PartsRequestOut):
    """A parts request with what it costs and where its process stands."""

    total_cost: Amount
    instance_id: int | None = Field(description="Null until its process has started.")
    open_tasks: list[TaskRef]


class LineIn(In):
    """A part that is needed."""

    part_id: Id
    quantity: Annotated[int, Field(ge=1, le=10_000)]
    reason: Reason = ""


class PartsRequestIn(In):
    """Parts that a repair needs."""

    maintenance_request_id: Id
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=100)]


class RevisedLine(In):
    """What is asked for less, or for another reason."""

    id: Id
    quantity: Annotated[int, Field(ge=1, le=10_000)] = left_out()
    reason: Reason = left_out()


class Revision(In):
    """The lines that change; the others stay."""

    lines: Annotated[list[RevisedLine], Field(min_length=1, max_length=100)]


class ApprovedLine(In):
    """How many of a line are approved; 0 refuses it."""

    id: Id
    quantity_approved: Count


class Approval(In):
    """An approval. Lines that are not named are approved as requested."""

    lines: Annotated[list[ApprovedLine], Field(max_length=100)] = left_out()


class Rejection(In):
    """Why the parts are refused, or not needed any more."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class IssuedLine(In):
    """How many of a line are handed out."""

    id: Id
    quantity_issued: Count


class Issue(In):
    """What is handed out: by line, or, for a request with one line, its quantity alone.

    Without either all that is open is issued.
    """

    lines: Annotated[list[IssuedLine], Field(max_length=100)] = left_out()
    quantity_issued: Count = left_out()


class PartsRequestFilters(Paging):
    """Which parts requests, in which order."""

    status: list[PartsRequestStatus] = Field(default_factory=list)
    requester_id: Id = left_out()
    maintenance_request_id: Id = left_out()
    department_id: Id = left_out()
    part_id: Id = left_out()
    since: Instant = left_out()
    until: Instant = left_out()
    sort: Literal[
        "createdAt", "-createdAt", "businessKey", "-businessKey", "status", "-status", "updatedAt",
        "-updatedAt",
    ] = "-createdAt"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["statuses"] = values.pop("status")
        return values


@resource.get("/spare-parts-requests", needs="spare-parts-requests:read", answers=PageOf[PartsRequestOut])
def list_spare_parts_requests(query: PartsRequestFilters) -> Page[SparePartsRequest]:
    """List parts requests.

    Supervisors get those for the machines of their department, technicians their own.
    """
    return _listed(query.for_list())


@resource.get(
    "/spare-parts-requests/pending-approval",
    needs="spare-parts-requests:read",
    answers=PageOf[PartsRequestOut],
)
def list_parts_requests_pending_approval(query: PartsRequestFilters) -> Page[SparePartsRequest]:
    """List the parts requests that nobody has decided yet."""
    return _listed({**query.for_list(), "statuses": [PartsRequestStatus.PENDING]})


@resource.get(
    "/spare-parts-requests/approved", needs="spare-parts-requests:read", answers=PageOf[PartsRequestOut]
)
def list_approved_parts_requests(query: PartsRequestFilters) -> Page[SparePartsRequest]:
    """List the parts requests that are to be issued, back-orders too."""
    return _listed({**query.for_list(), "statuses": list(ISSUABLE_STATUSES)})


@resource.get(
    "/spare-parts-requests/{parts_request_id}",
    needs="spare-parts-requests:read",
    answers=PartsRequestDetail,
    etag=True,
)
def get_spare_parts_request(parts_request_id: Id) -> PartsRequestDetail:
    """Get a parts request with its lines."""
    return _detail(_visible(parts_request_id))


@resource.post(
    "/spare-parts-requests",
    needs="spare-parts-requests:create",
    answers=PartsRequestDetail,
    status=201,
    etag=True,
)
def create_spare_parts_request(body: PartsRequestIn) -> PartsRequestDetail:
    """Ask for parts: completes the caller's task that answers to the verb `request_parts`.

    The approval starts right after this answer.
    """
    session = calls.session()
    request = find(MaintenanceRequest, body.maintenance_request_id)
    records.visible(session, calls.actor(), request, records.may_see_request, "maintenance request")
    lines = body.as_sent()["lines"]
    before = {made.id for made in request_lists.parts_requests_of(session, request.id)}
    lifecycle.act(REQUEST, request.id, "request_parts", {"lines": lines}, names={"lines": "partLines"})
    made = [one for one in request_lists.parts_requests_of(session, request.id) if one.id not in before]
    if not made:
        raise NotFound("The process made no parts request.")
    calls.location(f"/spare-parts-requests/{made[-1].id}")
    return _detail(_visible(made[-1].id))


@resource.put(
    "/spare-parts-requests/{parts_request_id}",
    needs="spare-parts-requests:create",
    answers=PartsRequestDetail,
    etag=True,
)
def update_spare_parts_request(parts_request_id: Id, body: Revision) -> PartsRequestDetail:
    """Ask for less, or give another reason, while nobody has decided. Only whoever asked may.

    More cannot be asked for here: who has to approve was decided by what was asked for.
    """
    found = _visible(parts_request_id)
    find(SparePartsRequest, parts_request_id, lock=True)
    calls.require_unchanged(PartsRequestDetail, _detail(found))
    if found.requester_id != calls.user_id():
        raise Forbidden("A parts request is changed by whoever made it.")
    lines = [line.given() for line in body.lines]
    parts_requests.revise(calls.session(), found, calls.user_id(), lines)
    return _detail(_visible(parts_request_id))


@resource.patch(
    "/spare-parts-requests/{parts_request_id}/approve",
    needs="spare-parts-requests:read",
    answers=PartsRequestDetail,
    etag=True,
)
def approve_spare_parts_request(parts_request_id: Id, body: Approval) -> PartsRequestDetail:
    """Approve parts: completes the caller's task that answers to the verb `approve`.

    Where the policy asks for a second approval, the request stays pending until that is given too.
    """
    return _act(parts_request_id, "approve", body.as_sent())


@resource.patch(
    "/spare-parts-requests/{parts_request_id}/reject",
    needs="spare-parts-requests:read",
    answers=PartsRequestDetail,
    etag=True,
)
def reject_spare_parts_request(parts_request_id: Id, body: Rejection) -> PartsRequestDetail:
    """Refuse parts: completes the caller's task that answers to the verb `reject`."""
    return _act(parts_request_id, "reject", {"reason": body.reason})


@resource.patch(
    "/spare-parts-requests/{parts_request_id}/issue",
    needs="spare-parts-requests:read",
    answers=PartsRequestDetail,
    etag=True,
)
def issue_spare_parts_request(parts_request_id: Id, body: Issue) -> PartsRequestDetail:
    """Hand parts out: completes the caller's task that answers to the verb `issue`.

    In one transaction stock goes down by a movement for each line, the work order shows the use, and
    reservations are settled. With too little in stock nothing changes: 409.
    """
    found = _visible(parts_request_id)
    values = body.as_sent()
    quantity = values.pop("quantityIssued", None)
    if quantity is not None:
        if len(found.lines) != 1 or "lines" in values:
            message = "The quantity alone is enough only for a request with one line; name the lines instead."
            raise ApiError(422, "LINES_NEEDED", message, {"quantityIssued": [message]})
        values["lines"] = [{"id": found.lines[0].id, "quantityIssued": quantity}]
    return _act(parts_request_id, "issue", values)


@resource.patch(
    "/spare-parts-requests/{parts_request_id}/close-rest",
    needs="spare-parts-requests:read",
    answers=PartsRequestDetail,
    etag=True,
)
def close_rest_of_spare_parts_request(parts_request_id: Id, body: Rejection) -> PartsRequestDetail:
    """Give up a back-order: completes the caller's task that answers to the verb `close_rest`."""
    return _act(parts_request_id, "close_rest", {"reason": body.reason})


@resource.patch(
    "/spare-parts-requests/{parts_request_id}/cancel",
    needs="spare-parts-requests:read",
    answers=PartsRequestDetail,
    etag=True,
)
def cancel_spare_parts_request(parts_request_id: Id, body: Rejection) -> PartsRequestDetail:
    """Call parts off, by a message to the process; whose message it takes, the diagram says."""
    found = _visible(parts_request_id)
    calls.require_unchanged(PartsRequestDetail, _detail(found))
    lifecycle.send(CANCEL, found.business_key, {"reason": body.reason})
    return _detail(_visible(parts_request_id))


def _act(parts_request_id: int, verb: str, values: dict[str, Any]) -> PartsRequestDetail:
    found = _visible(parts_request_id)
    calls.require_unchanged(PartsRequestDetail, _detail(found))
    lifecycle.act(SUBJECT, parts_request_id, verb, values)
    return _detail(_visible(parts_request_id))


def _listed(filters: dict[str, Any]) -> Page[SparePartsRequest]:
    """A list within the caller's reach."""
    reach = records.followed_parts_requests(calls.actor())
    return within_reach(inventory.list_parts_requests, filters, reach)


def _visible(parts_request_id: int) -> SparePartsRequest:
    session = calls.session()
    lines = selectinload(SparePartsRequest.lines)
    found = session.get(
        SparePartsRequest,
        parts_request_id,
        options=[
            lines.joinedload(SparePartsRequestLine.part),
            lines.selectinload(SparePartsRequestLine.reservations),
            joinedload(SparePartsRequest.requester),
            joinedload(SparePartsRequest.approver),
            joinedload(SparePartsRequest.maintenance_request).joinedload(MaintenanceRequest.machine),
        ],
        populate_existing=True,
    )
    return records.visible(session, calls.actor(), found, records.may_see_parts_request, "parts request")


def _detail(found: SparePartsRequest) -> PartsRequestDetail:
    instance = instances.of_subject(calls.session(), SUBJECT, found.id)
    return PartsRequestDetail.model_validate(
        {
            **PartsRequestOut.model_validate(found).__dict__,
            "total_cost": parts_requests.total_cost(found),
            "instance_id": None if instance is None else instance.id,
            "open_tasks": lifecycle.open_tasks(SUBJECT, found.id),
        }
    )
