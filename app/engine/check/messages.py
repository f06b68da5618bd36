"""Messages: every one has a name, a sender and a receiver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.engine import diagram
from app.engine.check.checked import Checked
from app.engine.check.problems import Problem, error, similar, warning
from app.engine.diagram import Diagram, Element
from app.engine.xml import XmlError
from app.engine.xml import parse as parse_xml

SENDERS = {"intermediateThrowEvent", "endEvent", "sendTask"}
TASKS = {"sendTask", "receiveTask"}


@dataclass(frozen=True, slots=True)
class Messages:
    """The names of messages that a diagram sends, and that it starts with or waits for."""

    sent: frozenset[str]
    received: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        return self.sent | self.received


def messages_of(files: Mapping[str, bytes]) -> Messages:
    """The messages of a process's files: what others need as ``known_messages``. Never raises."""
    sent: set[str] = set()
    received: set[str] = set()
    for name, data in files.items():
        if not name.endswith(".bpmn"):
            continue
        try:
            drawn = diagram.read(parse_xml(data))
        except (XmlError, ValueError, SyntaxError):
            continue
        for element in drawn.elements.values() if drawn else ():
            if element.message:
                (sent if element.type in SENDERS else received).add(element.message)
    return Messages(frozenset(sent), frozenset(received))


def payloads(drawn: Diagram) -> dict[str, set[str]]:
    """The names in the payload of each message that a diagram sends."""
    found: dict[str, set[str]] = {}
    for element in drawn.elements.values():
        if element.message and element.type in SENDERS:
            found.setdefault(element.message, set()).update(mapping.name for mapping in element.inputs)
    return found


def messages(checked: Checked) -> Iterator[Problem]:
    """Named messages that somebody sends and somebody waits for."""
    drawn = checked.drawn
    if drawn is None:
        return
    concerned = [e for e in drawn.diagram.elements.values() if e.event == "message" or e.type in TASKS]
    known = checked.known_messages | checked.engine.bindings.messages
    sent = {e.message for e in concerned if e.message and e.type in SENDERS} | known
    received = {e.message for e in concerned if e.message and e.type not in SENDERS} | known
    for element in concerned:
        place, name = drawn.at(element), element.message
        if not name:
            message = f"“{element.label}” has no message, or one without a name."
            yield error(place, "message-missing", message, "Choose a message and give it a name.")
        elif checked.alone:
            continue
        elif element.type in SENDERS and name not in received:
            message = f"“{element.label}” sends the message “{name}”, {_nobody(element)}."
            yield warning(place, "message-unreceived", message, similar(name, received) or "Check its name.")
        elif element.type not in SENDERS and name not in sent:
            message = f"“{element.label}” waits for the message “{name}”, which nobody sends."
            yield warning(place, "message-unsent", message, similar(name, sent) or "Check its name.")


def _nobody(element: Element) -> str:
    waits = element.attributes.get("to", "").strip()
    return "which nobody waits for" if waits else "with which no process starts"
