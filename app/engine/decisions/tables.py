"""Reads the decision tables of a DMN file (OMG DMN 1.5, 8.3)."""

from __future__ import annotations

import re

from lxml import etree

from app.engine import xml
from app.engine.decisions.errors import DmnProblem
from app.engine.decisions.model import Aggregation, DecisionTable, HitPolicy, Output, Rule, TableInput

FEEL_LANGUAGE = re.compile(r"feel|https?://www\.omg\.org/spec/(DMN/\d{8}/)?FEEL/?(\d{8})?/?", re.IGNORECASE)
MAXIMUM_RULES = 2000
MAXIMUM_COLUMNS = 50
BY_PRIORITY = (HitPolicy.PRIORITY, HitPolicy.OUTPUT_ORDER)


class TableReader:
    """Reads tables and collects the problems that it finds on the way."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.problems: list[DmnProblem] = []
        self._namespace = f"{{{etree.QName(root).namespace}}}"

    def table(
        self, table: etree._Element, decision_id: str, name: str, variable: str, requires: tuple[str, ...]
    ) -> DecisionTable:
        """A table; what is wrong with it is among the problems."""
        policy, aggregation = self._policy(table, name)
        inputs = [self._input(element, name, n) for n, element in enumerate(self.children(table, "input"), 1)]
        outputs = [self._output(element, n) for n, element in enumerate(self.children(table, "output"), 1)]
        rules = [self._rule(element, n) for n, element in enumerate(self.children(table, "rule"), 1)]
        for element, rule in zip(self.children(table, "rule"), rules, strict=True):
            if len(rule.tests) != len(inputs) or len(rule.outputs) != len(outputs):
                self.problem(element, f"“{name}”: rule {rule.id} does not have one cell for every column.")
        if not outputs:
            self.problem(table, f"“{name}” has no output.")
        names = {output.name for output in outputs if output.name}
        if len(outputs) > 1 and len(names) != len(outputs):
            self.problem(table, f"“{name}” has several outputs: each needs a name of its own.")
        if aggregation is not None and len(outputs) > 1:
            self.problem(table, f"“{name}” makes one value by {aggregation}, so it can have one output only.")
        if policy in BY_PRIORITY and not any(output.values for output in outputs):
            hint = "List them at the output, the most important first."
            self.problem(table, f"“{name}” is {policy} and needs the possible output values.", hint)
        if len(rules) > MAXIMUM_RULES or len(inputs) + len(outputs) > MAXIMUM_COLUMNS:
            self.problem(table, f"“{name}” has more than {MAXIMUM_RULES} rules or {MAXIMUM_COLUMNS} columns.")
        return DecisionTable(
            decision_id,
            name,
            variable,
            requires,
            policy,
            aggregation,
            tuple(inputs),
            tuple(outputs),
            tuple(rules),
        )

    def _policy(self, table: etree._Element, name: str) -> tuple[HitPolicy, Aggregation | None]:
        given = table.get("hitPolicy", "UNIQUE")
        if given not in set(HitPolicy):
            hint = f"Use one of {', '.join(HitPolicy)}."
            self.problem(table, f"“{name}” has the unknown hit policy {given}.", hint)
            return HitPolicy.UNIQUE, None
        policy, operator = HitPolicy(given), table.get("aggregation")
        if operator is None or policy is not HitPolicy.COLLECT:
            return policy, None
        if operator not in set(Aggregation):
            self.problem(table, f"“{name}” has the unknown aggregation {operator}.")
            return policy, None
        return policy, Aggregation(operator)

    def _input(self, element: etree._Element, name: str, number: int) -> TableInput:
        expression = self.child(element, "inputExpression")
        if expression is not None:
            self.check_language(expression)
        text = self.text(expression)
        if not text:
            self.problem(element, f"“{name}”: input {number} has no expression.")
        label = element.get("label", "").strip() or text
        return TableInput(element.get("id", ""), label, text, self.text(self.child(element, "inputValues")))

    def _output(self, element: etree._Element, number: int) -> Output:
        name = element.get("name", "").strip()
        return Output(
            id=element.get("id", ""),
            name=name,
            label=element.get("label", "").strip() or name or str(number),
            values=self.text(self.child(element, "outputValues")),
            default=self.text(self.child(element, "defaultOutputEntry")),
        )

    def _rule(self, element: etree._Element, number: int) -> Rule:
        annotations = [self.text(entry) for entry in self.children(element, "annotationEntry")]
        return Rule(
            id=element.get("id") or str(number),
            tests=tuple(self._cell(entry) for entry in self.children(element, "inputEntry")),
            outputs=tuple(self._cell(entry) for entry in self.children(element, "outputEntry")),
            annotation="; ".join(filter(None, annotations)) or self.text(element, "description"),
        )

    def _cell(self, entry: etree._Element) -> str:
        """The text of a cell; "-" is any value (8.3.3), which an empty one is too."""
        self.check_language(entry)
        text = self.text(entry)
        return "" if text == "-" else text

    # -- XML -----------------------------------------------------------------------------------

    def problem(self, element: etree._Element, message: str, hint: str = "") -> None:
        """Note what is wrong with an element."""
        self.problems.append(DmnProblem(xml.element_id(element) or "", message, hint, element.sourceline))

    def check_language(self, element: etree._Element) -> None:
        """Note an expression language other than FEEL."""
        language = (element.get("expressionLanguage") or "feel").strip()
        if not FEEL_LANGUAGE.fullmatch(language):
            self.problem(element, f"An expression is written in {language}.", "Write it in FEEL.")

    def children(self, element: etree._Element, tag: str) -> list[etree._Element]:
        """The DMN elements of that name directly below ``element``."""
        return list(element.iterchildren(f"{self._namespace}{tag}"))

    def child(self, element: etree._Element, tag: str) -> etree._Element | None:
        """The first of them."""
        return next(iter(self.children(element, tag)), None)

    def text(self, element: etree._Element | None, tag: str = "text") -> str:
        """The text of an expression, or ""."""
        found = None if element is None else self.child(element, tag)
        return "" if found is None else "".join(found.itertext()).strip()
