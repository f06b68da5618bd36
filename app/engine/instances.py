"""Instances: starting them, finding them, letting their timers go off, and where they stand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.util.event import BpmnEvent
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine import deployments, state
from app.engine.actors import SYSTEM, Actor
from app.engine.bindings import StartContext
from app.engine.diagram import Element
from app.engine.events import Message
from app.engine.execution import Execution, lock
from app.engine.models import (
    OPEN_STATES,
    Deployment,
    HistoryKind,
    InstanceState,
    ProcessInstance,
)
from app.engine.projection import WITH_STATE
from app.errors import Forbidden, NotFound
from app.patience import asks_for_another_attempt, will_pass

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.definitions import Definition
    from app.engine.jobs import SessionFactory

log = logging.getLogger(__name__)

# When firing a timer fails for a reason outside any step, it is tried again after this long.
TIMER_RETRY = timedelta(minutes=5)


def may_start(deployment: Deployment, actor: Actor) -> bool:
    """Whether this actor may start the process by its form."""
    roles = [role for role in deployment.start_roles.split(",") if role]
    return actor.user_id is None or not roles or actor.role in roles


def start(
    engine: ProcessEngine,
    session: Session,
    key: str,
    actor: Actor,
    values: Mapping[str, Any],
    *,
    deployment: Deployment | None = None,
) -> ProcessInstance:
    """Start the newest version of a process with the values of its start form.

    ``deployment`` is the version whose form was answered, where that was looked up before: another may
    have been deployed since, and its form may ask for something else.

    Raises :class:`NotFound`, :class:`Forbidden` where the actor's role may not start it, and
    :class:`BusinessError` from whatever the first steps refuse.
    """
    deployment = deployment or deployments.latest(session, key)
    if deployment is None:
        raise NotFound(f"No process named {key} is deployed.")
    if not may_start(deployment, actor):
        names = [engine.bindings.roles.get(role, role) for role in deployment.start_roles.split(",")]
        raise Forbidden(f"{deployment.name} is started by: {', '.join(names)}.")
    return _start(engine, session, deployment, actor, values, message=None)


def start_by_message(
    engine: ProcessEngine,
    session: Session,
    name: str,
    payload: Mapping[str, Any],
    actor: Actor,
    *,
    sender: str = "",
    key: str | None = None,
) -> list[ProcessInstance]:
    """Start every process whose start event waits for this message, or only the one with this ``key``;
    ``sender`` is the business key of the instance that sent it.

    Raises :class:`NotFound` where there is none.
    """
    waiting = [d for d in deployments.latest_of_all(session) if name in d.start_messages.split(",")]
    if key is not None:
        waiting = [d for d in waiting if d.key == key]
    if not waiting:
        raise NotFound(f"No deployed process starts with the message {name}.")
    return [
        _start(engine, session, deployment, actor, payload, message=name, sender=sender)
        for deployment in waiting
    ]


def _start(
    engine: ProcessEngine,
    session: Session,
    deployment: Deployment,
    actor: Actor,
    values: Mapping[str, Any],
    *,
    message: str | None,
    sender: str = "",
) -> ProcessInstance:
    binding = engine.binding(deployment.key, engine.definition(session, deployment.id).outline)
    subject = binding.create_subject(
        StartContext(session=session, actor=actor, values=values, now=clock.now())
    )
    instance = ProcessInstance(
        key=deployment.key,
        deployment_id=deployment.id,
        business_key=subject.business_key,
        subject_type=binding.subject_type,
        subject_id=subject.id,
        state=InstanceState.RUNNING,
        started_by=actor.user_id,
        started_at=clock.now(),
    )
    session.add(instance)
    session.flush()
    execution = Execution.begin(engine, session, instance, actor)
    execution.variables.update(values)
    starter = _start_event(execution, message)
    detail = {"values": dict(values), **({"sender": sender} if sender else {})}
    execution.journal.add(HistoryKind.STARTED, starter, detail)
    execution.stand_at(starter)
    if message is not None:
        event = BpmnEvent(Message(message), payload=dict(values))
        execution.workflow.event_manager.catch(event, internal=False)
    execution.advance()
    execution.save()
    return instance


def _start_event(execution: Execution, message: str | None) -> Element:
    for start in execution.definition.diagram.starts:
        if start.message == message:
            return start
    raise Forbidden(f"{execution.definition.name} is started by a message, not by people.")


def get(session: Session, instance_id: int) -> ProcessInstance:
    """The instance. Raises :class:`NotFound`."""
    instance = session.get(ProcessInstance, instance_id)
    if instance is None:
        raise NotFound("There is no such process instance.")
    return instance


def of_subject(session: Session, subject_type: str, subject_id: int) -> ProcessInstance | None:
    """The newest instance about a subject."""
    return session.scalar(
        select(ProcessInstance)
        .where(ProcessInstance.subject_type == subject_type, ProcessInstance.subject_id == subject_id)
        .order_by(ProcessInstance.id.desc())
        .limit(1)
    )


# -- timers ------------------------------------------------------------------------------------


def due_timers(session: Session, limit: int = 100) -> list[int]:
    """The ids of instances whose earliest timer is due."""
    return list(
        session.scalars(
            select(ProcessInstance.id)
            .where(
                ProcessInstance.state.in_([InstanceState.RUNNING, InstanceState.INCIDENT]),
                ProcessInstance.next_due_at <= clock.now(),
            )
            .order_by(ProcessInstance.next_due_at)
            .limit(limit)
        )
    )


def fire_timers(engine: ProcessEngine, session: Session, instance_id: int) -> bool:
    """Let the due timers of an instance go off; answers whether any was still due under the lock.

    An instance that somebody is acting on is left alone: the next sweep finds it, and the others do not wait.
    """
    instance = lock(session, instance_id, skip_locked=True)
    if (
        instance is None
        or instance.state not in (InstanceState.RUNNING, InstanceState.INCIDENT)
        or instance.next_due_at is None
        or instance.next_due_at > clock.now()
    ):
        return False
    execution = Execution.resume(engine, session, instance, SYSTEM)
    execution.advance()
    execution.save()
    return True


def fire_due(engine: ProcessEngine, sessions: SessionFactory, limit: int = 100) -> int:
    """Fire the due timers of up to ``limit`` instances, each in its own transaction.

    What fails is put off, lest it keep others waiting; but nothing is while the database cannot work, which
    raises what it raises.
    """
    with sessions() as session:
        ids = due_timers(session, limit)
        session.rollback()
    fired = 0
    for instance_id in ids:
        with sessions() as session:
            try:
                with unit_of_work(session):
                    fired += fire_timers(engine, session, instance_id)
            except Exception as error:
                if asks_for_another_attempt(error):
                    log.info("the timers of instance %s wait for the next sweep: %s", instance_id, error)
                    continue
                if will_pass(error):
                    raise
                log.exception("firing the timers of instance %s failed", instance_id)
                with unit_of_work(session):
                    session.execute(
                        update(ProcessInstance)
                        .where(ProcessInstance.id == instance_id)
                        .values(next_due_at=clock.now() + TIMER_RETRY)
                    )
    return fired


# -- where it stands ----------------------------------------------------------------------------


def tokens(engine: ProcessEngine, session: Session, instance_id: int) -> list[str]:
    """The ids of the elements where an open instance stands now."""
    instance = session.scalar(
        select(ProcessInstance).where(ProcessInstance.id == instance_id).options(*WITH_STATE)
    )
    if instance is None or instance.state not in OPEN_STATES or not instance.engine_state:
        return []
    return standing(engine.definition(session, instance.deployment_id), instance.engine_state)


def standing(definition: Definition, engine_state: Mapping[str, Any]) -> list[str]:
    """The ids of the elements where something has to happen, by the stored state of an instance."""
    elements = definition.diagram.elements
    trees = [engine_state["tree"], *engine_state.get("subprocesses", {}).values()]
    names = [entry[2] for tree in trees for entry in tree["tasks"] if entry[3] in state.STANDING]
    return list(
        dict.fromkeys(name for name in names if name in elements and elements[name].type != "boundaryEvent")
    )
