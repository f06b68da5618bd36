"""Records of processes that process owners have drawn themselves: whatever their forms ask for.

Such a process needs no table of its own. What people answer is kept by the names of the fields; what
follows from it, the diagram decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from app import clock
from app.database import Base, CompactJson, UtcDateTime
from app.domain import activity, attachments, values
from app.domain.columns import Timestamps
from app.domain.entities import EntityType
from app.domain.machines import Machine
from app.domain.people import Department, User
from app.errors import BusinessError

# Until the diagram says something else, and where it said nothing until the end.
OPEN, DONE, CANCELLED = "OPEN", "DONE", "CANCELLED"
STATUS = re.compile(r"[A-Z][A-Z0-9_]{0,19}")
TITLE_FIELDS = ("title", "subject")
UNANSWERED: tuple[Any, ...] = (None, "", [], {})


class ProcessRecord(Timestamps, Base):
    """What an instance of such a process is about. ``fields`` holds the answers by name."""

    __tablename__ = "process_records"
    __table_args__ = (
        sa.Index("ix_process_records_process", "process_key", "created_at"),
        sa.Index("ix_process_records_status", "process_key", "status"),
        sa.Index("ix_process_records_creator", "created_by", "created_at"),
        sa.Index("ix_process_records_department", "department_id", "created_at"),
        sa.Index("ix_process_records_machine", "machine_id", "created_at"),
        sa.Index("ix_process_records_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    process_key: Mapped[str] = mapped_column(sa.String(100))
    business_key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    title: Mapped[str] = mapped_column(sa.String(255))
    status: Mapped[str] = mapped_column(sa.String(20), default=OPEN)
    fields: Mapped[dict[str, Any]] = mapped_column(CompactJson)
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("departments.id"))
    machine_id: Mapped[int | None] = mapped_column(sa.ForeignKey("machines.id"))
    created_by: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    department: Mapped[Department | None] = relationship()
    machine: Mapped[Machine | None] = relationship()
    creator: Mapped[User | None] = relationship()

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


def create(
    session: Session,
    *,
    process_key: str,
    business_key: str,
    name: str,
    fields: Mapping[str, Any],
    by: int | None,
    files: Iterable[int] = (),
) -> ProcessRecord:
    """Make a record from the answers that started its process; ``files`` are attachment ids among them.

    Its title is what a field named ``title`` or ``subject`` says, else ``name``. A field ``machineId``
    names the machine that it is about. It belongs to the machine's department, else to its creator's.

    :raises BusinessError: UNKNOWN_MACHINE (field ``machineId``), UNKNOWN_ATTACHMENT
    :raises Forbidden: a file was uploaded by somebody else
    """
    machine = _machine(session, fields)
    creator = None if by is None else session.get(User, by)
    record = ProcessRecord(
        process_key=process_key,
        business_key=business_key,
        title=_title(fields) or name[:255],
        status=OPEN,
        fields=dict(fields),
        machine_id=None if machine is None else machine.id,
        department_id=machine.department_id if machine else creator.department_id if creator else None,
        created_by=by,
    )
    activity.record_changes(session, "CREATE_RECORD", EntityType.PROCESS_RECORD, record, by)
    attachments.link(session, files, EntityType.PROCESS_RECORD, record.id, by)
    return record


def keep_answers(
    session: Session, record: ProcessRecord, by: int | None, answers: Mapping[str, Any], files: Iterable[int]
) -> None:
    """Keep what somebody answered in a later task: fields that were there change, others stay.

    :raises BusinessError: UNKNOWN_MACHINE (field ``machineId``), UNKNOWN_ATTACHMENT
    :raises Forbidden: a file was uploaded by somebody else
    """
    changed = {
        name: value
        for name, value in answers.items()
        if record.fields.get(name) != value and (name in record.fields or value not in UNANSWERED)
    }
    attachments.link(session, files, EntityType.PROCESS_RECORD, record.id, by)
    if not changed:
        return
    before = {name: record.fields.get(name) for name in changed}
    if "machineId" in changed:
        machine = _machine(session, changed)
        record.machine_id = None if machine is None else machine.id
        record.department_id = machine.department_id if machine else record.department_id
    record.title = _title(changed) or record.title
    record.fields = {**record.fields, **changed}
    session.flush()
    session.expire(record, ["machine", "department"])
    activity.record(
        session, "CHANGE_RECORD", EntityType.PROCESS_RECORD, record.id, by, before=before, after=changed
    )


def set_status(session: Session, record: ProcessRecord, status: str, by: int | None) -> None:
    """Follow the diagram's status; the one that the record has already is fine.

    :raises BusinessError: BAD_STATUS
    """
    if not STATUS.fullmatch(status):
        message = f"{status[:60]!r} is no status: use at most 20 upper-case letters, digits and “_”."
        raise BusinessError("BAD_STATUS", message)
    if record.status != status:
        record.status = status
        activity.record_changes(session, "CHANGE_RECORD_STATUS", EntityType.PROCESS_RECORD, record, by)


def close(session: Session, record: ProcessRecord, by: int | None, *, cancelled: bool = False) -> None:
    """The process has ended. A record whose diagram never said how it stands is DONE then; one whose
    process was stopped is CANCELLED."""
    if record.closed_at is not None:
        return
    record.closed_at = clock.now()
    if cancelled or record.status == OPEN:
        record.status = CANCELLED if cancelled else DONE
    activity.record_changes(session, "CLOSE_RECORD", EntityType.PROCESS_RECORD, record, by)


def _title(fields: Mapping[str, Any]) -> str:
    for name in TITLE_FIELDS:
        given = fields.get(name)
        if isinstance(given, str) and given.strip():
            return " ".join(given.split())[:255]
    return ""


def _machine(session: Session, fields: Mapping[str, Any]) -> Machine | None:
    """The machine that the answers name, if they name one; a choice of a form may be a text."""
    given = fields.get("machineId")
    if given in (None, ""):
        return None
    machine_id = int(given) if isinstance(given, str) and given.isdecimal() and len(given) < 10 else given
    if isinstance(machine_id, bool) or not isinstance(machine_id, int) or not 0 < machine_id < 2**31:
        raise BusinessError("UNKNOWN_MACHINE", "There is no such machine.", field="machineId")
    return values.active_row(
        session, Machine, machine_id, code="UNKNOWN_MACHINE", what="machine", field="machineId"
    )
