"""What people answered in the forms of a process, by the labels of the fields, in the order of the forms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy.orm import Session

from app.domain.process_records import ProcessRecord
from app.engine import instances
from app.engine.core import ProcessEngine
from app.engine.definitions import Definition
from app.engine.forms.schema import CHOICES, SEVERAL, Component, FormSchema, Text
from app.processes.generic import SUBJECT
from app.web import formatting

# Shown elsewhere on the page: the machine as what it is, files among all files.
ELSEWHERE = ("machineId",)
UNSHOWN = ("filepicker",)
EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Answer:
    """One field: what it is called, and what was answered; ``rows`` under ``columns`` where it is a list."""

    label: str
    text: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def of_record(engine: ProcessEngine, session: Session, record: ProcessRecord) -> list[Answer]:
    """All answers that a record holds, those of its start first."""
    instance = instances.of_subject(session, SUBJECT, record.id)
    forms = [] if instance is None else _forms(engine.definition(session, instance.deployment_id))
    options = _Options(engine, session)
    seen: set[str] = set(ELSEWHERE)
    found: list[Answer] = []
    for form in forms:
        for component in _components(form.components):
            if component.key in seen or component.unseen:
                continue
            seen.add(component.key)
            value = _at(record.fields, component.path)
            if value not in EMPTY and component.type not in UNSHOWN and value != record.title:
                found.append(_answer(component, value, options))
    tops = {name.partition(".")[0] for name in seen}
    # Asked for by a form that another version of the process does not have any more.
    others = {name: value for name, value in record.fields.items() if name not in tops}
    found += [Answer(_readable(name), _plain(value)) for name, value in others.items() if value not in EMPTY]
    return found


def _forms(definition: Definition) -> list[FormSchema]:
    """The forms that people fill in, in the order of the diagram, the start's first."""
    elements = [start for start in definition.diagram.starts if start.event is None]
    elements += definition.diagram.of_type("userTask")
    names = dict.fromkeys(element.form for element in elements if element.form)
    return [definition.forms[name] for name in names if name in definition.forms]


def _components(components: tuple[Component, ...]) -> Iterator[Component]:
    """The fields of a form; those of rows belong to their list."""
    for component in components:
        if component.holds_value:
            yield component
        if component.type != "dynamiclist":
            yield from _components(component.children)


class _Options:
    """What choices are called, each source asked once."""

    def __init__(self, engine: ProcessEngine, session: Session) -> None:
        self._look_up = engine.options(session)
        self._known: dict[str, dict[Any, str]] = {}

    def label(self, component: Component, value: Any) -> str:
        fixed = {str(known): label for known, label in component.options.fixed}
        key = component.options.key
        if key is not None and key not in self._known:
            given = self._look_up(key) or []
            self._known[key] = {str(option["value"]): str(option["label"]) for option in given}
        names = fixed if key is None else self._known[key]
        return str(names.get(str(value), value))


def _answer(component: Component, value: Any, options: _Options) -> Answer:
    label = _literal(component.label) or _readable(component.key)
    if component.type == "dynamiclist":
        fields = [child for child in _components(component.children) if not child.unseen]
        rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
        return Answer(
            label,
            columns=[_literal(child.label) or _readable(child.key) for child in fields],
            rows=[[_text(child, _at(row, child.path), options) for child in fields] for row in rows],
        )
    return Answer(label, _text(component, value, options))


def _text(component: Component, value: Any, options: _Options) -> str:
    if value in EMPTY:
        return "–"
    if component.type in SEVERAL and isinstance(value, list):
        return ", ".join(options.label(component, each) for each in value)
    if component.type in CHOICES:
        return options.label(component, value)
    if component.type == "datetime":
        return _moment(component.subtype, str(value))
    if component.type == "number":
        amount = _number(value)
        return " ".join(filter(None, (_literal(component.prefix), amount, _literal(component.suffix))))
    if component.type == "filepicker" and isinstance(value, list):
        return "1 file" if len(value) == 1 else f"{len(value)} files"
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, list) and not any(isinstance(each, list | dict) for each in value):
        return ", ".join(_plain(each) for each in value)
    return json.dumps(value, ensure_ascii=False)


def _number(value: Any) -> str:
    try:
        return formatting.number(Decimal(str(value)))
    except (InvalidOperation, ValueError):
        return str(value)


def _moment(subtype: str, value: str) -> str:
    try:
        if subtype == "date":
            return formatting.day(date.fromisoformat(value))
        if subtype == "datetime":
            return formatting.minute(datetime.fromisoformat(value))
    except ValueError:
        pass
    return value


def _literal(text: Text) -> str:
    """A label as far as nothing in it has to be worked out."""
    return " ".join("".join(part for part in text if isinstance(part, str)).split())


def _readable(name: str) -> str:
    """A field's name as words: ``nextDue`` is “Next due”."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced.replace("_", " ").replace(".", ", ").strip().capitalize()


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
