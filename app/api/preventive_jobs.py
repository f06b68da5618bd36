"""Preventive jobs: the work of single due dates, which their process hands out and calls off."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from app.api import lifecycle
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Day, Id, In, Instant, Named, Out, PageOf, Paging, left_out
from app.api.references import MachineInDepartment, TaskRef
from app.domain.preventive import jobs
from app.domain.preventive.models import JobStatus, PreventiveJob
from app.domain.queries import preventive as lists
from app.domain.queries.paging import Page
from app.engine import instances
from app.processes.preventive_maintenance import CALLED_OFF, SUBJECT

resource = Resource(
    "Preventive jobs",
    "The work of single due dates. One is opened ahead of each due date; its process says what comes next.",
)


class PlanRef(Out):
    """The preventive task that a job belongs to."""

    id: int
    title: str
    machine: MachineInDepartment
    role: str
    technician: Named | None


class PreventiveJobOut(Out):
    """The work of one due date."""

    id: int
    business_key: str
    task: PlanRef
    due_on: date
    status: JobStatus
    opened_at: Instant
    ended_at: Instant | None
    ender: Named | None
    closing_reason: str
    log_id: int | None = Field(description="What was written down; null while it is open.")
    maintenance_request_id: int | None = Field(description="The request about what failed.")


class PreventiveJobDetail(PreventiveJobOut):
    """A job with where its process stands."""

    due_at: Instant = Field(description="The end of the due date at the site.")
    instance_id: int | None
    open_tasks: list[TaskRef]


class PreventiveJobFilters(Paging):
    """Which jobs, in which order."""

    status: list[JobStatus] = Field(default_factory=list)
    task_id: Id = left_out()
    machine_id: Id = left_out()
    department_id: Id = left_out()
    technician_id: Id = left_out()
    due_from: Day = left_out()
    due_until: Day = left_out()
    overdue: bool = False
    sort: Literal[
        "dueOn", "-dueOn", "businessKey", "-businessKey", "openedAt", "-openedAt", "status", "-status",
        "machine", "-machine",
    ] = "dueOn"  # fmt: skip

    def for_list(self) -> dict[str, Any]:
        values = super().for_list()
        values["statuses"] = values.pop("status")
        return values


class CallingOff(In):
    """Why a job is not needed."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


@resource.get(
    "/preventive-maintenance/jobs",
    needs="preventive-maintenance:read",
    answers=PageOf[PreventiveJobOut],
)
def list_preventive_jobs(query: PreventiveJobFilters) -> Page[PreventiveJob]:
    """List preventive jobs, those that are due first."""
    return lists.list_jobs(calls.session(), **query.for_list())


@resource.get(
    "/preventive-maintenance/jobs/{job_id}",
    needs="preventive-maintenance:read",
    answers=PreventiveJobDetail,
)
def get_preventive_job(job_id: Id) -> PreventiveJobDetail:
    """Get a preventive job with its open tasks."""
    return _detail(find(PreventiveJob, job_id))


@resource.patch(
    "/preventive-maintenance/jobs/{job_id}/cancel",
    needs="preventive-maintenance:write",
    answers=PreventiveJobDetail,
)
def cancel_preventive_job(job_id: Id, body: CallingOff) -> PreventiveJobDetail:
    """Call a job off, by a message to its process: its due date is logged as skipped, with the reason."""
    found = find(PreventiveJob, job_id)
    lifecycle.send(CALLED_OFF, found.business_key, {"reason": body.reason})
    return _detail(found)


def _detail(found: PreventiveJob) -> PreventiveJobDetail:
    session = calls.session()
    instance = instances.of_subject(session, SUBJECT, found.id)
    return PreventiveJobDetail.model_validate(
        {
            **PreventiveJobOut.model_validate(found).__dict__,
            "due_at": jobs.due_at(session, found),
            "instance_id": None if instance is None else instance.id,
            "open_tasks": lifecycle.open_tasks(SUBJECT, found.id),
        }
    )
