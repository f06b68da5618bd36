"""Reads DMN files, of version 1.1 and newer."""

from __future__ import annotations

import re

from lxml import etree

from app.engine import xml
from app.engine.decisions.errors import DmnError, DmnProblem
from app.engine.decisions.evaluation import DecisionModel
from app.engine.decisions.model import Decision, LiteralExpression
from app.engine.decisions.tables import TableReader

NAMESPACE = re.compile(r"https?://www\.omg\.org/spec/DMN/(\d{8})/(MODEL/|dmn(11)?\.xsd)")
OLDEST = "20151101"
REFUSED = {
    "businessKnowledgeModel": (
        "Business knowledge models",
        "Make a decision of it, which the others require.",
    ),
    "decisionService": ("Decision services", "Remove it: a process calls the decision itself."),
    "import": ("Imports of other files", "Copy what it needs into this file."),
}
# Boxed expressions that are none of the two, as people call them.
BOXED = {
    "context": "a boxed context",
    "invocation": "an invocation",
    "list": "a list",
    "relation": "a relation",
    "functionDefinition": "a function",
    "conditional": "a boxed conditional",
    "filter": "a boxed filter",
    "for": "a boxed iteration",
    "every": "a boxed quantifier",
    "some": "a boxed quantifier",
}


def parse_dmn(data: bytes) -> DecisionModel:
    """The decisions of a DMN file: decision tables and literal expressions in FEEL.

    Business knowledge models, decision services, imports and other boxed expressions are refused. The
    expressions are not looked at: :meth:`DecisionModel.expressions` gives them to who wants to check them.

    :raises DmnError: it cannot be used; with every problem that was found
    """
    try:
        root = xml.parse(data)
    except xml.XmlError as error:
        raise DmnError([DmnProblem("", str(error), line=error.line)]) from error
    name = etree.QName(root)
    version = NAMESPACE.fullmatch(name.namespace or "")
    if name.localname != "definitions" or version is None or version[1] < OLDEST:
        raise DmnError([DmnProblem("", *_what_it_is(name))])
    reader = _Reader(root)
    decisions = reader.decisions()
    if reader.problems:
        raise DmnError(reader.problems)
    return DecisionModel(decisions)


def _what_it_is(root: etree.QName) -> tuple[str, str]:
    """What a file is that is no DMN of a version that can be read, and what to do about it."""
    namespace = (root.namespace or "").lower()
    if root.localname.lower() == "definitions" and "dmn" in namespace:
        message = "The file is of a version of DMN that is not read: it is no DMN file of version 1.1 to 1.5."
        return message, "Open it in the tool that it comes from, and save it as DMN 1.3."
    if "bpmn" in namespace:
        return "This is no DMN file but a BPMN diagram.", "Name it .bpmn."
    return f"This is no DMN file: its root is “{root.localname[:80]}”.", "Save the decision as DMN 1.3."


class _Reader(TableReader):
    def decisions(self) -> dict[str, Decision]:
        self.check_language(self.root)
        for tag, (what, hint) in REFUSED.items():
            for element in self.children(self.root, tag):
                self.problem(element, f"{what} are not supported.", hint)
        found: dict[str, Decision] = {}
        elements = self.children(self.root, "decision")
        for element in elements:
            decision = self._decision(element)
            if decision is None:
                continue
            if decision.id in found:
                self.problem(element, f"Two decisions have the id {decision.id}.")
            found[decision.id] = decision
        if not elements:
            self.problem(self.root, "The file has no decision.")
        if not self.problems:
            self._check_requirements(found)
        return found

    def _decision(self, element: etree._Element) -> Decision | None:
        decision_id = element.get("id", "").strip()
        if not decision_id:
            self.problem(element, "A decision has no id.")
            return None
        name = element.get("name", "").strip() or decision_id
        variable = self.child(element, "variable")
        result = ("" if variable is None else variable.get("name", "")).strip() or name
        requires = self._requirements(element)
        table = self.child(element, "decisionTable")
        if table is not None:
            return self.table(table, decision_id, name, result, requires)
        literal = self.child(element, "literalExpression")
        if literal is None:
            boxed = next((what for tag, what in BOXED.items() if self.children(element, tag)), "nothing")
            self.problem(
                element,
                f"The decision “{name}” has neither a decision table nor an expression: it holds {boxed}.",
                "Make a table of it, or one FEEL expression, such as a context {…} or a list […].",
            )
            return None
        self.check_language(literal)
        text = self.text(literal)
        if not text:
            self.problem(literal, f"The decision “{name}” has an empty expression.")
        return LiteralExpression(decision_id, name, result, requires, text)

    def _requirements(self, element: etree._Element) -> tuple[str, ...]:
        """The ids of the decisions that one requires. Inputs and authorities need no attention."""
        found = []
        for requirement in self.children(element, "informationRequirement"):
            required = self.child(requirement, "requiredDecision")
            if required is None:
                continue
            namespace, _, target = required.get("href", "").rpartition("#")
            if namespace and namespace != self.root.get("namespace"):
                self.problem(
                    requirement, "A decision requires one of another file.", "Copy it into this file."
                )
            found.append(target)
        return tuple(found)

    def _check_requirements(self, decisions: dict[str, Decision]) -> None:
        """Every required decision exists, and none requires itself (OMG DMN 1.5, 6.2.2)."""
        state: dict[str, bool] = {}

        def visit(decision: Decision) -> None:
            state[decision.id] = False
            for required in decision.requires:
                if required not in decisions:
                    message = f"The decision “{decision.name}” requires {required}, which is not in the file."
                    self.problems.append(DmnProblem(decision.id, message))
                elif required not in state:
                    visit(decisions[required])
                elif not state[required]:
                    message = f"The decision “{decision.name}” requires itself, by way of others or directly."
                    self.problems.append(DmnProblem(decision.id, message))
            state[decision.id] = True

        for decision in decisions.values():
            if decision.id not in state:
                visit(decision)
