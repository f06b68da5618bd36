"""What somebody typed into a form that can no longer be sent, so that nothing of it is lost."""

from __future__ import annotations

from app.engine.forms import TaskForm


def typed(form: TaskForm) -> list[tuple[str, str]]:
    """Label and value of everything that was filled in, in the order of the form; rows are numbered."""
    found = []
    for item in form.scope.walk():
        if item.locked or not item.component.holds_value or item.type == "dynamiclist":
            continue
        named = [text for submitted, _, text in item.choices if submitted in item.chosen]
        value = ", ".join(named) if item.choices else str(item.shown or "").strip()
        row = next((int(part) + 1 for part in item.path.split(".") if part.isdecimal()), None)
        if value:
            found.append((item.label if row is None else f"{item.label} ({row})", value))
    return found
