"""Issuing parts: from the store, against an approved request, onto a work order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app import clock
from app.domain import reservations, stock, work
from app.domain.locks import lock
from app.domain.parts import SparePart, lock_parts
from app.domain.requests import RequestStatus
from app.domain.spare_parts_requests import (
    ISSUABLE_STATUSES,
    PartsRequestStatus,
    SparePartsRequest,
    SparePartsRequestLine,
    change_status,
    check_status,
    quantities_by_line,
)
from app.domain.stock import MovementKind, ReferenceType
from app.domain.usage import PartsUsage
from app.errors import BusinessError


@dataclass(frozen=True)
class IssueResult:
    """What an issue did: quantities by line id, the usage written, and the parts that are low now."""

    status: PartsRequestStatus
    issued: dict[int, int]
    usage: list[PartsUsage]
    low_stock: list[SparePart]

    @property
    def is_complete(self) -> bool:
        """Whether nothing remains as a back-order."""
        return self.status == PartsRequestStatus.ISSUED


def issue(
    session: Session, pr: SparePartsRequest, by: int | None, quantities: Mapping[int, int]
) -> IssueResult:
    """Hand parts out, ``quantities`` by line id, at most what is approved and not issued yet.

    Takes what is reserved for each line first, then what is free, and never what is reserved for others.
    Writes an OUT movement and the usage on the work order per line (several where one location does
    not hold enough).

    :raises BusinessError: WRONG_STATUS, UNKNOWN_LINE, BAD_QUANTITY, NOTHING_TO_ISSUE, TOO_MANY,
        NOT_ENOUGH_STOCK (fields ``lines.0.quantityIssued`` ...); nothing has changed then
    """
    request = lock(session, pr.maintenance_request)
    if request.work is not None:
        lock(session, request.work)
    lock(session, pr)
    check_status(pr, *ISSUABLE_STATUSES)
    if request.status == RequestStatus.CANCELLED:
        raise BusinessError("WRONG_STATUS", f"{request.business_key} is cancelled; no parts are needed.")
    wanted = {line_id: n for line_id, n in quantities_by_line(pr, quantities, "quantityIssued").items() if n}
    if not wanted:
        raise BusinessError("NOTHING_TO_ISSUE", "Enter how many are issued.", field="lines")
    lines = [line for line in pr.lines if line.id in wanted]
    for line in lines:
        if wanted[line.id] > line.quantity_open:
            message = f"{line.part.label}: {wanted[line.id]} issued, but only {line.quantity_open} approved."
            raise BusinessError("TOO_MANY", message, field=f"lines.{line.position}.quantityIssued")
    parts = lock_parts(session, (line.spare_part_id for line in lines))
    _check_stock(session, lines, wanted, parts)

    low_before = {part.id for part in parts.values() if part.is_low}
    job = work.open_work(session, request, None)
    usage = []
    for line in lines:
        part = parts[line.spare_part_id]
        for location_id, quantity in reservations.draw(session, line.id, part, wanted[line.id]).items():
            movement = stock.record_movement(
                session, part.id, MovementKind.OUT, quantity, location_id=location_id, by=by,
                reference_type=ReferenceType.MAINTENANCE, reference_id=pr.id, notes=pr.business_key,
            )  # fmt: skip
            usage.append(_use(session, job, line, movement))
        line.quantity_issued += wanted[line.id]
    session.flush()

    is_complete = all(line.quantity_open == 0 for line in pr.lines)
    status = PartsRequestStatus.ISSUED if is_complete else PartsRequestStatus.PARTIALLY_ISSUED
    if is_complete:
        pr.closed_at = clock.now()
    issued = [{"lineId": line_id, "quantity": quantity} for line_id, quantity in wanted.items()]
    change_status(session, pr, status, by, "ISSUE_PARTS", {"lines": issued})
    low = [part for part in parts.values() if part.is_low and part.id not in low_before]
    return IssueResult(status=status, issued=wanted, usage=usage, low_stock=low)


def _check_stock(
    session: Session,
    lines: Sequence[SparePartsRequestLine],
    wanted: Mapping[int, int],
    parts: Mapping[int, SparePart],
) -> None:
    """Refuse the whole issue if one line asks for more than is reserved for it or free."""
    free = {part.id: part.free for part in parts.values()}
    for line in lines:
        own = reservations.reserved(session, line.id)
        available = own + free[line.spare_part_id]
        if wanted[line.id] > available:
            part = parts[line.spare_part_id]
            message = f"{part.label}: {wanted[line.id]} wanted, {available} available."
            if others := part.quantity - available:
                message += f" {others} more are reserved for other requests."
            raise BusinessError("NOT_ENOUGH_STOCK", message, field=f"lines.{line.position}.quantityIssued")
        free[line.spare_part_id] -= max(0, wanted[line.id] - own)


def _use(
    session: Session,
    job: work.MaintenanceWork,
    line: SparePartsRequestLine,
    movement: stock.InventoryTransaction,
) -> PartsUsage:
    """Record on the work order what a movement took out of the store for it."""
    usage = PartsUsage(
        work=job,
        line_id=line.id,
        transaction=movement,
        part=line.part,
        quantity=movement.quantity,
        unit_cost=movement.unit_cost,
        cost=-movement.cost,
        used_at=movement.transaction_date,
    )
    session.add(usage)
    return usage
