"""Ways through the diagram: dead ends, what is never reached, and loops that never wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from app.engine.check.checked import Checked, Drawn
from app.engine.check.problems import Problem, error, listed
from app.engine.diagram import GATEWAYS, Element

# Where a token rests until somebody or something comes.
WAITING = {"userTask", "receiveTask", "intermediateCatchEvent", "eventBasedGateway"}
FORKING = GATEWAYS | {"startEvent"}


def ends(checked: Checked) -> Iterator[Problem]:
    """Flows lead from an element to an element; starts, ends, and no dead ends between them."""
    drawn = checked.drawn
    if drawn is None:
        return
    yield from _flows(drawn)
    for scope in {
        drawn.diagram.key: None,
        **dict.fromkeys(e.id for e in drawn.diagram.of_type("subProcess")),
    }:
        yield from _scope(drawn, scope)
    for element in drawn.diagram.elements.values():
        leaving = drawn.outgoing[element.id]
        if element.type == "endEvent":
            if leaving:
                message = f"A flow leaves the end event “{element.label}”."
                yield error(drawn.at(element), "flow-from-end", message, "Remove it, or use a throw event.")
        elif not leaving and not drawn.diagram.unsupported:
            message = f"“{element.label}” leads nowhere."
            yield error(
                drawn.at(element), "dead-end", message, "Draw a flow from it, to an end event at last."
            )
        if element.type in ("startEvent", "boundaryEvent") and drawn.incoming[element.id]:
            message = f"A flow leads to “{element.label}”, which begins by itself."
            yield error(drawn.at(element), "flow-to-start", message, "Lead the flow to the step behind it.")


def _flows(drawn: Drawn) -> Iterator[Problem]:
    elements = drawn.diagram.elements
    for flow in drawn.diagram.flows.values():
        source, target = elements.get(flow.source), elements.get(flow.target)
        if source is None or target is None:
            if not drawn.diagram.unsupported:
                message = f"The flow “{flow.name or flow.id}” is not connected at both ends."
                yield error(drawn.at_flow(flow), "flow-unconnected", message, "Connect it, or remove it.")
        elif source.parent != target.parent:
            message = f"A flow leads from “{source.label}” to “{target.label}”, across a subprocess's border."
            hint = "Lead the flow to the subprocess itself, or away from it."
            yield error(drawn.at_flow(flow), "flow-crosses-border", message, hint)


def _scope(drawn: Drawn, scope: str) -> Iterator[Problem]:
    holder = drawn.diagram.elements.get(scope)
    place = drawn.at(holder) if holder else drawn.at_process
    inside = drawn.scopes[scope]
    what = f"The subprocess “{holder.label}”" if holder else "The process"
    starts = [element for element in inside if element.type == "startEvent"]
    if not starts:
        yield error(place, "no-start", f"{what} has no start event.", "Draw one where it begins.")
    elif twice := _second_start(starts, inside_subprocess=holder is not None):
        hint = "Keep one start event for each way to begin: one for people, and one for each message."
        yield error(drawn.at(twice), "several-starts", f"{what} has {len(starts)} start events.", hint)
    if not any(element.type == "endEvent" for element in inside):
        yield error(place, "no-end", f"{what} has no end event.", "Draw one where it is finished.")


def _second_start(starts: list[Element], *, inside_subprocess: bool) -> Element | None:
    """A start event that begins in the same way as one before it; a subprocess has one way only."""
    seen: set[str] = set()
    for element in starts:
        way = "" if inside_subprocess or element.event is None else f"{element.event} {element.message}"
        if way in seen:
            return element
        seen.add(way)
    return None


def reachable(checked: Checked) -> Iterator[Problem]:
    """Every element is reached from a start, and reaches an end."""
    drawn = checked.drawn
    if drawn is None or drawn.diagram.unsupported:
        return
    successors = _successors(drawn)
    reached = _closure(successors, [element.id for element in drawn.diagram.starts])
    if drawn.diagram.starts:
        for element in drawn.diagram.elements.values():
            if element.id not in reached:
                message = f"“{element.label}” is never reached."
                yield error(drawn.at(element), "unreachable", message, "Draw a flow to it, or remove it.")
    yield from _without_end(drawn, successors, reached)


def _without_end(
    drawn: Drawn, successors: Mapping[str, list[str]], reached: Iterable[str]
) -> Iterator[Problem]:
    reached = set(reached)
    predecessors: dict[str, list[str]] = {}
    for source, targets in successors.items():
        for target in targets:
            predecessors.setdefault(target, []).append(source)
    for scope, inside in drawn.scopes.items():
        if not any(element.type == "endEvent" for element in inside) or _is_ended_elsewhere(
            drawn, scope, reached
        ):
            continue
        # A dead end is a problem of its own, and not that of what leads to it.
        ends = [element.id for element in inside if not drawn.outgoing[element.id]]
        ending = _closure(predecessors, ends)
        lost = [e for e in inside if e.id in reached and e.id not in ending and not drawn.boundaries[e.id]]
        if lost:
            message = f"From here no end can be reached: {listed(element.label for element in lost)}."
            hint = "Draw a way out to an end event."
            yield error(drawn.at(lost[0]), "no-way-to-end", message, hint)


def _is_ended_elsewhere(drawn: Drawn, scope: str, reached: set[str]) -> bool:
    """Whether something beside it may end all that still waits in a process or subprocess."""
    terminating = any(e.event == "terminate" and e.id in reached for e in drawn.scopes[scope])
    return terminating or any(event.interrupting for event in drawn.boundaries[scope])


def loops(checked: Checked) -> Iterator[Problem]:
    """No way leads round without waiting for somebody or something."""
    drawn = checked.drawn
    if drawn is None:
        return
    automatic = {e.id for e in drawn.diagram.elements.values() if not _waits(drawn, e)}
    graph = {
        source: {target for target in targets if target in automatic}
        for source, targets in _successors(drawn, inner=False).items()
        if source in automatic
    }
    for _ in range(20):
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as found:
            # The sorter reads the graph as predecessors, so that its cycle runs backwards.
            cycle = [drawn.diagram.elements[element_id] for element_id in reversed(found.args[1][1:])]
        message = f"This loop never waits for anybody: {listed(element.label for element in cycle)}."
        hint = "Put a user task, a timer or a message into it, or lead it on."
        yield error(drawn.at(cycle[0]), "endless-loop", message, hint)
        for element in cycle:
            graph.pop(element.id, None)


def _waits(drawn: Drawn, element: Element) -> bool:
    if element.type == "boundaryEvent":
        return element.event != "error"
    if element.type == "subProcess":
        return any(_waits(drawn, inner) for inner in drawn.scopes[element.id])
    return element.type in WAITING


def _successors(drawn: Drawn, inner: bool = True) -> dict[str, list[str]]:
    """What may come after each element: along flows, by boundary events, and into subprocesses."""
    elements = drawn.diagram.elements
    found: dict[str, list[str]] = {}
    for element in elements.values():
        targets = [flow.target for flow in drawn.outgoing[element.id] if flow.target in elements]
        targets += [event.id for event in drawn.boundaries[element.id]]
        if inner and element.type == "subProcess":
            targets += [e.id for e in drawn.scopes[element.id] if e.type == "startEvent"]
        found[element.id] = targets
    return found


def _closure(edges: Mapping[str, list[str]], starts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting.extend(edges.get(current, ()))
    return found


def several(checked: Checked) -> Iterator[Problem]:
    """Only gateways have several ways out."""
    for drawn, element in checked.elements:
        if element.type not in FORKING and len(drawn.outgoing[element.id]) > 1:
            message = f"Several flows leave “{element.label}”."
            hint = "Put a gateway behind it: exclusive for one of the ways, parallel for all."
            yield error(drawn.at(element), "several-flows", message, hint)
