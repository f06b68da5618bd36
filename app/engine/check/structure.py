"""The process itself: that there is one, ids, ties to records, names, and whether it can be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from app.engine.check.checked import Checked, Drawn
from app.engine.check.problems import Place, Problem, error, listed, similar, warning
from app.engine.diagram import BPMN, FLOW_NODES, local

DI = "http://www.omg.org/spec/BPMN/20100524/DI"
ID = re.compile(r"[A-Za-z_][\w-]*")
ID_LENGTH = 120
NO_KEY = re.compile(r"[^a-z0-9]+")
# SpiffWorkflow gives these names to steps of its own.
RESERVED = {"Start", "End", "Root"}
SPLITS = {"exclusiveGateway", "inclusiveGateway", "eventBasedGateway"}


def process(checked: Checked) -> Iterator[Problem]:
    """One executable process, tied to records."""
    drawn = checked.drawn
    if drawn is None:
        return
    diagram = drawn.diagram
    if not diagram.executable:
        hint = "Set “Executable” in the properties of the process."
        yield error(drawn.at_process, "not-executable", "The process is not marked as executable.", hint)
    if diagram.process_count > 1:
        message = f"The diagram has {diagram.process_count} executable processes; one is allowed."
        hint = "Keep one, and give each of the others a folder and a diagram of its own."
        yield error(drawn.at_process, "several-processes", message, hint)
    if not diagram.key:
        yield error(drawn.at_process, "id-missing", "The process has no id.", "Give it one: it is its key.")
        return
    binding = checked.binding
    if checked.engine.bindings.fallback is not None and (wrong := checked.engine.key_problem(diagram.key)):
        meant = NO_KEY.sub("_", diagram.key.lower())[:ID_LENGTH].strip("_")
        example = "" if checked.engine.key_problem(meant) else f", for example to “{meant}”"
        hint = f"Change the id of the process{example}: it is its key."
        yield error(drawn.at_process, "bad-key", wrong, hint)
    elif binding is None:
        known = sorted(checked.engine.bindings.processes)
        message = f"The process {diagram.key} is not tied to any records."
        hint = similar(diagram.key, known) or f"Use one of these ids for the process: {listed(known)}."
        yield error(drawn.at_process, "unbound-process", message, hint)
    elif diagram.subject and diagram.subject != binding.subject_type:
        message = (
            f"The process says it is about “{diagram.subject}”, but it is about “{binding.subject_type}”."
        )
        yield warning(
            drawn.at_process, "wrong-subject", message, f"Set the subject to {binding.subject_type}."
        )


def ids(checked: Checked) -> Iterator[Problem]:
    """Every element has an id of its own that the engine can use."""
    drawn = checked.drawn
    if drawn is None:
        return
    seen: set[str] = set()
    for node in drawn.root.iter(f"{{{BPMN}}}*"):
        kind, given, place = local(node), node.get("id"), drawn.at_node(node)
        runs = kind in FLOW_NODES or kind in ("process", "sequenceFlow")
        if not given:
            if runs:
                hint = "Open the diagram in the editor and save it again: it adds ids."
                yield error(place, "id-missing", f"A {kind} has no id.", hint)
            continue
        if given in seen:
            yield error(
                place, "id-duplicate", f"The id {given} is used twice.", "Give one of them another id."
            )
        seen.add(given)
        if not runs:
            continue
        if given in RESERVED:
            message = f"The id {given} is reserved for the engine."
            yield error(place, "id-reserved", message, "Choose another id, such as “problem_reported”.")
        elif not ID.fullmatch(given) or len(given) > ID_LENGTH:
            hint = "Use letters, digits, “_” and “-”, beginning with a letter."
            yield error(place, "id-invalid", f"“{given}” cannot be an id here.", hint)


def names(checked: Checked) -> Iterator[Problem]:
    """What people see has a name."""
    for drawn, element in checked.elements:
        if element.name:
            continue
        if element.type == "userTask":
            message = "The user task has no name, so inboxes show its id."
            yield warning(drawn.at(element), "name-missing", message, "Name it by what is to be done.")
        elif element.type in SPLITS and len(drawn.outgoing[element.id]) > 1:
            message = "The gateway has several ways out, but no name."
            yield warning(drawn.at(element), "name-missing", message, "Name it by the question it asks.")


def layout(checked: Checked) -> Iterator[Problem]:
    """Every element and flow has a place in the drawing."""
    drawn = checked.drawn
    if drawn is None:
        return
    placed = {_drawn_element(node) for node in drawn.root.iter(f"{{{DI}}}BPMNShape", f"{{{DI}}}BPMNEdge")}
    nodes = [element for element in drawn.diagram.elements.values() if element.id not in placed]
    flows = [flow for flow in drawn.diagram.flows.values() if flow.id not in placed]
    hint = "Open the diagram in the editor and place them; until then they are not seen on it."
    if nodes:
        message = f"These have no place in the drawing: {listed(node.label for node in nodes)}."
        yield warning(_first(drawn, nodes[0].id, nodes[0].line), "not-drawn", message, hint)
    if flows:
        message = (
            f"These flows have no line in the drawing: {listed(flow.name or flow.id for flow in flows)}."
        )
        yield warning(_first(drawn, flows[0].id, flows[0].line), "not-drawn", message, hint)


def _drawn_element(node: etree._Element) -> str:
    return node.get("bpmnElement") or ""


def _first(drawn: Drawn, element: str, line: int) -> Place:
    return Place(drawn.file, element, line=line)
