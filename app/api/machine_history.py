"""What happened to a machine."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from app.access import records
from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.finding import find
from app.api.core.schemas import Id, In, Instant, Named, Out, PageOf, left_out
from app.api.references import CodeRef
from app.domain.machines import Machine, MachineStatus
from app.domain.queries import machine_history
from app.domain.queries.machine_history import Happened, MachineEventKind
from app.domain.queries.paging import MAX_PAGE_SIZE, Page
from app.domain.requests import MaintenanceRequest, Priority, RequestStatus

resource = Resource("Machine history", "What happened to a machine.")


class Repair(Out):
    """A maintenance request. Its number and its words are for those who may see the request."""

    id: int | None
    business_key: str | None
    description: str | None
    status: RequestStatus
    priority: Priority
    failure_code: CodeRef | None
    cause: str
    remedy: str
    completed_at: Instant | None
    downtime_minutes: int = Field(description="Without a downtime that has not ended.")


class Standstill(Out):
    """A time during which the machine did not produce."""

    machine_status: MachineStatus
    ended_at: Instant | None
    minutes: int | None


class Upkeep(Out):
    """What became of a preventive task on a due date."""

    task_id: int
    title: str
    due_on: date
    outcome: str
    minutes_spent: int
    notes: str


class RecordChange(Out):
    """A change of the machine's record."""

    action: str
    before: Any = Field(description="What changed, as it was.")
    after: Any = Field(description="What changed, as it is.")


class MachineEvent(Out):
    """Something that happened to a machine: of the details, those of its kind are set."""

    kind: MachineEventKind
    at: Instant
    by: Named | None
    request: Repair | None = None
    downtime: Standstill | None = None
    preventive: Upkeep | None = None
    change: RecordChange | None = None


class MachineHistoryFilters(In):
    """Which part of the history, in which order."""

    kind: list[MachineEventKind] = Field(default_factory=list)
    since: Instant = left_out()
    until: Instant = left_out()
    sort: Literal["at", "-at"] = "-at"
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE)] = 25


@resource.get("/machines/{machine_id}/history", needs="machines:read", answers=PageOf[MachineEvent])
def get_machine_history(machine_id: Id, query: MachineHistoryFilters) -> Page[MachineEvent]:
    """List what happened to a machine: repairs, standstills, preventive work, changes of its record."""
    find(Machine, machine_id)
    found = machine_history.list_history(
        calls.session(),
        machine_id,
        kinds=query.kind,
        since=query.since,
        until=query.until,
        sort=query.sort,
        page=query.page,
        page_size=query.page_size,
    )
    requests = [entry.record.id for entry in found.items if entry.kind is MachineEventKind.REQUEST]
    minutes = machine_history.downtime_minutes(calls.session(), requests)
    events = [_event(entry, minutes) for entry in found.items]
    return Page(items=events, total=found.total, page=found.page, page_size=found.page_size)


def _event(entry: Happened, minutes: dict[int, int]) -> MachineEvent:
    """An entry of a history as the API answers it."""
    record = entry.record
    match entry.kind:
        case MachineEventKind.REQUEST:
            repair = _repair(record, minutes.get(record.id, 0))
            technician = record.assigned_technician
            return MachineEvent(kind=entry.kind, at=entry.at, by=_named(technician), request=repair)
        case MachineEventKind.DOWNTIME:
            stop = Standstill.model_validate(record)
            return MachineEvent(kind=entry.kind, at=entry.at, by=None, downtime=stop)
        case MachineEventKind.PREVENTIVE:
            upkeep = Upkeep(
                task_id=record.task_id,
                title=record.task.title,
                due_on=record.due_on,
                outcome=record.outcome,
                minutes_spent=record.minutes_spent,
                notes=record.notes,
            )
            return MachineEvent(kind=entry.kind, at=entry.at, by=_named(record.performer), preventive=upkeep)
        case MachineEventKind.CHANGE:
            change = RecordChange(action=record.action, before=record.before, after=record.after)
            return MachineEvent(kind=entry.kind, at=entry.at, by=_named(record.user), change=change)


def _repair(found: MaintenanceRequest, minutes: int) -> Repair:
    """A request as part of its machine's history: what failed and what helped is for everybody."""
    is_followed = records.follows_request(found, calls.actor())
    return Repair(
        id=found.id if is_followed else None,
        business_key=found.business_key if is_followed else None,
        description=found.problem_description if is_followed else None,
        status=RequestStatus(found.status),
        priority=Priority(found.priority),
        failure_code=None if found.failure_code is None else CodeRef.model_validate(found.failure_code),
        cause="" if found.work is None else found.work.cause,
        remedy="" if found.work is None else found.work.remedy,
        completed_at=found.completed_at,
        downtime_minutes=minutes,
    )


def _named(user: Any) -> Named | None:
    return None if user is None else Named(id=user.id, name=user.name)
