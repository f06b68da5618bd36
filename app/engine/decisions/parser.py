"""Reads DMN files, versions 1.1 to 1.5."""

from __future__ import annotations

from lxml import etree

from app.engine.decisions.errors import DmnError, DmnProblem
from app.engine.decisions.model import (
    Decision,
    DecisionModel,
    DecisionTable,
    InputClause,
    LiteralExpression,
    OutputClause,
    Rule,
)
from app.engine.xml import XmlError, parse

NAMESPACES = (
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
    "http://www.omg.org/spec/DMN/20180521/MODEL/",
    "https://www.omg.org/spec/DMN/20180521/MODEL/",
    "https://www.omg.org/spec/DMN/20191111/MODEL/",
    "https://www.omg.org/spec/DMN/20211108/MODEL/",
    "https://www.omg.org/spec/DMN/20230324/MODEL/",
)
HIT_POLICIES = ("UNIQUE", "FIRST", "ANY", "PRIORITY", "RULE ORDER", "OUTPUT ORDER", "COLLECT")
AGGREGATIONS = ("", "SUM", "MIN", "MAX", "COUNT")
MAXIMUM_RULES = 2000
MAXIMUM_COLUMNS = 50


def parse_dmn(data: bytes) -> DecisionModel:
    """The decisions in a DMN file. Raises :class:`DmnError` with every problem found."""
    try:
        root = parse(data)
    except XmlError as error:
        raise DmnError([DmnProblem("", str(error))]) from error
    name = etree.QName(root)
    if name.localname != "definitions" or name.namespace not in NAMESPACES:
        raise DmnError([DmnProblem("", "This is no DMN file.", "Save the decision table as DMN 1.3.")])
    reader = _Reader()
    decisions = [
        found for node in _children(root, "decision") if (found := reader.decision(node)) is not None
    ]
    for node in _children(root, "businessKnowledgeModel"):
        reader.problem(node, "Business knowledge models are not supported.", "Make it a decision of its own.")
    if not decisions and not reader.problems:
        reader.problem(root, "The file has no decision with a table or an expression.")
    known = {decision.id: decision for decision in decisions}
    reader.check_requirements(known)
    if reader.problems:
        raise DmnError(reader.problems)
    required = {other for decision in decisions for other in decision.requires}
    top = [decision.id for decision in decisions if decision.id not in required]
    return DecisionModel(known, (top or list(known))[0])


def _children(node: etree._Element, name: str) -> list[etree._Element]:
    return [c for c in node if isinstance(c.tag, str) and etree.QName(c).localname == name]


def _child(node: etree._Element | None, name: str) -> etree._Element | None:
    found = _children(node, name) if node is not None else []
    return found[0] if found else None


def _text(node: etree._Element | None) -> str:
    """The FEEL inside a clause: its ``text`` child, without the editors' leading ``=``."""
    found = _child(node, "text")
    text = ("".join(found.itertext()) if found is not None else "").strip()
    return text[1:].strip() if text.startswith("=") else text


class _Reader:
    def __init__(self) -> None:
        self.problems: list[DmnProblem] = []

    def problem(self, node: etree._Element, message: str, hint: str = "") -> None:
        self.problems.append(DmnProblem(node.get("id", ""), message, hint))

    def decision(self, node: etree._Element) -> Decision | None:
        decision_id = node.get("id", "")
        name = node.get("name") or decision_id
        if not decision_id:
            self.problem(node, "A decision has no id.")
            return None
        variable = _child(node, "variable")
        requires = tuple(
            reference.get("href", "").rsplit("#", 1)[-1]
            for requirement in _children(node, "informationRequirement")
            for reference in _children(requirement, "requiredDecision")
        )
        named = (variable.get("name") if variable is not None else None) or name
        expression, table = _child(node, "literalExpression"), _child(node, "decisionTable")
        if expression is not None:
            self._language(expression, name)
            return LiteralExpression(decision_id, name, named, requires, _text(expression) or "null")
        if table is not None:
            return self._table(node, table, name, named, requires)
        self.problem(node, f"The decision “{name}” has neither a table nor an expression.")
        return None

    def _language(self, node: etree._Element, name: str) -> None:
        language = node.get("expressionLanguage", "")
        if language and "feel" not in language.lower():
            self.problem(node, f"“{name}” uses the expression language {language}.", "Use FEEL.")

    def _table(
        self, node: etree._Element, table: etree._Element, name: str, variable: str, requires: tuple[str, ...]
    ) -> DecisionTable:
        policy = table.get("hitPolicy", "UNIQUE").upper()
        aggregation = table.get("aggregation", "").upper()
        if policy not in HIT_POLICIES:
            self.problem(
                table,
                f"“{name}” has the unknown hit policy {policy}.",
                f"Use one of {', '.join(HIT_POLICIES)}.",
            )
        if aggregation not in AGGREGATIONS:
            self.problem(table, f"“{name}” has the unknown aggregation {aggregation}.")
        inputs = tuple(self._input(clause) for clause in _children(table, "input"))
        outputs = tuple(self._output(clause) for clause in _children(table, "output"))
        rules = tuple(self._rule(rule) for rule in _children(table, "rule"))
        if not outputs:
            self.problem(table, f"“{name}” has no output.")
        if len(outputs) > 1 and any(not clause.name for clause in outputs):
            self.problem(table, f"“{name}” has several outputs, and one has no name.")
        if aggregation and policy == "COLLECT" and len(outputs) > 1:
            self.problem(table, f"“{name}” aggregates, so it can have one output only.")
        if len(rules) > MAXIMUM_RULES or len(inputs) + len(outputs) > MAXIMUM_COLUMNS:
            self.problem(table, f"“{name}” has more than {MAXIMUM_RULES} rules or {MAXIMUM_COLUMNS} columns.")
        for position, rule in enumerate(rules, 1):
            if len(rule.tests) != len(inputs) or len(rule.outputs) != len(outputs):
                self.problems.append(
                    DmnProblem(rule.id, f"Rule {position} of “{name}” does not have a cell for every column.")
                )
        return DecisionTable(
            node.get("id", ""), name, variable, requires, policy, aggregation, inputs, outputs, rules
        )

    def _input(self, clause: etree._Element) -> InputClause:
        expression = _child(clause, "inputExpression")
        text = _text(expression)
        label = clause.get("label") or text
        if expression is not None:
            self._language(expression, label)
        if not text:
            self.problem(clause, f"The input “{label}” has no expression.")
        return InputClause(
            clause.get("id", ""),
            label,
            text,
            expression.get("typeRef", "") if expression is not None else "",
            _text(_child(clause, "inputValues")),
        )

    def _output(self, clause: etree._Element) -> OutputClause:
        allowed = _text(_child(clause, "outputValues"))
        return OutputClause(
            clause.get("id", ""),
            clause.get("name", ""),
            clause.get("label", ""),
            clause.get("typeRef", ""),
            tuple(split_values(allowed)),
            _text(_child(clause, "defaultOutputEntry")),
        )

    def _rule(self, rule: etree._Element) -> Rule:
        annotations = [_text(entry) for entry in _children(rule, "annotationEntry")]
        description = _child(rule, "description")
        if description is not None and description.text:
            annotations.append(description.text.strip())
        return Rule(
            rule.get("id", ""),
            tuple(_text(entry) for entry in _children(rule, "inputEntry")),
            tuple(_text(entry) for entry in _children(rule, "outputEntry")),
            " ".join(text for text in annotations if text),
        )

    def check_requirements(self, known: dict[str, Decision]) -> None:
        for decision in known.values():
            for required in decision.requires:
                if required not in known:
                    self.problems.append(
                        DmnProblem(
                            decision.id, f"“{decision.name}” requires {required}, which is not in the file."
                        )
                    )
        if self.problems:
            return
        for decision in known.values():
            if self._reaches(decision.id, decision.id, known, set()):
                self.problems.append(DmnProblem(decision.id, f"“{decision.name}” requires itself."))

    def _reaches(self, start: str, target: str, known: dict[str, Decision], seen: set[str]) -> bool:
        for required in known[start].requires:
            if required == target:
                return True
            if required not in seen:
                seen.add(required)
                if self._reaches(required, target, known, seen):
                    return True
        return False


def split_values(text: str) -> list[str]:
    """The expressions in a comma-separated list, commas inside strings and brackets apart."""
    found, current, depth, quoted = [], "", 0, False
    for position, char in enumerate(text):
        if char == '"' and (position == 0 or text[position - 1] != "\\"):
            quoted = not quoted
        if not quoted and char in "([{":
            depth += 1
        elif not quoted and char in ")]}":
            depth -= 1
        if char == "," and not quoted and depth == 0:
            found.append(current.strip())
            current = ""
        else:
            current += char
    return [value for value in [*found, current.strip()] if value]
