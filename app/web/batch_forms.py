"""The forms of operations on many instances: what each asks for, and the values that were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.engine.core import ProcessEngine
from app.errors import BusinessError
from app.web import typed_values
from app.web.formatting import day
from app.web.labels import role_name
from app.web.operation_forms import LARGEST_ID, Field, Group


def fields(engine: ProcessEngine, session: Session, operation: str, given: Mapping[str, str]) -> list[Field]:
    """The fields of an operation's form, besides the reason, with what has been chosen."""
    match operation:
        case "reassign":
            return [
                Field(
                    "person",
                    "To whom",
                    "select",
                    given.get("person", ""),
                    "They get every open task of these instances, also those that their role could not do, "
                    "and are told.",
                    "Choose somebody",
                    _people(engine, session),
                )
            ]
        case "escalate":
            return [
                Field(
                    "role",
                    "To which role",
                    "select",
                    given.get("role", ""),
                    "Its holders are told. Whoever has a task keeps it and can still do it.",
                    "Choose a role",
                    [Group("", list(engine.bindings.roles.items()))],
                )
            ]
        case "edit-variable":
            kinds = [*typed_values.KINDS.items(), (typed_values.NOTHING, "Nothing: remove the variable")]
            help_text = "Yes or no: write “yes” or “no”. A list or an object: write JSON."
            return [
                Field("name", "Which variable", "name", given.get("name", ""), "All of them get this value."),
                Field(
                    "kind", "What kind of value", "kind", given.get("kind", "text"), groups=[Group("", kinds)]
                ),
                Field("value", "Value", "value", given.get("value", ""), help_text),
            ]
    return []


def chosen(operation: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The values of an operation, by what was typed.

    :raises BusinessError: what is missing or no value, at its field
    """
    match operation:
        case "reassign":
            text = _required(given, "person", "Choose who gets it.")
            number = int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else 0
            return {"person": number if number <= LARGEST_ID else 0}
        case "escalate":
            return {"role": _required(given, "role", "Choose a role.")}
        case "edit-variable":
            name = _required(given, "name", "Name the variable.")
            value = typed_values.read(given.get("kind", ""), given.get("value", ""), "value")
            return {"variables": {name: value}}
    return {}


def in_words(engine: ProcessEngine, session: Session, values: Mapping[str, Any]) -> str:
    """What was chosen, for people; empty where there was nothing to choose."""
    if person := values.get("person"):
        return f"to {engine.bindings.person_name(session, int(person)) or 'nobody who works here'}"
    if role := values.get("role"):
        return f"to the role {role_name(role)}"
    if variables := values.get("variables"):
        written = (
            f"{name} = {typed_values.written(value, short=True)[:200]}"
            if value is not None
            else f"{name} removed"
            for name, value in variables.items()
        )
        return ", ".join(written)
    return ""


def field_of(operation: str, path: str) -> str:
    """The field of the form that an engine's path means, such as ``variables.cost``."""
    return "name" if operation == "edit-variable" and path.startswith("variables") else path


def _people(engine: ProcessEngine, session: Session) -> list[Group]:
    here: list[tuple[str, str]] = []
    away: list[tuple[str, str]] = []
    for colleague in engine.bindings.colleagues(session):
        words = f"{colleague.name}, {role_name(colleague.role).lower()}"
        if colleague.absent_until is not None:
            stands_in = colleague.substitute_name or "nobody"
            words += f" – absent until {day(colleague.absent_until)}, {stands_in} stands in"
        (here if colleague.absent_until is None else away).append((str(colleague.user_id), words))
    groups = (Group("There today", here), Group("Absent today", away))
    return [group for group in groups if group.options]


def _required(given: Mapping[str, str], name: str, message: str) -> str:
    found = given.get(name, "").strip()[:255]
    if not found:
        raise BusinessError("MISSING", message, field=name)
    return found
