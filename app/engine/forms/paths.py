"""Values inside values: ``("cost", "total")`` leads to ``{"cost": {"total": 5}}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def get(values: Any, path: Iterable[str]) -> Any:
    """What a path leads to; None where it leads nowhere."""
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return None
        values = values[name]
    return values


def has(values: Any, path: tuple[str, ...]) -> bool:
    """Whether a path leads anywhere, be it to None."""
    holder = get(values, path[:-1])
    return isinstance(holder, Mapping) and path[-1] in holder


def put(values: Any, path: str | Iterable[str], value: Any) -> None:
    """Set what a path (``lines.0.photos``, or its parts) leads to, through rows too.

    Raises :class:`LookupError` where a row is not there.
    """
    parts = path.split(".") if isinstance(path, str) else list(path)
    for name in parts[:-1]:
        if isinstance(values, list):
            values = values[int(name)] if name.isdigit() else _nowhere(name)
        elif isinstance(values.setdefault(name, {}), dict | list):
            values = values[name]
        else:
            _nowhere(name)
    if not isinstance(values, dict):
        _nowhere(parts[-1])
    values[parts[-1]] = value


def add(values: Any, path: str, more: list[Any]) -> None:
    """Add to the list that a path leads to, as :func:`put` finds it: the ids of a field's new files.

    Raises :class:`LookupError` where a row is not there.
    """
    holder = values
    for name in path.split("."):
        holder = holder[int(name)] if isinstance(holder, list) and name.isdigit() else get(holder, (name,))
        if holder is None:
            break
    put(values, path, [*(holder if isinstance(holder, list) else []), *more])


def _nowhere(name: str) -> Any:
    raise LookupError(f"nothing can be put under {name}")


def pruned(values: Any, wanted: Iterable[tuple[str, ...]]) -> Any:
    """What the paths lead to, where it is, and nothing else; lists are gone through item by item."""
    wanted = set(wanted)
    if () in wanted:
        return values
    if isinstance(values, list | tuple):
        return [pruned(item, wanted) for item in values]
    if not isinstance(values, Mapping):
        return values
    names = {path[0] for path in wanted} & set(values)
    return {name: pruned(values[name], (p[1:] for p in wanted if p[0] == name)) for name in sorted(names)}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, where ``above`` hides what it has a value for; objects are merged."""
    result = dict(below)
    for name, value in above.items():
        under = result.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            value = merged(under, value)
        result[name] = value
    return result
