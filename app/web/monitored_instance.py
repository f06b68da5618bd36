"""The page of one instance: where it stands and why it does not go on, what happened, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import current_app, render_template, request, url_for
from flask_login import login_required
from sqlalchemy.orm import Session

from app.access import permissions
from app.access import records as access
from app.domain.people import Department, User
from app.domain.process_records import ProcessRecord
from app.domain.requests import MaintenanceRequest
from app.domain.spare_parts_requests import SparePartsRequest
from app.engine import instances, interventions, queries, relations, subjects, user_tasks, waiting
from app.engine.actors import Actor
from app.engine.definitions import Definition
from app.engine.diagram import Element
from app.engine.interventions import Operation
from app.engine.models import (
    Deployment,
    EventWait,
    HistoryEntry,
    HistoryKind,
    Incident,
    Job,
    ProcessInstance,
    UserTask,
)
from app.engine.monitor import stuck
from app.engine.monitor.models import Obstacle
from app.engine.monitor.obstacles import Reason
from app.engine.monitor.words import Words
from app.engine.projection import WITH_STATE
from app.engine.queries import LISTENING, Listed
from app.engine.relations import Related
from app.extensions import db
from app.web import context, instance_story, links, typed_values
from app.web.engine import engine
from app.web.interventions import ICONS
from app.web.interventions import pages as pages
from app.web.labels import Label
from app.web.monitor import REASONS
from app.web.people import current_actor

INSPECT, LIST, OPERATE = "instances:inspect", "instances:list", interventions.RIGHT
JOBS_SHOWN = 20
MESSAGES_SHOWN = 20
# What helps against each reason, the best first.
HELP: dict[Reason, tuple[str, ...]] = {
    Reason.INCIDENT: ("retry", "resolve", "skip"),
    Reason.TIMER_MISSED: ("fire-timers",),
    Reason.NOBODY_ELIGIBLE: ("reassign", "escalate"),
    Reason.MESSAGE_LATE: ("skip", "move"),
    Reason.OVERDUE: ("nudge", "reassign", "escalate"),
    Reason.SLOW: ("nudge", "reassign", "escalate"),
}
# Which part of what is known of an obstacle the form of an operation begins with.
ASKED: dict[str, tuple[str, ...]] = {
    "nudge": ("task",),
    "reassign": ("task",),
    "escalate": ("task",),
    "retry": ("incident",),
    "resolve": ("incident",),
    "move": ("from_element",),
    "skip": ("from_element",),
}
SUBJECT_KINDS = {
    "maintenance_request": "request",
    "spare_parts_request": "parts_request",
    "process_record": "record",
    "preventive_job": "preventive_job",
    "stock_replenishment": "replenishment",
}
JOB_STATES = {
    "waiting": Label("Waiting", "clock", "info"),
    "done": Label("Done", "check", "good"),
    "failed": Label("Given up", "x", "bad"),
}


@dataclass(frozen=True)
class Trouble:
    """Why an instance does not go on, in words, with the operations that help; each with its address."""

    label: Label
    words: Words
    since: datetime
    help: list[tuple[Operation, str]]


@dataclass(frozen=True)
class Place:
    """Where an instance stands, since when, and the task or the incident there."""

    element: Element
    since: datetime | None
    task: UserTask | None
    incident: Incident | None


@dataclass(frozen=True)
class Waiting:
    """A message that is awaited, at which element, since when and until when."""

    message: str
    name: str
    since: datetime | None
    due_at: datetime | None


@pages.get("/monitor/instances/<int:instance_id>")
@login_required
def show(instance_id: int) -> str:
    """Everything about an instance that whoever looks at it may see."""
    session, actor = db.session(), current_actor()
    instance = _visible(session, instance_id, actor)
    definition = engine().definition(session, instance.deployment_id)
    inspects = permissions.may(actor, INSPECT)
    row = queries.instance_row(session, instance)
    # Everybody who may see an instance is told where it stands; what failed and why, those who oversee.
    failed = row.incidents if permissions.may(actor, "incidents:read") else []
    possible = (
        interventions.possible(instance, row.open_tasks, row.incidents)
        if permissions.may(actor, OPERATE)
        else []
    )
    before = request.args.get("before", type=int)
    every_step = request.args.get("show") == "all"
    status = subjects.status_of(engine(), session, instance)
    return render_template(
        "monitor/instance.html",
        instance=instance,
        row=row,
        process=session.get_one(Deployment, instance.deployment_id),
        starter=session.get(User, instance.started_by) if instance.started_by else None,
        summary=engine().binding(instance.key, definition.outline).describe(session, instance.subject_id),
        status=status,
        status_kind=SUBJECT_KINDS.get(instance.subject_type, "record"),
        record_address=links.to_subject(instance.subject_type, instance.subject_id)
        if _may_open_record(session, instance, actor)
        else "",
        troubles=_troubles(session, instance, row.incidents, possible)
        if permissions.may(actor, LIST)
        else [],
        survey=stuck.age(session),
        places=_places(session, instance, definition, row.open_tasks, failed),
        story=instance_story.part(
            session,
            instance_id,
            context.outcome_names(definition),
            before=before,
            every_step=every_step,
            with_values=inspects,
        ),
        before=before,
        every_step=every_step,
        inspects=inspects,
        lists=permissions.may(actor, LIST),
        variables=_variables(instance) if inspects else [],
        jobs=queries.jobs_of(session, instance_id, page_size=JOBS_SHOWN) if inspects else Listed([], 0, 1, 1),
        job_states=JOB_STATES,
        job_words=_job_words,
        awaited=_awaited(session, instance, definition),
        timers=waiting.waiting_timers(engine(), session, instance),
        messages=_messages(session, instance_id),
        related=[each for each in _related(session, instance) if _may_see(session, each.instance, actor)],
        operations=possible,
        icons=ICONS,
        operators=permissions.holders(OPERATE),
        figures=url_for("process_figures.show", key=instance.key)
        if permissions.may(actor, LIST) and "process_figures.show" in current_app.view_functions
        else "",
        visible_tasks={task.id for task in row.open_tasks if user_tasks.may_see(task, actor)},
    )


# -- inner parts -----------------------------------------------------------------------------------


def _visible(session: Session, instance_id: int, actor: Actor) -> ProcessInstance:
    query = sa.select(ProcessInstance).where(ProcessInstance.id == instance_id).options(*WITH_STATE)
    found = session.scalars(query).first()
    return access.visible(session, actor, found, access.may_see_instance, "process instance")


def _may_see(session: Session, instance: ProcessInstance, actor: Actor) -> bool:
    return access.may_see_instance(session, instance, actor)


def _may_open_record(session: Session, instance: ProcessInstance, actor: Actor) -> bool:
    """Whether the page of the record is there for somebody: who started an instance may see that alone."""
    number = instance.subject_id
    if instance.subject_type == "maintenance_request":
        request = session.get(MaintenanceRequest, number)
        return request is not None and access.may_see_request(session, request, actor)
    if instance.subject_type == "spare_parts_request":
        parts_request = session.get(SparePartsRequest, number)
        return parts_request is not None and access.may_see_parts_request(session, parts_request, actor)
    if access.opens_to(actor, instance.subject_type):
        return True
    record = session.get(ProcessRecord, number) if instance.subject_type == access.RECORD_SUBJECT else None
    return record is not None and access.may_see_record(session, record, actor)


def _troubles(
    session: Session, instance: ProcessInstance, failed: list[Incident], possible: list[Operation]
) -> list[Trouble]:
    offered = {operation.name: operation for operation in possible}
    departments = {row.id: row.name for row in session.execute(sa.select(Department.id, Department.name))}
    found = []
    listed = stuck.of_instances(session, [instance.id]).get(instance.id, [])
    known = {(each.obstacle.detail or {}).get("incident") for each in listed}
    # What has failed since the last survey is told as well.
    new = [stuck.Stuck(_obstacle(each, instance), instance, None) for each in failed if each.id not in known]
    for each in [*new, *listed]:
        obstacle = each.obstacle
        chosen: dict[str, Any] = {
            "task": obstacle.task_id,
            "incident": (obstacle.detail or {}).get("incident"),
            "from_element": obstacle.element_id or None,
        }
        help_ = [
            (
                offered[name],
                url_for(
                    "monitored.choose",
                    instance_id=instance.id,
                    operation=name,
                    **{key: chosen[key] for key in ASKED.get(name, ()) if chosen[key] is not None},
                ),
            )
            for name in HELP[each.reason]
            if name in offered
        ]
        words = stuck.explain(each, engine().bindings, departments)
        found.append(Trouble(REASONS[each.reason], words, obstacle.since, help_))
    return found


def _obstacle(incident: Incident, instance: ProcessInstance) -> Obstacle:
    """What the next survey will find of an incident; a row that is not stored."""
    return Obstacle(
        instance_id=instance.id,
        process_key=instance.key,
        reason=Reason.INCIDENT.value,
        rank=Reason.INCIDENT.rank,
        element_id=incident.element_id,
        element_name=incident.element_name,
        since=incident.created_at,
        detail={"incident": incident.id, "message": incident.message, "attempts": incident.attempts},
    )


def _places(
    session: Session,
    instance: ProcessInstance,
    definition: Definition,
    tasks: list[UserTask],
    failed: list[Incident],
) -> list[Place]:
    """Where it stands; events that are only listened for come last."""
    began = waiting.since(session, instance.id)
    by_element = {task.element_id: task for task in tasks}
    incidents = {incident.element_id: incident for incident in failed}
    names = instances.standing(definition, instance.engine_state or {"tree": {"tasks": []}})
    if instance.ended_at is not None:
        names = []
    found = [
        Place(definition.element(name), began.get(name), by_element.get(name), incidents.get(name))
        for name in names
    ]
    return sorted(found, key=lambda place: (place.element.type in LISTENING, place.since is None))


def _variables(instance: ProcessInstance) -> list[tuple[str, str, str]]:
    """Name, kind and value of each variable."""
    stored = (instance.engine_state or {}).get("variables") or {}
    return [
        (name, typed_values.KINDS.get(typed_values.kind_of(value), "Nothing"), typed_values.written(value))
        for name, value in sorted(stored.items())
    ]


def _awaited(session: Session, instance: ProcessInstance, definition: Definition) -> list[Waiting]:
    """The messages that are awaited: first those in the way of a token, then those at the edge of a task."""
    if instance.ended_at is not None:
        return []
    query = sa.select(EventWait).where(
        EventWait.instance_id == instance.id, EventWait.ended_at.is_(None), EventWait.event == "message"
    )
    found = [
        Waiting(wait.message, wait.element_name, wait.since, wait.due_at)
        for wait in session.scalars(query.order_by(EventWait.id))
    ]
    known = {(wait.message, wait.name) for wait in found}
    edges = [
        Waiting(each.name, each.element_name, None, None)
        for each in queries.awaited_messages(engine(), session, instance.id)
        if (each.name, each.element_name) not in known
    ]
    return [*found, *edges]


def _messages(session: Session, instance_id: int) -> list[HistoryEntry]:
    """The messages that were sent and that came, the newest first."""
    query = sa.select(HistoryEntry).where(
        HistoryEntry.instance_id == instance_id,
        HistoryEntry.kind.in_([HistoryKind.MESSAGE_SENT, HistoryKind.MESSAGE_RECEIVED]),
    )
    return list(session.scalars(query.order_by(HistoryEntry.id.desc()).limit(MESSAGES_SHOWN)))


def _related(session: Session, instance: ProcessInstance) -> list[Related]:
    return relations.related(engine(), session, instance)


def _job_words(job: Job) -> str:
    payload = job.payload or {}
    if job.kind == "message":
        to = payload.get("to") or ", ".join(payload.get("started", ())) or "whoever starts with it"
        return f"Message “{payload.get('name', '')}” to {to}"
    if job.kind == "retry":
        return "Automatic retry of a failed step"
    return job.kind.replace("_", " ").replace(".", " ").capitalize()
