"""Maintenance requests: somebody says that a machine has a problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, UtcDateTime
from app.domain import activity, attachments, downtime, values, work
from app.domain.catalogues import FailureCode, MaintenanceType
from app.domain.columns import Timestamps
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.machines import Machine, MachineStatus
from app.domain.people import User
from app.domain.work import MaintenanceWork
from app.errors import BusinessError


class RequestStatus(StrEnum):
    """Where a maintenance request stands."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING_PARTS = "WAITING_PARTS"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


CLOSED_STATUSES = (RequestStatus.COMPLETED, RequestStatus.CANCELLED)
OPEN_STATUSES = tuple(status for status in RequestStatus if status not in CLOSED_STATUSES)


class Priority(StrEnum):
    """How soon somebody has to look at it."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


URGENT = (Priority.HIGH, Priority.CRITICAL)


class MaintenanceRequest(Timestamps, Base):
    """A problem with a machine, from its report to its end."""

    __tablename__ = "maintenance_requests"
    __table_args__ = (
        sa.Index("ix_maintenance_requests_status", "status", "reported_at"),
        sa.Index("ix_maintenance_requests_priority", "priority"),
        sa.Index("ix_maintenance_requests_machine_status", "machine_id", "status"),
        sa.Index("ix_maintenance_requests_machine_date", "machine_id", "reported_at"),
        # These hold what the analyses count by.
        sa.Index(
            "ix_maintenance_requests_reported_at", "reported_at", "status", "failure_code_id", "machine_id"
        ),
        sa.Index("ix_maintenance_requests_completed_at", "completed_at", "status", "machine_id"),
        sa.Index("ix_maintenance_requests_cancelled_at", "cancelled_at"),
        sa.Index("ix_maintenance_requests_reporter", "reporter_id", "reported_at"),
        sa.Index("ix_maintenance_requests_technician", "assigned_technician_id", "status", "reported_at"),
        sa.Index(
            "ix_maintenance_requests_failure_code", "failure_code_id", "reported_at", "status", "machine_id"
        ),
        sa.Index("ix_maintenance_requests_type", "maintenance_type_id", "reported_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    business_key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    machine_id: Mapped[int] = mapped_column(sa.ForeignKey("machines.id"))
    reporter_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    assigned_technician_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(sa.String(20), default=RequestStatus.PENDING)
    priority: Mapped[str] = mapped_column(sa.String(10), default=Priority.MEDIUM)
    problem_description: Mapped[str] = mapped_column(sa.Text)
    failure_code_id: Mapped[int | None] = mapped_column(sa.ForeignKey("failure_codes.id"))
    maintenance_type_id: Mapped[int | None] = mapped_column(sa.ForeignKey("maintenance_types.id"))
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancellation_reason: Mapped[str] = mapped_column(sa.String(500), default="")

    machine: Mapped[Machine] = relationship()
    reporter: Mapped[User | None] = relationship(foreign_keys=[reporter_id])
    assigned_technician: Mapped[User | None] = relationship(foreign_keys=[assigned_technician_id])
    failure_code: Mapped[FailureCode | None] = relationship()
    maintenance_type: Mapped[MaintenanceType | None] = relationship()
    work: Mapped[MaintenanceWork | None] = relationship(back_populates="request")

    @property
    def is_open(self) -> bool:
        return self.status not in CLOSED_STATUSES


def create(
    session: Session,
    *,
    machine_id: int,
    reporter_id: int | None,
    priority: str,
    description: str,
    failure_code_id: int | None = None,
    photos: Iterable[int] = (),
    business_key: str,
) -> MaintenanceRequest:
    """Report a problem with a machine. The request is PENDING; ``photos`` are attachment ids.

    :raises BusinessError: UNKNOWN_MACHINE, MACHINE_DECOMMISSIONED, BAD_PRIORITY, DESCRIPTION_MISSING,
        UNKNOWN_FAILURE_CODE, UNKNOWN_ATTACHMENT
    """
    machine = values.active_row(
        session, Machine, machine_id, code="UNKNOWN_MACHINE", what="machine", field="machineId"
    )
    # The new row would share a lock on its machine, which two reporters could not both turn into their own.
    lock(session, machine)
    if machine.status == MachineStatus.DECOMMISSIONED:
        message = f"{machine.name} is decommissioned; no problems can be reported for it."
        raise BusinessError("MACHINE_DECOMMISSIONED", message, field="machineId")
    values.one_of(priority, list(Priority), code="BAD_PRIORITY", what="priority", field="priority")
    message = "Describe the problem."
    description = values.text(description, code="DESCRIPTION_MISSING", message=message, field="description")
    if failure_code_id is not None:
        values.active_row(
            session, FailureCode, failure_code_id,
            code="UNKNOWN_FAILURE_CODE", what="failure code", field="failureCodeId",
        )  # fmt: skip
    request = MaintenanceRequest(
        business_key=business_key,
        machine_id=machine.id,
        reporter_id=reporter_id,
        priority=priority,
        problem_description=description,
        failure_code_id=failure_code_id,
        status=RequestStatus.PENDING,
    )
    session.add(request)
    session.flush()
    attachments.link(session, photos, EntityType.MAINTENANCE_REQUEST, request.id, reporter_id)
    after = {"machineId": machine.id, "priority": priority, "description": description}
    _log(session, "CREATE_REQUEST", request, reporter_id, after=after)
    return request


def update(session: Session, request: MaintenanceRequest, by: int | None, **changes: Any) -> None:
    """Change ``description``, ``priority`` or ``failure_code_id`` of an open request.

    What is due when was decided when it was reported; a new priority does not change it.

    :raises BusinessError: WRONG_STATUS, DESCRIPTION_MISSING, DESCRIPTION_TOO_LONG, BAD_PRIORITY,
        UNKNOWN_FAILURE_CODE
    """
    if unknown := set(changes) - {"description", "priority", "failure_code_id"}:
        raise TypeError(f"not to be changed: {', '.join(sorted(unknown))}")
    lock(session, request)
    _check_open(request)
    columns: dict[str, Any] = {}
    if "description" in changes:
        columns["problem_description"] = values.line(
            changes["description"],
            code="DESCRIPTION", what="description", field="description", most=values.PROSE,
        )  # fmt: skip
    if "priority" in changes:
        columns["priority"] = values.one_of(
            changes["priority"], list(Priority), code="BAD_PRIORITY", what="priority", field="priority"
        )
    if "failure_code_id" in changes:
        columns["failure_code_id"] = code_id = changes["failure_code_id"]
        if code_id is not None and code_id != request.failure_code_id:
            values.active_row(
                session, FailureCode, code_id,
                code="UNKNOWN_FAILURE_CODE", what="failure code", field="failureCodeId",
            )  # fmt: skip
    for name, value in columns.items():
        setattr(request, name, value)
    activity.record_changes(session, "UPDATE_REQUEST", EntityType.MAINTENANCE_REQUEST, request, by)
    session.expire(request, ["failure_code"])


def set_status(session: Session, request: MaintenanceRequest, status: str, by: int | None) -> None:
    """Say where a request stands. COMPLETED and CANCELLED do all that :func:`complete` and :func:`cancel` do.

    The diagrams decide in which order; the status it has already is always accepted.

    :raises BusinessError: BAD_STATUS; WRONG_STATUS when the request is completed or cancelled
    """
    values.one_of(status, list(RequestStatus), code="BAD_STATUS", what="request status", field="status")
    if status in CLOSED_STATUSES:
        _finish(session, request, RequestStatus(status), by)
        return
    lock(session, request)
    if request.status != status:
        _check_open(request)
        _change_status(session, request, RequestStatus(status), by, "CHANGE_REQUEST_STATUS")


def accept(
    session: Session,
    request: MaintenanceRequest,
    technician_id: int,
    *,
    machine_status: str | None = None,
) -> None:
    """A technician takes the request: IN_PROGRESS, work opened, the machine's downtime begins.

    ``machine_status`` is what the machine becomes, DOWN or MAINTENANCE; by default DOWN for HIGH and
    CRITICAL requests and MAINTENANCE for the others.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_TECHNICIAN, BAD_STATUS
    """
    if machine_status is None:
        machine_status = MachineStatus.DOWN if request.priority in URGENT else MachineStatus.MAINTENANCE
    choices = (MachineStatus.DOWN, MachineStatus.MAINTENANCE)
    values.one_of(
        machine_status, choices, code="BAD_STATUS", what="status during repair", field="machineStatus"
    )
    lock(session, request)
    _check_open(request)
    _put_in_charge(session, request, technician_id)
    request.accepted_at = request.accepted_at or clock.now()
    downtime.start(session, request, machine_status, technician_id)
    work.open_work(session, request, technician_id)
    after = {"technicianId": technician_id}
    _change_status(session, request, RequestStatus.IN_PROGRESS, technician_id, "ACCEPT_REQUEST", after)


def assign(session: Session, request: MaintenanceRequest, technician_id: int, by: int | None) -> None:
    """Give a request to another technician, who becomes responsible for its work too.

    :raises BusinessError: WRONG_STATUS, UNKNOWN_TECHNICIAN
    """
    lock(session, request)
    _check_open(request)
    before = {"technicianId": request.assigned_technician_id}
    _put_in_charge(session, request, technician_id)
    if request.work is not None:
        lock(session, request.work).technician_id = technician_id
    _log(session, "ASSIGN_REQUEST", request, by, before=before, after={"technicianId": technician_id})


def hand_back(session: Session, request: MaintenanceRequest, by: int | None, reason: str) -> None:
    """The technician gives the request back: PENDING again, nobody's. Work and downtime stay open.

    :raises BusinessError: WRONG_STATUS
    """
    lock(session, request)
    _check_open(request)
    request.assigned_technician = None
    _change_status(
        session, request, RequestStatus.PENDING, by, "HAND_BACK_REQUEST", {"reason": reason.strip()}
    )


def cancel(session: Session, request: MaintenanceRequest, by: int | None, reason: str) -> None:
    """Call the request off: work closed, downtime ended, machine running unless something else keeps it down.

    Its parts requests are cancelled one by one (:func:`app.domain.parts_requests.cancel`), as each has
    a life of its own. A cancelled request stays as it is.

    :raises BusinessError: WRONG_STATUS, when it is completed; REASON_MISSING
    """
    reason = values.text(
        reason, code="REASON_MISSING", message="Say why the request is cancelled.", field="reason"
    )
    _finish(session, request, RequestStatus.CANCELLED, by, reason)


def complete(session: Session, request: MaintenanceRequest, by: int | None) -> None:
    """The machine is repaired: work closed, downtime ended. A completed request stays as it is.

    :raises BusinessError: WRONG_STATUS, when it is cancelled
    """
    _finish(session, request, RequestStatus.COMPLETED, by)


def _finish(
    session: Session, request: MaintenanceRequest, status: RequestStatus, by: int | None, reason: str = ""
) -> None:
    """End a request as ``status``, with its work and downtime."""
    lock(session, request)
    if request.status == status:
        return
    _check_open(request)
    downtime.end(session, request, by)
    if request.work is not None:
        work.close(session, request.work, by)
    if status == RequestStatus.COMPLETED:
        request.completed_at = clock.now()
        _change_status(session, request, status, by, "COMPLETE_REQUEST")
    else:
        request.cancelled_at = clock.now()
        request.cancellation_reason = reason[:500]
        _change_status(session, request, status, by, "CANCEL_REQUEST", {"reason": reason})


def _check_open(request: MaintenanceRequest) -> None:
    if not request.is_open:
        message = f"{request.business_key} is {request.status}; it cannot be changed any more."
        raise BusinessError("WRONG_STATUS", message)


def _put_in_charge(session: Session, request: MaintenanceRequest, technician_id: int) -> None:
    request.assigned_technician = values.active_row(
        session, User, technician_id, code="UNKNOWN_TECHNICIAN", what="user", field="technicianId"
    )


def _change_status(
    session: Session,
    request: MaintenanceRequest,
    status: RequestStatus,
    by: int | None,
    action: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    before = {"status": request.status}
    request.status = status
    _log(session, action, request, by, before=before, after={"status": status, **(detail or {})})


def _log(
    session: Session,
    action: str,
    request: MaintenanceRequest,
    by: int | None,
    *,
    before: object = None,
    after: object = None,
) -> None:
    activity.record(
        session, action, EntityType.MAINTENANCE_REQUEST, request.id, by, before=before, after=after
    )
