"""Files and what they are attached to: who sees them, who adds them, who takes them away."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.access import permissions, records
from app.access.permissions import Scope
from app.domain.attachments import Attachment
from app.domain.entities import EntityType
from app.domain.machines import Machine
from app.domain.parts import SparePart
from app.domain.people import Role
from app.domain.preventive.models import PreventiveLog, PreventiveTask
from app.domain.process_records import ProcessRecord
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import OPEN_STATUSES, SparePartsRequest
from app.domain.work import MaintenanceWork
from app.engine.actors import Actor
from app.errors import Conflict, Forbidden

# What files can be attached to.
MODELS: dict[str, type[Any]] = {
    EntityType.MACHINE: Machine,
    EntityType.SPARE_PART: SparePart,
    EntityType.MAINTENANCE_REQUEST: MaintenanceRequest,
    EntityType.MAINTENANCE_WORK: MaintenanceWork,
    EntityType.SPARE_PARTS_REQUEST: SparePartsRequest,
    EntityType.PREVENTIVE_TASK: PreventiveTask,
    EntityType.PREVENTIVE_LOG: PreventiveLog,
    EntityType.PROCESS_RECORD: ProcessRecord,
}

# Of these everybody with the right sees all; manuals and instructions are for those who keep the record.
_OPEN_TO: dict[str, tuple[str, str]] = {
    EntityType.MACHINE: ("machines:read", "machines:write"),
    EntityType.SPARE_PART: ("spare-parts:read", "spare-parts:write"),
    EntityType.PREVENTIVE_TASK: ("preventive-maintenance:read", "preventive-maintenance:write"),
    EntityType.PREVENTIVE_LOG: ("preventive-maintenance:read", "preventive-maintenance:log"),
}


def subject(session: Session, entity_type: str | None, entity_id: int | None) -> Any:
    """The record that files are attached to; None where there is no such record."""
    model = MODELS.get(entity_type or "")
    return None if model is None or entity_id is None else session.get(model, entity_id)


def may_see_subject(session: Session, thing: Any, actor: Actor) -> bool:
    """Whether an actor sees a record that files are attached to."""
    match thing:
        case MaintenanceRequest():
            return records.may_see_request(session, thing, actor)
        case MaintenanceWork():
            return records.may_see_work(session, thing, actor)
        case SparePartsRequest():
            return records.may_see_parts_request(session, thing, actor)
        case ProcessRecord():
            return records.may_see_record(session, thing, actor)
    reads, _ = _OPEN_TO[_type_of(thing)]
    return permissions.may(actor, reads)


def may_see_attachment(session: Session, attachment: Attachment, actor: Actor) -> bool:
    """Whether an actor may open a file: they uploaded it, or see what it belongs to."""
    if attachment.uploaded_by == actor.user_id or _sees_all(actor):
        return True
    thing = subject(session, attachment.entity_type, attachment.entity_id)
    return thing is not None and may_see_subject(session, thing, actor)


def check_may_add(thing: Any, actor: Actor) -> None:
    """See that an actor, who sees a record, may attach files to it.

    :raises Forbidden: it is for others; the message says for whom
    :raises Conflict: its work is closed
    """
    match thing:
        case MaintenanceWork() if actor.user_id != thing.technician_id:
            _only_overseers(actor, "Only the technician in charge adds files to a work order.")
        case Machine() | SparePart() | PreventiveTask():
            permissions.require(actor, _OPEN_TO[_type_of(thing)][1])
    _refuse_closed(thing)


def check_may_remove(session: Session, attachment: Attachment, actor: Actor) -> None:
    """See that an actor, who sees a file, may take it away: whoever uploaded it, while the work is open.

    An administrator always may.

    :raises Forbidden: somebody else uploaded it
    :raises Conflict: it is part of closed work
    """
    if actor.role == Role.ADMIN:
        return
    if attachment.uploaded_by != actor.user_id:
        raise Forbidden("Only the person who uploaded a file, or an administrator, takes it away.")
    _refuse_closed(subject(session, attachment.entity_type, attachment.entity_id))


def _sees_all(actor: Actor) -> bool:
    return permissions.scope(actor, records.REQUESTS) is Scope.ALL


def _only_overseers(actor: Actor, message: str) -> None:
    if actor.role not in (Role.ADMIN, Role.MAINTENANCE_MANAGER):
        raise Forbidden(message)


def _refuse_closed(thing: Any) -> None:
    """Closed work stays as it was documented."""
    match thing:
        case MaintenanceWork():
            closed, what = thing.completed_at is not None, thing.request.business_key
        case MaintenanceRequest():
            closed, what = not thing.is_open, thing.business_key
        case SparePartsRequest():
            closed, what = thing.status not in OPEN_STATUSES, thing.business_key
        case ProcessRecord():
            closed, what = not thing.is_open, thing.business_key
        case PreventiveLog():
            closed, what = True, f"What was done about {thing.task.title} on {thing.due_on}"
        case _:
            return
    if closed:
        raise Conflict(f"{what} is closed: its files stay as they are.")


def _type_of(thing: Any) -> str:
    return next(name for name, model in MODELS.items() if isinstance(thing, model))
