"""Looks into FEEL expressions of strangers, within a budget of time for all of them together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from app.engine.feel import Feel, FeelError, FeelMemory, FeelTimeout
from app.engine.feel.interpreter import Kind

# An ordinary expression takes about a millisecond: what an expression takes beyond this counts.
ORDINARY_SECONDS = 0.02
SLOW_SECONDS = 0.9
MAXIMUM_EXPRESSIONS = 3_000


class NotInspected(FeelError):
    """The files have used up what time there is; nothing is known of this expression."""


@dataclass(slots=True)
class Inspector:
    """Asks FEEL about expressions until they have taken too long or are too many."""

    feel: Feel
    _spent: float = 0.0
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def paths(self, text: str, kind: Kind) -> set[tuple[str, ...]]:
        """The variable paths of an expression.

        :raises NotInspected: the budget is used up
        :raises FeelError: the text is no FEEL, or takes too long to read
        """
        self._admit(text, kind)
        began = time.monotonic()
        try:
            return self.feel.paths(text, kind)
        finally:
            self._charge(began)

    def faults(self, text: str, kind: Kind) -> list[str]:
        """What else is wrong with an expression that FEEL can read: functions that do not exist."""
        began = time.monotonic()
        try:
            return [problem.message for problem in self.feel.check(text, kind)]
        finally:
            self._charge(began)

    def constant(self, text: str) -> Any:
        """The value of an expression that uses no variables.

        :raises FeelError: it has none, or takes too long
        """
        self._admit(text, "value")
        began = time.monotonic()
        try:
            return self.feel.evaluate(text, {})
        finally:
            self._charge(began)

    def _admit(self, text: str, kind: str) -> None:
        self._seen.add((text, kind))
        if self._spent > SLOW_SECONDS or len(self._seen) > MAXIMUM_EXPRESSIONS:
            raise NotInspected("The files hold too many expressions, or too slow ones.")

    def _charge(self, began: float) -> None:
        self._spent += max(0.0, time.monotonic() - began - ORDINARY_SECONDS)


def was_stopped(fault: FeelError) -> bool:
    """Whether an expression was given up for taking too much time or memory."""
    return isinstance(fault, FeelTimeout | FeelMemory)
