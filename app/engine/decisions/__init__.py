"""Decision tables (OMG DMN), evaluated over FEEL with every hit policy of the standard."""

from app.engine.decisions.errors import DecisionError, DmnError, DmnProblem
from app.engine.decisions.evaluate import DecisionResult
from app.engine.decisions.model import DecisionModel, DecisionTable, LiteralExpression
from app.engine.decisions.parser import parse_dmn

__all__ = [
    "DecisionError",
    "DecisionModel",
    "DecisionResult",
    "DecisionTable",
    "DmnError",
    "DmnProblem",
    "LiteralExpression",
    "parse_dmn",
]
