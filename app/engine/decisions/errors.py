"""What can be wrong with a decision."""

from __future__ import annotations

from app.errors import MillwrightError


class DmnError(MillwrightError):
    """A file is no DMN that can be used. ``element_id`` and ``line`` say where, if known."""

    def __init__(self, message: str, *, element_id: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.element_id = element_id
        self.line = line


class DecisionError(DmnError):
    """A decision has no result for this input; the message names the decision and the rules at fault."""
