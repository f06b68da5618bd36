"""An instance's stored state, said again in the words of another version of its process.

The state holds nothing but the tokens (see :mod:`app.engine.state`), so that moving to another
version means finding the place of each in the other diagram. Ids of tasks stay: user tasks,
incidents and timers belong to the same tokens as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from uuid import uuid4

from SpiffWorkflow.util.task import TaskState

from app.engine.definitions import Definition
from app.engine.diagram import Element
from app.engine.gateways import ORIGIN, Join
from app.engine.state import BOUNDARY_JOIN, BOUNDARY_SPLIT, STANDING, VERSION

# What people call the types of elements.
TYPES = {
    "userTask": "a user task",
    "serviceTask": "a service task",
    "businessRuleTask": "a business rule task",
    "scriptTask": "a script task",
    "sendTask": "a send task",
    "receiveTask": "a receive task",
    "subProcess": "a subprocess",
    "exclusiveGateway": "an exclusive gateway",
    "parallelGateway": "a parallel gateway",
    "inclusiveGateway": "an inclusive gateway",
    "eventBasedGateway": "an event-based gateway",
    "intermediateCatchEvent": "a catch event",
    "intermediateThrowEvent": "a throw event",
    "endEvent": "an end event",
    "boundaryEvent": "a boundary event",
    "startEvent": "a start event",
}

Entry = list[Any]
ID, PARENT, NAME, STATE, CHANGED, INTERNAL = range(6)


class Translation:
    """Says a state of ``old`` in the words of ``new``; ``mapping`` tells which elements took whose place.

    ``reasons`` says, after :meth:`translate`, why that is not possible; empty where it is.
    """

    def __init__(self, old: Definition, new: Definition, mapping: Mapping[str, str]) -> None:
        self.old = old.diagram
        self.new = new.diagram
        self._definition = new
        self._mapping = mapping
        self._version = f"version {new.version}" if new.version else "the other version"
        self._waiting: dict[str, Any] = {}
        self._subprocesses: dict[str, Any] = {}
        self.reasons: list[str] = []

    def translate(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """The state for the new version; of use only where no reason speaks against it."""
        self._waiting = dict(state.get("subprocesses", {}))
        self._subprocesses, self.reasons = {}, []
        tree = self._tree(state["tree"], self._definition.spec, self.new.key)
        found: dict[str, Any] = {"version": VERSION, "variables": state["variables"], "tree": tree}
        if self._subprocesses:
            found["subprocesses"] = self._subprocesses
        self.reasons = list(dict.fromkeys(self.reasons))
        return found

    def _tree(self, dumped: Mapping[str, Any], spec: Any, container: str) -> dict[str, Any]:
        tree = _Tree(self, spec, container)
        tree.read(dumped["tasks"])
        return {**dumped, "tasks": tree.written}

    # -- elements ------------------------------------------------------------------------------

    def renamed(self, element_id: str) -> str:
        return self._mapping.get(element_id, element_id)

    def target(self, source: Element, specs: Mapping[str, Any], container: str) -> Element | None:
        """The element that takes the place of ``source``; None, and a reason, where there is none."""
        found = self.new.elements.get(self.renamed(source.id))
        if found is None:
            where = f" ({self.renamed(source.id)})" if self.renamed(source.id) != source.id else ""
            self.reasons.append(
                f"It stands at “{source.label}”, which {self._version} does not have{where}: "
                "say which element takes its place."
            )
        elif found.type == "startEvent":
            self.reasons.append(f"It has not left “{source.label}” yet: retry that first.")
            return None
        elif found.type != source.type:
            self.reasons.append(
                f"It stands at “{source.label}”, {TYPES.get(source.type, source.type)}; "
                f"in {self._version} “{found.label}” is {TYPES.get(found.type, found.type)}."
            )
            return None
        elif not same_event(source, found):
            self.reasons.append(
                f"It waits at “{source.label}”, "
                f"and “{found.label}” in {self._version} waits for something else."
            )
            return None
        elif found.parent != container:
            self.reasons.append(
                f"It stands at “{source.label}”, which is in another subprocess in {self._version}."
            )
            return None
        elif found.id not in specs:
            self.reasons.append(f"In {self._version} no flow leads to “{found.label}”.")
            return None
        return found

    def stuck(self, source: Element) -> None:
        self.reasons.append(
            f"“{source.label}” has failed, and {self._version} does not have it: retry it first."
        )

    def no_flow(self, source: Element, join: Element) -> None:
        self.reasons.append(
            f"It waits at “{join.label}” for others, and in {self._version} no flow leads there from "
            f"“{source.label}”."
        )

    def enter_subprocess(self, task_id: str, target: Element, specs: Mapping[str, Any]) -> None:
        """Translate what is inside a subprocess that has begun."""
        dumped = self._waiting.pop(task_id, None)
        if dumped is not None:
            spec = self._definition.subprocess_specs[specs[target.id].spec]
            self._subprocesses[task_id] = self._tree(dumped, spec, target.id)


class _Tree:
    """The tokens of the process, or of one subprocess: all of them below the root, none below another."""

    def __init__(self, words: Translation, spec: Any, container: str) -> None:
        self.words = words
        self.specs: Mapping[str, Any] = spec.task_specs
        self.start: str = spec.start.name
        self.container = container
        self.written: list[Entry] = []

    def read(self, entries: list[Entry]) -> None:
        root = entries[0]
        self._write(root, -1, self.start, root[STATE], _internal(root))
        for position, entry in enumerate(entries):
            if entry[NAME].endswith(BOUNDARY_SPLIT):
                children = [child for child in entries if child[PARENT] == position]
                if any(child[STATE] in STANDING for child in children):
                    self._group(entry, children)
            elif entry[STATE] in STANDING and not entries[entry[PARENT]][NAME].endswith(BOUNDARY_SPLIT):
                self._token(entry)
        self._complete_races()

    def _token(self, entry: Entry) -> None:
        source = self._element(entry)
        target = self._target(source)
        if source is None or target is None:
            return
        parent = 0
        if target.id + BOUNDARY_SPLIT in self.specs:
            parent = self._split(uuid4().hex, target, entry[CHANGED])
            self._fresh_events(source, target, parent, entry[CHANGED])
        self._standing(entry, source, target, parent)

    def _group(self, split: Entry, children: list[Entry]) -> None:
        """An element with boundary events, some of which may have happened already."""
        events = [child for child in children if self._is_event(child)]
        host = next((child for child in children if not self._is_event(child)), None)
        source = self._element(host) if host is not None else None
        target = self._target(source)
        if host is None or source is None or target is None:
            return
        if target.id + BOUNDARY_SPLIT not in self.specs:
            for event in events:
                if event[STATE] == TaskState.STARTED and (stuck := self._element(event)):
                    self.words.stuck(stuck)
            self._standing(host, source, target, 0)
            return
        parent = self._split(split[ID], target, split[CHANGED])
        self._standing(host, source, target, parent)
        for event in events:
            self._event(event, target, parent)
        if host[STATE] in STANDING:
            self._fresh_events(source, target, parent, split[CHANGED])

    def _event(self, entry: Entry, host: Element, parent: int) -> None:
        """A boundary event that waits, has happened or has failed."""
        source = self._element(entry)
        if source is None:
            return
        target = self.words.new.elements.get(self.words.renamed(source.id))
        if target is not None and target.attached_to == host.id and same_event(source, target):
            self._write(entry, parent, target.id, entry[STATE], _internal(entry))
        elif entry[STATE] == TaskState.STARTED:
            self.words.stuck(source)

    def _fresh_events(self, source: Element, target: Element, parent: int, changed: int) -> None:
        """Let the boundary events wait that the old version did not have."""
        known = {
            self.words.renamed(event.id): event
            for event in self.words.old.of_type("boundaryEvent")
            if event.attached_to == source.id
        }
        for event in self.words.new.of_type("boundaryEvent"):
            before = known.get(event.id)
            if event.attached_to == target.id and not (before and same_event(before, event)):
                self.written.append([uuid4().hex, parent, event.id, TaskState.WAITING, changed])

    def _standing(self, entry: Entry, source: Element, target: Element, parent: int) -> None:
        internal = _internal(entry)
        spec = self.specs[target.id]
        if ORIGIN in internal and isinstance(spec, Join):
            internal[ORIGIN] = self._arrived_from(internal[ORIGIN], spec, target)
        self._write(entry, parent, target.id, entry[STATE], internal)
        if target.type == "subProcess":
            self.words.enter_subprocess(entry[ID], target, self.specs)

    def _arrived_from(self, origin: str, join: Any, element: Element) -> str:
        """The same flow into a join, by the name of what is before it."""
        before = origin.removesuffix(BOUNDARY_JOIN)
        renamed = self.words.renamed(before)
        inputs = {spec.name for spec in join.inputs}
        found = next((name for name in (renamed, renamed + BOUNDARY_JOIN) if name in inputs), None)
        if found is None:
            source = self.words.old.elements.get(before)
            self.words.no_flow(source or element, element)
        return found or origin

    def _complete_races(self) -> None:
        """Let the events after an event-based gateway wait that the old version did not have there."""
        races: dict[str, dict[str, int]] = {}
        for entry in self.written:
            if race := _internal(entry).get("race"):
                races.setdefault(race, {})[entry[NAME]] = entry[CHANGED]
        for race, racing in races.items():
            for gateway in self._gateways(racing):
                for flow in self.words.new.outgoing(gateway):
                    if flow.target not in racing and flow.target in self.specs:
                        changed = next(iter(racing.values()))
                        entry = [uuid4().hex, 0, flow.target, TaskState.WAITING, changed, {"race": race}]
                        self.written.append(entry)

    def _gateways(self, racing: Mapping[str, int]) -> Iterator[str]:
        flows = (flow for name in racing for flow in self.words.new.incoming(name))
        yield from dict.fromkeys(flow.source for flow in flows if flow.source in self.words.new.races)

    # -- entries -------------------------------------------------------------------------------

    def _element(self, entry: Entry) -> Element | None:
        return self.words.old.elements.get(entry[NAME])

    def _is_event(self, entry: Entry) -> bool:
        element = self._element(entry)
        return element is not None and element.type == "boundaryEvent"

    def _target(self, source: Element | None) -> Element | None:
        return None if source is None else self.words.target(source, self.specs, self.container)

    def _split(self, task_id: str, target: Element, changed: int) -> int:
        name = target.id + BOUNDARY_SPLIT
        self.written.append([task_id, 0, name, TaskState.COMPLETED, changed])
        return len(self.written) - 1

    def _write(self, entry: Entry, parent: int, name: str, state: int, internal: dict[str, Any]) -> None:
        written = [entry[ID], parent, name, state, entry[CHANGED]]
        self.written.append([*written, internal] if internal else written)


def _internal(entry: Entry) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(entry[INTERNAL]) if len(entry) > INTERNAL else {}
    return found


def same_event(one: Element, other: Element) -> bool:
    """Whether two elements wait for the same kind of thing, so that what one waits for fits the other."""
    return (one.event, _repeats(one)) == (other.event, _repeats(other))


def _repeats(element: Element) -> bool:
    return element.timer is not None and element.timer[0] == "timeCycle"
