"""What the files of a process say about its records: which fields its forms ask for, which statuses it sets.

Records of a process that nobody has prepared in Python are made from this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.engine.diagram import Diagram, Element
from app.engine.forms import FormSchema
from app.engine.forms.schema import Component

# The FEEL types of answers. Those that are not named here may be of any type.
TYPES: dict[str, Any] = {
    "textfield": "string",
    "textarea": "string",
    "number": "number",
    "checkbox": "boolean",
    "datetime": "string",
    "checklist": ["string"],
    "taglist": ["string"],
    "filepicker": ["number"],
}
TEXTS = {"textfield", "textarea"}


@dataclass(frozen=True, slots=True)
class ProcessOutline:
    """A process as far as its records are concerned.

    ``fields`` maps the names of all answers to FEEL types, as :class:`app.engine.bindings.Fact` has them;
    None where a form is missing, so that nobody knows. ``texts`` are the names of those that people
    write freely, and ``files`` the paths of those that hold files, as they stand in the forms.
    """

    key: str
    name: str = ""
    statuses: tuple[str, ...] = ()
    fields: Mapping[str, Any] | None = None
    texts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def outline(diagram: Diagram, forms: Mapping[str, FormSchema | None]) -> ProcessOutline:
    """The outline of a process from its diagram and its forms by id; None is one that cannot be read."""
    used = [forms.get(name) for name in dict.fromkeys(e.form for e in _with_forms(diagram)) if name]
    known = [form for form in used if form is not None]
    shapes: dict[str, Any] = {}
    for form in known:
        _merge(shapes, _shapes(form.components))
    fields = [field for form in known for field in form.fields]
    return ProcessOutline(
        key=diagram.key,
        name=diagram.name,
        statuses=tuple(dict.fromkeys(e.status for e in diagram.elements.values() if e.status)),
        fields=shapes if len(known) == len(used) else None,
        texts=tuple(dict.fromkeys(field.path for field in fields if field.type in TEXTS)),
        files=tuple(dict.fromkeys(field.path for field in fields if field.type == "filepicker")),
    )


def _with_forms(diagram: Diagram) -> Iterator[Element]:
    """The elements whose forms people fill in, the start first."""
    yield from (start for start in diagram.starts if start.event is None)
    yield from diagram.of_type("userTask")


def _shapes(components: tuple[Component, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for component in components:
        if component.type == "dynamiclist":
            _merge(found, _at(component.path, [_shapes(component.children)]))
            continue
        if component.holds_value:
            _merge(found, _at(component.path, _type(component)))
        _merge(found, _shapes(component.children))
    return found


def _type(component: Component) -> Any:
    if component.type == "number" and component.as_text:
        return "string"
    if component.type in ("radio", "select") and component.options.fixed:
        return "string" if all(isinstance(value, str) for value, _ in component.options.fixed) else None
    return TYPES.get(component.type)


def _at(path: tuple[str, ...], shape: Any) -> dict[str, Any]:
    for name in reversed(path):
        shape = {name: shape}
    return shape if isinstance(shape, dict) else {}


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add fields to others; of one that is there as something else, nothing is known."""
    for name, shape in more.items():
        there = into.get(name, shape)
        if isinstance(there, dict) and isinstance(shape, Mapping):
            into[name] = {**there}
            _merge(into[name], shape)
        else:
            into[name] = shape if there == shape else None
