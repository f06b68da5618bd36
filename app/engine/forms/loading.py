"""Reads form-js schemas strictly: what is not understood is a problem, never a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from app.engine.forms.schema import (
    ANSWERED,
    TYPES,
    Component,
    FormProblem,
    FormSchema,
    FormSchemaError,
)
from app.engine.forms.settings import MAXIMUM_DEPTH, Settings

MAXIMUM_BYTES = 512 * 1024
MAXIMUM_COMPONENTS = 500
MAXIMUM_PROBLEMS = 50
LARGEST = 10**15

_SURROGATE = re.compile("[\ud800-\udfff]")


def load_schema(data: bytes | Mapping[str, Any]) -> FormSchema:
    """Read a form-js schema: the content of a ``.form`` file, or its JSON object.

    Raises :class:`FormSchemaError` with all problems, and nothing else.
    """
    reader = _Reader()
    given = _json(data) if isinstance(data, bytes | bytearray) else data
    _check_values(given)
    components = reader.form(given)
    if reader.problems:
        raise FormSchemaError(reader.problems)
    form_id = given.get("id")
    return FormSchema(components, form_id if isinstance(form_id, str) else None)


def _json(data: bytes) -> Any:
    if len(data) > MAXIMUM_BYTES:
        raise _too_large()
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(
            "The form is not valid JSON.", "Open it in the form editor and save it again."
        ) from error


def _too_large() -> FormSchemaError:
    return _refused("The form is larger than 512 kB.", "Split it into several forms.")


def _check_values(given: Any) -> None:
    """Refuse what no page can show or no JSON holds, wherever in a schema it stands."""
    size = 0
    waiting = [given]
    while waiting:
        value = waiting.pop()
        size += 1 + (len(value) if isinstance(value, str) else 0)
        if size > MAXIMUM_BYTES:
            raise _too_large()
        if isinstance(value, str) and _SURROGATE.search(value):
            message = "A text of the form has half a character in it, which no page can show."
            raise _refused(message, f"Write the text again: “{_SURROGATE.sub('…', value)[:60]}”.")
        if isinstance(value, int | float) and not abs(value) < LARGEST:
            raise _refused("A number of the form is too large, or is none.", "Use one of at most 15 digits.")
        if isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refused(message: str, hint: str) -> FormSchemaError:
    return FormSchemaError([FormProblem(None, message, hint)])


class _Reader:
    """Turns JSON into components, keeping the problems it meets."""

    def __init__(self) -> None:
        self.problems: list[FormProblem] = []
        self._count = 0
        self._ids: set[str] = set()

    def problem(self, element: str | None, message: str, hint: str = "") -> None:
        if len(self.problems) < MAXIMUM_PROBLEMS:
            self.problems.append(FormProblem(element, message, hint))

    # -- structure -----------------------------------------------------------------------------

    def form(self, given: Any) -> tuple[Component, ...]:
        if not isinstance(given, Mapping):
            self.problem(None, "A form is a JSON object.", "Open it in the form editor and save it again.")
            return ()
        if given.get("type", "default") != "default":
            self.problem(None, "The file is not a form: its type is not “default”.")
            return ()
        return self.components(given.get("components", []), None, (), {}, 1)

    def components(
        self,
        given: Any,
        parent: str | None,
        above: tuple[str, ...],
        taken: dict[tuple[str, ...], str],
        depth: int,
    ) -> tuple[Component, ...]:
        if not isinstance(given, list):
            self.problem(parent, "The components must be a list.")
            return ()
        if depth > MAXIMUM_DEPTH:
            self.problem(parent, f"There are more than {MAXIMUM_DEPTH} levels of groups.", "Use fewer.")
            return ()
        found = []
        for item in given:
            self._count += 1
            if self._count > MAXIMUM_COMPONENTS:
                if self._count == MAXIMUM_COMPONENTS + 1:
                    message = f"A form has at most {MAXIMUM_COMPONENTS} components."
                    self.problem(None, message, "Split it into several forms.")
                break
            component = self.component(item, above, taken, depth)
            if component is not None:
                found.append(component)
        return tuple(found)

    def component(
        self, given: Any, above: tuple[str, ...], taken: dict[tuple[str, ...], str], depth: int
    ) -> Component | None:
        if not isinstance(given, Mapping):
            self.problem(None, "A component must be a JSON object.")
            return None
        kind = given.get("type")
        element = self._id(given)
        if not isinstance(kind, str) or kind not in TYPES:
            named = kind[:60] if isinstance(kind, str) else "none"
            message = f"The component type “{named}” is not supported."
            self.problem(element, message, "Remove the component or use one of another type.")
            return None
        settings = Settings(self, element, given)
        path = above
        if kind in ANSWERED or kind in {"expression", "dynamiclist"}:
            path = self._path(settings, "path" if kind == "dynamiclist" else "key", above, taken)
        children: tuple[Component, ...] = ()
        if kind == "group":
            inner = above
            if given.get("path") not in (None, ""):
                inner = above + settings.path("path")
            children = self.components(given.get("components", []), element, inner, taken, depth + 1)
            path = ()
        elif kind == "dynamiclist":
            children = self.components(given.get("components", []), element, (), {}, depth + 1)
        elif kind not in ANSWERED and kind != "expression":
            path = ()
        return settings.component(kind, path, children)

    def _id(self, given: Mapping[str, Any]) -> str:
        names = [given.get(name) for name in ("id", "key", "path")]
        chosen = next((name for name in names if isinstance(name, str) and name), "")
        element = chosen[:100] or f"component {self._count}"
        unique, number = element, 2
        while unique in self._ids:
            unique, number = f"{element} ({number})", number + 1
        self._ids.add(unique)
        return unique

    def _path(
        self, settings: Settings, name: str, above: tuple[str, ...], taken: dict[tuple[str, ...], str]
    ) -> tuple[str, ...]:
        path = above + settings.path(name)
        if path == above:
            return path
        for other, owner in taken.items():
            shorter = min(len(other), len(path))
            if other[:shorter] == path[:shorter]:
                self.problem(
                    settings.element,
                    f"“{'.'.join(path)}” is already the key of {owner}.",
                    "Give every field a key of its own.",
                )
                return path
        taken[path] = settings.element
        return path
