"""What can be wrong with a DMN file, and with evaluating it."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import MillwrightError


@dataclass(frozen=True, slots=True)
class DmnProblem:
    """Why a DMN file cannot be used: the element's id, if it has one, and what to do."""

    element: str
    message: str
    hint: str = ""


class DmnError(MillwrightError):
    """A DMN file cannot be used; ``problems`` says why, element by element."""

    def __init__(self, problems: list[DmnProblem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems[:3]))
        self.problems = problems


class DecisionError(MillwrightError):
    """A decision has no result: its rules contradict its hit policy, or it does not exist."""
