"""Evaluates the expressions of a form, many in one go, each with only what it uses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from app.engine.forms.schema import Formula, Text
from app.errors import MillwrightError

log = logging.getLogger(__name__)

# FEEL's time limit holds for a call: what is evaluated for many rows takes several.
BATCH = 20

Environment = Callable[[], Mapping[str, Any]]


class Feel(Protocol):
    """What forms need of FEEL; :class:`app.engine.feel.Feel` is it."""

    def evaluate(self, expression: str, context: Mapping[str, Any]) -> Any: ...

    def evaluate_many(self, expressions: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]: ...

    def names(self, expression: str) -> frozenset[str]: ...

    def paths(self, expression: str) -> set[tuple[str, ...]]: ...


class Failed:
    """What an expression without a value gives; its reason has been logged."""


FAILED = Failed()


class Evaluator:
    """FEEL for one form."""

    def __init__(self, feel: Feel) -> None:
        self.feel = feel
        self._failed: set[str] = set()

    def evaluate(self, wanted: Sequence[tuple[Formula, Mapping[str, Any]]]) -> list[Any]:
        """The values, in order; FAILED for an expression that has none."""
        results: list[Any] = [FAILED] * len(wanted)
        pairs = [
            (number, (formula.source, self._needed(formula, environment)))
            for number, (formula, environment) in enumerate(wanted)
        ]
        for begin in range(0, len(pairs), BATCH):
            batch = [pair for pair in pairs[begin : begin + BATCH] if pair[1][0] not in self._failed]
            for (number, _), value in zip(batch, self._batch([pair for _, pair in batch]), strict=True):
                results[number] = value
        return results

    def _batch(self, pairs: list[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        try:
            return self.feel.evaluate_many(pairs)
        except MillwrightError:
            return [self._one(source, context) for source, context in pairs]

    def names(self, formula: Formula) -> frozenset[str]:
        """The variables that an expression uses; none where it is no FEEL."""
        try:
            return self.feel.names(formula.source)
        except MillwrightError:
            return frozenset()

    def paths(self, formula: Formula) -> set[tuple[str, ...]]:
        """The paths to all that an expression uses; a path of one name where more cannot be told."""
        try:
            found = self.feel.paths(formula.source)
        except MillwrightError:
            return set()
        return found | {(name,) for name in self.names(formula) - {path[0] for path in found}}

    def value(self, formula: Formula, environment: Mapping[str, Any]) -> Any:
        return self.evaluate([(formula, environment)])[0]

    def _needed(self, formula: Formula, environment: Mapping[str, Any]) -> dict[str, Any]:
        return {name: environment[name] for name in self.names(formula) if name in environment}

    def _one(self, source: str, context: Mapping[str, Any]) -> Any:
        if source in self._failed:
            return FAILED
        try:
            return self.feel.evaluate(source, context)
        except MillwrightError as error:
            # Once is enough: an expression that took too long must not take that long in every row.
            self._failed.add(source)
            log.warning("Form expression without a value: %s in %s", error, source[:200])
            return FAILED

    def text(self, text: Text, environment: Mapping[str, Any]) -> str:
        """A text with its expressions evaluated."""
        return "".join(self.parts(text, environment, str))

    def parts(self, text: Text, environment: Mapping[str, Any], literal: Callable[[str], str]) -> list[str]:
        values = iter(self.evaluate([(part, environment) for part in text if isinstance(part, Formula)]))
        return [literal(part) if isinstance(part, str) else shown(next(values)) for part in text]


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None or value is FAILED:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(item)}" for name, item in value.items())
    return str(value)
