"""Errors that every layer may raise and show to a person.

They live below both the domain and the engine, which do not know each other.
"""

from __future__ import annotations


class MillwrightError(Exception):
    """Anything the product refuses on purpose, with a message fit for the person who asked."""


class BusinessError(MillwrightError):
    """A rule of the factory says no: the action is refused and nothing has changed.

    ``code`` is stable and upper case (``NOT_ENOUGH_STOCK``): diagrams catch it with an error
    boundary event, and programs branch on it. ``message`` is for people. ``field`` names the
    form field at fault, as a path (``lines.0.quantityIssued``), where there is one.
    """

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class NotFound(MillwrightError):
    """There is no such thing, or not for this person: both look the same from outside."""


class Forbidden(MillwrightError):
    """This person may not do that; the message says who may."""


class Unavailable(MillwrightError):
    """Something of the installation is missing or does not answer; the message is for whoever runs it."""


class Conflict(MillwrightError):
    """The thing has changed since it was read; the message says what it is now."""
