"""Process instances, their history and incidents as the API answers them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.access import permissions
from app.api.core import calls
from app.api.core.schemas import Instant, Out
from app.api.process_schemas import ElementOut
from app.engine.models import HistoryKind, Incident, InstanceState, JobState, ProcessInstance
from app.engine.queries import IncidentRow, InstanceRow


class OpenTaskOut(Out):
    """A user task that an instance waits for."""

    id: int
    name: str
    element_id: str
    candidate_roles: list[str]
    assignee_id: int | None
    assignee_name: str
    due_at: Instant | None
    created_at: Instant


class StuckOut(Out):
    """A step that failed. Why, those are told who may list incidents."""

    id: int
    element_id: str
    element_name: str
    message: str
    attempts: int
    created_at: Instant


class InstanceOut(Out):
    """One run of a process, about one record."""

    id: int
    process_key: str
    process_name: str
    version: int
    business_key: str
    subject_type: str
    subject_id: int
    state: InstanceState
    started_at: Instant
    started_by: int | None
    ended_at: Instant | None
    end_reason: str
    next_timer_at: Instant | None = Field(description="When its next timer goes off.")
    revision: int = Field(description="Counts its changes.")
    open_tasks: list[OpenTaskOut]
    incidents: list[StuckOut]


class AwaitedOut(Out):
    """A message that an instance waits for."""

    name: str
    element_id: str
    element_name: str
    may_send: bool = Field(description="Whether the diagram lets the caller send it.")


class InstanceDetail(InstanceOut):
    """An instance with where it stands."""

    stands_at: list[ElementOut]
    awaited_messages: list[AwaitedOut]
    passed_elements: list[str] = Field(description="Elements that it has left, for drawing its way.")
    passed_flows: list[str]


class HistoryOut(Out):
    """One thing that happened in an instance."""

    id: int
    kind: HistoryKind
    element_id: str | None
    element_name: str
    element_type: str
    actor_id: int | None
    actor_name: str
    acted_for: str
    at: Instant
    detail: Any = Field(description="More about it, for those who may look into instances; else null.")


class VariablesOut(Out):
    """The variables of an instance."""

    revision: int
    variables: dict[str, Any]


class JobOut(Out):
    """Something that an instance has had done outside itself: a message, a retry."""

    id: int
    kind: str
    state: JobState
    run_at: Instant
    attempts: int
    last_error: str | None
    created_at: Instant
    done_at: Instant | None


class TaskOutlineOut(Out):
    """A user task that a move calls off or opens."""

    id: int | None = Field(description="Null for one that is only foreseen.")
    element_id: str
    name: str
    candidate_role: str | None
    assignee_id: int | None
    assignee_name: str


class MovedOut(Out):
    """What a move led to, or would lead to."""

    from_element: str
    to_element: str
    cancelled: list[TaskOutlineOut]
    opened: list[TaskOutlineOut]
    stands_at: list[str]
    state: InstanceState


class IncidentOut(Out):
    """A step that failed for a reason nobody planned."""

    id: int
    instance_id: int
    process_key: str
    business_key: str
    element_id: str
    element_name: str
    message: str
    attempts: int
    created_at: Instant
    resolved_at: Instant | None
    resolved_by: int | None


class IncidentDetail(IncidentOut):
    """An incident with what the program says of it."""

    traceback: str | None = Field(description="For administrators.")


def instance_out(row: InstanceRow) -> InstanceOut:
    """An instance as the caller sees it."""
    return InstanceOut(**instance_values(row))


def instance_values(row: InstanceRow) -> dict[str, Any]:
    instance = row.instance
    told = permissions.may(calls.actor(), "incidents:read")
    return {
        "id": instance.id,
        "process_key": instance.key,
        "process_name": row.name,
        "version": row.version,
        "business_key": instance.business_key,
        "subject_type": instance.subject_type,
        "subject_id": instance.subject_id,
        "state": instance.state,
        "started_at": instance.started_at,
        "started_by": instance.started_by,
        "ended_at": instance.ended_at,
        "end_reason": instance.end_reason,
        "next_timer_at": instance.next_due_at,
        "revision": instance.revision,
        "open_tasks": [OpenTaskOut.model_validate(task) for task in row.open_tasks],
        "incidents": [_stuck(incident, told) for incident in row.incidents],
    }


def _stuck(incident: Incident, told: bool) -> StuckOut:
    found = StuckOut.model_validate(incident)
    return found if told else found.model_copy(update={"message": ""})


def incident_out(row: IncidentRow) -> IncidentOut:
    return IncidentOut(**incident_values(row.incident, row.instance))


def incident_values(incident: Incident, instance: ProcessInstance) -> dict[str, Any]:
    return {
        "id": incident.id,
        "instance_id": instance.id,
        "process_key": instance.key,
        "business_key": instance.business_key,
        "element_id": incident.element_id,
        "element_name": incident.element_name,
        "message": incident.message,
        "attempts": incident.attempts,
        "created_at": incident.created_at,
        "resolved_at": incident.resolved_at,
        "resolved_by": incident.resolved_by,
    }
