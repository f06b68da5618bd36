"""Elements and events that the engine can run, and what to use instead of the others."""

from __future__ import annotations

from collections.abc import Iterator

from app.engine.check.checked import Checked, Drawn
from app.engine.check.problems import Place, Problem, error, warning
from app.engine.diagram import Element

SUPPORTED = (
    "start, intermediate, boundary and end events; user, service, business rule, script, send and receive "
    "tasks; exclusive, inclusive, parallel and event-based gateways; subprocesses"
)
INSTEAD = {
    "callActivity": "Start the other process by a message, or draw its steps as a subprocess.",
    "transaction": "Use a subprocess.",
    "adHocSubProcess": "Use a subprocess whose steps are joined by flows.",
    "complexGateway": "Use an inclusive gateway.",
}
MARKERS = {
    "multiInstanceLoopCharacteristics": (
        "is to be done several times at once (multi-instance)",
        "Let one form ask for several rows, or draw a loop.",
    ),
    "standardLoopCharacteristics": (
        "has a loop marker",
        "Draw the loop: a gateway after it that leads back.",
    ),
    "eventSubProcess": (
        "is an event subprocess",
        "Put a boundary event on a subprocess, or a waiting branch beside it.",
    ),
    "multipleEventDefinitions": ("waits for several things at once", "Use an event of its own for each."),
}
EVENTS: dict[str, tuple[set[str | None], str]] = {
    "startEvent": ({None, "message"}, "A process starts by a form or by a message."),
    "endEvent": (
        {None, "message", "terminate", "error"},
        "An end event ends, sends a message, or terminates.",
    ),
    "intermediateCatchEvent": ({"message", "timer"}, "Wait for a message or for a timer."),
    "intermediateThrowEvent": ({None, "message"}, "Send a message."),
    "boundaryEvent": ({"timer", "message", "error"}, "Use a timer, a message or an error."),
}
# What may lead to an error event: steps that call services, and subprocesses with such steps.
FAILING = {"serviceTask", "subProcess"}
HOSTS = {"userTask", "serviceTask", "businessRuleTask", "scriptTask", "receiveTask", "subProcess"}


def elements(checked: Checked) -> Iterator[Problem]:
    """Only what the engine supports."""
    drawn = checked.drawn
    if drawn is None:
        return
    for element_id, kind, line in drawn.diagram.unsupported:
        hint = INSTEAD.get(kind, f"Supported are {SUPPORTED}.")
        article = "an" if kind[:1] in "aeio" else "a"
        message = f"The element {element_id} is {article} {kind}, which cannot be run."
        yield error(Place(drawn.file, element_id, line=line), "unsupported-element", message, hint)
    for element in drawn.diagram.elements.values():
        for marker in element.markers:
            what, hint = MARKERS.get(marker, ("has a marker", "Remove the marker."))
            message = f"“{element.label}” {what}, which cannot be run."
            yield error(drawn.at(element), "unsupported-marker", message, hint)
        yield from _event(drawn, element)
        if element.type in ("task", "manualTask"):
            message = f"“{element.label}” does nothing: the process passes it at once."
            hint = "Make it a user task if somebody is to do it, or a service task."
            yield warning(drawn.at(element), "does-nothing", message, hint)


def _event(drawn: Drawn, element: Element) -> Iterator[Problem]:
    place = drawn.at(element)
    if element.type in EVENTS:
        allowed, hint = EVENTS[element.type]
        if element.event not in allowed:
            what = f"of the kind “{element.event}”" if element.event else "without a kind"
            message = f"“{element.label}” is an event {what}, which cannot be run here."
            yield error(place, "unsupported-event", message, hint)
            return
    if element.type == "startEvent" and element.event and element.parent != drawn.diagram.key:
        message = f"“{element.label}” starts a subprocess, which starts as soon as it is reached."
        yield error(place, "unsupported-event", message, "Use a plain start event.")
    if element.type == "endEvent" and element.event == "error" and element.parent == drawn.diagram.key:
        message = f"“{element.label}” raises an error, but nothing is around the process to handle it."
        yield error(place, "unsupported-event", message, "Use a plain end event, or one that terminates.")
    if element.type == "boundaryEvent":
        yield from _boundary(drawn, element)


def _boundary(drawn: Drawn, element: Element) -> Iterator[Problem]:
    place, host = drawn.at(element), drawn.diagram.elements.get(element.attached_to or "")
    if host is None:
        message = f"The boundary event “{element.label}” is attached to nothing."
        yield error(place, "boundary-unattached", message, "Attach it to a task or a subprocess.")
        return
    if host.type not in HOSTS:
        message = f"“{element.label}” is attached to “{host.label}”, which takes no boundary events."
        yield error(place, "boundary-misplaced", message, "Attach it to a task or a subprocess.")
    elif element.event == "error" and host.type not in FAILING:
        message = f"“{element.label}” waits for an error of “{host.label}”, which raises none."
        yield error(place, "boundary-misplaced", message, "Attach it to the service task that may fail.")
    if element.event == "error" and not element.interrupting:
        message = f"“{element.label}” does not interrupt, but a step that fails is over."
        yield error(place, "boundary-misplaced", message, "Let the error event interrupt.")
