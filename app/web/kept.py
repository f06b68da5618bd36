"""What somebody typed into a form that can no longer be sent, so that nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator

from werkzeug.datastructures import MultiDict

from app.engine.forms import TaskForm


def typed(form: TaskForm, submission: MultiDict[str, str]) -> list[tuple[str, str]]:
    """Label and value of everything that was filled in, in the order of the form; rows are numbered.

    What the form no longer shows, because the rows or the question it was about are gone, follows.
    """
    shown = {}
    for item in form.scope.walk():
        if not item.locked and item.component.holds_value and item.type != "dynamiclist":
            named = [text for submitted, _, text in item.choices if submitted in item.chosen]
            value = ", ".join(named) if item.choices else str(item.shown or "").strip()
            shown[item.name] = (item.label, item.path, value)
    gone = {name: value for name, value in _gone(form, submission) if name not in shown}
    found = [*shown.values(), *gone.values()]
    return [(_numbered(label, path), value) for label, path, value in found if value]


def _gone(form: TaskForm, submission: MultiDict[str, str]) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Label, path and value of what was submitted, by its name, as far as the form has a field for it."""
    labels = {field.path: field.label for field in form.schema.fields if field.type != "dynamiclist"}
    for name, values in submission.lists():
        path = ".".join(part for part in name.split(".") if not part.isdecimal())
        if path in labels:
            yield name, (labels[path], name, ", ".join(value.strip() for value in values))


def _numbered(label: str, path: str) -> str:
    """The label with the number of the row that the path leads through."""
    row = next((int(part) + 1 for part in path.split(".") if part.isdecimal()), None)
    return label if row is None else f"{label} ({row})"
