"""Resolving an incident by hand: the failed step was done outside, and its token goes on as if it had
succeeded.

That is more than letting the token pass (:func:`app.engine.moving.skip`), where the step stays undone: the
step counts as done, its status is set, its results are given by hand, the ways out of it are chosen as
always, however many there are, and events at its edge are over. What the step would have done itself, such
as booking stock, is not done: that was done outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.task import Task
from sqlalchemy.orm import Session

from app.engine import incidents
from app.engine.actors import Actor
from app.engine.diagram import Element
from app.engine.execution import Execution
from app.engine.models import HistoryKind, Incident, InstanceState, ProcessInstance
from app.engine.operations import check_name, check_values, known_facts, open_instance, reason_given
from app.errors import BusinessError, Conflict, MillwrightError, NotFound
from app.patience import will_pass

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

# What the engine does itself, so that somebody can have done it in its place.
RESOLVABLE = (
    "serviceTask",
    "businessRuleTask",
    "scriptTask",
    "sendTask",
    "intermediateThrowEvent",
    "endEvent",
)


def can_be_resolved(element: Element | None) -> bool:
    """Whether a failed step is one that somebody can have done outside.

    What people do is not: they do it as soon as their task is open. Nor is a gateway or a timer: where the
    token goes from there is for the diagram, or for whoever moves it.
    """
    if element is None or element.type not in RESOLVABLE:
        return False
    return element.error_code is None and element.event in (None, "message")


def results_of(element: Element) -> list[str]:
    """The variables that a step sets when it succeeds."""
    if element.outputs:
        return [output.name for output in element.outputs]
    name = element.attributes.get("resultVariable")
    return [name] if name else []


def resolve(
    engine: ProcessEngine,
    session: Session,
    incident_id: int,
    actor: Actor,
    reason: str,
    *,
    variables: Mapping[str, Any] | None = None,
) -> ProcessInstance:
    """Let the token of a failed step go on as if the step had been done, with the variables it set.

    Raises :class:`NotFound`, and :class:`Conflict` where the incident is resolved, the instance has ended
    or is suspended, or nobody can have done the step outside.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; BAD_VARIABLE_NAME, BAD_VARIABLE or
        VARIABLE_TOO_LARGE (field ``variables.<name>``); STATUS_REFUSED; and whatever the steps that
        follow refuse
    """
    reason = reason_given(reason)
    given = dict(variables or {})
    incident, execution, task, element = _begin(engine, session, incident_id, actor)
    facts = known_facts(engine, session, execution.instance)
    for name in given:
        check_name(name, facts)
    check_values(given, "variables")
    execution.journal.add(
        HistoryKind.RESOLVED, element, {"incident": incident.id, "values": given, "reason": reason}
    )
    _enter(execution, task, element)
    kept = {**execution.variables, **given}
    execution.variables = {name: value for name, value in kept.items() if value is not None}
    task.complete()
    flows = execution.flows_out_of(task)
    execution.journal.add(
        HistoryKind.PASSED, element, {"byHand": True, **({"flows": flows} if flows else {})}
    )
    incidents.resolve(incident, actor)
    execution.advance()
    execution.save()
    return execution.instance


def _begin(
    engine: ProcessEngine, session: Session, incident_id: int, actor: Actor
) -> tuple[Incident, Execution, Task, Element]:
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise NotFound("There is no such incident.")
    instance = open_instance(session, incident.instance_id)
    session.refresh(incident)
    if incident.resolved_at is not None:
        raise Conflict("This incident has been resolved already.")
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is suspended: resume it first.")
    execution = Execution.resume(engine, session, instance, actor)
    task = execution.parked().get(incident.engine_task)
    element = execution.definition.diagram.elements.get(incident.element_id)
    if task is None or element is None or not can_be_resolved(element):
        raise Conflict(
            f"“{incident.element_name}” is no step that can have been done outside: mend the cause and retry "
            "it, or move its token."
        )
    return incident, execution, task, element


def _enter(execution: Execution, task: Task, element: Element) -> None:
    """Set the status that the step would have set."""
    try:
        execution.enter(task, element)
    except MillwrightError:
        raise
    except Exception as error:
        if will_pass(error):
            raise
        raise BusinessError(
            "STATUS_REFUSED",
            f"The record cannot get the status {element.status} that the step sets: {error} Move the token "
            "instead.",
        ) from error
