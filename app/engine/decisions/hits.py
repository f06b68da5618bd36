"""Makes the result of a decision table from its matching rules (OMG DMN 1.5, 8.2.11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from app.engine.decisions.errors import DecisionError
from app.engine.decisions.model import Aggregation, DecisionTable, HitPolicy
from app.engine.feel import Temporal, plain_json
from app.engine.feel.values import number

Hit = tuple[int, list[Any]]


def settle(
    table: DecisionTable, hits: Sequence[Hit], possible: Sequence[list[Any] | None], default: list[Any] | None
) -> tuple[Any, list[int]]:
    """The result of ``table``, and the rows of the rules that made it, counted from 0.

    ``hits`` are the matching rules in the order of the table; ``possible`` gives for each output
    its possible values by falling priority, or None; ``default`` is the result if nothing matches.

    :raises DecisionError: the hit policy allows no result
    """
    if not hits:
        return _nothing(table, default), []
    kept = _POLICIES[table.hit_policy](table, hits, possible)
    rows = [row for row, _ in kept]
    results = [_result(table, outputs) for _, outputs in kept]
    if table.aggregation is not None:
        return _aggregate(table, rows, results), rows
    return (results if table.hit_policy.many else results[0]), rows


def _nothing(table: DecisionTable, default: list[Any] | None) -> Any:
    """The result where no rule matches: the default output entries if there are any (8.2.12)."""
    many = table.hit_policy.many and table.aggregation is None
    if default is not None:
        return [_result(table, default)] if many else _result(table, default)
    if table.aggregation is Aggregation.COUNT:
        return 0
    return [] if many else None


def _result(table: DecisionTable, outputs: list[Any]) -> Any:
    if len(table.outputs) == 1:
        return outputs[0]
    return {output.name: value for output, value in zip(table.outputs, outputs, strict=True)}


def _rules(hits: Sequence[Hit]) -> str:
    return ", ".join(str(row + 1) for row, _ in hits)


def _unique(table: DecisionTable, hits: Sequence[Hit], possible: Sequence[list[Any] | None]) -> Sequence[Hit]:
    if len(hits) > 1:
        raise DecisionError(
            f"Decision “{table.name}” allows one matching rule, but rules {_rules(hits)} match.",
            element=table.id,
        )
    return hits


def _any(table: DecisionTable, hits: Sequence[Hit], possible: Sequence[list[Any] | None]) -> Sequence[Hit]:
    if any(outputs != hits[0][1] for _, outputs in hits):
        raise DecisionError(
            f"Decision “{table.name}”: rules {_rules(hits)} match, and their outputs differ.",
            element=table.id,
        )
    return hits


def _first(table: DecisionTable, hits: Sequence[Hit], possible: Sequence[list[Any] | None]) -> Sequence[Hit]:
    return hits[:1]


def _all(table: DecisionTable, hits: Sequence[Hit], possible: Sequence[list[Any] | None]) -> Sequence[Hit]:
    return hits


def _priority(
    table: DecisionTable, hits: Sequence[Hit], possible: Sequence[list[Any] | None]
) -> Sequence[Hit]:
    return _output_order(table, hits, possible)[:1]


def _output_order(
    table: DecisionTable, hits: Sequence[Hit], possible: Sequence[list[Any] | None]
) -> Sequence[Hit]:
    """By falling priority of the outputs, the leftmost first; equal ones in the order of the rules."""

    def rank(hit: Hit) -> list[int]:
        row, outputs = hit
        ranks = []
        for output, values, value in zip(table.outputs, possible, outputs, strict=True):
            if values is None:
                continue
            if value not in values:
                raise DecisionError(
                    f"Decision “{table.name}”: rule {row + 1} gives {plain_json(value)!r}, which is not "
                    f"among the possible values of “{output.label}”.",
                    element=table.rules[row].id,
                )
            ranks.append(values.index(value))
        return ranks

    return sorted(hits, key=rank)


_POLICIES: dict[HitPolicy, Callable[..., Sequence[Hit]]] = {
    HitPolicy.UNIQUE: _unique,
    HitPolicy.ANY: _any,
    HitPolicy.FIRST: _first,
    HitPolicy.PRIORITY: _priority,
    HitPolicy.OUTPUT_ORDER: _output_order,
    HitPolicy.RULE_ORDER: _all,
    HitPolicy.COLLECT: _all,
}


def _aggregate(table: DecisionTable, rows: list[int], results: list[Any]) -> Any:
    """One number for all outputs. Sums are decimal: 0.1 + 0.2 gives 0.3."""
    if table.aggregation is Aggregation.COUNT:
        return len(results)
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, bool) or not isinstance(result, int | float):
            shown = result.text if isinstance(result, Temporal) else result
            raise DecisionError(
                f"Decision “{table.name}”: rule {row + 1} gives {shown!r}, "
                f"but {table.aggregation} needs numbers.",
                element=table.rules[row].id,
            )
    if table.aggregation is Aggregation.MIN:
        return min(results)
    if table.aggregation is Aggregation.MAX:
        return max(results)
    return number(sum((Decimal(str(result)) for result in results), Decimal(0)))
