"""What a decision was made on, kept with it in history, so that it can be made again by other rules.

Kept is what the rules read, and the small values that stood beside it in the same facts: a rule may
ask for those tomorrow. What is large is left out; replaying then knows that it is not held.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from app.engine.feel import Temporal
from app.engine.feel.values import iso_text

Path = tuple[str, ...]

MAXIMUM_SIZE = 4_000  # characters of JSON for one decision
MAXIMUM_TEXT = 1_000  # characters of a text that is read
MAXIMUM_TEXT_BESIDE = 100  # characters of a text that only stands beside it
MAXIMUM_ITEMS = 50  # of a list
TEMPORAL = "@"
SCALARS = (bool, int, float)
TEMPORALS = (datetime, date, time, timedelta, Temporal)
MISSING = object()


def kept(values: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """What history keeps, as JSON, of the ``values`` that expressions with these ``paths`` were given."""
    wanted = set(paths)
    found: dict[str, Any] = {}
    left = MAXIMUM_SIZE
    for name, value in values.items():
        below = {path[1:] for path in wanted if path[0] == name} or {()}
        plain = _kept(value, below, beside=True)
        if plain is MISSING:
            continue
        size = len(json.dumps(plain)) + len(name)
        if size > left:
            # The rules can do without what stands beside the values they read.
            plain = _kept(value, below, beside=False)
            size = len(json.dumps(plain)) + len(name) if plain is not MISSING else left + 1
        if size <= left:
            left -= size
            found[name] = plain
    return found


def _kept(value: Any, below: set[Path], *, beside: bool) -> Any:
    """A value as JSON, with what the paths ``below`` it lead to."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return value if len(value) <= MAXIMUM_TEXT else MISSING
        case dict():
            inner = {path[0] for path in below if path}
            found = {}
            for key, each in value.items():
                if () in below:
                    plain = _kept(each, {()}, beside=False)
                elif key in inner:
                    plain = _kept(each, {path[1:] for path in below if path and path[0] == key}, beside=False)
                else:
                    plain = _small(each) if beside else MISSING
                if plain is not MISSING:
                    found[key] = plain
            return found
        case list():
            if len(value) > MAXIMUM_ITEMS:
                return MISSING
            items = [_kept(each, below, beside=False) for each in value]
            return MISSING if any(item is MISSING for item in items) else items
    return {TEMPORAL: iso_text(value)} if isinstance(value, TEMPORALS) else MISSING


def _small(value: Any) -> Any:
    if value is None or isinstance(value, SCALARS):
        return value
    if isinstance(value, str):
        return value if len(value) <= MAXIMUM_TEXT_BESIDE else MISSING
    return {TEMPORAL: iso_text(value)} if isinstance(value, TEMPORALS) else MISSING


def restored(value: Any) -> Any:
    """What was kept, as expressions are given it again."""
    match value:
        case dict():
            if set(value) == {TEMPORAL} and isinstance(value[TEMPORAL], str):
                return Temporal(value[TEMPORAL])
            return {key: restored(item) for key, item in value.items()}
        case list():
            return [restored(item) for item in value]
    return value


def holds(value: Any, path: Path) -> bool:
    """Whether what was kept knows what ``path`` leads to; below null and values there is nothing to know."""
    if not path:
        return True
    match value:
        case dict():
            if set(value) == {TEMPORAL}:
                return True  # the parts of a date
            return path[0] in value and holds(value[path[0]], path[1:])
        case list():
            return all(holds(item, path) for item in value)
    return True
