"""The life of a preventive job: opened ahead of its due date, carried out by a checklist, written down.

The order of things is drawn in ``workflows/preventive_maintenance/``. Here is what its service tasks do
and which facts it may use; what opens the jobs is in :mod:`app.processes.preventive_opening`.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session, joinedload

from app.domain import notifications
from app.domain.announcements import JobsCalledOff, listen
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.preventive import checklist, completion, jobs, meters
from app.domain.preventive.checklist import ItemKind
from app.domain.preventive.models import (
    JobStatus,
    Outcome,
    PreventiveJob,
    PreventiveTask,
    PreventiveTaskPart,
)
from app.engine import messages
from app.engine.bindings import Fact, ProcessBinding, StartContext, StatusContext, Subject, SubjectSummary
from app.engine.services import Input, Output, ServiceContext, service_task
from app.errors import BusinessError, Conflict
from app.processes import facts
from app.processes.common import link_of

KEY = "preventive_maintenance"
SUBJECT = "preventive_job"
DUE = "preventive due"  # the message that starts a job
CALLED_OFF = "job called off"  # the message that ends it
MESSAGES = frozenset({DUE, CALLED_OFF})

# -- the subject -------------------------------------------------------------------------------


def create_subject(ctx: StartContext) -> Subject:
    """Find the job that the starting message names."""
    found = ctx.session.get(PreventiveJob, ctx.values.get("jobId") or 0)
    if found is None:
        raise BusinessError("UNKNOWN_JOB", "The message names no preventive job.")
    return Subject(found.id, found.business_key)


def set_status(ctx: StatusContext, status: str) -> None:
    """The log decides how a job ends; the diagram only says that it is open."""
    found = _load(ctx.session, ctx.subject_id)
    if found.status != JobStatus(status):
        message = f"{found.business_key} is {found.status}: only its log or calling it off changes that."
        raise BusinessError("WRONG_STATUS", message)


def describe(session: Session, subject_id: int) -> SubjectSummary:
    """The job in one line, as inboxes show it."""
    found = _load(session, subject_id)
    task = found.task
    return SubjectSummary(
        title=f"{task.title} – {task.machine.name}",
        detail=task.description[:300],
        machine_id=task.machine_id,
        department_id=task.machine.department_id,
    )


def related(session: Session, subject_id: int) -> list[tuple[str, int]]:
    """The maintenance request about what failed, if one was opened."""
    request_id = _load(session, subject_id).maintenance_request_id
    return [] if request_id is None else [("maintenance_request", request_id)]


# -- facts -------------------------------------------------------------------------------------

ITEM_FIELDS = {
    "id": "number",
    "text": "string",
    "kind": "string",
    "unit": "string",
    "minimum": "number",
    "maximum": "number",
    "limits": "string",
}
KIT_FIELDS = {
    "partId": "number",
    "partNumber": "string",
    "partName": "string",
    "quantity": "number",
    "available": "number",
}
JOB_FIELDS = {
    "id": "number",
    "businessKey": "string",
    "status": "string",
    "title": "string",
    "description": "string",
    "dueOn": "date",
    "dueAt": "date and time",
    "dueText": "string",
    "role": "string",
    "technicianId": "number",
    "technicianName": "string",
    "estimatedMinutes": "number",
    "metered": "boolean",
    "lastReading": "number",
    "lastReadingText": "string",
    "checklist": [ITEM_FIELDS],
    "kit": [KIT_FIELDS],
    "failedText": "string",
}


def _load(session: Session, subject_id: int) -> PreventiveJob:
    """The job with what its facts need; no statement where the session has it already."""
    to_task = joinedload(PreventiveJob.task)
    return session.get_one(
        PreventiveJob,
        subject_id,
        options=[
            to_task.joinedload(PreventiveTask.machine).joinedload(Machine.department),
            to_task.joinedload(PreventiveTask.technician),
            to_task.selectinload(PreventiveTask.parts)
            .joinedload(PreventiveTaskPart.part)
            .selectinload(SparePart.stock),
            joinedload(PreventiveJob.log),
        ],
    )


def limits_text(item: dict[str, Any]) -> str:
    """What a value should be, in words: ``2 to 6 bar``."""
    low, high, unit = item.get("minimum"), item.get("maximum"), item.get("unit", "")
    if low is None and high is None:
        return ""
    said = f"{low:g} to {high:g}" if low is not None and high is not None else ""
    said = said or (f"at least {low:g}" if low is not None else f"at most {high:g}")
    return f"{said} {unit}".rstrip()


def _job_facts(session: Session, subject_id: int) -> dict[str, Any]:
    found = _load(session, subject_id)
    task, technician = found.task, found.task.technician
    reading = meters.latest_hours(session, task.machine_id)
    usable = technician is not None and technician.active
    return {
        "id": found.id,
        "businessKey": found.business_key,
        "status": found.status,
        "title": task.title,
        "description": task.description,
        "dueOn": found.due_on,
        "dueAt": jobs.due_at(session, found),
        "dueText": f"{found.due_on:%A} {found.due_on.day} {found.due_on:%B %Y}",
        "role": task.role,
        "technicianId": technician.id if usable and technician is not None else None,
        "technicianName": technician.name if usable and technician is not None else None,
        "estimatedMinutes": task.estimated_minutes,
        "metered": task.meter_interval is not None,
        "lastReading": reading,
        "lastReadingText": "" if reading is None else f"It showed {reading:,} hours last.",
        "checklist": [
            {name: item.get(name) for name in ("id", "text", "kind", "unit", "minimum", "maximum")}
            | {"limits": limits_text(item)}
            for item in task.checklist
        ],
        "kit": [
            {
                "partId": line.spare_part_id,
                "partNumber": line.part.part_number,
                "partName": line.part.part_name,
                "quantity": line.quantity,
                "available": line.part.free,
            }
            for line in task.parts
        ],
        "failedText": _failed_text(found),
    }


def _failed_text(found: PreventiveJob) -> str:
    """What has not passed, as the log of the job says it."""
    if found.log is None:
        return ""
    said = []
    for answer in checklist.failed(found.log.answers):
        value = f" ({answer['value']:g} {answer.get('unit', '')}".rstrip() + ")" if "value" in answer else ""
        said.append(f"{answer['asked']}{value}" + (f": {answer['note']}" if answer.get("note") else ""))
    return "; ".join(filter(None, [*said, found.log.notes]))[:1500] or "something is not as it should be"


FACTS = {
    "job": Fact("The preventive job", JOB_FIELDS, _job_facts),
    "machine": Fact(
        "The machine that is looked after",
        facts.MACHINE_FIELDS,
        lambda session, subject_id: facts.machine_facts(_load(session, subject_id).task.machine),
    ),
}

# -- service tasks -----------------------------------------------------------------------------

# How the domain's fields of an answer are called in the form.
_FORM_FIELDS = {"passed": "result", "text": "answer"}
DONE_INPUTS = {
    "minutesSpent": Input("number", "Minutes spent", required=False),
    "notes": Input("string", "Notes; the reason where it is skipped", required=False),
    "performedAt": Input("string", "When it was done; now, unless given", required=False),
    "meterReading": Input("number", "What the meter shows, in hours", required=False),
}


def _moment(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        raise BusinessError("BAD_TIME", "Give the time too.", field="performedAt")
    return datetime.fromisoformat(str(value).replace("Z", "+00:00"))


def _domain_answer(row: dict[str, Any], kinds: dict[int, str]) -> dict[str, Any]:
    """An answer of the form, as the domain takes it."""
    item = int(row["item"]) if row.get("item") is not None else None
    kind = kinds.get(item or 0)
    answer: dict[str, Any] = {"item": item, "note": row.get("note")}
    if kind == ItemKind.PASS_FAIL:
        answer["passed"] = {"pass": True, "fail": False}.get(str(row.get("result")))
    elif kind == ItemKind.VALUE:
        answer["value"] = float(row["value"]) if isinstance(row.get("value"), Decimal) else row.get("value")
    else:
        answer["text"] = row.get("answer")
    return answer


def _at_form(error: BusinessError) -> BusinessError:
    """The same error at the field of the form."""
    parts = (error.field or "").split(".")
    if parts[0] == "answers":
        parts[0] = "items"
        if len(parts) == 3:
            parts[2] = _FORM_FIELDS.get(parts[2], parts[2])
    return BusinessError(error.code, error.message, field=".".join(parts) or None)


@service_task(
    "preventive.complete",
    title="Write down preventive work",
    inputs={
        "answers": Input("list", "item, and result (pass, fail), value or answer, and note", required=False),
        "kit": Input("list", "Parts to take out of the store: partId and quantity", required=False),
        **DONE_INPUTS,
        "otherFault": Input("boolean", "Whether something else is not as it should be", required=False),
        "photos": Input("list", "Ids of uploaded photos", required=False),
    },
    outputs={
        "outcome": Output("string", "DONE, or FAILED where something is not as it should be"),
        "failedCount": Output("number", "How many items have not passed"),
    },
    errors={
        "ALREADY_DONE": "Somebody has dealt with this due date already",
        "BAD_ANSWER": "An answer does not fit its item",
        "READING_MISSING": "The plan goes by the meter, which nobody has read",
        "NOT_ENOUGH_STOCK": "There are fewer in the store",
    },
)
def complete(
    ctx: ServiceContext,
    answers: list[dict[str, Any]] | None = None,
    kit: list[dict[str, Any]] | None = None,
    minutesSpent: Any = None,  # noqa: N803
    notes: str | None = None,
    performedAt: Any = None,  # noqa: N803
    meterReading: Any = None,  # noqa: N803
    otherFault: bool | None = None,  # noqa: N803
    photos: list[int] | None = None,
) -> dict[str, Any]:
    """Write the log of the job, take its parts out of the store, and move the plan on."""
    job = _load(ctx.session, ctx.subject_id)
    kinds = {item["id"]: item["kind"] for item in job.task.checklist}
    try:
        log = completion.log_completion(
            ctx.session,
            job.task,
            ctx.actor.user_id,
            due_on=job.due_on,
            performed_at=_moment(performedAt),
            outcome=Outcome.FAILED if otherFault else None,
            minutes_spent=minutesSpent or 0,
            notes=notes or "",
            answers=[_domain_answer(row, kinds) for row in answers or ()],
            meter_reading=meterReading,
            photos=photos or (),
        )
        jobs.issue_kit(ctx.session, job, kit or (), ctx.actor.user_id)
    except BusinessError as error:
        raise _at_form(error) from None
    except Conflict as reason:
        raise BusinessError("ALREADY_DONE", str(reason)) from None
    return {"outcome": str(log.outcome), "failedCount": len(checklist.failed(log.answers))}


@service_task(
    "preventive.skip",
    title="Skip preventive work",
    inputs=DONE_INPUTS,
    errors={"NOTES_MISSING": "No reason is given"},
)
def skip(
    ctx: ServiceContext,
    minutesSpent: Any = None,  # noqa: N803
    notes: str | None = None,
    performedAt: Any = None,  # noqa: N803
    meterReading: Any = None,  # noqa: N803
) -> dict[str, Any]:
    """Log the due date as skipped, with the reason, and move the plan on."""
    job = _load(ctx.session, ctx.subject_id)
    _skip(ctx, job, notes, minutesSpent or 0, _moment(performedAt), meterReading)
    return {}


def _skip(
    ctx: ServiceContext,
    job: PreventiveJob,
    notes: str | None,
    minutes: Any = 0,
    moment: datetime | None = None,
    reading: Any = None,
) -> None:
    try:
        completion.log_completion(
            ctx.session,
            job.task,
            ctx.actor.user_id,
            due_on=job.due_on,
            performed_at=moment,
            outcome=Outcome.SKIPPED,
            minutes_spent=minutes,
            notes=notes or "",
            meter_reading=reading,
        )
    except Conflict as reason:
        raise BusinessError("ALREADY_DONE", str(reason)) from None


@service_task(
    "preventive.call_off",
    title="Call a preventive job off",
    inputs={"reason": Input("string", "Why it is not needed", required=False)},
    errors={"NOTES_MISSING": "No reason is given"},
)
def call_off(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """End the job. One that is still open is logged as skipped, with the reason; one that was called off
    together with its plan or machine stays as it is."""
    job = _load(ctx.session, ctx.subject_id)
    if job.is_open and job.business_key == ctx.instance.business_key:
        if not (reason or "").strip():
            raise BusinessError("NOTES_MISSING", "Say why the job is called off.", field="reason")
        _skip(ctx, job, reason, reading=None)
    return {}


@service_task(
    "preventive.tell",
    title="Tell who is to do a preventive job",
    inputs={
        "title": Input("string", "What it is about, in a few words"),
        "body": Input("string", "What happened and what to do", required=False),
    },
    outputs={"told": Output("number", "How many people were told")},
)
def tell(ctx: ServiceContext, title: str, body: str | None = None) -> dict[str, Any]:
    """Tell the technician whom the plan names, or else everybody with the plan's role."""
    task = _load(ctx.session, ctx.subject_id).task
    named = task.technician is not None and task.technician.active
    rows = notifications.notify(
        ctx.session,
        user_ids=[task.technician_id] if named else [],
        role=None if named else task.role,
        title=title,
        body=body or "",
        link=link_of(ctx),
    )
    return {"told": len(rows)}


def _tell_instances(session: Session, event: JobsCalledOff) -> None:
    """End the processes of jobs that were called off, right after this transaction."""
    for key in event.business_keys:
        messages.send(session, CALLED_OFF, to=key, payload={"reason": event.reason})


listen(JobsCalledOff, _tell_instances)

BINDING = ProcessBinding(
    key=KEY,
    subject_type=SUBJECT,
    statuses=tuple(JobStatus),
    facts=FACTS,
    create_subject=create_subject,
    set_status=set_status,
    describe=describe,
    related=related,
)
