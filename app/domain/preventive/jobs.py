"""Jobs: the work of one due date of a preventive task, from handing it out to dealing with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import clock
from app.domain import activity, settings, stock, values
from app.domain.announcements import JobsCalledOff, announce
from app.domain.entities import EntityType
from app.domain.locks import lock
from app.domain.machines import Machine, MachineStatus
from app.domain.parts import PartStock, lock_parts
from app.domain.preventive import due, recurrence
from app.domain.preventive.models import (
    JobStatus,
    Missed,
    Outcome,
    PreventiveJob,
    PreventiveLog,
    PreventiveTask,
)
from app.domain.stock import InventoryTransaction, MovementKind, ReferenceType
from app.errors import BusinessError

RETRY = timedelta(minutes=10)  # until opening is tried again that failed
MOST_MISSED = 500  # due dates that are skipped in one transaction
MISSED_REASON = (
    "Missed: nothing could be opened that day, and only the newest due date missed is made up for."
)


def get_job(session: Session, task_id: int, due_on: date) -> PreventiveJob | None:
    """The job of a due date, if one was opened."""
    query = sa.select(PreventiveJob).where(PreventiveJob.task_id == task_id, PreventiveJob.due_on == due_on)
    return session.scalars(query).first()


def to_open(session: Session, after: int, limit: int) -> list[int]:
    """The ids above ``after`` of tasks that a job may be due to be opened for, ascending.

    Whether one really is, :func:`next_to_open` says under the task's lock. Where nothing is due this is
    one look at an index, without asking which day it is at the site.
    """
    tomorrow = (clock.now() + timedelta(hours=14)).date()  # the latest date anywhere
    query = (
        sa.select(PreventiveTask.id)
        .join(PreventiveTask.machine)
        .where(
            PreventiveTask.active,
            PreventiveTask.opens_on <= tomorrow,
            PreventiveTask.id > after,
            sa.or_(PreventiveTask.open_after.is_(None), PreventiveTask.open_after <= clock.now()),
            Machine.status != MachineStatus.DECOMMISSIONED,
        )
        .order_by(PreventiveTask.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def next_to_open(session: Session, task: PreventiveTask) -> date | None:
    """The due date for which a job is to be opened now; None where there is none. The task is locked.

    Of a plan that makes up for the newest due date missed only, the older ones are logged as skipped.
    """
    today = due.site_date(session)
    if (
        not task.active
        or task.next_job_on is None
        or task.opens_on is None
        or task.opens_on > today
        or task.machine.status == MachineStatus.DECOMMISSIONED
    ):
        return None
    if task.missed == Missed.NEWEST and task.rrule is not None:
        _skip_missed(session, task, today)
    return task.next_job_on


def _skip_missed(session: Session, task: PreventiveTask, today: date) -> None:
    """Log all but the newest of the due dates that have passed as skipped."""
    for _ in range(MOST_MISSED):
        skipped = task.next_job_on
        if skipped is None or task.rrule is None:
            break
        following = recurrence.next_after(task.rrule, task.starts_on, skipped)
        if following is None or following > today:
            break
        log = PreventiveLog(
            task_id=task.id,
            due_on=skipped,
            performed_at=clock.now(),
            performed_by=None,
            outcome=Outcome.SKIPPED,
            notes=MISSED_REASON,
            answers=[],
        )
        session.add(log)
        session.flush()
        due.advance(session, task, skipped, None)
        activity.record(
            session, "LOG_PREVENTIVE_TASK", EntityType.PREVENTIVE_TASK, task.id, None,
            after={"logId": log.id, "dueOn": skipped.isoformat(), "outcome": str(Outcome.SKIPPED)},
        )  # fmt: skip


def open_job(session: Session, task: PreventiveTask, due_on: date, business_key: str) -> PreventiveJob:
    """Open the job of a due date of a task, which is locked.

    A job that was called off, because the plan or its machine was out of use, is opened again with the
    new key when its due date has come back.

    :raises BusinessError: BAD_DUE_DATE when a job was opened for that date already
    """
    found = get_job(session, task.id, due_on)
    if found is not None and (found.status != JobStatus.CANCELLED or found.log_id is not None):
        message = f"{task.title}, due on {due_on}: {found.business_key} was opened for that already."
        raise BusinessError("BAD_DUE_DATE", message, field="dueOn")
    if found is None:
        found = PreventiveJob(task_id=task.id, due_on=due_on)
        session.add(found)
    found.business_key = business_key
    found.status = JobStatus.OPEN
    found.opened_at = clock.now()
    found.ended_at = found.ended_by = found.maintenance_request_id = None
    found.closing_reason = ""
    session.flush()
    due.opened(session, task, due_on)
    task.open_after, task.opening_error = None, ""
    activity.record(
        session, "OPEN_PREVENTIVE_JOB", EntityType.PREVENTIVE_JOB, found.id, None,
        after={"taskId": task.id, "dueOn": due_on.isoformat(), "businessKey": business_key},
    )  # fmt: skip
    session.flush()
    return found


def opening_failed(session: Session, task: PreventiveTask, reason: str) -> None:
    """Remember why a job could not be opened; it is tried again in ten minutes."""
    task = lock(session, task)
    task.open_after = clock.now() + RETRY
    task.opening_error = reason[:500]
    session.flush()


def due_at(session: Session, job: PreventiveJob) -> datetime:
    """The end of a job's due date at the site, in UTC: until then it is in time."""
    zone = settings.site(session).zone
    return datetime.combine(job.due_on + timedelta(days=1), time(), zone).astimezone(clock.now().tzinfo)


def close(session: Session, job: PreventiveJob, log: PreventiveLog) -> None:
    """A log deals with a job."""
    status = {Outcome.DONE: JobStatus.DONE, Outcome.FAILED: JobStatus.FAILED}
    _end(session, job, status.get(Outcome(log.outcome), JobStatus.SKIPPED), log.performed_by)
    job.log_id = log.id
    job.closing_reason = log.notes if job.status == JobStatus.SKIPPED else ""
    session.flush()


def call_off(session: Session, job: PreventiveJob, by: int | None, reason: str) -> None:
    """A job is not needed any more; one that has ended stays as it is."""
    job = lock(session, job)
    if job.is_open:
        _end(session, job, JobStatus.CANCELLED, by)
        job.closing_reason = reason.strip()
        session.flush()


def call_off_all(
    session: Session,
    tasks: Iterable[PreventiveTask],
    by: int | None,
    reason: str,
    *,
    after: date | None = None,
) -> list[str]:
    """Call off the open jobs of tasks, which are locked, and tell who listens; answers their keys.

    With ``after`` only those that are due after that day.
    """
    ids = [task.id for task in tasks]
    query = sa.select(PreventiveJob).where(
        PreventiveJob.task_id.in_(ids), PreventiveJob.status == JobStatus.OPEN
    )
    if after is not None:
        query = query.where(PreventiveJob.due_on > after)
    found = list(session.scalars(query.order_by(PreventiveJob.id)))
    for job in found:
        call_off(session, job, by, reason)
    keys = [job.business_key for job in found]
    if keys:
        announce(session, JobsCalledOff(tuple(keys), reason))
    return keys


def machine_out_of_use(session: Session, machine: Machine, by: int | None) -> None:
    """Call off what is open for a machine that is decommissioned; its plans open nothing from now on."""
    query = sa.select(PreventiveTask).where(PreventiveTask.machine_id == machine.id)
    call_off_all(session, session.scalars(query), by, f"{machine.name} is decommissioned.")


def _end(session: Session, job: PreventiveJob, status: JobStatus, by: int | None) -> None:
    job.status, job.ended_at, job.ended_by = status, clock.now(), by
    activity.record(
        session, "END_PREVENTIVE_JOB", EntityType.PREVENTIVE_JOB, job.id, by,
        before={"status": str(JobStatus.OPEN)},
        after={"status": str(status), "dueOn": job.due_on.isoformat()},
    )  # fmt: skip


def link_request(session: Session, job: PreventiveJob, request_id: int) -> None:
    """Remember the maintenance request that was opened about what failed; there is never a second one.

    :raises BusinessError: ALREADY_REPORTED
    """
    job = lock(session, job)
    if job.maintenance_request_id is not None:
        message = f"What failed in {job.business_key} was reported before."
        raise BusinessError("ALREADY_REPORTED", message)
    job.maintenance_request_id = request_id
    session.flush()


def issue_kit(
    session: Session, job: PreventiveJob, lines: Iterable[Mapping[str, Any]], by: int | None
) -> list[InventoryTransaction]:
    """Take parts of the kit out of the store for a job: ``partId`` and ``quantity`` of each.

    Takes from the part's usual location first, then from where most is free. All or nothing.

    :raises BusinessError: UNKNOWN_PART, BAD_QUANTITY, NOT_ENOUGH_STOCK (fields ``kit.0.quantityUsed``)
    """
    rows = [(index, line) for index, line in enumerate(lines) if line.get("quantity")]
    parts = lock_parts(session, [int(line["partId"]) for _, line in rows])
    in_kit = {line.spare_part_id for line in job.task.parts}
    movements: list[InventoryTransaction] = []
    for index, line in rows:
        field = f"kit.{index}.quantityUsed"
        part = parts.get(int(line["partId"]))
        if part is None or part.id not in in_kit:
            raise BusinessError("UNKNOWN_PART", "The kit has no such part; load it again.", field=field)
        wanted = values.whole_number(
            line["quantity"], least=1, code="BAD_QUANTITY", field=field,
            message="The quantity is a whole number, 0 or more.",
        )  # fmt: skip
        if wanted > part.free:
            message = f"{part.label}: {wanted} wanted, {part.free} available."
            raise BusinessError("NOT_ENOUGH_STOCK", message, field=field)
        usual = part.default_location_id
        places: list[PartStock] = sorted(
            part.stock,
            key=lambda place: (place.location_id != usual, -place.free),
        )
        for place in places:
            taken = min(wanted, place.free)
            if taken <= 0:
                continue
            movements.append(
                stock.record_movement(
                    session,
                    part.id,
                    MovementKind.OUT,
                    taken,
                    location_id=place.location_id,
                    by=by,
                    reference_type=ReferenceType.PREVENTIVE,
                    reference_id=job.id,
                    notes=job.business_key,
                )
            )
            wanted -= taken
    return movements


def open_jobs(session: Session, task_id: int) -> list[PreventiveJob]:
    """The open jobs of a task, the oldest due date first."""
    query = sa.select(PreventiveJob).where(
        PreventiveJob.task_id == task_id, PreventiveJob.status == JobStatus.OPEN
    )
    return list(session.scalars(query.order_by(PreventiveJob.due_on)))


def load(session: Session, job_id: int) -> PreventiveJob | None:
    """A job with its task and machine."""
    return session.get(
        PreventiveJob,
        job_id,
        options=[
            joinedload(PreventiveJob.task).joinedload(PreventiveTask.machine).joinedload(Machine.department),
            joinedload(PreventiveJob.task).joinedload(PreventiveTask.technician),
        ],
    )
