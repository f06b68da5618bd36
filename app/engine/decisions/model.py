"""What a DMN file says, ready to be evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from app.engine.feel.interpreter import Kind


class HitPolicy(StrEnum):
    """Which of the matching rules make the result (OMG DMN 1.5, 8.2.11)."""

    UNIQUE = "UNIQUE"
    FIRST = "FIRST"
    PRIORITY = "PRIORITY"
    ANY = "ANY"
    COLLECT = "COLLECT"
    RULE_ORDER = "RULE ORDER"
    OUTPUT_ORDER = "OUTPUT ORDER"

    @property
    def many(self) -> bool:
        """Whether the result is a list."""
        return self in (HitPolicy.COLLECT, HitPolicy.RULE_ORDER, HitPolicy.OUTPUT_ORDER)


class Aggregation(StrEnum):
    """How a COLLECT table makes one number of its outputs (OMG DMN 1.5, 8.2.11)."""

    SUM = "SUM"
    COUNT = "COUNT"
    MIN = "MIN"
    MAX = "MAX"


class CellExpression(NamedTuple):
    """An expression of a decision: the element it belongs to, where people find it, and its text."""

    element_id: str
    where: str
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class TableInput:
    """A column of conditions. ``values`` lists what is expected, as unary tests; "" if unsaid."""

    id: str
    label: str
    expression: str
    values: str


@dataclass(frozen=True, slots=True)
class Output:
    """A column of results. ``values`` lists what is possible, the highest priority first; "" if unsaid."""

    id: str
    name: str
    label: str
    values: str
    default: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: unary tests by input ("" = any value) and expressions by output ("" = null)."""

    id: str
    tests: tuple[str, ...]
    outputs: tuple[str, ...]
    annotation: str


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """A decision made by a table (OMG DMN 1.5, clause 8). ``requires``: ids of decisions made before."""

    id: str
    name: str
    variable: str
    requires: tuple[str, ...]
    hit_policy: HitPolicy
    aggregation: Aggregation | None
    inputs: tuple[TableInput, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]

    def expressions(self) -> Iterator[CellExpression]:
        """Every expression of the table that is not blank."""
        for column in self.inputs:
            yield CellExpression(column.id, f"input “{column.label}”", "expression", column.expression)
        for output in self.outputs:
            if output.default:
                where = f"default of output “{output.label}”"
                yield CellExpression(output.id, where, "expression", output.default)
        for number, rule in enumerate(self.rules, start=1):
            for column, text in zip(self.inputs, rule.tests, strict=True):
                if text:
                    where = f"rule {number}, input “{column.label}”"
                    yield CellExpression(rule.id, where, "unaryTests", text)
            for output, text in zip(self.outputs, rule.outputs, strict=True):
                if text:
                    where = f"rule {number}, output “{output.label}”"
                    yield CellExpression(rule.id, where, "expression", text)


@dataclass(frozen=True, slots=True)
class LiteralExpression:
    """A decision made by one FEEL expression (OMG DMN 1.5, 7.3.8)."""

    id: str
    name: str
    variable: str
    requires: tuple[str, ...]
    text: str

    def expressions(self) -> Iterator[CellExpression]:
        """The one expression."""
        yield CellExpression(self.id, "expression", "expression", self.text)


Decision = DecisionTable | LiteralExpression
