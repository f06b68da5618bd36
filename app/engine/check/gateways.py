"""Gateways, the conditions on what leaves them, and the outcomes that those ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.engine.check.checked import Checked, Drawn
from app.engine.check.problems import Problem, error, listed, similar, warning
from app.engine.diagram import Element, Flow

CHOOSING = {"exclusiveGateway", "inclusiveGateway"}
LITERAL = r'"((?:[^"\\]|\\.)*)"'
COMPARED = re.compile(
    rf"(?<![\w.])outcome\s*!?=\s*{LITERAL}|{LITERAL}\s*!?=\s*outcome(?![\w.])"
    rf"|(?<![\w.])outcome\s+in\s*\(([^()]*)\)"
    r"|list contains\(\s*\[([^\]]*)\]\s*,\s*outcome\s*\)"
)
MENTIONED = re.compile(r"(?<![\w.])outcome(?![\w.])")


def gateways(checked: Checked) -> Iterator[Problem]:
    """Every way out of a gateway has a condition, but for the default one."""
    for drawn, element in checked.elements:
        leaving = drawn.outgoing[element.id]
        if element.type in CHOOSING:
            yield from _choosing(drawn, element, leaving)
        else:
            for flow in leaving:
                if flow.condition is not None:
                    message = f"The condition on the flow out of “{element.label}” is not looked at."
                    hint = "Put an exclusive gateway in between, or remove the condition."
                    yield warning(drawn.at_flow(flow), "condition-ignored", message, hint)
        if element.type == "eventBasedGateway":
            yield from _event_based(drawn, element, leaving)


def _choosing(drawn: Drawn, element: Element, leaving: list[Flow]) -> Iterator[Problem]:
    place = drawn.at(element)
    default = next((flow for flow in leaving if flow.id == element.default_flow), None)
    if element.default_flow and default is None:
        message = f"The default flow of “{element.label}” does not leave it."
        yield error(place, "default-missing", message, "Choose one of its own flows as the default.")
    if default is not None and default.condition:
        message = f"The default flow of “{element.label}” has a condition, which is not looked at."
        yield warning(drawn.at_flow(default), "condition-on-default", message, "Remove the condition.")
    if len(leaving) == 1 and not leaving[0].condition:
        return
    without = [flow for flow in leaving if flow is not default and not flow.condition]
    for flow in without:
        message = f"The flow “{flow.name or flow.target}” out of “{element.label}” has no condition."
        hint = "Give it one, or make it the gateway's default flow."
        yield error(drawn.at_flow(flow), "condition-missing", message, hint)
    if default is None and leaving and len(without) != 1:
        message = f"“{element.label}” has no default flow: where no condition holds, the process is stuck."
        yield error(place, "default-missing", message, "Make one of its flows the default.")


def _event_based(drawn: Drawn, element: Element, leaving: list[Flow]) -> Iterator[Problem]:
    for flow in leaving:
        target = drawn.diagram.elements.get(flow.target)
        if target is not None and target.type not in ("intermediateCatchEvent", "receiveTask"):
            message = f"“{element.label}” waits for events, but “{target.label}” is none."
            hint = "Lead its flows to message or timer events."
            yield error(drawn.at_flow(flow), "event-expected", message, hint)


# -- outcomes --------------------------------------------------------------------------------------


def outcomes(checked: Checked) -> Iterator[Problem]:
    """Conditions ask for outcomes that a user task before them offers, and for all of them."""
    drawn = checked.drawn
    if drawn is None:
        return
    for flow in drawn.diagram.flows.values():
        asked = asked_for(flow.condition or "")
        if asked:
            yield from _asked(drawn, flow, asked)
    for element in drawn.diagram.of_type("userTask"):
        if len(element.outcomes) > 1:
            yield from _answered(drawn, element)


def asked_for(condition: str) -> set[str]:
    """The outcomes that a condition compares with."""
    found: set[str] = set()
    for first, second, several, contained in COMPARED.findall(condition):
        found.update(filter(None, (first, second)))
        found.update(re.findall(LITERAL, several or contained))
    return found


def _asked(drawn: Drawn, flow: Flow, asked: set[str]) -> Iterator[Problem]:
    before = _tasks_before(drawn, flow.source)
    offered = {outcome.value for task in before for outcome in task.outcomes}
    for value in sorted(asked - offered):
        place = drawn.at_flow(flow)
        if not before:
            message = f"A condition asks for the outcome “{value}”, but no user task before it has outcomes."
            yield warning(place, "unknown-outcome", message, "Give the user task outcomes.")
            continue
        names = listed(f"“{task.label}”" for task in before)
        message = f"A condition asks for the outcome “{value}”, which {names} does not offer."
        hint = similar(value, offered) or f"Offered are: {listed(sorted(offered))}."
        yield warning(place, "unknown-outcome", message, hint)


def _answered(drawn: Drawn, element: Element) -> Iterator[Problem]:
    """Where the outcomes of a user task lead to."""
    seen: set[str] = set()
    waiting = [flow.target for flow in drawn.outgoing[element.id]]
    asked: set[str] = set()
    catches_rest = uses = False
    while waiting:
        current = drawn.diagram.elements.get(waiting.pop())
        if current is None or current.id in seen:
            continue
        seen.add(current.id)
        uses = uses or any(MENTIONED.search(text) for text in _texts(current))
        if current.type == "userTask" and current.outcomes:
            continue
        for flow in drawn.outgoing[current.id]:
            if flow.condition and MENTIONED.search(flow.condition):
                asked |= asked_for(flow.condition)
                others = drawn.outgoing[current.id]
                catches_rest = catches_rest or current.default_flow in {other.id for other in others}
                catches_rest = catches_rest or not asked_for(flow.condition)
            waiting.append(flow.target)
    if not asked and not catches_rest and not uses:
        names = listed(outcome.label for outcome in element.outcomes)
        message = f"It makes no difference which outcome is chosen in “{element.label}”: {names}."
        hint = 'Put a gateway behind it with conditions such as outcome = "approve".'
        yield warning(drawn.at(element), "outcomes-unused", message, hint)
    elif asked and not catches_rest:
        for outcome in element.outcomes:
            if outcome.value not in asked:
                message = f"The outcome “{outcome.label}” of “{element.label}” leads nowhere."
                hint = f'Add a flow with the condition outcome = "{outcome.value}", or a default flow.'
                yield warning(drawn.at(element), "outcome-without-flow", message, hint)


def _texts(element: Element) -> Iterator[str]:
    yield from (mapping.expression for mapping in (*element.inputs, *element.outputs))
    yield from (value for value in element.attributes.values() if value.startswith("="))
    yield element.script or ""


def _tasks_before(drawn: Drawn, start: str) -> list[Element]:
    """The user tasks with outcomes that come last before an element."""
    found: dict[str, Element] = {}
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        current = drawn.diagram.elements.get(waiting.pop())
        if current is None or current.id in seen:
            continue
        seen.add(current.id)
        if current.type == "userTask" and current.outcomes:
            found[current.id] = current
            continue
        waiting += [flow.source for flow in drawn.incoming[current.id]]
        if current.attached_to:
            waiting.append(current.attached_to)
        if current.type == "startEvent" and current.parent != drawn.diagram.key:
            waiting.append(current.parent)
        if current.type == "subProcess":
            waiting += [inner.id for inner in drawn.scopes[current.id] if inner.type == "endEvent"]
    return list(found.values())
