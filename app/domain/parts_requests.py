"""Parts requests: a technician asks for parts, somebody approves, the store issues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import activity, reservations, values
from app.domain.entities import EntityType
from app.domain.issuing import IssueResult, issue
from app.domain.locks import lock
from app.domain.parts import SparePart, lock_parts
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import (
    ISSUABLE_STATUSES,
    OPEN_STATUSES,
    PartsRequestStatus,
    SparePartsRequest,
    SparePartsRequestLine,
    change_status,
    check_status,
    checked_quantity,
    quantities_by_line,
)
from app.domain.usage import PartsUsage
from app.errors import BusinessError

__all__ = [
    "ISSUABLE_STATUSES",
    "OPEN_STATUSES",
    "IssueResult",
    "PartsRequestStatus",
    "PartsUsage",
    "SparePartsRequest",
    "SparePartsRequestLine",
    "approve",
    "cancel",
    "create",
    "issue",
    "outstanding",
    "reject",
    "revise",
    "total_cost",
]


def create(
    session: Session,
    request: MaintenanceRequest,
    requester_id: int | None,
    lines: Sequence[Mapping[str, Any]],
    business_key: str,
) -> SparePartsRequest:
    """Ask for parts. A line is a mapping with ``partId``, ``quantity`` and ``reason`` (optional).

    :raises BusinessError: WRONG_STATUS (the maintenance request is closed), NO_LINES, UNKNOWN_PART,
        BAD_QUANTITY (fields ``lines.0.quantity`` ...)
    """
    lock(session, request)
    if not request.is_open:
        message = f"{request.business_key} is {request.status}; no parts can be requested for it."
        raise BusinessError("WRONG_STATUS", message)
    if not lines:
        raise BusinessError("NO_LINES", "Name at least one part.", field="lines")
    parts = [
        values.active_row(
            session, SparePart, line.get("partId"),
            code="UNKNOWN_PART", what="part", field=f"lines.{position}.partId",
        )
        for position, line in enumerate(lines)
    ]  # fmt: skip
    # An approval in the same transaction needs these locks, and new lines would share them with others'.
    lock_parts(session, (part.id for part in parts))
    rows = []
    for position, (line, part) in enumerate(zip(lines, parts, strict=True)):
        quantity = checked_quantity(line.get("quantity"), 1, f"lines.{position}.quantity")
        reason = str(line.get("reason") or "").strip()[:500]
        rows.append(
            SparePartsRequestLine(
                position=position,
                part=part,
                quantity_requested=quantity,
                unit_price=part.unit_price,
                reason=reason,
            )
        )
    pr = SparePartsRequest(
        business_key=business_key,
        maintenance_request=request,
        requester_id=requester_id,
        status=PartsRequestStatus.PENDING,
        lines=rows,
    )
    session.add(pr)
    session.flush()
    after = {"lines": [{"partId": row.spare_part_id, "quantity": row.quantity_requested} for row in rows]}
    activity.record(
        session, "REQUEST_PARTS", EntityType.SPARE_PARTS_REQUEST, pr.id, requester_id, after=after
    )
    return pr


def approve(
    session: Session, pr: SparePartsRequest, by: int | None, quantities: Mapping[int, int] | None = None
) -> None:
    """Approve, and reserve as much as is free in stock.

    ``quantities`` by line id replace what was requested: a line that is not named gets what it asked
    for, and 0 refuses a line.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_LINE, BAD_QUANTITY, TOO_MANY, NOTHING_APPROVED
        (fields ``lines.0.quantityApproved`` ...)
    """
    _lock(session, pr)
    check_status(pr, PartsRequestStatus.PENDING)
    wanted = quantities_by_line(pr, quantities or {}, "quantityApproved")
    for line in pr.lines:
        quantity = wanted.get(line.id, line.quantity_requested)
        if quantity > line.quantity_requested:
            message = f"{line.part.label}: {quantity} approved, but only {line.quantity_requested} requested."
            raise BusinessError("TOO_MANY", message, field=f"lines.{line.position}.quantityApproved")
        wanted[line.id] = quantity
    if not any(wanted.values()):
        message = "Nothing is approved; reject the request instead."
        raise BusinessError("NOTHING_APPROVED", message, field="lines")
    parts = lock_parts(session, (line.spare_part_id for line in pr.lines))
    for line in pr.lines:
        line.quantity_approved = wanted[line.id]
        reservations.reserve(session, line.id, parts[line.spare_part_id], line.quantity_open)
    pr.approved_by, pr.approved_at = by, clock.now()
    approved = [{"lineId": line.id, "quantity": line.quantity_approved} for line in pr.lines]
    change_status(session, pr, PartsRequestStatus.APPROVED, by, "APPROVE_PARTS", {"lines": approved})


def revise(
    session: Session, pr: SparePartsRequest, by: int | None, lines: Sequence[Mapping[str, Any]]
) -> None:
    """Ask for fewer, or give another reason, while nobody has decided.

    A line is a mapping with ``id`` and ``quantity``, ``reason`` or both; lines that are not named stay as
    they are. Who has to approve was decided by what was asked for, so that nothing can be added.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_LINE, BAD_QUANTITY, MORE_THAN_REQUESTED, REASON_TOO_LONG
        (fields ``lines.0.quantity`` ...); nothing has changed then
    """
    _lock(session, pr)
    check_status(pr, PartsRequestStatus.PENDING)
    mine = sa.select(SparePartsRequestLine).where(SparePartsRequestLine.parts_request_id == pr.id)
    current = session.scalars(mine.execution_options(populate_existing=True))
    unnamed = {line.id: line for line in current}
    revised = []
    for position, given in enumerate(lines):
        line = unnamed.pop(given.get("id", 0), None)
        if line is None:
            message = f"{pr.business_key} has no such line, or names it twice; ask for other parts anew."
            raise BusinessError("UNKNOWN_LINE", message, field=f"lines.{position}.id")
        field = f"lines.{position}.quantity"
        quantity = checked_quantity(given.get("quantity", line.quantity_requested), 1, field)
        if quantity > line.quantity_requested:
            message = (
                f"{line.part.label}: {line.quantity_requested} requested; ask for more in a new request."
            )
            raise BusinessError("MORE_THAN_REQUESTED", message, field=field)
        reason = values.line(
            given.get("reason", line.reason),
            code="REASON", what="reason", field=f"lines.{position}.reason", most=500, required=False,
        )  # fmt: skip
        if (quantity, reason) != (line.quantity_requested, line.reason):
            revised.append((line, quantity, reason))
    before, after = [], []
    for line, quantity, reason in revised:
        before.append({"lineId": line.id, "quantity": line.quantity_requested, "reason": line.reason})
        line.quantity_requested, line.reason = quantity, reason
        after.append({"lineId": line.id, "quantity": quantity, "reason": reason})
    if revised:
        pr.updated_at = clock.now()  # those who hold an older version of the request shall notice
        session.flush()
        activity.record(
            session, "REVISE_PARTS_REQUEST", EntityType.SPARE_PARTS_REQUEST, pr.id, by,
            before={"lines": before}, after={"lines": after},
        )  # fmt: skip


def reject(session: Session, pr: SparePartsRequest, by: int | None, reason: str) -> None:
    """Refuse a pending request.

    :raises BusinessError: WRONG_STATUS, REASON_MISSING
    """
    message = "Say why the parts are refused."
    reason = values.text(reason, code="REASON_MISSING", message=message, field="reason")
    _lock(session, pr)
    check_status(pr, PartsRequestStatus.PENDING)
    _close(session, pr, PartsRequestStatus.REJECTED, by, "REJECT_PARTS", reason)


def cancel(session: Session, pr: SparePartsRequest, by: int | None, reason: str) -> None:
    """Call off what has not been issued yet. A cancelled request stays as it is.

    :raises BusinessError: WRONG_STATUS, when all was issued or the request was rejected
    """
    _lock(session, pr)
    if pr.status == PartsRequestStatus.CANCELLED:
        return
    check_status(pr, *OPEN_STATUSES)
    _close(session, pr, PartsRequestStatus.CANCELLED, by, "CANCEL_PARTS", reason.strip())


def close_rest(session: Session, pr: SparePartsRequest, by: int | None, reason: str) -> None:
    """Give up the back-order: what was issued stands, the rest is not needed or cannot be had.

    :raises BusinessError: WRONG_STATUS, when nothing has been issued or nothing is left
    """
    _lock(session, pr)
    check_status(pr, PartsRequestStatus.PARTIALLY_ISSUED)
    for line in pr.lines:
        line.quantity_approved = line.quantity_issued
    _close(session, pr, PartsRequestStatus.ISSUED, by, "CLOSE_BACK_ORDER", reason.strip())


def total_cost(pr: SparePartsRequest) -> Decimal:
    """What the request costs at the prices of its day: what was approved or, before that, asked for."""
    total = Decimal(0)
    for line in pr.lines:
        approved = line.quantity_approved
        total += line.unit_price * (line.quantity_requested if approved is None else approved)
    return total


def outstanding(session: Session, request_id: int) -> list[SparePartsRequest]:
    """The parts requests of a maintenance request that something is still to be done about, oldest first."""
    query = (
        sa.select(SparePartsRequest)
        .where(SparePartsRequest.maintenance_request_id == request_id)
        .where(SparePartsRequest.status.in_(OPEN_STATUSES))
        .order_by(SparePartsRequest.id)
    )
    return list(session.scalars(query))


def _lock(session: Session, pr: SparePartsRequest) -> None:
    """Lock a parts request, and before it the maintenance request.

    Changing the status makes MySQL check the reference to the maintenance request again, and wait for it.
    """
    lock(session, pr.maintenance_request)
    lock(session, pr)


def _close(
    session: Session,
    pr: SparePartsRequest,
    status: PartsRequestStatus,
    by: int | None,
    action: str,
    reason: str,
) -> None:
    """End a request and give back what is reserved for it."""
    lock_parts(session, (line.spare_part_id for line in pr.lines))
    reservations.release(session, (line.id for line in pr.lines))
    pr.closed_at, pr.closing_reason = clock.now(), reason[:500]
    change_status(session, pr, status, by, action, {"reason": reason})
