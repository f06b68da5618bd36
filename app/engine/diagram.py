"""Reads a BPMN file into the engine's own view of it: elements, flows, lanes and extensions.

The engine runs SpiffWorkflow's specification (see :mod:`app.engine.specs`); everything that
specification does not hold (forms, roles, due times, service names) is looked up here by element.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lxml import etree

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
MILLWRIGHT = "https://millwright.example/schema/1.0"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
ZEEBE = "http://camunda.org/schema/zeebe/1.0"
NS = {"bpmn": BPMN, "millwright": MILLWRIGHT, "zeebe": ZEEBE, "camunda": CAMUNDA}

EVENTS = {"startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent"}
TASKS = {
    "userTask", "serviceTask", "businessRuleTask", "scriptTask", "sendTask", "receiveTask", "manualTask",
    "task",
}  # fmt: skip
GATEWAYS = {"exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway"}
FLOW_NODES = EVENTS | TASKS | GATEWAYS | {"subProcess"}
EVENT_DEFINITIONS = {
    "messageEventDefinition": "message",
    "timerEventDefinition": "timer",
    "errorEventDefinition": "error",
    "terminateEventDefinition": "terminate",
    "signalEventDefinition": "signal",
    "conditionalEventDefinition": "conditional",
    "escalationEventDefinition": "escalation",
    "cancelEventDefinition": "cancel",
    "compensateEventDefinition": "compensation",
    "linkEventDefinition": "link",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A button that ends a user task; its value becomes the variable ``outcome``."""

    value: str
    label: str
    kind: str = "primary"
    validates: bool = True


@dataclass(frozen=True, slots=True)
class Mapping:
    """``name`` receives the value of ``expression``."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow; its condition is a FEEL expression without the leading ``=``."""

    id: str
    name: str
    source: str
    target: str
    condition: str | None
    line: int


@dataclass(slots=True)
class Element:
    """A flow node of a diagram, with what the ``millwright`` namespace says of it."""

    id: str
    type: str
    name: str
    line: int
    documentation: str = ""
    parent: str = ""
    lane: str = ""
    lane_role: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    outcomes: tuple[Outcome, ...] = ()
    inputs: tuple[Mapping, ...] = ()
    outputs: tuple[Mapping, ...] = ()
    event: str | None = None
    message: str | None = None
    error_code: str | None = None
    timer: tuple[str, str] | None = None
    attached_to: str | None = None
    interrupting: bool = True
    default_flow: str | None = None
    script: str | None = None
    markers: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What people call the element: its name, else its id."""
        return self.name or self.id

    @property
    def form(self) -> str | None:
        return self.attributes.get("form") or None

    @property
    def candidate_roles(self) -> tuple[str, ...]:
        given = self.attributes.get("candidateRole") or self.lane_role or ""
        return tuple(role.strip() for role in given.split(",") if role.strip())

    @property
    def status(self) -> str | None:
        return self.attributes.get("status") or None

    @property
    def api_verbs(self) -> dict[str, str]:
        """The verbs of the REST API that complete the task, each with the outcome written behind it
        (``record=save``); empty where none is."""
        given = self.attributes.get("apiVerb", "")
        parts = (part.partition("=") for part in given.split(",") if part.strip())
        return {verb.strip(): outcome.strip() for verb, _, outcome in parts}

    def outcome_of(self, verb: str) -> str | None:
        """The outcome that a verb means: the one written behind it, else the one of the same name, else
        the task's first primary one, which is its only one where there is one. None without outcomes."""
        if written := self.api_verbs.get(verb):
            return written
        values = [outcome.value for outcome in self.outcomes]
        if verb in values or not values:
            return verb if values else None
        return next((outcome.value for outcome in self.outcomes if outcome.kind == "primary"), values[0])


@dataclass
class Diagram:
    """A process as drawn."""

    key: str
    name: str
    documentation: str
    subject: str | None
    executable: bool
    elements: dict[str, Element]
    flows: dict[str, Flow]
    lanes: dict[str, str | None]
    unsupported: list[tuple[str, str, int]]
    process_count: int = 1

    @cached_property
    def between(self) -> dict[tuple[str, str], list[str]]:
        """Flow ids by source and target."""
        found: dict[tuple[str, str], list[str]] = {}
        for flow in self.flows.values():
            found.setdefault((flow.source, flow.target), []).append(flow.id)
        return found

    @cached_property
    def races(self) -> frozenset[str]:
        """The ids of the event-based gateways."""
        return frozenset(element.id for element in self.of_type("eventBasedGateway"))

    def outgoing(self, element_id: str) -> list[Flow]:
        return [flow for flow in self.flows.values() if flow.source == element_id]

    def incoming(self, element_id: str) -> list[Flow]:
        return [flow for flow in self.flows.values() if flow.target == element_id]

    def of_type(self, *types: str) -> list[Element]:
        return [element for element in self.elements.values() if element.type in types]

    @cached_property
    def starts(self) -> list[Element]:
        """The start events of the process itself, not of its subprocesses."""
        return [element for element in self.of_type("startEvent") if element.parent == self.key]

    @property
    def start(self) -> Element | None:
        return self.starts[0] if self.starts else None

    @property
    def start_messages(self) -> tuple[str, ...]:
        return tuple(start.message for start in self.starts if start.message)


def local(node: etree._Element) -> str:
    """A tag without its namespace; empty for comments and the like."""
    return etree.QName(node).localname if isinstance(node.tag, str) else ""


def expression_of(text: str | None) -> str:
    """The FEEL in a text that may carry the leading ``=`` of the editors."""
    text = (text or "").strip()
    return text[1:].strip() if text.startswith("=") else text


def read(root: etree._Element) -> Diagram | None:
    """Read the first executable process of a BPMN document; None where there is no process."""
    processes = list(root.iter(f"{{{BPMN}}}process"))
    if not processes:
        return None
    executable = [node for node in processes if node.get("isExecutable") == "true"]
    process = (executable or processes)[0]
    participant = root.find(
        f".//{{{BPMN}}}participant[@processRef='{_attribute_safe(process.get('id', ''))}']"
    )
    name = process.get("name") or (participant.get("name") if participant is not None else None)
    diagram = Diagram(
        key=process.get("id", ""),
        name=name or process.get("id", ""),
        documentation=_documentation(process),
        subject=process.get(f"{{{MILLWRIGHT}}}subject"),
        executable=bool(executable),
        elements={},
        flows={},
        lanes={},
        unsupported=[],
        process_count=len(executable),
    )
    names = _Names(root)
    _read_container(process, diagram.key, diagram, names)
    _read_lanes(process, diagram)
    return diagram


class _Names:
    """Messages and errors of a document by id."""

    def __init__(self, root: etree._Element) -> None:
        self.messages = {n.get("id"): n.get("name") or "" for n in root.iter(f"{{{BPMN}}}message")}
        self.errors = {n.get("id"): n.get("errorCode") for n in root.iter(f"{{{BPMN}}}error")}


def _attribute_safe(value: str) -> str:
    return value.replace("'", "").replace('"', "")


def _documentation(node: etree._Element) -> str:
    found = node.find(f"{{{BPMN}}}documentation")
    return (found.text or "").strip() if found is not None else ""


def _read_container(container: etree._Element, parent: str, diagram: Diagram, names: _Names) -> None:
    for node in container:
        kind = local(node)
        if kind == "sequenceFlow":
            condition = node.find(f"{{{BPMN}}}conditionExpression")
            flow = Flow(
                id=node.get("id", ""),
                name=node.get("name", ""),
                source=node.get("sourceRef", ""),
                target=node.get("targetRef", ""),
                condition=expression_of(condition.text) if condition is not None else None,
                line=node.sourceline or 0,
            )
            diagram.flows[flow.id] = flow
        elif kind in FLOW_NODES:
            element = _read_element(node, kind, parent, names)
            diagram.elements[element.id] = element
            if kind == "subProcess":
                _read_container(node, element.id, diagram, names)
        elif node.get("id") and (
            kind.endswith(("Task", "Gateway", "Event", "Process", "Activity")) or kind == "transaction"
        ):
            diagram.unsupported.append((node.get("id", ""), kind, node.sourceline or 0))


def _read_element(node: etree._Element, kind: str, parent: str, names: _Names) -> Element:
    element = Element(
        id=node.get("id", ""),
        type=kind,
        name=" ".join(node.get("name", "").split()),
        line=node.sourceline or 0,
        documentation=_documentation(node),
        parent=parent,
        attached_to=node.get("attachedToRef"),
        interrupting=node.get("cancelActivity", "true") != "false",
        default_flow=node.get("default"),
    )
    prefix = f"{{{MILLWRIGHT}}}"
    element.attributes = {
        str(key)[len(prefix) :]: str(value)
        for key, value in node.attrib.items()
        if str(key).startswith(prefix)
    }
    extensions = node.find(f"{{{BPMN}}}extensionElements")
    if extensions is not None:
        _read_extensions(extensions, element)
    if "form" not in element.attributes and node.get(f"{{{CAMUNDA}}}formKey"):
        key = node.get(f"{{{CAMUNDA}}}formKey", "").rsplit(":", 1)[-1]
        element.attributes["form"] = key.removesuffix(".form")
    script = node.find(f"{{{BPMN}}}script")
    element.script = expression_of(script.text) if script is not None else None
    markers = [local(child) for child in node if local(child).endswith("LoopCharacteristics")]
    if node.get("triggeredByEvent") == "true":
        markers.append("eventSubProcess")
    element.markers = tuple(markers)
    _read_event(node, element, names)
    return element


def _read_extensions(extensions: etree._Element, element: Element) -> None:
    for node in extensions:
        if not isinstance(node.tag, str):
            continue
        name = etree.QName(node)
        if name.namespace == ZEEBE and name.localname == "formDefinition":
            element.attributes.setdefault("form", node.get("formId") or node.get("formKey") or "")
        if name.namespace != MILLWRIGHT:
            continue
        children = [child for child in node if isinstance(child.tag, str)]
        if name.localname == "outcomes":
            element.outcomes = tuple(
                Outcome(
                    value=child.get("value", ""),
                    label=child.get("label") or child.get("value", ""),
                    kind=child.get("kind", "primary"),
                    validates=child.get("validates", "true") != "false",
                )
                for child in children
            )
        elif name.localname == "inputs":
            element.inputs = _mappings(children)
        elif name.localname == "outputs":
            element.outputs = _mappings(children)


def _mappings(children: list[Any]) -> tuple[Mapping, ...]:
    return tuple(Mapping(child.get("name", ""), expression_of(child.get("expression"))) for child in children)


def _read_event(node: etree._Element, element: Element, names: _Names) -> None:
    definitions = [child for child in node if local(child) in EVENT_DEFINITIONS]
    if len(definitions) > 1:
        element.markers = (*element.markers, "multipleEventDefinitions")
    reference = node.get("messageRef")
    if element.type in ("sendTask", "receiveTask") and reference:
        element.event, element.message = "message", names.messages.get(reference)
    if not definitions:
        return
    definition = definitions[0]
    element.event = EVENT_DEFINITIONS[local(definition)]
    if element.event == "message":
        element.message = names.messages.get(definition.get("messageRef"))
    elif element.event == "error":
        element.error_code = names.errors.get(definition.get("errorRef"))
    elif element.event == "timer":
        for kind in ("timeDate", "timeDuration", "timeCycle"):
            found = definition.find(f"{{{BPMN}}}{kind}")
            if found is not None:
                element.timer = (kind, expression_of(found.text))
                break


def _read_lanes(process: etree._Element, diagram: Diagram) -> None:
    for lane in process.iter(f"{{{BPMN}}}lane"):
        role = lane.get(f"{{{MILLWRIGHT}}}role")
        name = lane.get("name", "")
        diagram.lanes[lane.get("id", name)] = role
        for reference in lane.findall(f"{{{BPMN}}}flowNodeRef"):
            element = diagram.elements.get((reference.text or "").strip())
            if element is not None:
                element.lane, element.lane_role = name, role
    for element in diagram.elements.values():
        container = diagram.elements.get(element.parent)
        while container is not None and element.lane_role is None:
            element.lane, element.lane_role = container.lane, container.lane_role
            container = diagram.elements.get(container.parent)
