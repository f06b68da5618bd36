"""What can be said of the record that an instance is about, whatever kind of record it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from app.engine.models import ProcessInstance

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

OF_A_RECORD = {"status", "businessKey"}


def status_of(engine: ProcessEngine, session: Session, instance: ProcessInstance) -> str:
    """The status of the record that an instance is about, as its binding tells; empty where none has one.

    Of the facts of a process one is the record itself: the one that bears the instance's business key.
    """
    definition = engine.definition(session, instance.deployment_id)
    for fact in engine.binding(instance.key, definition.outline).facts.values():
        if isinstance(fact.fields, list) or (fact.fields and not set(fact.fields) >= OF_A_RECORD):
            continue
        record = fact.load(session, instance.subject_id)
        if isinstance(record, Mapping) and record.get("businessKey") == instance.business_key:
            return str(record.get("status") or "")
    return ""
