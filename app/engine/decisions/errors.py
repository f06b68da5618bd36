"""What can be wrong with a DMN file, and with making a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import MillwrightError


@dataclass(frozen=True, slots=True)
class DmnProblem:
    """Why a DMN file cannot be used: the id of the element ("" if it has none), and what to do.

    ``line`` is the line in the file, counted from 1, where it is known.
    """

    element: str
    message: str
    hint: str = ""
    line: int | None = None


class DmnError(MillwrightError):
    """A DMN file cannot be used; ``problems`` says why, element by element."""

    def __init__(self, problems: Sequence[DmnProblem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems[:3]))
        self.problems = list(problems)


class DecisionError(MillwrightError):
    """A decision has no result for this input, or there is no such decision.

    ``element`` is the id of the decision or of the rule at fault.
    """

    def __init__(self, message: str, *, element: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.element = element
