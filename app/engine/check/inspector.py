"""Looks into FEEL expressions of strangers, within a budget of time for all of them together."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from app.engine.check import cells
from app.engine.feel import Feel, FeelError, FeelMemory, FeelTimeout
from app.engine.feel.interpreter import Kind

# Seconds of computing, so that a busy machine finds nothing else than an idle one. An ordinary
# expression takes about a millisecond: what an expression takes beyond this counts.
ORDINARY_SECONDS = 0.02
SLOW_SECONDS = 0.9
MAXIMUM_EXPRESSIONS = 1_000
# Numbers, texts, true and false: tables are full of them, and nothing can be wrong with them.
PLAIN = re.compile(r'\s*("[^"\\]*"|[+-]?\d{1,15}(\.\d{1,15})?|true|false)\s*')


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
        if is_plain(text, kind):
            return set()
        self._admit(text, kind)
        began = time.process_time()
        try:
            return self.feel.paths(text, kind)
        finally:
            self._charge(began)

    def faults(self, text: str, kind: Kind) -> list[str]:
        """What else is wrong with an expression that FEEL can read: functions that do not exist."""
        if is_plain(text, kind):
            return []
        began = time.process_time()
        try:
            return [problem.message for problem in self.feel.check(text, kind)]
        finally:
            self._charge(began)

    def constant(self, text: str) -> Any:
        """The value of an expression that uses no variables.

        :raises FeelError: it has none, or takes too long
        """
        self._admit(text, "value")
        began = time.process_time()
        try:
            return self.feel.evaluate(text, {})
        finally:
            self._charge(began)

    def _admit(self, text: str, kind: str) -> None:
        self._seen.add((text, kind))
        if self._spent > SLOW_SECONDS or len(self._seen) > MAXIMUM_EXPRESSIONS:
            raise NotInspected("The files hold too many expressions, or too slow ones.")

    def _charge(self, began: float) -> None:
        self._spent += max(0.0, time.process_time() - began - ORDINARY_SECONDS)


def is_plain(text: str, kind: Kind) -> bool:
    """Whether an expression is nothing but a value, or a test as simple as that."""
    return PLAIN.fullmatch(text) is not None or (kind == "unaryTests" and cells.read(text) is not None)


def was_stopped(fault: FeelError) -> bool:
    """Whether an expression was given up for taking too much time or memory."""
    return isinstance(fault, FeelTimeout | FeelMemory)
