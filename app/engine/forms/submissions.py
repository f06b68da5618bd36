"""What was sent: a page's form or a JSON object, read the same way by each scope of a form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from wtforms.validators import ValidationError

from app.engine.forms import paths
from app.engine.forms.plain import as_key
from app.engine.forms.rows import KnownRows, Matching, by_ids, by_marks, by_position
from app.engine.forms.schema import ROWS_LIMIT, SEVERAL, Component

# Under this name below a list's the page carries the marks of the known rows that it shows.
SEEN = "_shown"
SCALAR = str | int | float
# How many files a program may name for one field, those that are attached already included.
FILES_LIMIT = 100
LARGEST_ID = 2**31 - 1


class MultiDict(Protocol):
    """What is needed of werkzeug's class of that name."""

    def __contains__(self, key: object, /) -> bool: ...

    def getlist(self, key: str, /) -> list[Any]: ...


class Submission(Protocol):
    """The answers of one scope: the form, or a row."""

    def answers(self, component: Component) -> list[Any] | None:
        """What was sent for a field as texts (or files); None where it stays as it is.

        Raises :class:`ValidationError` with a code for what cannot be an answer.
        """

    def rows(self, component: Component, known: KnownRows) -> Matching | None:
        """The rows sent, in order, and which known rows they are; None where they stay as they are.

        Raises :class:`ValidationError` with a code for what cannot be rows.
        """

    def name(self, component: Component) -> str:
        """How buttons name this field or list."""

    def row(self, component: Component, index: int) -> Submission:
        """The answers of one row."""


class PageSubmission:
    """What a browser sent. Rows keep the index they were shown with, whatever was removed between them."""

    def __init__(self, formdata: MultiDict | None, files: MultiDict | None, prefix: str = "") -> None:
        self.formdata = formdata
        self.files = files
        self.prefix = prefix

    def answers(self, component: Component) -> list[Any] | None:
        source = self.files if component.type == "filepicker" else self.formdata
        return [] if source is None else source.getlist(self.name(component))

    def name(self, component: Component) -> str:
        return self.prefix + component.key

    def rows(self, component: Component, known: KnownRows) -> Matching | None:
        seen = None if self.formdata is None else self.formdata.getlist(f"{self.name(component)}.{SEEN}")
        if not seen:
            return by_position(self._indices(component), known)
        marks = seen[0].split() if isinstance(seen[0], str) else []
        return by_marks(self._indices(component), marks[:ROWS_LIMIT], known)

    def _indices(self, component: Component) -> list[int]:
        if self.formdata is None:
            return []
        found: dict[int, None] = {}
        for text in self.formdata.getlist(self.name(component)):
            if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 6:
                found[int(text)] = None
                if len(found) > ROWS_LIMIT:
                    break
        return list(found)

    def row(self, component: Component, index: int) -> PageSubmission:
        return PageSubmission(self.formdata, self.files, f"{self.name(component)}.{index}.")


class JsonSubmission:
    """What a program sent. A field that is left out stays as it is; null empties it."""

    def __init__(self, values: Any) -> None:
        self.is_object = isinstance(values, Mapping)
        self.values: Mapping[str, Any] = values if isinstance(values, Mapping) else {}

    def answers(self, component: Component) -> list[Any] | None:
        if not paths.has(self.values, component.path):
            return None
        value = paths.get(self.values, component.path)
        if component.type == "filepicker":
            return _file_ids(value)
        if value is None:
            return []
        if component.type in SEVERAL:
            if not isinstance(value, list) or len(value) > 10_000:
                raise ValidationError("json-list")
            return [_choice(item) for item in value]
        if component.type in ("radio", "select"):
            return [_choice(value)]
        if component.type == "checkbox":
            if not isinstance(value, bool):
                raise ValidationError("json-bool")
            return ["true" if value else ""]
        if component.type == "number" and not (component.as_text and isinstance(value, str)):
            return [_number(value)]
        if not isinstance(value, str):
            raise ValidationError("json-text")
        return [value]

    def name(self, component: Component) -> str:
        return component.key

    def rows(self, component: Component, known: KnownRows) -> Matching | None:
        if not paths.has(self.values, component.path):
            return None
        value = paths.get(self.values, component.path)
        if value is None:
            return by_position([], known)
        if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
            raise ValidationError("json-rows")
        rows = value[: ROWS_LIMIT + 1]
        return by_ids([row.get("id") if known.by_id else None for row in rows], known)

    def row(self, component: Component, index: int) -> JsonSubmission:
        given = paths.get(self.values, component.path)
        return JsonSubmission(given[index] if isinstance(given, list) and index < len(given) else {})

    def agrees(self, component: Component, value: Any) -> bool:
        """Whether what was sent for something read-only, if anything, is what it already is."""
        given = paths.get(self.values, component.path)
        if given is None or given == value:
            return True
        return isinstance(given, SCALAR) and isinstance(value, SCALAR) and as_key(given) == as_key(value)

    def unknown(self, components: Iterable[Component]) -> list[str]:
        """The paths, in this scope, that no component has."""
        known = {component.path for component in components}
        return [".".join(path) for path in _unknown(self.values, (), known)][:50]


def _file_ids(value: Any) -> list[Any]:
    """The ids of files that were uploaded before; null or an empty list says that there are no new ones."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > FILES_LIMIT:
        raise ValidationError("json-file")
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int) or not 0 < item <= LARGEST_ID:
            raise ValidationError("json-file")
    return list(dict.fromkeys(value))


def _choice(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return _number(value)


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError("json-number")
    if abs(value) > 10**40 or math.isnan(value):
        raise ValidationError("big")
    return str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")


def _unknown(
    values: Mapping[str, Any], above: tuple[str, ...], known: set[tuple[str, ...]]
) -> Iterable[tuple[str, ...]]:
    for name, value in values.items():
        path = (*above, str(name))
        if path in known:
            continue
        if isinstance(value, Mapping) and any(other[: len(path)] == path for other in known):
            yield from _unknown(value, path, known)
        else:
            yield path
