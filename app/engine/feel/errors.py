"""What can be wrong with an expression."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import MillwrightError


class FeelError(MillwrightError):
    """An expression has no value. ``expression`` is its text, ``position`` the offset of the fault in it.

    ``where`` says which part of a decision table failed: ``("input", column)``,
    ``("test", row, column)`` or ``("output", row, column)``, counted from 0.
    """

    def __init__(
        self,
        message: str,
        *,
        expression: str | None = None,
        position: int | None = None,
        where: tuple[str | int, ...] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expression = expression
        self.position = position
        self.where = where


class FeelSyntaxError(FeelError):
    """The text is no FEEL."""


class FeelTimeout(FeelError):
    """The expression took longer than it may; it was stopped."""


class FeelMemory(FeelError):
    """The expression needed more memory than it may; it was stopped."""


@dataclass(frozen=True, slots=True)
class FeelProblem:
    """Something a check found in an expression, and its offset in the text, where that is known."""

    message: str
    position: int | None
