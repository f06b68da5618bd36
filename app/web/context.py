"""What a page shows around a task: the record it is about, where its instance stands, what happened."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.domain import attachments
from app.domain.attachments import Attachment
from app.domain.entities import EntityType
from app.domain.machines import Machine
from app.domain.preventive import jobs
from app.domain.process_records import ProcessRecord
from app.domain.queries import process_records, requests
from app.domain.replenishments import StockReplenishment
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequest, SparePartsRequestLine
from app.engine import history
from app.engine.core import ProcessEngine
from app.engine.definitions import Definition
from app.engine.models import ProcessInstance, TaskState, UserTask
from app.processes.generic import SUBJECT
from app.web import answers, story
from app.web.answers import Answer
from app.web.engine import engine as current_engine
from app.web.links import to_subject


@dataclass(frozen=True)
class About:
    """The record that a task is about, as far as it is one that pages know."""

    request: MaintenanceRequest | None = None
    parts_request: SparePartsRequest | None = None
    record: ProcessRecord | None = None
    answers: list[Answer] = field(default_factory=list)
    machine: Machine | None = None
    files: list[Attachment] = field(default_factory=list)
    link: tuple[str, str] | None = None  # of its page: text and address


def about(session: Session, subject_type: str, subject_id: int, machine_id: int | None = None) -> About:
    """The record behind a subject, with machine, people and files."""
    if subject_type == "maintenance_request":
        request = requests.get_request(session, subject_id)
        if request is not None:
            return About(request=request, machine=request.machine, files=request_files(session, request))
    elif subject_type == "spare_parts_request":
        parts_request = get_parts_request(session, subject_id)
        if parts_request is not None:
            request = parts_request.maintenance_request
            return About(
                request=request,
                parts_request=parts_request,
                machine=request.machine,
                files=request_files(session, request),
            )
    elif subject_type == "preventive_job":
        job = jobs.load(session, subject_id)
        if job is not None:
            return About(
                machine=job.task.machine,
                files=attachments.of(session, EntityType.PREVENTIVE_TASK, job.task_id),
                link=(job.business_key, to_subject(subject_type, subject_id)),
            )
    elif subject_type == "stock_replenishment":
        replenishment = session.get(StockReplenishment, subject_id)
        if replenishment is not None and replenishment.business_key is not None:
            return About(link=(replenishment.business_key, to_subject(subject_type, subject_id)))
    elif subject_type == SUBJECT:
        record = process_records.get_record(session, subject_id)
        if record is not None:
            return About(
                record=record,
                answers=answers.of_record(current_engine(), session, record),
                machine=record.machine,
                files=attachments.of(session, EntityType.PROCESS_RECORD, record.id),
            )
    return About(machine=None if machine_id is None else session.get(Machine, machine_id))


def get_parts_request(session: Session, parts_request_id: int) -> SparePartsRequest | None:
    """A parts request with its lines, parts, people and the machine the parts are for."""
    lines = selectinload(SparePartsRequest.lines)
    query = (
        sa.select(SparePartsRequest)
        .where(SparePartsRequest.id == parts_request_id)
        .options(
            lines.joinedload(SparePartsRequestLine.part),
            lines.selectinload(SparePartsRequestLine.reservations),
            joinedload(SparePartsRequest.requester),
            joinedload(SparePartsRequest.approver),
            joinedload(SparePartsRequest.maintenance_request)
            .joinedload(MaintenanceRequest.machine)
            .joinedload(Machine.department),
        )
    )
    return session.scalars(query).first()


def request_files(session: Session, request: MaintenanceRequest) -> list[Attachment]:
    """What is attached to a request and to its work, oldest first."""
    files = attachments.of(session, EntityType.MAINTENANCE_REQUEST, request.id)
    if request.work is not None:
        files += attachments.of(session, EntityType.MAINTENANCE_WORK, request.work.id)
    return files


def open_tasks(session: Session, instance_id: int) -> list[UserTask]:
    """The user tasks at which an instance stands, oldest first."""
    query = sa.select(UserTask).where(UserTask.instance_id == instance_id, UserTask.state == TaskState.OPEN)
    return list(session.scalars(query.order_by(UserTask.id)))


def happened(engine: ProcessEngine, session: Session, instance: ProcessInstance) -> list[story.Event]:
    """What happened in an instance, as a story."""
    definition = engine.definition(session, instance.deployment_id)
    return story.of_history(history.entries(session, instance.id, limit=200), outcome_names(definition))


def outcome_names(definition: Definition) -> dict[tuple[str, str], str]:
    """What the outcomes of a process are called, by element and value."""
    return {
        (element.id, outcome.value): outcome.label
        for element in definition.diagram.elements.values()
        for outcome in element.outcomes
    }
