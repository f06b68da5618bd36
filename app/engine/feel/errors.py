"""What can go wrong with an expression."""

from __future__ import annotations

from app.errors import MillwrightError


class FeelError(MillwrightError):
    """An expression has no value that can be used; the message says why."""


class FeelSyntaxError(FeelError):
    """A text is no FEEL. ``position`` is the offset of what was not understood, where known."""

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class FeelTimeout(FeelError):
    """An expression took longer than it may."""


class FeelMemory(FeelError):
    """An expression needed more memory than it may."""
