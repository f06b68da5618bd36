"""Regular expressions of forms: only those that are quick to match, tried under FEEL's time limit.

They are JavaScript's, as in the form editor, and FEEL's ``matches`` is what runs them: it can be
stopped, which a match of Python's ``re`` cannot.
"""

from __future__ import annotations

import re

from app.engine.forms.formulas import Feel
from app.errors import MillwrightError

MAXIMUM_LENGTH = 500
# A longer text is not tried: matching may take the square of its length.
MAXIMUM_INPUT = 2000

_QUANTIFIER = re.compile(r"[*+?]\??|\{\d{1,4}(,\d{0,4})?\}\??")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPABLE = frozenset("^$\\.*+?()[]{}|/")
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")


class Unanswerable(MillwrightError):
    """Whether a text matches could not be told in time, or the pattern is no pattern."""


def fault(pattern: str) -> str | None:
    """Why a pattern cannot be used, or None. Conservative: some harmless ones are refused too."""
    try:
        re.compile(_NAMED_GROUP.sub("(?P<", pattern))
    except (re.error, RecursionError, OverflowError):
        return "it is not a regular expression."
    if re.search(r"\\[1-9k]", re.sub(r"\\\\", "", pattern)):
        return "it refers back to a group."
    if _repeats_repetition(pattern):
        return "a repeated group holds a repetition or alternatives, which may take forever."
    return None


def _repeats_repetition(pattern: str) -> bool:
    """Whether a group with a repetition or alternatives in it is itself repeated without a small limit."""
    risky = [False]
    position = 0
    in_class = False
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            risky.append(False)
            if pattern.startswith("(?", position):
                position += 1
        elif char == ")" and len(risky) > 1:
            inner = risky.pop()
            quantifier = _QUANTIFIER.match(pattern, position + 1)
            if inner and quantifier and not quantifier[0].startswith("?"):
                return True
            risky[-1] = risky[-1] or inner
        elif char == "|":
            risky[-1] = True
        elif quantifier := _QUANTIFIER.match(pattern, position):
            risky[-1] = risky[-1] or quantifier[0][0] in "*+" or "," in quantifier[0]
            position = quantifier.end()
            continue
        position += 1
    return False


def matches(feel: Feel, pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text. Raises :class:`Unanswerable`."""
    if len(text) > MAXIMUM_INPUT:
        raise Unanswerable("The text is too long to be checked.")
    try:
        answer = feel.evaluate("matches(text, pattern)", {"text": text, "pattern": _strict(pattern)})
    except MillwrightError as error:
        raise Unanswerable("The text could not be checked in time.") from error
    if not isinstance(answer, bool):
        raise Unanswerable("The pattern is not a regular expression.")
    return answer


def _strict(pattern: str) -> str:
    """The pattern in JavaScript's Unicode mode, which refuses needless escapes such as ``\\-``."""

    def kept(found: re.Match[str]) -> str:
        char = found[1]
        return found[0] if char.isalnum() or char in _ESCAPABLE else f"\\u{{{ord(char):x}}}"

    return _ESCAPE.sub(kept, pattern)
