"""Service, business rule and script tasks, and the statuses that elements set."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.engine.check.checked import Checked, Drawn
from app.engine.check.expressions import RESERVED
from app.engine.check.problems import Problem, error, listed, similar, suggestion, warning
from app.engine.diagram import Element
from app.engine.services import ServiceTask

TEXT = re.compile(r'"([^"\\]*)"')
VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
STATUS = re.compile(r"[A-Z][A-Z0-9_]{0,19}")


def service_tasks(checked: Checked) -> Iterator[Problem]:
    """Service tasks are of the registry, and get the inputs they need."""
    for drawn, element in checked.elements:
        if element.type != "serviceTask":
            continue
        name, place = element.attributes.get("service", "").strip(), drawn.at(element)
        known = checked.engine.services.tasks
        if not name:
            message = f"“{element.label}” does not say what it does."
            yield error(place, "no-service", message, "Choose a service task from the list.")
        elif name not in known:
            hint = suggestion(name, known, "Service tasks are")
            yield error(place, "unknown-service", f"There is no service task named {name}.", hint)
        else:
            yield from _inputs(checked, drawn, element, known[name])
            yield from _handled(drawn, element, known[name])


def _inputs(checked: Checked, drawn: Drawn, element: Element, task: ServiceTask) -> Iterator[Problem]:
    place, given = drawn.at(element), {mapping.name: mapping.expression for mapping in element.inputs}
    for name, spec in task.inputs.items():
        if spec.required and name not in given:
            message = f"“{element.label}” ({task.name}) needs the input “{name}”."
            yield error(place, "input-missing", message, f"Add it: {spec.description}.")
    for name in given:
        if name and name not in task.inputs:
            message = f"“{element.label}” ({task.name}) takes no input “{name}”; it is ignored."
            hint = similar(name, task.inputs) or f"Its inputs are: {listed(task.inputs) or 'none'}."
            yield warning(place, "input-unknown", message, hint)
    yield from _codes(checked, drawn, element, {name: given[name] for name in given if name in task.inputs})


def _codes(checked: Checked, drawn: Drawn, element: Element, given: dict[str, str]) -> Iterator[Problem]:
    """Fixed texts that name a role or an element of the diagram."""
    role, target = TEXT.fullmatch(given.get("role", "")), TEXT.fullmatch(given.get("element", ""))
    roles = checked.engine.bindings.roles
    if role and role[1] not in roles:
        hint = suggestion(role[1], roles, "Roles are")
        yield error(drawn.at(element), "unknown-role", f"There is no role {role[1]}.", hint)
    if target:
        tasks = {task.id for task in drawn.diagram.of_type("userTask")}
        if target[1] not in tasks:
            message = f"“{element.label}” names the user task {target[1]}, which is not in the diagram."
            yield error(drawn.at(element), "unknown-task", message, suggestion(target[1], tasks, "There are"))


def _handled(drawn: Drawn, element: Element, task: ServiceTask) -> Iterator[Problem]:
    for event in drawn.boundaries[element.id]:
        if event.event == "error" and event.error_code and event.error_code not in task.errors:
            message = (
                f"“{event.label}” waits for the error {event.error_code}, which {task.name} never raises."
            )
            hint = suggestion(event.error_code, task.errors, "It raises")
            yield warning(drawn.at(event), "unknown-error", message, hint or "Remove the event.")


def decisions(checked: Checked) -> Iterator[Problem]:
    """Business rule tasks name a decision, and keep its result."""
    for drawn, element in checked.elements:
        if element.type != "businessRuleTask":
            continue
        name, place = element.attributes.get("decision", "").strip(), drawn.at(element)
        if not name:
            message = f"“{element.label}” does not say which decision it makes."
            yield error(place, "no-decision", message, "Choose a decision table.")
        elif name not in checked.decisions:
            if not checked.unread_decisions:
                hint = suggestion(name, checked.decisions, "Decisions are") or f"Add the file {name}.dmn."
                yield checked.missing(place, "unknown-decision", f"There is no decision named {name}.", hint)
        else:
            file, decision_id = checked.decisions[name]
            if decision_id is None and file.model.default_decision is None:
                message = f"{file.file} holds several decisions, and “{element.label}” does not say which."
                yield error(place, "which-decision", message, f"Use one of {listed(file.model.decisions)}.")
        yield from _result(drawn, element, "the decision")


def scripts(checked: Checked) -> Iterator[Problem]:
    """Script tasks hold an expression, and keep its value."""
    for drawn, element in checked.elements:
        if element.type == "scriptTask":
            if not element.script:
                message = f"“{element.label}” has no script."
                yield error(drawn.at(element), "script-missing", message, "Write a FEEL expression.")
            yield from _result(drawn, element, "the script")


def _result(drawn: Drawn, element: Element, what: str) -> Iterator[Problem]:
    if not element.attributes.get("resultVariable", "").strip():
        message = f"The result of {what} in “{element.label}” is not kept."
        yield warning(drawn.at(element), "no-result", message, "Name the variable that receives it.")


def variables(checked: Checked) -> Iterator[Problem]:
    """Variables have names that expressions can use, and none of the facts' names."""
    for drawn, element in checked.elements:
        given = [output.name for output in element.outputs]
        if result := element.attributes.get("resultVariable", "").strip():
            given.append(result)
        for name in given:
            if name and (not VARIABLE.fullmatch(name) or RESERVED.fullmatch(name)):
                message = f"“{name}” cannot be the name of a variable."
                hint = "Use letters, digits and “_”, beginning with a letter."
                yield error(drawn.at(element), "bad-variable", message, hint)
            if name in checked.facts or name == "actor":
                message = f"“{element.label}” sets a variable “{name}”, which is the name of a fact."
                hint = "Choose another name: expressions see the fact, never the variable."
                yield error(drawn.at(element), "shadows-fact", message, hint)


def statuses(checked: Checked) -> Iterator[Problem]:
    """Statuses are those of the record that the process is about."""
    binding = checked.binding
    for drawn, element in checked.elements if binding else ():
        if binding and binding.free_statuses:
            if element.status and not STATUS.fullmatch(element.status):
                message = f"“{element.label}” sets the status “{element.status}”, which is no code."
                hint = "Use at most 20 upper-case letters, digits and “_”, such as IN_PROGRESS."
                yield error(drawn.at(element), "bad-status", message, hint)
        elif binding and element.status and element.status not in binding.statuses:
            known = [str(status) for status in binding.statuses]
            message = f"“{element.label}” sets the status {element.status}, which there is not."
            yield error(
                drawn.at(element),
                "unknown-status",
                message,
                suggestion(element.status, known, "Statuses are"),
            )
