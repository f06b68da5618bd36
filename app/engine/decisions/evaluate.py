"""Makes decisions: rules are matched by FEEL in one go, hit policies are applied here.

Hit policies follow OMG DMN 1.3, clause 8.2.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.engine.decisions.errors import DecisionError
from app.engine.decisions.model import DecisionModel, DecisionTable, LiteralExpression
from app.engine.feel import Feel

MULTIPLE = ("RULE ORDER", "OUTPUT ORDER", "COLLECT")


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """What was decided, by which rules (their ids, in order), on which input values by label."""

    outputs: Any
    matched_rules: list[str] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)


def evaluate(
    model: DecisionModel, decision_id: str | None, context: Mapping[str, Any], feel: Feel
) -> DecisionResult:
    """Make a decision after those it requires, whose results it finds under their variables' names.

    Raises :class:`DecisionError` where rules contradict the hit policy, and ``FeelError``.
    """
    known = dict(context)
    result = DecisionResult(None)
    for decision in model.chain(decision_id):
        if isinstance(decision, LiteralExpression):
            result = DecisionResult(feel.evaluate(decision.expression, known))
        else:
            result = _decide(decision, known, feel)
        known[decision.variable] = known[decision.id] = result.outputs
    return result


def _decide(table: DecisionTable, context: Mapping[str, Any], feel: Feel) -> DecisionResult:
    found = feel.table(
        [clause.expression for clause in table.inputs],
        table.rules,
        context,
    )
    inputs = {clause.label: value for clause, value in zip(table.inputs, found.inputs, strict=True)}
    hits = [(row, _named(table, outputs)) for row, outputs in found.matched]
    if not hits:
        return DecisionResult(_nothing(table, context, feel), [], inputs)
    chosen, outputs = _apply(table, hits, feel)
    return DecisionResult(outputs, [table.rules[row].id for row in chosen], inputs)


def _named(table: DecisionTable, outputs: list[Any]) -> Any:
    """A single output is its value; several are a dictionary by name."""
    if len(table.outputs) == 1:
        return outputs[0]
    return {clause.name: value for clause, value in zip(table.outputs, outputs, strict=True)}


def _nothing(table: DecisionTable, context: Mapping[str, Any], feel: Feel) -> Any:
    if any(clause.default for clause in table.outputs):
        values = [
            feel.evaluate(clause.default, context) if clause.default else None for clause in table.outputs
        ]
        return _named(table, values)
    if table.hit_policy == "COLLECT" and table.aggregation:
        return 0 if table.aggregation == "COUNT" else None
    return [] if table.hit_policy in MULTIPLE else None


Hit = tuple[int, Any]


def _apply(table: DecisionTable, hits: list[Hit], feel: Feel) -> tuple[list[int], Any]:
    rows = [row for row, _ in hits]
    match table.hit_policy:
        case "FIRST":
            return rows[:1], hits[0][1]
        case "UNIQUE":
            if len(hits) > 1:
                raise DecisionError(f"“{table.name}” is UNIQUE, but {_rules(rows)} all fit.")
            return rows, hits[0][1]
        case "ANY":
            if any(outputs != hits[0][1] for _, outputs in hits):
                raise DecisionError(f"“{table.name}” is ANY, but {_rules(rows)} give different results.")
            return rows, hits[0][1]
        case "PRIORITY":
            first = _by_priority(table, hits, feel)[0]
            return [first[0]], first[1]
        case "OUTPUT ORDER":
            ordered = _by_priority(table, hits, feel)
            return [row for row, _ in ordered], [outputs for _, outputs in ordered]
        case "RULE ORDER":
            return rows, [outputs for _, outputs in hits]
        case "COLLECT":
            return rows, _aggregate(table, [outputs for _, outputs in hits])
    raise DecisionError(f"“{table.name}” has the unknown hit policy {table.hit_policy}.")


def _rules(rows: list[int]) -> str:
    return "rules " + ", ".join(str(row + 1) for row in rows)


def _by_priority(table: DecisionTable, hits: list[Hit], feel: Feel) -> list[Hit]:
    """Hits by the order in which the outputs list their values, the first output weighing most."""
    orders = [
        feel.evaluate_many([(value, {}) for value in clause.values]) if clause.values else []
        for clause in table.outputs
    ]

    def rank(hit: Hit) -> list[int]:
        outputs = [hit[1]] if len(table.outputs) == 1 else [hit[1][clause.name] for clause in table.outputs]
        return [
            order.index(value) if value in order else len(order)
            for order, value in zip(orders, outputs, strict=True)
        ]

    return sorted(hits, key=rank)


def _aggregate(table: DecisionTable, values: list[Any]) -> Any:
    if not table.aggregation:
        return values
    if table.aggregation == "COUNT":
        return len(values)
    numbers = [value for value in values if value is not None]
    if not numbers:
        return None
    if table.aggregation == "SUM":
        return _sum(table, numbers)
    try:
        return min(numbers) if table.aggregation == "MIN" else max(numbers)
    except TypeError:
        raise DecisionError(f"The results of “{table.name}” cannot be compared with each other.") from None


def _sum(table: DecisionTable, numbers: list[Any]) -> Any:
    """An exact sum: amounts of money must not pick up the errors of binary fractions."""
    if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers):
        raise DecisionError(f"The results of “{table.name}” are not all numbers, so they have no sum.")
    total = sum((Decimal(str(number)) for number in numbers), Decimal(0))
    return int(total) if total == total.to_integral_value() else float(total)
