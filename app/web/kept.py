"""What somebody typed into a form that can no longer be sent, so that nothing of it is lost."""

from __future__ import annotations

from flask import request
from sqlalchemy.orm import Session

from app.engine import user_tasks
from app.engine.core import ProcessEngine
from app.engine.models import ProcessInstance


def typed(engine: ProcessEngine, session: Session, task_id: int) -> list[tuple[str, str]]:
    """Label and value of everything that was filled in, in the order of the form."""
    task = user_tasks.get(session, task_id)
    instance = session.get_one(ProcessInstance, task.instance_id)
    definition = engine.definition(session, instance.deployment_id)
    element = definition.element(task.element_id)
    labels = {}
    if element.form:
        labels = {field.key: field.label for field in definition.form(element.form).fields if field.key}
    found = []
    for name, value in request.form.items(multi=True):
        if name == "csrf_token" or name.startswith("_") or not value.strip():
            continue
        first, _, rest = name.partition(".")
        last = rest.rpartition(".")[2] or first
        row = next((part for part in rest.split(".") if part.isdigit()), None)
        label = labels.get(last) or labels.get(first) or last
        found.append((f"{label} ({int(row) + 1})" if row is not None else label, value.strip()))
    return found
