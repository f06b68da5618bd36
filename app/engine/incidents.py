"""Steps that failed for a reason nobody planned: kept, retried with back-off, then by a manager."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.engine import jobs
from app.engine.actors import Actor, Identity
from app.engine.models import OPEN_STATES, HistoryKind, Incident, InstanceState, Job, ProcessInstance
from app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.diagram import Element
    from app.engine.execution import Execution

AUTOMATIC_RETRIES = 5


def park(
    execution: Execution, engine_task: str, element: Element | None, error: Exception, trace: str
) -> Incident:
    """Record a failed step, or that a retried one failed again, and plan the next attempt."""
    incident = execution.retrying
    message = (str(error) or type(error).__name__)[:1000]
    if incident is not None and incident.engine_task == engine_task:
        incident.attempts += 1
        incident.message, incident.traceback = message, trace
        execution.retrying = None
    else:
        incident = Incident(
            instance_id=execution.instance.id,
            engine_task=engine_task,
            element_id=element.id if element else "",
            element_name=element.label[:255] if element else "",
            message=message,
            traceback=trace,
            attempts=1,
            actor=asdict(execution.actor),
        )
        execution.session.add(incident)
    execution.instance.state = InstanceState.INCIDENT
    execution.session.flush()
    if incident.attempts < AUTOMATIC_RETRIES:
        jobs.enqueue(
            execution.session,
            "retry",
            {"incident": incident.id, "attempts": incident.attempts},
            run_at=clock.now() + jobs.backoff(incident.attempts),
            instance_id=execution.instance.id,
        )
    return incident


def resolve(incident: Incident, by: Actor) -> None:
    incident.resolved_at = clock.now()
    incident.resolved_by = by.user_id


@jobs.job_handler("retry")
def retry_job(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    """The automatic attempt. One that a manager was quicker with needs nothing."""
    incident = session.get(Incident, payload["incident"])
    if incident is None or incident.resolved_at is not None:
        return
    if incident.attempts != payload.get("attempts", incident.attempts):
        return
    instance = session.get(ProcessInstance, incident.instance_id)
    if instance is not None and instance.state == InstanceState.SUSPENDED:
        raise jobs.TryLater(f"{instance.business_key} is suspended.")
    if instance is not None and instance.state in OPEN_STATES:
        retry(engine, session, incident.id, actor_of(incident))


def actor_of(incident: Incident) -> Actor:
    """Whoever acted when the step failed: the retry goes on in their name."""
    stored = dict(incident.actor or {})
    stands_in = tuple(Identity(**identity) for identity in stored.pop("stands_in_for", ()))
    return Actor(**stored, stands_in_for=stands_in)


def retry(
    engine: ProcessEngine, session: Session, incident_id: int, actor: Actor, reason: str = ""
) -> ProcessInstance:
    """Run a failed step again; history tells the ``reason``, where there is one.

    Raises :class:`NotFound` for an unknown incident and :class:`Conflict` for one that is
    resolved, or whose instance has ended or is suspended. A step that fails again stays an
    incident, with the new error.
    """
    from app.engine.execution import Execution, lock

    found = session.get(Incident, incident_id)
    if found is None:
        raise NotFound("There is no such incident.")
    instance = lock(session, found.instance_id)
    session.refresh(found)
    if found.resolved_at is not None:
        raise Conflict("This incident has been resolved already.")
    if instance is None or instance.state not in OPEN_STATES:
        raise Conflict("The instance of this incident has ended.")
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is suspended.")
    execution = Execution.resume(engine, session, instance, actor, refuses=False)
    execution.journal.add(
        HistoryKind.RETRIED,
        execution.definition.diagram.elements.get(found.element_id),
        {"incident": found.id, **({"reason": reason} if reason else {})},
    )
    execution.unpark(found)
    execution.advance()
    execution.save()
    return instance


def settle(execution: Execution) -> None:
    """Resolve the incidents whose step is no longer there, and let the instance's state say whether any
    is left."""
    instance = execution.instance
    parked = set() if instance.ended_at is not None else set(execution.parked())
    left = 0
    for incident in unresolved(execution.session, instance.id):
        if incident.engine_task in parked:
            left += 1
        else:
            resolve(incident, execution.actor)
    if not left and instance.state == InstanceState.INCIDENT:
        instance.state = InstanceState.RUNNING


def unresolved(session: Session, instance_id: int) -> list[Incident]:
    """The open incidents of an instance, oldest first."""
    query = select(Incident).where(Incident.instance_id == instance_id, Incident.resolved_at.is_(None))
    return list(session.scalars(query.order_by(Incident.id)))
