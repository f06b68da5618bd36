"""Messages between instances: rows of the job table, each delivered in a transaction of its own.

A delivery locks the receiver only, so that two instances that write to each other cannot wait for
each other. It is done at least once, and marked done together with its effect: exactly once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.util.event import BpmnEvent
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine import jobs
from app.engine.actors import SYSTEM, Actor
from app.engine.events import Message
from app.engine.models import OPEN_STATES, HistoryKind, InstanceState, Job, JobState, ProcessInstance
from app.errors import Conflict, Forbidden, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.diagram import Element
    from app.engine.execution import Execution

log = logging.getLogger(__name__)

# A message that nobody waits for yet is kept and offered again for this long.
KEPT = timedelta(days=30)


def send(
    session: Session,
    name: str,
    *,
    to: str | None,
    payload: Mapping[str, Any],
    sender: ProcessInstance | None = None,
) -> Job:
    """Queue a message to the instance with the business key ``to``; None starts a new instance."""
    envelope = {
        "name": name,
        "to": to,
        "payload": dict(payload),
        "sender": sender.business_key if sender else None,
    }
    return jobs.enqueue(session, "message", envelope, instance_id=sender.id if sender else None)


@jobs.job_handler("message")
def deliver_job(engine: ProcessEngine, session: Session, envelope: Mapping[str, Any], job: Job) -> None:
    """Deliver a queued message, or keep it until its receiver waits for it."""
    if envelope["to"] is None:
        from app.engine import instances

        started = instances.start_by_message(
            engine,
            session,
            envelope["name"],
            envelope["payload"],
            SYSTEM,
            sender=envelope.get("sender") or "",
        )
        # The sender's page tells what its message began.
        job.payload = {**envelope, "started": [instance.business_key for instance in started]}
        return
    try:
        deliver(
            engine, session, envelope["name"], envelope["to"], envelope["payload"], SYSTEM,
            sender=envelope.get("sender") or "",
        )  # fmt: skip
    except NotFound:
        # The receiver has ended: nobody will ever wait for this.
        log.info("message %s to %s came too late", envelope["name"], envelope["to"], extra={"job_id": job.id})
    except Conflict as reason:
        if clock.now() - job.created_at > KEPT:
            raise
        raise jobs.TryLater(str(reason)) from reason


def wake(session: Session, business_key: str, names: Collection[str] | None = None) -> None:
    """Offer the messages that were kept for an instance again, right after this transaction.

    ``names`` are the messages that it has begun to wait for; None means any.
    """
    kept = select(Job).where(Job.state == JobState.WAITING, Job.kind == "message", Job.run_at > clock.now())
    for job in session.scalars(kept):
        if job.payload["to"] == business_key and (names is None or job.payload["name"] in names):
            job.run_at = clock.now()
            jobs.announce(session, job)


def deliver(
    engine: ProcessEngine,
    session: Session,
    name: str,
    to: str,
    payload: Mapping[str, Any],
    actor: Actor,
    *,
    sender: str = "",
) -> ProcessInstance:
    """Deliver a message now, in the current transaction; ``sender`` is the business key of whose it is.

    A person may send a message only where the diagram says so (``millwright:allowed`` of the event
    that waits for it); other instances and the system always may.

    Raises :class:`NotFound` where no open instance has that business key, :class:`Conflict` where
    the instance is suspended or does not wait for the message, and :class:`Forbidden`.
    """
    from app.engine.execution import Execution, lock

    instance_id = session.scalar(
        select(ProcessInstance.id).where(
            ProcessInstance.business_key == to, ProcessInstance.state.in_(OPEN_STATES)
        )
    )
    instance = lock(session, instance_id) if instance_id is not None else None
    if instance is None or instance.state not in OPEN_STATES:
        raise NotFound(f"No open instance is known as {to}.")
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{to} is suspended.")
    execution = Execution.resume(engine, session, instance, actor)
    if not _allowed(execution, name):
        raise Forbidden(f"{to} does not take the message {name} from you.")
    event = BpmnEvent(Message(name), payload=dict(payload))
    if execution.workflow.event_manager.catch(event, internal=False) == 0:
        raise Conflict(f"{to} does not wait for the message {name}.")
    element = next((e for e in execution.definition.diagram.elements.values() if e.message == name), None)
    detail = {"message": name, "payload": dict(payload), **({"sender": sender} if sender else {})}
    execution.journal.add(HistoryKind.MESSAGE_RECEIVED, element, detail)
    execution.advance()
    execution.save()
    return instance


def may_send(
    engine: ProcessEngine, session: Session, instance: ProcessInstance, name: str, actor: Actor
) -> bool:
    """Whether an instance waits for a message that this actor may send it, for pages to offer it."""
    from app.engine.execution import Execution

    if instance.state not in (InstanceState.RUNNING, InstanceState.INCIDENT):
        return False
    execution = Execution.resume(engine, session, instance, actor)
    return bool(_waiting(execution, name)) and _allowed(execution, name)


def _waiting(execution: Execution, name: str) -> list[Element]:
    """The elements that wait for a message now."""
    event = BpmnEvent(Message(name))
    tasks = execution.workflow.event_manager.tasks.values()
    return [execution.element_of(task) for task in tasks if task.task_spec.catches(task, event)]


def _allowed(execution: Execution, name: str) -> bool:
    """Whether whoever acts may send the message, by every element that waits for it."""
    if execution.actor.user_id is None:
        return True
    return all(execution.attribute(element, "allowed") is True for element in _waiting(execution, name))
