"""What expressions may refer to: facts, and the variables that elements of the diagram set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.engine.check.checked import Checked, Drawn
from app.engine.check.inspector import is_plain
from app.engine.check.messages import payloads
from app.engine.check.problems import similar
from app.engine.decisions import DecisionTable
from app.engine.diagram import Element

# A shape says which fields a value has: a mapping of them, a list with the shape of its items, a
# type's name for a value without fields, or None where that is not known.
Shape = Any

ALWAYS = {
    "outcome": "string",
    "completedBy": "number",
    "errorCode": "string",
    "errorMessage": "string",
    "actor": {"id": "number", "name": "string", "role": "string"},
}
# FEEL's own properties of dates, times and durations.
TEMPORAL = {
    "year", "month", "day", "weekday", "hour", "minute", "second", "time offset", "timezone",
    "years", "months", "days", "hours", "minutes", "seconds",
}  # fmt: skip


@dataclass(slots=True)
class Known:
    """The names that an expression may use, with their shapes.

    ``open`` means that there may be others, which cannot be known here: nothing is said of unknown
    names then. ``unsure`` means that a message may bring others: unknown names are warnings.
    """

    names: dict[str, Shape] = field(default_factory=dict)
    open: bool = False
    unsure: bool = False

    def plus(self, more: Mapping[str, Shape]) -> Known:
        return Known({**self.names, **more}, self.open, self.unsure)


def known_variables(checked: Checked) -> Known:
    """Everything that any element may set, and the facts, which come first."""
    known = Known(dict.fromkeys(ALWAYS))
    for drawn, element in checked.elements:
        _add(checked, drawn, element, known)
    # An open list of facts: a process tied to no records is a problem of its own.
    known.open = known.open or checked.binding is None
    known.names |= ALWAYS
    known.names |= {name: fact.fields for name, fact in checked.facts.items()}
    return known


def _add(checked: Checked, drawn: Drawn, element: Element, known: Known) -> None:
    if element.type == "startEvent" and element.event is None and element.form:
        _add_fields(checked, element, known)
    if element.message and element.type in ("startEvent", *CATCHING):
        keys = payloads(drawn.diagram).get(element.message) if checked.drawn else None
        if not element.outputs or element.type == "startEvent":
            if keys is None:
                known.unsure = True
            known.names |= dict.fromkeys(keys or ())
    if element.type == "userTask" and not element.outputs:
        _add_fields(checked, element, known)
    for output in element.outputs:
        known.names[output.name] = None
    result = element.attributes.get("resultVariable", "").strip()
    if result:
        shape = result_shape(checked, element)
        known.names[result] = shape if known.names.get(result, shape) == shape else None


CATCHING = ("intermediateCatchEvent", "boundaryEvent", "receiveTask")


def _add_fields(checked: Checked, element: Element, known: Known) -> None:
    form = checked.form(element)
    if form is None or form.schema is None:
        # Without its form nobody knows what a task sets; the form is a problem of its own.
        known.open = known.open or element.form is not None
        return
    known.names |= dict.fromkeys(each.variable for each in form.schema.fields if each.variable)


def result_shape(checked: Checked, element: Element) -> Shape:
    """The shape of a decision's result: its outputs, or a value where there is only one."""
    found = checked.decisions.get(element.attributes.get("decision", "").strip())
    if element.type != "businessRuleTask" or found is None:
        return None
    file, decision_id = found
    decision = file.model.decisions.get(decision_id or file.model.default_decision or "")
    if not isinstance(decision, DecisionTable):
        return None
    if len(decision.outputs) == 1:
        if decision.hit_policy.many:
            return None
        cells = [rule.outputs[0] for rule in decision.rules]
        return "value" if cells and all(is_plain(cell or "true", "expression") for cell in cells) else None
    shape = {output.name: None for output in decision.outputs}
    return [shape] if decision.hit_policy.many else shape


def outputs_know(checked: Checked, drawn: Drawn, element: Element) -> dict[str, Shape]:
    """What the outputs of an element see besides the variables."""
    if element.type == "serviceTask":
        task = checked.engine.services.tasks.get(element.attributes.get("service", "").strip())
        return {"result": dict.fromkeys(task.outputs) if task else None}
    if element.type == "userTask":
        form = checked.form(element)
        fields = form.schema.fields if form and form.schema else ()
        return dict.fromkeys(each.variable for each in fields if each.variable)
    if element.message:
        keys = payloads(drawn.diagram).get(element.message)
        return {"payload": dict.fromkeys(keys) if keys else None}
    return {}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part of an expression that refers to nothing: what, and perhaps what was meant."""

    text: str
    hint: str
    is_variable: bool


def unknown_paths(paths: set[tuple[str, ...]], known: Known) -> Iterator[Unknown]:
    """Which of an expression's paths lead nowhere."""
    for path in sorted(paths):
        name = path[0]
        if name in known.names:
            yield from _unknown_field(path, known.names[name])
        elif not known.open:
            hint = similar(name, known.names)
            yield Unknown(name, hint, is_variable=True)


def _unknown_field(path: tuple[str, ...], shape: Shape) -> Iterator[Unknown]:
    for depth, part in enumerate(path[1:], start=1):
        while isinstance(shape, list):
            shape = shape[0] if shape else None
        if shape is None:
            return
        before = ".".join(path[:depth])
        if isinstance(shape, Mapping):
            if part not in shape:
                hint = (
                    similar(part, shape, f"{before}.") or f"“{before}” has: {', '.join(sorted(shape)[:30])}."
                )
                yield Unknown(f"{before}.{part}", hint, is_variable=False)
                return
            shape = shape[part]
        elif part in TEMPORAL and shape != "value":
            return
        else:
            yield Unknown(f"{before}.{part}", f"“{before}” is a single value.", is_variable=False)
            return
