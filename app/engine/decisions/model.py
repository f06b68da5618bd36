"""A DMN file as the engine sees it: decisions, their tables, and what they require."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.engine.decisions.errors import DecisionError

if TYPE_CHECKING:
    from app.engine.decisions.evaluate import DecisionResult
    from app.engine.feel import Feel


@dataclass(frozen=True, slots=True)
class InputClause:
    """A column of conditions; ``values`` are the unary tests that its values must pass, if given."""

    id: str
    label: str
    expression: str
    type: str = ""
    values: str = ""


@dataclass(frozen=True, slots=True)
class OutputClause:
    """A column of results; ``values`` lists what is allowed, the most important first."""

    id: str
    name: str
    label: str = ""
    type: str = ""
    values: tuple[str, ...] = ()
    default: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: unary tests, one an input, and expressions, one an output. ``-`` and nothing fit all."""

    id: str
    tests: tuple[str, ...]
    outputs: tuple[str, ...]
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """A decision made by rules (OMG DMN 1.3, clause 8)."""

    id: str
    name: str
    variable: str
    requires: tuple[str, ...]
    hit_policy: str
    aggregation: str
    inputs: tuple[InputClause, ...]
    outputs: tuple[OutputClause, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class LiteralExpression:
    """A decision made by one expression."""

    id: str
    name: str
    variable: str
    requires: tuple[str, ...]
    expression: str


Decision = DecisionTable | LiteralExpression


@dataclass(frozen=True, slots=True)
class DecisionModel:
    """The decisions of one file by id; ``default_decision`` is the one no other requires."""

    decisions: Mapping[str, Decision]
    default_decision: str

    def get(self, decision_id: str | None) -> Decision:
        """A decision, by default the file's own. Raises :class:`DecisionError`."""
        try:
            return self.decisions[decision_id or self.default_decision]
        except KeyError:
            raise DecisionError(f"There is no decision named {decision_id}.") from None

    def chain(self, decision_id: str | None) -> list[Decision]:
        """A decision and all that it requires, those required first."""
        found: dict[str, Decision] = {}

        def visit(decision: Decision) -> None:
            for required in decision.requires:
                if required not in found:
                    visit(self.decisions[required])
            found[decision.id] = decision

        visit(self.get(decision_id))
        return list(found.values())

    def names(self, decision_id: str | None, feel: Feel) -> frozenset[str]:
        """The variables a decision needs from outside, over all that it requires."""
        needed: set[str] = set()
        made: set[str] = set()
        for decision in self.chain(decision_id):
            for expression, kind in expressions(decision):
                needed |= feel.names(expression, kind)
            made |= {decision.variable, decision.id}
        return frozenset(needed - made)

    def evaluate(self, decision_id: str | None, context: Mapping[str, Any], feel: Feel) -> DecisionResult:
        """Make a decision. Raises :class:`DecisionError` or ``FeelError``."""
        from app.engine.decisions.evaluate import evaluate

        return evaluate(self, decision_id, context, feel)


def expressions(decision: Decision) -> list[tuple[str, str]]:
    """All FEEL in a decision, each with its kind, ``expression`` or ``test``."""
    if isinstance(decision, LiteralExpression):
        return [(decision.expression, "expression")]
    found = [(clause.expression, "expression") for clause in decision.inputs]
    found += [(clause.default, "expression") for clause in decision.outputs if clause.default]
    for rule in decision.rules:
        found += [(text, "test") for text in rule.tests if text not in ("", "-")]
        found += [(text, "expression") for text in rule.outputs if text]
    return found
