"""The life of a fault, from its report to the repaired machine.

The order of things is drawn in ``workflows/maintenance_request/``. Here is what its service tasks
do, which facts its expressions may use, and how its statuses reach the maintenance request.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import downtime, numbering, parts_requests, requests, work
from app.domain.machines import MachineStatus
from app.domain.parts_requests import SparePartsRequest
from app.domain.people import Role
from app.domain.preventive import jobs
from app.domain.preventive.models import PreventiveJob
from app.domain.requests import MaintenanceRequest, RequestStatus
from app.domain.spare_parts_requests import OPEN_STATUSES as OPEN_PARTS
from app.engine.actors import Actor
from app.engine.bindings import Fact, ProcessBinding, StartContext, StatusContext, Subject, SubjectSummary
from app.engine.services import Input, Output, ServiceContext, service_task
from app.errors import BusinessError
from app.processes import facts

# -- the subject -------------------------------------------------------------------------------


def create_subject(ctx: StartContext) -> Subject:
    """Make the maintenance request that the start form reports, or a message about what a preventive job
    found: then whoever did the job is the reporter, and the job knows the request."""
    values = ctx.values
    if values.get("machineId") is None:
        raise BusinessError("UNKNOWN_MACHINE", "Choose the machine.", field="machineId")
    request = requests.create(
        ctx.session,
        business_key=numbering.next_key(ctx.session, "MR", ctx.now.year),
        machine_id=int(values["machineId"]),
        reporter_id=ctx.actor.user_id or _id(values.get("reporterId")),
        priority=values.get("priority") or requests.Priority.MEDIUM,
        description=values.get("description") or "",
        failure_code_id=_id(values.get("failureCodeId")),
        photos=values.get("photos") or (),
    )
    job_id = _id(values.get("preventiveJobId"))
    if ctx.actor.user_id is None and job_id is not None:
        jobs.link_request(ctx.session, ctx.session.get_one(PreventiveJob, job_id), request.id)
    return Subject(request.id, request.business_key)


def set_status(ctx: StatusContext, status: str) -> None:
    """Follow the diagram's status."""
    requests.set_status(ctx.session, _request(ctx), status, ctx.actor.user_id)


def describe(session: Session, subject_id: int) -> SubjectSummary:
    """The request in one line, as inboxes show it."""
    request = facts.load_request(session, subject_id)
    return SubjectSummary(
        title=request.machine.name,
        detail=request.problem_description[:300],
        machine_id=request.machine_id,
        department_id=request.machine.department_id,
    )


def related(session: Session, subject_id: int) -> list[tuple[str, int]]:
    """The parts requests that were made for it, oldest first, and the preventive job that found the fault."""
    query = select(SparePartsRequest.id).where(SparePartsRequest.maintenance_request_id == subject_id)
    job = select(PreventiveJob.id).where(PreventiveJob.maintenance_request_id == subject_id)
    return [
        *(("spare_parts_request", found) for found in session.scalars(query.order_by(SparePartsRequest.id))),
        *(("preventive_job", found) for found in session.scalars(job)),
    ]


# -- facts -------------------------------------------------------------------------------------

WORK_FIELDS = {
    "id": "number",
    "minutes": "number",
    "cause": "string",
    "remedy": "string",
    "maintenanceTypeId": "number",
    "downtimeMinutes": "number",
    "steps": [{"description": "string", "minutes": "number"}],
}
PARTS_FIELDS = {"businessKey": "string", "status": "string", "open": "boolean"}


def _work_facts(session: Session, subject_id: int) -> dict[str, Any] | None:
    done = session.scalar(
        select(work.MaintenanceWork).where(work.MaintenanceWork.maintenance_request_id == subject_id)
    )
    if done is None:
        return None
    return {
        "id": done.id,
        "minutes": done.minutes_spent,
        "cause": done.cause,
        "remedy": done.remedy,
        "maintenanceTypeId": done.maintenance_type_id,
        "downtimeMinutes": downtime.minutes(session, subject_id),
        "steps": [{"description": step.description, "minutes": step.minutes} for step in done.steps],
    }


def _parts_facts(session: Session, subject_id: int) -> list[dict[str, Any]]:
    rows = session.execute(
        select(SparePartsRequest.business_key, SparePartsRequest.status)
        .where(SparePartsRequest.maintenance_request_id == subject_id)
        .order_by(SparePartsRequest.id)
    )
    return [{"businessKey": key, "status": status, "open": status in OPEN_PARTS} for key, status in rows]


FACTS = {
    "request": Fact(
        "The maintenance request",
        facts.REQUEST_FIELDS,
        lambda session, subject_id: facts.request_facts(facts.load_request(session, subject_id)),
    ),
    "machine": Fact(
        "The machine with the problem",
        facts.MACHINE_FIELDS,
        lambda session, subject_id: facts.machine_facts(facts.load_request(session, subject_id).machine),
    ),
    "technician": Fact(
        "Who is in charge of the repair; null while nobody is",
        facts.PERSON_FIELDS,
        lambda session, subject_id: facts.person_facts(
            facts.load_request(session, subject_id).assigned_technician
        ),
    ),
    "work": Fact("What has been done so far; null before anybody began", WORK_FIELDS, _work_facts),
    "partsRequests": Fact("The parts requests made for it, oldest first", [PARTS_FIELDS], _parts_facts),
}

# -- service tasks -----------------------------------------------------------------------------


def _id(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def _request(ctx: ServiceContext | StatusContext) -> MaintenanceRequest:
    return ctx.session.get_one(MaintenanceRequest, ctx.subject_id)


def _work(ctx: ServiceContext) -> work.MaintenanceWork:
    request = _request(ctx)
    return request.work or work.open_work(ctx.session, request, request.assigned_technician_id)


@service_task(
    "requests.accept",
    title="Accept a maintenance request",
    inputs={"machineStatus": Input("string", "DOWN or MAINTENANCE: what the machine is during the repair")},
    outputs={
        "technicianId": Output("number", "Who accepted it"),
        "workId": Output("number", "The work order that was opened"),
    },
    errors={"WRONG_STATUS": "The request is completed or cancelled"},
)
def accept(ctx: ServiceContext, machineStatus: str) -> dict[str, Any]:  # noqa: N803
    """Put whoever acts in charge: the work order is opened and the machine's downtime begins."""
    if ctx.actor.user_id is None:
        raise BusinessError("UNKNOWN_TECHNICIAN", "A request is accepted by a person.")
    request = _request(ctx)
    requests.accept(ctx.session, request, ctx.actor.user_id, machine_status=MachineStatus(machineStatus))
    return {"technicianId": ctx.actor.user_id, "workId": _work(ctx).id}


@service_task(
    "requests.hand_back",
    title="Hand a maintenance request back",
    inputs={"reason": Input("string", "Why it is handed back", required=False)},
    errors={"REASON_MISSING": "No reason is given"},
)
def hand_back(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """Take the technician out of charge, so that another one can accept it. Downtime goes on."""
    if not (reason or "").strip():
        raise BusinessError("REASON_MISSING", "Say why you hand it back.", field="handBackReason")
    requests.hand_back(ctx.session, _request(ctx), ctx.actor.user_id, reason or "")
    return {}


@service_task(
    "requests.cancel",
    title="Cancel a maintenance request",
    inputs={"reason": Input("string", "Why it is cancelled", required=False)},
    errors={
        "REASON_MISSING": "No reason is given",
        "WRONG_STATUS": "The request is completed",
    },
)
def cancel(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """Call it off: work is closed and downtime ends."""
    requests.cancel(ctx.session, _request(ctx), ctx.actor.user_id, reason or "")
    return {}


@service_task(
    "requests.complete", title="Complete a maintenance request", errors={"WRONG_STATUS": "It is cancelled"}
)
def complete(ctx: ServiceContext) -> dict[str, Any]:
    """The machine is repaired: work and downtime end if they have not yet."""
    requests.complete(ctx.session, _request(ctx), ctx.actor.user_id)
    return {}


@service_task(
    "requests.parts_settled",
    title="Count the parts requests still open",
    inputs={"partsRequestKey": Input("string", "The parts request that was settled", required=False)},
    outputs={"open": Output("number", "How many parts requests are still open")},
)
def parts_settled(ctx: ServiceContext, partsRequestKey: str | None = None) -> dict[str, Any]:  # noqa: N803
    """Tell how many parts requests of this maintenance request something is still to be done about."""
    return {"open": len(parts_requests.outstanding(ctx.session, ctx.subject_id))}


def _has_taken_over(actor: Actor, request: MaintenanceRequest) -> bool:
    """Whether a technician acts who is not in charge, and does not just stand in for who is."""
    in_charge = request.assigned_technician_id
    return actor.role == Role.MAINTENANCE_TECH and in_charge not in {one.user_id for one in actor.identities}


@service_task(
    "work.record",
    title="Record work",
    inputs={
        "steps": Input("list", "What was done: description and minutes of each step", required=False),
        "cause": Input("string", "What caused the fault", required=False),
        "remedy": Input("string", "What was done about it", required=False),
        "maintenanceTypeId": Input("number", "The kind of maintenance", required=False),
        "photos": Input("list", "Ids of uploaded photos", required=False),
    },
    outputs={"minutes": Output("number", "Minutes spent over all steps so far")},
    errors={
        "BAD_MINUTES": "A step's minutes are no whole number above zero",
        "WRONG_STATUS": "The work is closed",
    },
)
def record_work(
    ctx: ServiceContext,
    steps: list[dict[str, Any]] | None = None,
    cause: str | None = None,
    remedy: str | None = None,
    maintenanceTypeId: Any = None,  # noqa: N803
    photos: list[int] | None = None,
) -> dict[str, Any]:
    """Add work steps to the work order; cause, remedy and type replace what was there. A technician
    to whom the work was handed over is in charge from now on."""
    job = _work(ctx)
    by = ctx.actor.user_id
    if by is not None and _has_taken_over(ctx.actor, job.request):
        requests.assign(ctx.session, job.request, by, by)
    done = work.record(
        ctx.session,
        job,
        by,
        steps=steps or (),
        cause=cause,
        remedy=remedy,
        maintenance_type_id=_id(maintenanceTypeId),
        photos=photos or (),
    )
    return {"minutes": done.minutes_spent}


@service_task(
    "work.close",
    title="Close the work",
    outputs={"downtimeMinutes": Output("number", "How long the machine stood still, in minutes")},
    errors={"NO_STEPS": "Nothing has been recorded"},
)
def close_work(ctx: ServiceContext) -> dict[str, Any]:
    """End the work and the downtime; the machine runs again unless another request keeps it down."""
    done = _work(ctx)
    if not done.steps:
        raise BusinessError("NO_STEPS", "Enter at least one step with the minutes it took.", field="steps")
    work.close(ctx.session, done, ctx.actor.user_id)
    return {"downtimeMinutes": downtime.minutes(ctx.session, ctx.subject_id)}


@service_task(
    "work.reopen",
    title="Reopen the work",
    inputs={"reason": Input("string", "Why the machine is not fixed", required=False)},
    errors={"WRONG_STATUS": "The request is completed or cancelled"},
)
def reopen_work(ctx: ServiceContext, reason: str | None = None) -> dict[str, Any]:
    """The machine was not fixed: the work goes on and another downtime begins."""
    work.reopen(ctx.session, _work(ctx), ctx.actor.user_id)
    return {}


@service_task(
    "parts.create_request",
    title="Create a parts request",
    inputs={
        "lines": Input("list", "What is needed: partId, quantity and reason of each line", required=False)
    },
    outputs={
        "partsRequestId": Output("number", "The new parts request"),
        "businessKey": Output("string", "The key people know it by"),
    },
    errors={
        "NO_LINES": "No part is named",
        "UNKNOWN_PART": "A part does not exist",
        "BAD_QUANTITY": "Not above zero",
    },
)
def create_parts_request(ctx: ServiceContext, lines: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Write down which parts are needed. Send the message ``parts requested`` to have them approved."""
    try:
        made = parts_requests.create(
            ctx.session,
            _request(ctx),
            ctx.actor.user_id,
            lines=[{**line, "partId": _id(line.get("partId"))} for line in lines or ()],
            business_key=numbering.next_key(ctx.session, "PR", ctx.now.year),
        )
    except BusinessError as error:
        field = (error.field or "").replace("lines", "partLines", 1) or None
        raise BusinessError(error.code, error.message, field=field) from None
    return {"partsRequestId": made.id, "businessKey": made.business_key}


BINDING = ProcessBinding(
    key="maintenance_request",
    subject_type="maintenance_request",
    statuses=tuple(RequestStatus),
    facts=FACTS,
    create_subject=create_subject,
    set_status=set_status,
    describe=describe,
    related=related,
)
