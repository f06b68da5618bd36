"""Hour meters: what they showed, and which tasks that makes due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.domain import activity, values
from app.domain.entities import EntityType
from app.domain.locks import lock, lock_rows
from app.domain.machines import Machine
from app.domain.preventive import due, jobs
from app.domain.preventive.models import MeterReading, PreventiveTask, ReadingKind
from app.errors import BusinessError

MAX_HOURS = Decimal(10_000_000)  # more than a thousand years
NOTE_LENGTH = 500  # characters


def latest(session: Session, machine_id: int) -> MeterReading | None:
    """The newest reading of a machine."""
    query = (
        sa.select(MeterReading)
        .where(MeterReading.machine_id == machine_id)
        .order_by(MeterReading.read_at.desc(), MeterReading.id.desc())
        .limit(1)
    )
    return session.scalars(query).first()


def latest_hours(session: Session, machine_id: int) -> Decimal | None:
    """What the machine's meter showed last, in hours."""
    reading = latest(session, machine_id)
    return None if reading is None else reading.value


def latest_hours_of(session: Session, machine_ids: Iterable[int]) -> dict[int, Decimal]:
    """What the meters of machines showed last, in hours, by machine; those without a reading are left out."""
    found: dict[int, Decimal] = {}
    ordered = sorted(machine_ids)
    for start in range(0, len(ordered), 500):
        query = (
            sa.select(MeterReading.machine_id, MeterReading.value)
            .where(MeterReading.machine_id.in_(ordered[start : start + 500]))
            .order_by(MeterReading.read_at, MeterReading.id)
        )
        found.update((row.machine_id, row.value) for row in session.execute(query))
    return found


def record(
    session: Session,
    machine: Machine,
    value: Any,
    by: int | None,
    *,
    read_at: datetime | None = None,
    kind: str = ReadingKind.READING,
    note: str = "",
) -> MeterReading:
    """Write down what a machine's meter shows, in hours, and make the tasks due that have run long enough.

    Readings come in order of time and never fall. A new meter (REPLACEMENT) or a misread one
    (CORRECTION) may show less; both need a note. Hours run on an old meter still count for the tasks.

    :raises BusinessError: BAD_READING, READING_FELL (field ``value``), BAD_TIME (``readAt``),
        NOTE_MISSING, NOTE_TOO_LONG (``note``)
    """
    hours = checked_hours(value, field="value")
    values.one_of(kind, list(ReadingKind), code="BAD_READING", what="kind of reading", field="kind")
    note = note.strip()
    if len(note) > NOTE_LENGTH:
        raise BusinessError("NOTE_TOO_LONG", f"A note has at most {NOTE_LENGTH} characters.", field="note")
    if kind != ReadingKind.READING and not note:
        message = "Say in a note why the meter shows something else now."
        raise BusinessError("NOTE_MISSING", message, field="note")
    moment = clock.now() if read_at is None else read_at
    if moment > clock.now() + timedelta(minutes=5):  # clocks of phones are never quite right
        raise BusinessError("BAD_TIME", "The meter cannot be read in the future.", field="readAt")

    machine = lock(session, machine)
    before = latest(session, machine.id)
    if before is not None:
        _check_order(before, hours, moment, kind)
    row = MeterReading(
        machine_id=machine.id, value=hours, kind=kind, read_at=moment, recorded_by=by, note=note
    )
    session.add(row)
    session.flush()
    activity.record(
        session, "READ_METER", EntityType.MACHINE, machine.id, by,
        before=None if before is None else {"hours": str(before.value)},
        after={"hours": str(hours), "kind": kind, "readAt": moment.isoformat(), "note": note},
    )  # fmt: skip
    _tell_tasks(session, row, before, by)
    return row


def checked_hours(value: Any, *, field: str) -> Decimal:
    """A meter's hours, from 0, with at most two decimals.

    :raises BusinessError: BAD_READING
    """
    try:
        hours = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        hours = Decimal("NaN")
    if not hours.is_finite() or not 0 <= hours <= MAX_HOURS or hours != hours.quantize(Decimal("0.01")):
        message = "A reading is a number of hours, 0 or more, with at most two decimals."
        raise BusinessError("BAD_READING", message, field=field)
    return hours.quantize(Decimal("0.01"))


def _check_order(before: MeterReading, hours: Decimal, moment: datetime, kind: str) -> None:
    if moment < before.read_at:
        message = f"There is a newer reading, of {before.read_at:%Y-%m-%d %H:%M} UTC; readings come in order."
        raise BusinessError("BAD_TIME", message, field="readAt")
    if kind == ReadingKind.READING and hours < before.value:
        message = (
            f"The meter showed {before.value} hours before and cannot show less now. "
            "Was it replaced or misread? Then say so, with a note."
        )
        raise BusinessError("READING_FELL", message, field="value")


def _tell_tasks(session: Session, row: MeterReading, before: MeterReading | None, by: int | None) -> None:
    """Bring the meter tasks of the machine, which is locked, up to date with its new reading."""
    ids = session.scalars(
        sa.select(PreventiveTask.id).where(
            PreventiveTask.machine_id == row.machine_id,
            PreventiveTask.active,
            PreventiveTask.meter_interval.is_not(None),
        )
    )
    day = due.site_date(session, row.read_at)
    for task in lock_rows(session, PreventiveTask, ids).values():
        if before is not None and task.last_meter_reading is not None:
            if row.kind == ReadingKind.REPLACEMENT:
                task.last_meter_reading += row.value - before.value
            elif row.kind == ReadingKind.CORRECTION:
                _correct(session, task, row.value, by)
        logged = due.last_logged(session, task)
        due.reach(task, row.value, day if logged is None else max(day, logged + timedelta(days=1)))
        activity.record_changes(session, "METER_MOVED_TASK", EntityType.PREVENTIVE_TASK, task, by)


def _correct(session: Session, task: PreventiveTask, hours: Decimal, by: int | None) -> None:
    """What a misread meter made due is not due."""
    target = task.next_due_reading
    if target is not None and hours < target:
        task.next_job_on = None
        jobs.call_off_all(session, [task], by, "The meter was misread; the machine has not run that long.")
        due.settle(session, task)
