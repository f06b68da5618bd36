"""Forms: their expressions, their options, and fields that nobody could ever see again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.engine.check.checked import Checked, FormFile
from app.engine.check.expressions import Site, check
from app.engine.check.problems import Place, Problem, error, suggestion, warning
from app.engine.check.variables import Known, known_variables
from app.engine.diagram import Element
from app.engine.forms.schema import Component, FormSchema

ROW_NAMES = ("this", "parent", "i")


@dataclass(frozen=True, slots=True)
class Use:
    """A form as one element shows it, and what its expressions know there."""

    form: FormFile
    schema: FormSchema
    element: Element | None
    known: Known
    prefilled: frozenset[str]

    @property
    def whose(self) -> str:
        return f", shown by “{self.element.label}”" if self.element else ""


def forms(checked: Checked) -> Iterator[Problem]:
    """Every form, wherever it is shown."""
    used: set[str] = set()
    for use in _uses(checked):
        used.add(use.form.file)
        yield from _check(checked, use)
    for form in checked.forms.values():
        if form.file not in used and form.schema is not None:
            names = {name: f.fields for name, f in facts_anywhere(checked).items()}
            yield from _check(checked, Use(form, form.schema, None, Known(names, open=True), frozenset()))


def facts_anywhere(checked: Checked) -> Mapping[str, Any]:
    """Facts for a form or table of which it is not known where it is used: those all agree on."""
    if checked.drawn is not None:
        return checked.facts
    found: dict[str, Any] = {}
    for binding in checked.engine.bindings.processes.values():
        for name, fact in binding.facts.items():
            if found.setdefault(name, fact).fields != fact.fields:
                found.pop(name)
    return found


def _uses(checked: Checked) -> Iterator[Use]:
    known: Known | None = None
    for _, element in checked.elements:
        form = checked.form(element)
        if form is None or form.schema is None:
            continue
        if element.type == "startEvent":
            # Before the start there is no record yet, and no variable.
            yield Use(form, form.schema, element, Known({"actor": None}), frozenset())
        elif element.type == "userTask":
            known = known or known_variables(checked)
            inputs = dict.fromkeys(mapping.name for mapping in element.inputs)
            yield Use(form, form.schema, element, known.plus(inputs), frozenset(inputs))


def _check(checked: Checked, use: Use) -> Iterator[Problem]:
    names = dict.fromkeys(("outcome", "this", *_top_names(use.schema.components)))
    yield from _components(checked, use, use.schema.components, use.known.plus(names))
    if use.element is not None and use.element.type == "userTask":
        yield from _shadowed(checked, use)


def _top_names(components: tuple[Component, ...]) -> Iterator[str]:
    """The names of the values of a form, or of a row, not those of rows within."""
    for component in components:
        if component.path:
            yield component.path[0]
        if component.type != "dynamiclist":
            yield from _top_names(component.children)


def _components(
    checked: Checked, use: Use, components: tuple[Component, ...], known: Known
) -> Iterator[Problem]:
    for component in components:
        place = Place(use.form.file, component.id, component.key or component.id)
        for setting, formula in component.formulas():
            where = f"“{setting}” of “{component.key or component.id}”{use.whose}"
            yield from check(checked, Site(place, where, formula.source, known))
        yield from _options(checked, place, component, known)
        inner = known
        if component.type == "dynamiclist":
            inner = known.plus(dict.fromkeys((*ROW_NAMES, *_top_names(component.children))))
            inner.open = inner.open or _is_given(checked, use, component)
        yield from _components(checked, use, component.children, inner)


def _is_given(checked: Checked, use: Use, component: Component) -> bool:
    """Whether the rows of a list come from elsewhere: they may hold more than the form shows."""
    name = ".".join(component.path[:1])
    computed = {output.name for _, element in checked.elements for output in element.outputs}
    return name in use.prefilled or name in computed or name in checked.facts


def _options(checked: Checked, place: Place, component: Component, known: Known) -> Iterator[Problem]:
    key, provided = component.options.key, checked.engine.bindings.options
    if key and key not in provided and key not in known.names and not known.open:
        message = f"There are no options named “{key}”."
        yield error(place, "unknown-options", message, suggestion(key, provided, "Options are"))


def _shadowed(checked: Checked, use: Use) -> Iterator[Problem]:
    for field in use.schema.fields:
        if field.path == field.variable and field.variable in checked.facts and not field.read_only:
            place = Place(use.form.file, field.id, field.key)
            message = f"The field “{field.key}” has the name of a fact{use.whose}."
            if use.element is not None and use.element.outputs:
                hint = "Give it another key, so that nobody takes one for the other."
                yield warning(place, "shadows-fact", message, hint)
            else:
                hint = "Give it another key: later expressions see the fact, never the answer."
                yield error(place, "shadows-fact", message, hint)
