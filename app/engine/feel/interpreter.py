"""Evaluates and inspects FEEL expressions."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NoReturn

from app import clock
from app.engine.feel.errors import FeelError, FeelMemory, FeelProblem, FeelSyntaxError, FeelTimeout
from app.engine.feel.sandbox import Sandbox
from app.engine.feel.values import Temporal, feel_value, iso_text

log = logging.getLogger(__name__)

Kind = Literal["expression", "unaryTests"]
TIMEOUT = 0.5  # seconds of a call
MEMORY = 64 * 2**20  # bytes
EXPRESSION_LIMIT = 20_000
WARNINGS_REMEMBERED = 5_000
ERRORS = {"syntax": FeelSyntaxError, "memory": FeelMemory}


@dataclass(frozen=True, slots=True)
class TableRule:
    """A rule of a decision table: unary tests by input ("" = any value), expressions by output."""

    tests: Sequence[str]
    outputs: Sequence[str]


@dataclass(frozen=True, slots=True)
class TableAnswer:
    """The values of the inputs, and the rules that match: row (from 0) and output values.

    Dates and durations are :class:`Temporal`, so that they can be handed to FEEL again.
    """

    inputs: list[Any]
    matched: list[tuple[int, list[Any]]]


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression refers to, each path with its offset in the text."""

    paths: tuple[tuple[tuple[str, ...], int], ...]
    uncertain: tuple[tuple[str, ...], ...]
    problems: tuple[FeelProblem, ...]


class Feel:
    """A FEEL interpreter. ``timeout`` is in seconds and holds for a call, ``memory`` is in bytes.

    Safe to share between threads; starts its V8 when first used, in every process anew.
    ``now()`` and ``today()`` answer :func:`app.clock.now`, in UTC.
    """

    def __init__(self, timeout: float = TIMEOUT, memory: int = MEMORY) -> None:
        self._sandbox = Sandbox(timeout, memory)
        # Marks temporal values on their way in: a secret, so that no submitted data passes for one.
        self._tag = f"@{secrets.token_hex(8)}"
        self._inspect = lru_cache(maxsize=2048)(self._inspect_anew)
        self._warned: set[tuple[str, str]] = set()
        # Told of each call, for whoever measures: how it ended (answered, timeout, memory, failed) and
        # how many seconds it took.
        self.observe: Callable[[str, float], object] = lambda outcome, seconds: None

    # -- evaluating ----------------------------------------------------------------------------

    def evaluate(self, expression: str, context: Mapping[str, Any] | None = None) -> Any:
        """The value of ``expression`` as JSON; dates, times and durations as ISO 8601 texts.

        A name that ``context`` lacks is null; a warning is logged, once for an expression.

        :raises FeelError: it has no value, or one that is no JSON (a function, a range)
        """
        return self.evaluate_many([(expression, context or {})])[0]

    def evaluate_many(self, expressions: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        """The values of several expressions, each over its own context, in a single call.

        The time limit holds for all of them together.

        :raises FeelError: of the first expression that fails, which the error names
        """
        items = [
            {"op": "one", "kind": "expression", "text": self._checked(text), "context": context}
            for text, context in expressions
        ]
        return [self._value(answer) for answer in self._call(items)] if items else []

    def test(self, unary_tests: str, value: Any, context: Mapping[str, Any] | None = None) -> bool:
        """Whether ``value`` passes the unary tests (OMG DMN 1.5, 7.3.7), such as ``> 5`` or ``"A", "B"``.

        Blank tests and ``-`` let everything pass.

        :raises FeelError: the tests cannot be evaluated
        """
        tests = unary_tests.strip()
        if not tests:
            return True
        item = {
            "op": "one",
            "kind": "unaryTests",
            "text": self._checked(tests),
            "context": {**(context or {}), "?": value},
        }
        (answer,) = self._call([item])
        return self._value(answer) is True

    def table(
        self, inputs: Sequence[str], rules: Sequence[TableRule], context: Mapping[str, Any]
    ) -> TableAnswer:
        """Evaluate a whole decision table in a single call; the hit policy is the caller's business.

        :raises FeelError: with ``where``, for the first cell that cannot be evaluated
        """
        item = {
            "op": "table",
            "inputs": [self._checked(text) for text in inputs],
            "rules": [{"tests": list(rule.tests), "outputs": list(rule.outputs)} for rule in rules],
            "context": context,
        }
        (answer,) = self._call([item], tagged=True)
        self._settle(answer)
        return TableAnswer(answer["inputs"], [(hit["row"], hit["outputs"]) for hit in answer["matched"]])

    def raw(self, expression: str, context: Mapping[str, Any]) -> Any:
        """Like :meth:`evaluate`, but dates and durations are :class:`Temporal`."""
        item = {"op": "one", "kind": "expression", "text": self._checked(expression), "context": context}
        (answer,) = self._call([item], tagged=True)
        return self._value(answer)

    # -- inspecting ----------------------------------------------------------------------------

    def names(self, expression: str, kind: Kind = "expression") -> frozenset[str]:
        """The names that ``expression`` takes from its context, without functions.

        Within a filter (``lines[open > limit]``) a name may be an entry of the items: it counts too.

        :raises FeelSyntaxError: the text is no FEEL
        """
        found = self._inspect(expression, kind)
        return frozenset([path[0] for path, _ in found.paths] + [path[0] for path in found.uncertain])

    def paths(self, expression: str, kind: Kind = "expression") -> set[tuple[str, ...]]:
        """The paths into the context, such as ``("request", "priority")``.

        Those within a filter that may be entries of the items are left out.

        :raises FeelSyntaxError: the text is no FEEL
        """
        return {path for path, _ in self._inspect(expression, kind).paths}

    def check(
        self, expression: str, kind: Kind = "expression", known: Iterable[str] | None = None
    ) -> list[FeelProblem]:
        """What is wrong with ``expression``: its syntax, unknown functions and, if ``known`` names
        are given, names that are not among them. Nothing is evaluated."""
        try:
            found = self._inspect(expression, kind)
        except FeelError as error:
            return [FeelProblem(error.message, error.position)]
        problems = list(found.problems)
        if known is not None:
            allowed = frozenset(known)
            unknown = {path[0]: at for path, at in reversed(found.paths) if path[0] not in allowed}
            problems += [
                FeelProblem(f"There is no variable named {name}.", at) for name, at in unknown.items()
            ]
        return sorted(problems, key=lambda problem: problem.position or 0)

    def close(self) -> None:
        """Give V8's memory back; the next call starts anew."""
        self._sandbox.close()

    # -- talking to V8 -------------------------------------------------------------------------

    def _inspect_anew(self, expression: str, kind: Kind) -> Names:
        text = expression.strip()
        if kind == "unaryTests" and not text:
            return Names((), (), ())
        (answer,) = self._call([{"op": "inspect", "kind": kind, "text": self._checked(expression)}])
        if "error" in answer:
            self._fail(answer, expression)
        return Names(
            paths=tuple((tuple(item["names"]), item["from"]) for item in answer["paths"]),
            uncertain=tuple(tuple(item["names"]) for item in answer["uncertain"]),
            problems=tuple(
                FeelProblem(f"There is no function {item['name']}().", item["from"])
                for item in answer["unknownFunctions"]
            ),
        )

    def _checked(self, expression: str) -> str:
        if not expression.strip():
            raise FeelSyntaxError("The expression is empty.", expression=expression, position=0)
        if len(expression) > EXPRESSION_LIMIT:
            raise FeelSyntaxError(f"The expression is longer than {EXPRESSION_LIMIT} characters.", position=0)
        return expression

    def _call(self, items: list[dict[str, Any]], *, tagged: bool = False) -> list[dict[str, Any]]:
        request = {"now": int(clock.now().timestamp() * 1000), "tagged": tagged, "items": items}
        try:
            text = json.dumps(request, default=self._encode, allow_nan=False, separators=(",", ":"))
        except (ValueError, RecursionError) as error:
            raise FeelError("The data for the expression is no JSON.") from error
        answer = self._run(f"millwrightFeel({json.dumps(self._tag)},{json.dumps(text)})")
        found: list[dict[str, Any]] = json.loads(answer, object_hook=self._revive if tagged else None)
        return found

    def _run(self, script: str) -> str:
        began, outcome = time.perf_counter(), "failed"
        try:
            answer = self._sandbox.run(script)
            outcome = "answered"
        except FeelTimeout:
            outcome = "timeout"
            raise
        except FeelMemory:
            outcome = "memory"
            raise
        finally:
            self.observe(outcome, time.perf_counter() - began)
        return answer

    def _encode(self, value: Any) -> Any:
        known = feel_value(value)
        if type(known) is type(value):
            return {self._tag: iso_text(value)}
        return known

    def _revive(self, value: dict[str, Any]) -> Any:
        text = value.get(self._tag)
        return value if text is None else Temporal(text)

    def _value(self, answer: dict[str, Any]) -> Any:
        self._settle(answer)
        return answer["value"]

    def _settle(self, answer: dict[str, Any]) -> None:
        if "error" in answer:
            self._fail(answer, answer.get("text"))
        for warning in answer["warnings"]:
            seen = (warning["text"], warning["message"])
            if seen not in self._warned and len(self._warned) < WARNINGS_REMEMBERED:
                self._warned.add(seen)
                log.warning("FEEL: %s in: %s", warning["message"], warning["text"][:200])

    @staticmethod
    def _fail(answer: dict[str, Any], expression: str | None) -> NoReturn:
        where = answer.get("where")
        large = answer["kind"] == "memory" and not answer["error"].startswith("The ")
        message = "The expression needs too much memory." if large else answer["error"]
        raise ERRORS.get(answer["kind"], FeelError)(
            message,
            expression=expression,
            position=answer["position"],
            where=None if where is None else tuple(where),
        )
