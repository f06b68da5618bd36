"""What people who oversee the work do to an instance: hold it, let it go on, stop it, correct its data.

Each is one transaction under the instance's lock, and the history tells who did it and why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app import clock
from app.engine import incidents, messages, state, waits
from app.engine.actors import Actor
from app.engine.diagram import Element
from app.engine.execution import Execution, lock
from app.engine.models import OPEN_STATES, HistoryKind, InstanceState, ProcessInstance, TaskState
from app.errors import BusinessError, Conflict, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

REASON_LENGTH = 500
# A variable is a few values that steer the process; what is large is a record or an attachment.
VARIABLE_BYTES = 64 * 1024
VARIABLES_BYTES = 1024 * 1024
VARIABLE_DEPTH = 20
# FEEL counts with IEEE doubles: beyond this, whole numbers are not told apart.
NUMBER_LIMIT = 2**53 - 1
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


def reason_given(reason: str) -> str:
    """The reason, trimmed to what is stored.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG (field ``reason``)
    """
    reason = reason.strip()
    if not reason:
        raise BusinessError("REASON_MISSING", "Say why: the history tells it to others.", field="reason")
    if len(reason) > REASON_LENGTH:
        raise BusinessError(
            "REASON_TOO_LONG", f"Keep the reason under {REASON_LENGTH} characters.", field="reason"
        )
    return reason


def open_instance(session: Session, instance_id: int) -> ProcessInstance:
    """An instance that has not ended, locked. Raises :class:`NotFound` or :class:`Conflict`."""
    instance = lock(session, instance_id)
    if instance is None:
        raise NotFound("There is no such process instance.")
    if instance.state not in OPEN_STATES:
        raise Conflict(f"{instance.business_key} has ended.")
    return instance


@contextmanager
def tried(session: Session, *, keep: bool = True) -> Iterator[None]:
    """Do something that is taken back as a whole where it raises, or in any case without ``keep``.

    The jobs that it queued are not announced then.
    """
    queued = list(session.info.get("queued_jobs", ()))
    savepoint = session.begin_nested()
    kept = False
    try:
        yield
        kept = keep
        if keep:
            savepoint.commit()
    finally:
        if not kept:
            savepoint.rollback()
            session.info["queued_jobs"] = queued
            session.expire_all()


def cancel(
    engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, reason: str
) -> ProcessInstance:
    """Stop an instance where it stands. Its subject keeps its status: a diagram that wants more
    than that listens for a message. Raises :class:`NotFound` or :class:`Conflict`.

    :raises BusinessError: as :func:`reason_given`
    """
    reason = reason_given(reason)
    instance = open_instance(session, instance_id)
    execution = Execution.resume(engine, session, instance, actor)
    execution.workflow.cancel()
    now = clock.now()
    for row in execution.open_tasks:
        row.state, row.completed_at = TaskState.CANCELLED, now
    instance.state, instance.ended_at, instance.next_due_at = InstanceState.CANCELLED, now, None
    instance.end_reason = reason
    waits.end_all(session, instance_id)
    execution.end_subject(InstanceState.CANCELLED)
    incidents.settle(execution)
    instance.engine_state = state.dump(execution.workflow, execution.variables)
    instance.revision += 1
    execution.journal.add(HistoryKind.CANCELLED, None, {"reason": reason})
    execution.journal.write(session)
    return instance


def suspend(
    engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, reason: str
) -> ProcessInstance:
    """Hold an instance: its tasks and timers wait. Raises :class:`NotFound` or :class:`Conflict`.

    :raises BusinessError: as :func:`reason_given`
    """
    reason = reason_given(reason)
    instance = open_instance(session, instance_id)
    if instance.state == InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is suspended already.")
    return _turn(engine, session, instance, actor, InstanceState.SUSPENDED, HistoryKind.SUSPENDED, reason)


def resume(
    engine: ProcessEngine, session: Session, instance_id: int, actor: Actor, reason: str
) -> ProcessInstance:
    """Let a suspended instance go on. Raises :class:`NotFound` or :class:`Conflict`.

    :raises BusinessError: as :func:`reason_given`
    """
    reason = reason_given(reason)
    instance = open_instance(session, instance_id)
    if instance.state != InstanceState.SUSPENDED:
        raise Conflict(f"{instance.business_key} is not suspended.")
    messages.wake(session, instance.business_key)
    into = InstanceState.INCIDENT if incidents.unresolved(session, instance_id) else InstanceState.RUNNING
    return _turn(engine, session, instance, actor, into, HistoryKind.RESUMED, reason)


def _turn(
    engine: ProcessEngine,
    session: Session,
    instance: ProcessInstance,
    actor: Actor,
    into: InstanceState,
    kind: HistoryKind,
    reason: str,
) -> ProcessInstance:
    instance.state = into
    note(engine, session, instance, actor, kind, {"reason": reason})
    return instance


def note(
    engine: ProcessEngine,
    session: Session,
    instance: ProcessInstance,
    actor: Actor,
    kind: HistoryKind,
    detail: dict[str, Any],
    element: Element | None = None,
) -> None:
    """Write into the history of a locked instance what is done to it without running it."""
    instance.revision += 1
    definition = engine.definition(session, instance.deployment_id)
    execution = Execution(engine, session, instance, definition, actor, refuses=True)
    execution.journal.add(kind, element, detail)
    execution.journal.write(session)


# -- variables -----------------------------------------------------------------------------------


def set_variables(
    engine: ProcessEngine,
    session: Session,
    instance_id: int,
    actor: Actor,
    changes: Mapping[str, Any],
    reason: str,
) -> ProcessInstance:
    """Give variables of an instance other values; null removes one, which expressions then find null.

    Nothing is run: tasks that are open keep what they were opened with, and whatever comes next
    finds the new values. A suspended instance can be corrected too. The history holds the values
    before and after.

    Raises :class:`NotFound` or :class:`Conflict`.

    :raises BusinessError: as :func:`reason_given`; NOTHING_TO_CHANGE; BAD_VARIABLE_NAME,
        BAD_VARIABLE or VARIABLE_TOO_LARGE (field ``variables.<name>``)
    """
    reason = reason_given(reason)
    if not changes:
        raise BusinessError("NOTHING_TO_CHANGE", "Name at least one variable.", field="variables")
    instance = open_instance(session, instance_id)
    facts = known_facts(engine, session, instance)
    for name in changes:
        check_name(name, facts)
    check_values(changes, "variables")
    before = instance.engine_state["variables"]
    after = {name: value for name, value in {**before, **changes}.items() if value is not None}
    if _size(after) > VARIABLES_BYTES:
        raise BusinessError(
            "VARIABLE_TOO_LARGE", "The variables of an instance hold 1 MB at most.", field="variables"
        )
    instance.engine_state = {**instance.engine_state, "variables": after}
    changed = [name for name in changes if before.get(name) != after.get(name)]
    detail = {
        "reason": reason,
        "before": {name: before.get(name) for name in changed},
        "after": {name: after.get(name) for name in changed},
    }
    note(engine, session, instance, actor, HistoryKind.VARIABLES, detail)
    return instance


def known_facts(engine: ProcessEngine, session: Session, instance: ProcessInstance) -> set[str]:
    """The names that are looked up in the records, and so cannot be variables."""
    outline = engine.definition(session, instance.deployment_id).outline
    return {"actor", *engine.facts(instance.key, outline)}


def check_name(name: str, facts: set[str]) -> None:
    """See that a variable can have this name.

    :raises BusinessError: BAD_VARIABLE_NAME (field ``variables.<name>``)
    """
    field = f"variables.{name[:60]}"
    if not VARIABLE_NAME.fullmatch(name):
        message = f"“{name[:60]}” is no name for a variable: use letters, digits and “_”, at most 60."
        raise BusinessError("BAD_VARIABLE_NAME", message, field=field)
    if name in facts:
        message = f"“{name}” is looked up in the records whenever it is needed: change the record itself."
        raise BusinessError("BAD_VARIABLE_NAME", message, field=field)


def check_values(values: Mapping[str, Any], field: str) -> None:
    """See that values can be stored as variables of an instance.

    :raises BusinessError: BAD_VARIABLE, VARIABLE_TOO_LARGE (field ``<field>.<name>``)
    """
    for name, value in values.items():
        if not _is_text(name) or not _is_json(value, VARIABLE_DEPTH):
            message = "Send text, numbers, true, false, null, or lists or objects of these, not too deep."
            raise BusinessError("BAD_VARIABLE", message, field=f"{field}.{name[:60]}")
        if _size(value) > VARIABLE_BYTES:
            message = "This holds more than 64 kB."
            raise BusinessError("VARIABLE_TOO_LARGE", message, field=f"{field}.{name[:60]}")


def _is_json(value: Any, depth: int) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, int | float):
        return -NUMBER_LIMIT <= value <= NUMBER_LIMIT
    if depth == 0:
        return False
    if isinstance(value, list):
        return all(_is_json(item, depth - 1) for item in value)
    return isinstance(value, dict) and all(
        isinstance(key, str) and _is_text(key) and _is_json(item, depth - 1) for key, item in value.items()
    )


def _is_text(value: str) -> bool:
    """Whether a text can be stored: half a surrogate pair, which JSON lets by, cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _size(value: Any) -> int:
    """The bytes that a value takes up in the stored state."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
