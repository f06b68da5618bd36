"""Decisions: DMN decision tables and literal expressions over FEEL, with every hit policy.

Reads DMN 1.1 and everything newer; the clauses cited here are those of OMG DMN 1.5. Numbers are FEEL's
(see :mod:`app.engine.feel`): comparing an amount with a limit is exact to the cent, and totals of
a COLLECT table are added as decimals.
"""

from app.engine.decisions.errors import DecisionError, DmnError, DmnProblem
from app.engine.decisions.evaluation import DecisionModel, DecisionResult, decide
from app.engine.decisions.model import (
    Aggregation,
    CellExpression,
    DecisionTable,
    HitPolicy,
    LiteralExpression,
    Output,
    Rule,
    TableInput,
)
from app.engine.decisions.reading import parse_dmn

__all__ = [
    "Aggregation",
    "CellExpression",
    "DecisionError",
    "DecisionModel",
    "DecisionResult",
    "DecisionTable",
    "DmnError",
    "DmnProblem",
    "HitPolicy",
    "LiteralExpression",
    "Output",
    "Rule",
    "TableInput",
    "decide",
    "parse_dmn",
]
