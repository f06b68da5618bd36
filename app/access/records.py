"""Who sees which records: everything, those of a department, those assigned, or one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import permissions
from app.access.permissions import Scope
from app.domain.people import Role
from app.domain.process_records import ProcessRecord
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequest
from app.domain.work import MaintenanceWork
from app.engine import inbox, user_tasks
from app.engine.actors import Actor
from app.engine.models import ProcessInstance, TaskState, UserTask
from app.errors import NotFound

Thing = TypeVar("Thing")

REQUESTS = "maintenance-requests:read"
RECORDS = "records:read"
RECORD_SUBJECT = "process_record"
# Records that whoever has the right sees all of.
_OPEN_SUBJECTS = {
    "preventive_job": "preventive-maintenance:read",
    "stock_replenishment": "stock-replenishments:read",
}


@dataclass(frozen=True)
class Followed:
    """The requests that a list shows: filters for the query, and what to call them."""

    name: str
    department_id: int | None = None
    technician_id: int | None = None
    reporter_id: int | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """The arguments of a list function."""
        named = {
            "department_id": self.department_id,
            "technician_id": self.technician_id,
            "reporter_id": self.reporter_id,
        }
        return {name: value for name, value in named.items() if value is not None}


def followed_requests(actor: Actor) -> Followed:
    """The maintenance requests an actor follows."""
    reach = permissions.scope(actor, REQUESTS)
    if reach is Scope.ALL:
        return Followed("All requests")
    if reach is Scope.DEPARTMENT and actor.department_id is not None:
        return Followed("Requests of your department", department_id=actor.department_id)
    if reach is Scope.ASSIGNED:
        return Followed("Requests assigned to you", technician_id=actor.user_id)
    return Followed("Requests you reported", reporter_id=actor.user_id)


def follows_request(request: MaintenanceRequest, actor: Actor) -> bool:
    """Whether the list of the requests that an actor follows has this one, or they reported it."""
    facts = {
        "department_id": request.machine.department_id,
        "technician_id": request.assigned_technician_id,
        "reporter_id": request.reporter_id,
    }
    reach = followed_requests(actor).filters
    return request.reporter_id == actor.user_id or all(facts[name] == value for name, value in reach.items())


def followed_parts_requests(actor: Actor) -> dict[str, Any]:
    """The filters of the parts requests an actor follows, as arguments of a list function."""
    reach = permissions.scope(actor, "spare-parts-requests:read")
    if reach is Scope.ALL:
        return {}
    if reach is Scope.DEPARTMENT and actor.department_id is not None:
        return {"department_id": actor.department_id}
    return {"requester_id": actor.user_id}


def followed_records(actor: Actor) -> sa.ColumnElement[bool] | None:
    """The condition of the process records an actor sees; None where they see all of them."""
    if _sees_all_records(actor):
        return None
    mine = [identity.user_id for identity in actor.identities if identity.user_id is not None]
    about = sa.select(UserTask.subject_id).where(
        UserTask.subject_type == RECORD_SUBJECT,
        sa.or_(
            UserTask.completed_by.in_(mine),
            sa.and_(
                UserTask.state == TaskState.OPEN,
                sa.or_(UserTask.assignee_id.in_(mine), inbox.for_group(actor)),
            ),
        ),
    )
    conditions = [ProcessRecord.created_by.in_(mine), ProcessRecord.id.in_(about)]
    if departments := _supervised(actor):
        conditions.append(ProcessRecord.department_id.in_(departments))
    return sa.or_(*conditions)


def may_see_record(session: Session, record: ProcessRecord, actor: Actor) -> bool:
    """Whether an actor started the process of a record, has or had a task in it, supervises its department,
    or oversees the work or the processes."""
    if _sees_all_records(actor):
        return True
    if record.created_by is not None and any(i.user_id == record.created_by for i in actor.identities):
        return True
    if record.department_id is not None and record.department_id in _supervised(actor):
        return True
    return _has_task_about(session, RECORD_SUBJECT, record.id, actor)


def _sees_all_records(actor: Actor) -> bool:
    """Whether an actor, or somebody absent they stand in for, sees every process record."""
    reaches = [permissions.RIGHTS[RECORDS].get(identity.role or "") for identity in actor.identities]
    return Scope.ALL in (permissions.scope(actor, RECORDS), *reaches)


def _supervised(actor: Actor) -> list[int]:
    """The departments that an actor supervises, themselves or for somebody absent."""
    return [
        identity.department_id
        for identity in actor.identities
        if identity.role == Role.SUPERVISOR and identity.department_id is not None
    ]


def _sees_all(role: str | None) -> bool:
    """Whether a role sees every maintenance request, and so all that belongs to them."""
    return permissions.RIGHTS[REQUESTS].get(role or "") is Scope.ALL


def may_see_request(session: Session, request: MaintenanceRequest, actor: Actor) -> bool:
    """Whether an actor follows a request, reported it, or has had something to do with it."""
    for identity in actor.identities:
        if _sees_all(identity.role):
            return True
        if identity.user_id in (request.reporter_id, request.assigned_technician_id):
            return True
        if identity.role == Role.SUPERVISOR and identity.department_id == request.machine.department_id:
            return True
    return _has_task_about(session, "maintenance_request", request.id, actor)


def may_see_parts_request(session: Session, parts_request: SparePartsRequest, actor: Actor) -> bool:
    """Whether an actor asked for the parts, has a task about them, or sees the request they are for."""
    if any(identity.user_id == parts_request.requester_id for identity in actor.identities):
        return True
    return may_see_request(session, parts_request.maintenance_request, actor) or _has_task_about(
        session, "parts_approval", parts_request.id, actor
    )


def may_see_work(session: Session, work: MaintenanceWork, actor: Actor) -> bool:
    """Whether an actor may see a work order: they are or were in charge of it, or see its request."""
    return work.technician_id == actor.user_id or may_see_request(session, work.request, actor)


def may_see_instance(session: Session, instance: ProcessInstance, actor: Actor) -> bool:
    """Whether an actor may look at the diagram of an instance: they have a task in it, or see its subject."""
    if actor.oversees or actor.process_owner or instance.started_by == actor.user_id:
        return True
    tasks = session.scalars(sa.select(UserTask).where(UserTask.instance_id == instance.id))
    if _has_to_do_with(tasks, actor):
        return True
    if instance.subject_type == "maintenance_request":
        request = session.get(MaintenanceRequest, instance.subject_id)
        return request is not None and may_see_request(session, request, actor)
    parts_request = session.get(SparePartsRequest, instance.subject_id)
    if instance.subject_type == "spare_parts_request" and parts_request is not None:
        return may_see_parts_request(session, parts_request, actor)
    if opens_to(actor, instance.subject_type):
        return True
    if instance.subject_type == RECORD_SUBJECT:
        record = session.get(ProcessRecord, instance.subject_id)
        return record is not None and may_see_record(session, record, actor)
    return False


def opens_to(actor: Actor, subject_type: str) -> bool:
    """Whether records of a kind are open to all who have a right, and the actor has it."""
    needed = _OPEN_SUBJECTS.get(subject_type)
    return needed is not None and permissions.may(actor, needed)


def visible(
    session: Session,
    actor: Actor,
    thing: Thing | None,
    may_see: Callable[[Session, Thing, Actor], bool],
    what: str,
) -> Thing:
    """The thing, for somebody who may see it; for others it is as if it did not exist.

    :raises NotFound: there is no such thing, or it is not for this actor
    """
    if thing is None or not may_see(session, thing, actor):
        raise NotFound(f"There is no such {what}, or it is not yours to see.")
    return thing


def _has_task_about(session: Session, subject_type: str, subject_id: int, actor: Actor) -> bool:
    """Whether an actor may do an open task about a record, or has done one.

    What was once open for their whole group, and somebody else did, is not theirs to follow.
    """
    tasks = session.scalars(
        sa.select(UserTask).where(UserTask.subject_type == subject_type, UserTask.subject_id == subject_id)
    )
    return _has_to_do_with(tasks, actor)


def _has_to_do_with(tasks: Iterable[UserTask], actor: Actor) -> bool:
    mine = {identity.user_id for identity in actor.identities}
    return any(
        task.completed_by in mine or (task.is_open and user_tasks.may_act(task, actor)) for task in tasks
    )
