"""FEEL, the expression language of the DMN standard, in a sandbox with a time and a memory limit."""

from app.engine.feel.errors import FeelError, FeelMemory, FeelSyntaxError, FeelTimeout
from app.engine.feel.interpreter import Feel, FeelProblem, TableResult
from app.engine.feel.values import feel_value

__all__ = [
    "Feel",
    "FeelError",
    "FeelMemory",
    "FeelProblem",
    "FeelSyntaxError",
    "FeelTimeout",
    "TableResult",
    "feel_value",
]
