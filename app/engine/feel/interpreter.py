"""Evaluates and inspects FEEL expressions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app import clock
from app.engine.feel.errors import FeelError, FeelSyntaxError
from app.engine.feel.sandbox import Sandbox
from app.engine.feel.values import feel_value

log = logging.getLogger(__name__)

MAXIMUM_LENGTH = 20_000
# The names that feelin looks up although they are no variables.
RESERVED = frozenset({"?", "null", "true", "false"})
MISSING = ("NO_VARIABLE_FOUND", "NO_FUNCTION_FOUND")


@dataclass(frozen=True, slots=True)
class FeelProblem:
    """Why a text is no usable expression, and where (an offset), if known."""

    message: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class TableResult:
    """The input values of a decision table, and its matching rules with their outputs, in order."""

    inputs: list[Any]
    matched: list[tuple[int, list[Any]]]


@dataclass(frozen=True, slots=True)
class _Inspection:
    error: str | None
    position: int | None
    paths: tuple[tuple[str, ...], ...] = ()
    uncertain: tuple[tuple[str, ...], ...] = ()
    unknown_functions: tuple[str, ...] = ()


class Feel:
    """FEEL (OMG DMN 1.3, clause 10.3) with a time limit in seconds and a memory limit in bytes.

    Safe to share between threads. Values are JSON: temporal results come back as ISO text.
    """

    def __init__(self, timeout: float = 0.5, memory: int = 64 * 1024 * 1024) -> None:
        self._sandbox = Sandbox(timeout, memory)
        self._inspect = lru_cache(maxsize=5000)(self._inspect_anew)
        self._warned: set[str] = set()

    def evaluate(self, expression: str, context: Mapping[str, Any] | None = None) -> Any:
        """The value of an expression; unknown variables are null and logged.

        Raises :class:`FeelSyntaxError`, :class:`FeelTimeout`, :class:`FeelMemory` or :class:`FeelError`.
        """
        return self.evaluate_many([(expression, context or {})])[0]

    def evaluate_many(self, expressions: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        """The values of several expressions, each in its own context, in one go. Raises as evaluate."""
        if not expressions:
            return []
        items = [
            {"op": "one", "kind": "expression", "text": self._sized(text), "context": feel_value(context)}
            for text, context in expressions
        ]
        answers = self._run(items)
        return [self._value(text, answer) for (text, _), answer in zip(expressions, answers, strict=True)]

    def test(self, unary_tests: str, value: Any, context: Mapping[str, Any] | None = None) -> bool:
        """Whether ``value`` passes unary tests such as ``> 5, "none"``. Raises as evaluate."""
        whole = {**(context or {}), "?": value}
        item = {"op": "one", "kind": "test", "text": self._sized(unary_tests), "context": feel_value(whole)}
        return self._value(unary_tests, self._run([item])[0]) is True

    def table(
        self,
        inputs: Sequence[str],
        rules: Sequence[tuple[Sequence[str], Sequence[str]]],
        context: Mapping[str, Any],
    ) -> TableResult:
        """Evaluate a whole decision table: rules are pairs of unary tests and output expressions.

        Raises as evaluate; the message names the rule (counted from 1) at fault.
        """
        item = {
            "op": "table",
            "inputs": list(inputs),
            "rules": [{"tests": list(tests), "outputs": list(outputs)} for tests, outputs in rules],
            "context": feel_value(context),
        }
        answer = self._run([item])[0]
        if "error" in answer:
            raise _error(f"{_place(answer.get('where'))}{answer['error']}", answer)
        self._note(answer["warnings"], "decision table")
        return TableResult(
            answer["inputs"], [(match["row"], match["outputs"]) for match in answer["matched"]]
        )

    def names(self, expression: str, kind: str = "expression") -> frozenset[str]:
        """Every variable name an expression may need (a name inside a filter may be one of an item's)."""
        found = self._inspect(expression, kind)
        return frozenset(path[0] for path in (*found.paths, *found.uncertain)) - RESERVED

    def paths(self, expression: str, kind: str = "expression") -> frozenset[tuple[str, ...]]:
        """The variables an expression needs for certain, with the properties read of them."""
        return frozenset(path for path in self._inspect(expression, kind).paths if path[0] not in RESERVED)

    def check(self, expression: str, kind: str = "expression") -> list[FeelProblem]:
        """What is wrong with an expression (``kind="test"``: with unary tests) as a text."""
        if not expression.strip():
            return [FeelProblem("The expression is empty.")]
        if len(expression) > MAXIMUM_LENGTH:
            return [FeelProblem(f"An expression has at most {MAXIMUM_LENGTH} characters.")]
        found = self._inspect(expression, kind)
        if found.error is not None:
            return [FeelProblem(found.error, found.position)]
        return [FeelProblem(f"There is no function named {name}.") for name in found.unknown_functions]

    def _inspect_anew(self, expression: str, kind: str) -> _Inspection:
        item = {"op": "inspect", "kind": kind, "text": self._sized(expression)}
        answer = self._run([item])[0]
        if "error" in answer:
            return _Inspection(answer["error"], answer.get("position"))
        return _Inspection(
            None,
            None,
            tuple(tuple(path) for path in answer["paths"]),
            tuple(tuple(path) for path in answer["uncertain"]),
            tuple(answer["unknownFunctions"]),
        )

    def _sized(self, text: str) -> str:
        if len(text) > MAXIMUM_LENGTH:
            raise FeelSyntaxError(f"An expression has at most {MAXIMUM_LENGTH} characters.")
        return text

    def _run(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = self._sandbox.run(
            {"now": round(clock.now().timestamp() * 1000), "items": items}
        )
        return answers

    def _value(self, text: str, answer: dict[str, Any]) -> Any:
        if "error" in answer:
            raise _error(answer["error"], answer)
        self._note(answer["warnings"], text)
        return answer["value"]

    def _note(self, warnings: list[dict[str, Any]], text: str) -> None:
        for warning in warnings:
            if warning["type"] in MISSING and (known := f"{warning['message']}|{text}") not in self._warned:
                if len(self._warned) < 10_000:
                    self._warned.add(known)
                log.warning("FEEL: %s in %s", warning["message"], text[:200])


def _error(message: str, answer: dict[str, Any]) -> FeelError:
    if answer.get("syntax"):
        return FeelSyntaxError(message, answer.get("position"))
    return FeelError(message)


def _place(where: list[Any] | None) -> str:
    if not where:
        return ""
    if where[0] == "input":
        return f"Input {where[1] + 1}: "
    return f"Rule {where[1] + 1}, {'output' if where[0] == 'output' else 'input'} {where[2] + 1}: "
