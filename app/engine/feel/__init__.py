"""FEEL, the expression language of DMN (OMG DMN 1.5, clause 10), in a sandbox.

bpmn.io's interpreter runs inside an isolated V8 without files, network or timers, under a time
and a memory limit. Expressions come from process files, which are untrusted input.

Numbers are IEEE 754 doubles. One that came from a ``Decimal`` equals the same digits written in an
expression, so comparing an amount with a limit is exact to the cent; adding and multiplying are
not (``0.1 + 0.2 = 0.3`` is false). Compute money in Python with ``Decimal`` and hand FEEL the result.
"""

from app.engine.feel.errors import FeelError, FeelMemory, FeelProblem, FeelSyntaxError, FeelTimeout
from app.engine.feel.interpreter import Feel, TableAnswer, TableRule
from app.engine.feel.values import Temporal, feel_value, plain_json

__all__ = [
    "Feel",
    "FeelError",
    "FeelMemory",
    "FeelProblem",
    "FeelSyntaxError",
    "FeelTimeout",
    "TableAnswer",
    "TableRule",
    "Temporal",
    "feel_value",
    "plain_json",
]
