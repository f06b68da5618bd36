"""The files under check, read once, and what all checks ask of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from lxml import etree

from app.engine.bindings import Fact, ProcessBinding
from app.engine.check.inspector import Inspector
from app.engine.check.problems import Place, Problem, Severity, problem
from app.engine.core import ProcessEngine
from app.engine.decisions import DecisionModel
from app.engine.diagram import Diagram, Element, Flow
from app.engine.forms import FormSchema
from app.engine.outline import ProcessOutline, outline
from app.errors import NotFound


@dataclass
class Drawn:
    """A BPMN file that could be read."""

    file: str
    root: etree._Element
    diagram: Diagram

    def at(self, element: Element) -> Place:
        return Place(self.file, element.id, element.name, element.line)

    def at_flow(self, flow: Flow) -> Place:
        return Place(self.file, flow.id, flow.name, flow.line)

    def at_node(self, node: etree._Element) -> Place:
        return Place(self.file, node.get("id"), node.get("name") or "", node.sourceline)

    @property
    def at_process(self) -> Place:
        return Place(self.file, self.diagram.key or None, self.diagram.name)

    @cached_property
    def outgoing(self) -> dict[str, list[Flow]]:
        """Sequence flows by the id of the element they leave."""
        found: dict[str, list[Flow]] = defaultdict(list)
        for flow in self.diagram.flows.values():
            found[flow.source].append(flow)
        return found

    @cached_property
    def incoming(self) -> dict[str, list[Flow]]:
        """Sequence flows by the id of the element they lead to."""
        found: dict[str, list[Flow]] = defaultdict(list)
        for flow in self.diagram.flows.values():
            found[flow.target].append(flow)
        return found

    @cached_property
    def boundaries(self) -> dict[str, list[Element]]:
        """Boundary events by the id of the element they are attached to."""
        found: dict[str, list[Element]] = defaultdict(list)
        for element in self.diagram.of_type("boundaryEvent"):
            found[element.attached_to or ""].append(element)
        return found

    @cached_property
    def scopes(self) -> dict[str, list[Element]]:
        """Elements by the process or subprocess they are drawn in."""
        found: dict[str, list[Element]] = defaultdict(list)
        for element in self.diagram.elements.values():
            found[element.parent].append(element)
        return found


@dataclass(frozen=True, slots=True)
class FormFile:
    """A form; ``schema`` is None where the file could not be read."""

    file: str
    schema: FormSchema | None


@dataclass(frozen=True, slots=True)
class DecisionFile:
    """A DMN file that could be read."""

    file: str
    model: DecisionModel


@dataclass
class Checked:
    """What the checks work on.

    ``alone`` is a single file looked at without the others of its process: what it refers to may
    well exist. ``known_messages`` are names that other processes, or pages, send or wait for.
    """

    engine: ProcessEngine
    files: Mapping[str, bytes]
    alone: bool = False
    known_messages: frozenset[str] = frozenset()
    drawn: Drawn | None = None
    forms: dict[str, FormFile] = field(default_factory=dict)
    decision_files: list[DecisionFile] = field(default_factory=list)
    unread_decisions: bool = False

    @cached_property
    def inspector(self) -> Inspector:
        return Inspector(self.engine.feel)

    @cached_property
    def decisions(self) -> dict[str, tuple[DecisionFile, str | None]]:
        """Decision files by what a business rule task may call them: the file's stem or a decision's id."""
        found: dict[str, tuple[DecisionFile, str | None]] = {}
        for each in self.decision_files:
            found[PurePosixPath(each.file).stem] = (each, None)
            for decision_id in each.model.decisions:
                found[decision_id] = (each, decision_id)
        return found

    @cached_property
    def outline(self) -> ProcessOutline | None:
        """What the files say about the records of the process; None without a diagram."""
        if self.drawn is None:
            return None
        return outline(self.drawn.diagram, {name: form.schema for name, form in self.forms.items()})

    @cached_property
    def binding(self) -> ProcessBinding | None:
        """What ties the process to records; None where nothing does, or where it has no usable key."""
        if self.outline is None or self.engine.key_problem(self.outline.key):
            return None
        try:
            return self.engine.binding(self.outline.key, self.outline)
        except NotFound:
            return None

    @cached_property
    def facts(self) -> dict[str, Fact]:
        """The facts that expressions of this process may use."""
        binding = self.binding
        return {**self.engine.bindings.common_facts, **(binding.facts if binding else {})}

    @property
    def elements(self) -> Iterator[tuple[Drawn, Element]]:
        """Every element of the diagram, if there is one."""
        if self.drawn is not None:
            for element in self.drawn.diagram.elements.values():
                yield self.drawn, element

    def form(self, element: Element) -> FormFile | None:
        return self.forms.get(element.form) if element.form else None

    def missing(self, place: Place, code: str, message: str, hint: str) -> Problem:
        """A reference to what is not among the files: an error, unless the rest was not looked at."""
        return problem(Severity.WARNING if self.alone else Severity.ERROR, place, code, message, hint)
