"""Evaluates decisions and what they require."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.engine.decisions.errors import DecisionError
from app.engine.decisions.hits import settle
from app.engine.decisions.model import CellExpression, Decision, DecisionTable, HitPolicy
from app.engine.feel import Feel, FeelError, TableRule, plain_json


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What was decided, and why, as JSON.

    ``outputs``: the value of a single output, a dict by name of several, or a list of either for
    hit policies with many hits; None if no rule matches. ``matched_rules``: ids of the rules that
    made the result. ``inputs``: the values of the table's inputs by label. ``required``: the
    results of the decisions made before, by id.
    """

    outputs: Any
    matched_rules: list[str]
    inputs: dict[str, Any]
    required: dict[str, DecisionResult] = field(default_factory=dict)


class DecisionModel:
    """The decisions of one file. ``default_decision`` is the one that no other requires, if there is one."""

    def __init__(self, decisions: Mapping[str, Decision]) -> None:
        self.decisions = dict(decisions)
        required = {name for decision in decisions.values() for name in decision.requires}
        tops = [name for name in decisions if name not in required]
        self.default_decision = tops[0] if len(tops) == 1 else None

    def find(self, decision_id: str | None = None) -> Decision:
        """A decision by id, or the default one.

        :raises DecisionError: there is no such decision, or several could be meant
        """
        wanted = decision_id or self.default_decision
        if wanted is None:
            raise DecisionError(f"Say which decision is meant: {', '.join(sorted(self.decisions))}.")
        try:
            return self.decisions[wanted]
        except KeyError:
            raise DecisionError(f"There is no decision {wanted}.") from None

    def evaluate(self, decision_id: str | None, context: Mapping[str, Any], feel: Feel) -> DecisionResult:
        """Make a decision, after those that it requires (OMG DMN 1.5, 10.4); each takes one call of FEEL.

        A required decision's result is in the context under the name of its variable and its own name.

        :raises DecisionError: there is no such decision, or it has no result for this input
        """
        wanted = self.find(decision_id)
        known = dict(context)
        results: dict[str, DecisionResult] = {}
        for decision in self._in_order(wanted):
            raw, result = _decide(decision, known, feel)
            known[decision.variable] = known[decision.name] = raw
            results[decision.id] = result
        final = results.pop(wanted.id)
        return DecisionResult(final.outputs, final.matched_rules, final.inputs, results)

    def names(self, decision_id: str | None, feel: Feel) -> frozenset[str]:
        """The names that a decision and those it requires take from their context.

        :raises DecisionError: there is no such decision
        :raises FeelSyntaxError: an expression is no FEEL
        """
        names: set[str] = set()
        made: set[str] = set()
        for decision in self._in_order(self.find(decision_id)):
            for cell in decision.expressions():
                names |= feel.names(cell.text, cell.kind) - made
            made |= {decision.variable, decision.name}
        return frozenset(names - {"?"})

    def paths(self, decision_id: str | None, feel: Feel) -> set[tuple[str, ...]]:
        """The paths into their context that a decision and those it requires take.

        :raises DecisionError: there is no such decision
        :raises FeelSyntaxError: an expression is no FEEL
        """
        paths: set[tuple[str, ...]] = set()
        made: set[str] = {"?"}
        for decision in self._in_order(self.find(decision_id)):
            for cell in decision.expressions():
                paths |= {path for path in feel.paths(cell.text, cell.kind) if path[0] not in made}
            made |= {decision.variable, decision.name}
        return paths

    def expressions(self) -> Iterator[tuple[Decision, CellExpression]]:
        """Every expression in the file, for checks."""
        for decision in self.decisions.values():
            for cell in decision.expressions():
                yield decision, cell

    def _in_order(self, decision: Decision) -> list[Decision]:
        """The required decisions and ``decision`` itself, each after those that it requires."""
        found: dict[str, Decision] = {}

        def visit(each: Decision) -> None:
            for required in each.requires:
                if required not in found:
                    visit(self.decisions[required])
            found[each.id] = each

        visit(decision)
        return list(found.values())


def decide(
    xml: bytes, decision_id: str | None, values: Mapping[str, Any], feel: Feel | None = None
) -> dict[str, Any]:
    """Make a decision of a DMN file: ``{"decision", "outputs", "rules", "inputs"}``, all JSON.

    :raises DmnError: the file is no DMN that can be used
    :raises DecisionError: it has no such decision, or no result for this input
    """
    from app.engine.decisions.reading import parse_dmn

    model = parse_dmn(xml)
    result = model.evaluate(decision_id, values, feel or Feel())
    return {
        "decision": model.find(decision_id).id,
        "outputs": result.outputs,
        "rules": result.matched_rules,
        "inputs": result.inputs,
    }


def _decide(decision: Decision, context: Mapping[str, Any], feel: Feel) -> tuple[Any, DecisionResult]:
    """The result as FEEL sees it, with its dates and durations, and as JSON."""
    try:
        if isinstance(decision, DecisionTable):
            return _decide_table(decision, context, feel)
        value = feel.raw(decision.text, context)
    except FeelError as error:
        message = f"Decision “{decision.name}”{_place(decision, error)}: {error.message}"
        raise DecisionError(message, element=decision.id) from error
    return value, DecisionResult(plain_json(value), [], {})


def _decide_table(table: DecisionTable, context: Mapping[str, Any], feel: Feel) -> tuple[Any, DecisionResult]:
    answer = feel.table(
        [column.expression for column in table.inputs],
        [TableRule(rule.tests, rule.outputs) for rule in table.rules],
        context,
    )
    default = None
    if not answer.matched and any(output.default for output in table.outputs):
        default = [feel.raw(output.default, context) if output.default else None for output in table.outputs]
    possible: list[list[Any] | None] = [None] * len(table.outputs)
    if table.hit_policy in (HitPolicy.PRIORITY, HitPolicy.OUTPUT_ORDER) and len(answer.matched) > 1:
        possible = [feel.raw(f"[{output.values}]", {}) if output.values else None for output in table.outputs]
    value, rows = settle(table, answer.matched, possible, default)
    inputs = {
        column.label: plain_json(given) for column, given in zip(table.inputs, answer.inputs, strict=True)
    }
    return value, DecisionResult(plain_json(value), [table.rules[row].id for row in rows], inputs)


def _place(decision: Decision, error: FeelError) -> str:
    if not isinstance(decision, DecisionTable):
        return ""
    match error.where:
        case ("input", int(column)):
            return f", input “{decision.inputs[column].label}”"
        case ("test", int(row), int(column)):
            return f", rule {row + 1}, input “{decision.inputs[column].label}”"
        case ("output", int(row), int(column)):
            return f", rule {row + 1}, output “{decision.outputs[column].label}”"
    return ""
