"""The life of a parts request: decided by policy, approved by people, issued from stock.

The order of things is drawn in ``workflows/parts_approval/``, and who must approve is decided by
its table ``approval_policy``. Here is what its service tasks do and which facts it may use.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain import issuing, parts_requests, settings
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.parts_requests import SparePartsRequest
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import PartsRequestStatus, SparePartsRequestLine, change_status
from app.engine.bindings import Fact, ProcessBinding, StartContext, StatusContext, Subject, SubjectSummary
from app.engine.services import Input, Output, ServiceContext, service_task
from app.errors import BusinessError
from app.processes import facts

# -- the subject -------------------------------------------------------------------------------


def create_subject(ctx: StartContext) -> Subject:
    """Find the parts request that the starting message names."""
    found = ctx.session.get(SparePartsRequest, ctx.values.get("partsRequestId") or 0)
    if found is None:
        raise BusinessError("UNKNOWN_PARTS_REQUEST", "The message names no parts request.")
    return Subject(found.id, found.business_key)


def set_status(ctx: StatusContext, status: str) -> None:
    """Follow the diagram's status; the one it has already is fine."""
    wanted = PartsRequestStatus(status)
    found = _load(ctx.session, ctx.subject_id)
    if found.status != wanted:
        change_status(ctx.session, found, wanted, ctx.actor.user_id, "CHANGE_PARTS_STATUS", {})


def describe(session: Session, subject_id: int) -> SubjectSummary:
    """The parts request in one line, as inboxes show it."""
    found = _load(session, subject_id)
    request = found.maintenance_request
    wanted = ", ".join(f"{line.quantity_requested} × {line.part.part_name}" for line in found.lines)
    return SubjectSummary(
        title=f"Parts for {request.machine.name}",
        detail=wanted[:300],
        machine_id=request.machine_id,
        department_id=request.machine.department_id,
    )


def related(session: Session, subject_id: int) -> list[tuple[str, int]]:
    """The maintenance request that the parts are for."""
    return [("maintenance_request", _load(session, subject_id).maintenance_request_id)]


# -- facts -------------------------------------------------------------------------------------

LINE_FIELDS = {
    "id": "number",
    "partId": "number",
    "partNumber": "string",
    "partName": "string",
    "group": "string",
    "requested": "number",
    "approved": "number",
    "issued": "number",
    "open": "number",
    "unitPrice": "number",
    "lineCost": "number",
    "lineCostText": "string",
    "stock": "number",
    "available": "number",
    "reason": "string",
}
PARTS_REQUEST_FIELDS = {
    "id": "number",
    "businessKey": "string",
    "status": "string",
    "totalCost": "number",
    "totalCostText": "string",
    "groups": ["string"],
    "lines": [LINE_FIELDS],
}


def _load(session: Session, subject_id: int) -> SparePartsRequest:
    """The parts request with what its facts need; no statement where the session has it already."""
    return session.get_one(
        SparePartsRequest,
        subject_id,
        options=[
            joinedload(SparePartsRequest.maintenance_request)
            .joinedload(MaintenanceRequest.machine)
            .joinedload(Machine.department),
            joinedload(SparePartsRequest.requester),
            selectinload(SparePartsRequest.lines)
            .joinedload(SparePartsRequestLine.part)
            .selectinload(SparePart.stock),
            selectinload(SparePartsRequest.lines).selectinload(SparePartsRequestLine.reservations),
        ],
    )


def _amount(value: Decimal, currency: str) -> str:
    """Money as people read it."""
    return f"{value:,.2f} {currency}"


def _line_facts(line: SparePartsRequestLine, currency: str) -> dict[str, Any]:
    wanted = line.quantity_requested if line.quantity_approved is None else line.quantity_approved
    cost = line.unit_price * wanted
    return {
        "id": line.id,
        "partId": line.spare_part_id,
        "partNumber": line.part.part_number,
        "partName": line.part.part_name,
        "group": line.part.group_name,
        "requested": line.quantity_requested,
        "approved": line.quantity_approved,
        "issued": line.quantity_issued,
        "open": line.quantity_open,
        "unitPrice": line.unit_price,
        "lineCost": cost,
        "lineCostText": _amount(cost, currency),
        "stock": line.part.quantity,
        # What can be issued for this line: what is promised to nobody, and what is promised to it.
        "available": line.part.free + line.quantity_reserved,
        "reason": line.reason,
    }


def _parts_request_facts(session: Session, subject_id: int) -> dict[str, Any]:
    found, currency = _load(session, subject_id), settings.site(session).currency
    total = parts_requests.total_cost(found)
    return {
        "id": found.id,
        "businessKey": found.business_key,
        "status": found.status,
        "totalCost": total,
        "totalCostText": _amount(total, currency),
        "groups": sorted({line.part.group_name for line in found.lines}),
        "lines": [_line_facts(line, currency) for line in found.lines],
    }


FACTS = {
    "partsRequest": Fact("The parts request", PARTS_REQUEST_FIELDS, _parts_request_facts),
    "requester": Fact(
        "Who asked for the parts",
        facts.PERSON_FIELDS,
        lambda session, subject_id: facts.person_facts(_load(session, subject_id).requester),
    ),
    "request": Fact(
        "The maintenance request that needs the parts",
        facts.REQUEST_FIELDS,
        lambda session, subject_id: facts.request_facts(
            facts.load_request(session, _load(session, subject_id).maintenance_request_id)
        ),
    ),
    "machine": Fact(
        "The machine that needs the parts",
        facts.MACHINE_FIELDS,
        lambda session, subject_id: facts.machine_facts(
            _load(session, subject_id).maintenance_request.machine
        ),
    ),
}

# -- service tasks -----------------------------------------------------------------------------


def _parts_request(ctx: ServiceContext) -> SparePartsRequest:
    return ctx.session.get_one(SparePartsRequest, ctx.subject_id)


def _by_line(lines: list[dict[str, Any]] | None, field: str) -> dict[int, int]:
    """Quantities by line id, from the rows of a form."""
    return {int(line["id"]): line.get(field) for line in lines or () if line.get("id") is not None}  # type: ignore[misc]


@service_task(
    "parts.approve",
    title="Approve parts",
    inputs={
        "lines": Input(
            "list", "id and quantityApproved of each line; as requested where absent", required=False
        )
    },
    errors={"WRONG_STATUS": "It is not pending", "NOTHING_APPROVED": "Every quantity is zero"},
)
def approve(ctx: ServiceContext, lines: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Approve the parts and reserve what is free in stock."""
    parts_requests.approve(
        ctx.session, _parts_request(ctx), ctx.actor.user_id, _by_line(lines, "quantityApproved") or None
    )
    return {}


@service_task(
    "parts.reject",
    title="Reject parts",
    inputs={"reason": Input("string", "Why they are refused", required=False)},
    errors={"WRONG_STATUS": "It is not pending", "REASON_MISSING": "No reason is given"},
)
def reject(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """Refuse the parts."""
    parts_requests.reject(ctx.session, _parts_request(ctx), ctx.actor.user_id, reason or "")
    return {}


@service_task(
    "parts.cancel",
    title="Cancel a parts request",
    inputs={"reason": Input("string", "Why they are not needed", required=False)},
)
def cancel(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """Call off what has not been issued and free what was reserved for it."""
    parts_requests.cancel(ctx.session, _parts_request(ctx), ctx.actor.user_id, reason or "")
    return {}


@service_task(
    "parts.issue",
    title="Issue parts",
    inputs={"lines": Input("list", "id and quantityIssued of each line", required=False)},
    outputs={
        "status": Output("string", "ISSUED, or PARTIALLY_ISSUED with a back-order left"),
        "open": Output("number", "How many parts are still to be issued"),
    },
    errors={
        "NOT_ENOUGH_STOCK": "There are fewer in stock",
        "TOO_MANY": "More than was approved",
        "NOTHING_TO_ISSUE": "Every quantity is zero",
        "WRONG_STATUS": "It is not approved",
    },
)
def issue(ctx: ServiceContext, lines: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Hand parts out: stock goes down by a movement per line, and the work order shows their use."""
    found = _parts_request(ctx)
    shown = [line.get("id") for line in lines or ()]
    try:
        result = issuing.issue(ctx.session, found, ctx.actor.user_id, _by_line(lines, "quantityIssued"))
    except BusinessError as error:
        raise _at_row(error, found, shown) from None
    return {"status": str(result.status), "open": sum(line.quantity_open for line in found.lines)}


def _at_row(error: BusinessError, found: SparePartsRequest, shown: list[Any]) -> BusinessError:
    """The same error at the form's row: a form may show fewer lines than the request has."""
    parts = (error.field or "").split(".")
    if len(parts) == 3 and parts[1].isdigit():
        line_id = found.lines[int(parts[1])].id
        if line_id in shown:
            parts[1] = str(shown.index(line_id))
    return BusinessError(error.code, error.message, field=".".join(parts) or None)


@service_task(
    "parts.close_rest",
    title="Close the rest of a back-order",
    inputs={"reason": Input("string", "Why the rest is not issued", required=False)},
    errors={"WRONG_STATUS": "Nothing has been issued yet"},
)
def close_rest(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """Give up what has not been issued: the request counts as issued, reservations are freed."""
    parts_requests.close_rest(ctx.session, _parts_request(ctx), ctx.actor.user_id, reason or "")
    return {}


BINDING = ProcessBinding(
    key="parts_approval",
    subject_type="spare_parts_request",
    statuses=tuple(PartsRequestStatus),
    facts=FACTS,
    create_subject=create_subject,
    set_status=set_status,
    describe=describe,
    related=related,
)
