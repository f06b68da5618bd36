"""The answers that a choice offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.engine.forms import paths
from app.engine.forms.schema import Options

if TYPE_CHECKING:
    from app.engine.forms.scopes import Setting

Choices = tuple[tuple[str, Any, str], ...]
"""As submitted, as a value, as shown."""

MAXIMUM = 10_000


def known_options(options: Options, setting: Setting) -> Choices:
    """The answers offered, as far as no expression gives them."""
    if options.key is None:
        return from_list([{"value": value, "label": label} for value, label in options.fixed])
    if options.key not in setting.offered:
        found: Any = setting.options(options.key) if setting.options is not None else None
        if found is None:
            found = paths.get(setting.context, options.key.split("."))
        setting.offered[options.key] = from_list(found)
    return setting.offered[options.key]


def from_list(given: Any) -> Choices:
    """Answers from objects with ``value`` and ``label``, or from plain values. Others are left out."""
    if not isinstance(given, list | tuple):
        return ()
    found: dict[str, tuple[Any, str]] = {}
    for option in given[:MAXIMUM]:
        value = option.get("value") if isinstance(option, Mapping) else option
        label = option.get("label", value) if isinstance(option, Mapping) else option
        if isinstance(value, str | int | float | bool) and value != "":
            found.setdefault(as_submitted(value), (value, str(value if label is None else label)))
    return tuple((submitted, value, label) for submitted, (value, label) in found.items())


def as_submitted(value: Any) -> str:
    """A value as a browser sends it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
