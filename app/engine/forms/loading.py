"""Reads form-js schemas strictly: what is not understood is a problem, never a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.engine.forms import patterns
from app.engine.forms.schema import (
    ANSWERED,
    CHOICES,
    ROWS_LIMIT,
    TYPES,
    Bound,
    Column,
    Component,
    FormProblem,
    FormSchema,
    FormSchemaError,
    Formula,
    Options,
    Rules,
    Text,
)

MAXIMUM_BYTES = 512 * 1024
MAXIMUM_COMPONENTS = 500
MAXIMUM_DEPTH = 8
MAXIMUM_OPTIONS = 2000
MAXIMUM_PROBLEMS = 50
LABEL_LENGTH = 500
TEXT_LENGTH = 20_000
EXPRESSION_LENGTH = 10_000
CONTENT_LENGTH_LIMIT = 100_000
SIMPLE = str | int | float | bool

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
_RESERVED = frozenset({"constructor", "prototype", "toString", "valueOf", "hasOwnProperty"})
# Names of the submission itself, and of what expressions see besides the fields.
_TAKEN = frozenset({"csrf_token", "outcome", "parent", "this", "completedBy"})
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,10})?\Z", re.ASCII)


def load_schema(data: bytes | Mapping[str, Any]) -> FormSchema:
    """Read a form-js schema: the content of a ``.form`` file, or its JSON object.

    Raises :class:`FormSchemaError` with all problems, and nothing else.
    """
    reader = _Reader()
    components = reader.form(_json(data) if isinstance(data, bytes | bytearray) else data)
    if reader.problems:
        raise FormSchemaError(reader.problems)
    form_id = data.get("id") if isinstance(data, Mapping) else None
    return FormSchema(components, form_id if isinstance(form_id, str) else None)


def _json(data: bytes) -> Any:
    if len(data) > MAXIMUM_BYTES:
        raise _refused("The form is larger than 512 kB.", "Split it into several forms.")
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(
            "The form is not valid JSON.", "Open it in the form editor and save it again."
        ) from error


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
        settings = _Settings(self, element, given)
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
        self, settings: _Settings, name: str, above: tuple[str, ...], taken: dict[tuple[str, ...], str]
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


class _Settings:
    """The settings of one component, each read with its own check."""

    def __init__(self, reader: _Reader, element: str, given: Mapping[str, Any]) -> None:
        self.reader = reader
        self.element = element
        self.given = given

    def problem(self, message: str, hint: str = "") -> None:
        self.reader.problem(self.element, message, hint)

    def component(self, kind: str, path: tuple[str, ...], children: tuple[Component, ...]) -> Component:
        given = self.given
        properties = self.properties()
        appearance = self.section("appearance")
        layout = self.section("layout")
        accept = self.string(given, "accept") or ""
        lowest, highest = self.row_limits(properties) if kind == "dynamiclist" else (0, ROWS_LIMIT)
        columns, columns_formula = self.columns() if kind == "table" else ((), None)
        content = {"text": "text", "html": "content"}.get(kind)
        return Component(
            id=self.element,
            type=kind,
            path=path,
            label=self.text("dateLabel" if kind == "datetime" and not given.get("label") else "label"),
            description=self.text("description"),
            content=self.text(content, TEXT_LENGTH) if content else (),
            hide=self.formula(self.section("conditional"), "hide"),
            readonly=self.switch("readonly"),
            disabled=self.switch("disabled"),
            unseen=properties.get("hidden", "").lower() == "true" and kind in ANSWERED,
            default=self.default(kind),
            rules=self.rules(kind, properties),
            options=self.options() if kind in CHOICES else Options(),
            formula=self.formula(given, {"expression": "expression", "table": "dataSource"}.get(kind, "")),
            children=children,
            properties=properties,
            layout_row=self.string(layout, "row"),
            decimals=self.whole(given, "decimalDigits", 10) if kind == "number" else None,
            as_text=given.get("serializeToString") is True,
            prefix=self.text("prefixAdorner", section=appearance),
            suffix=self.text("suffixAdorner", section=appearance),
            subtype=self.subtype() if kind == "datetime" else "date",
            not_past=given.get("disallowPassedDates") is True,
            multiple=given.get("multiple") is True,
            accept=tuple(part.strip().lower() for part in accept.split(",") if part.strip()),
            rows_default=self.first(self.whole(given, "defaultRepetitions", ROWS_LIMIT), 1),
            rows_minimum=lowest,
            rows_maximum=highest,
            rows_fixed=given.get("allowAddRemove") is False,
            columns=columns,
            columns_formula=columns_formula,
        )

    # -- keys ----------------------------------------------------------------------------------

    def path(self, name: str) -> tuple[str, ...]:
        """A key or path as its names; empty, with a problem, where it is none."""
        given = self.given.get(name)
        if not isinstance(given, str) or not given:
            self.problem(f"The {self.given['type']} has no {name}.", "Give it one: it names the variable.")
            return ()
        parts = tuple(given.split("."))
        bad = next((part for part in parts if not _NAME.match(part) or part in _RESERVED), None)
        if bad is not None or len(parts) > MAXIMUM_DEPTH or parts[0] in _TAKEN:
            self.problem(
                f"“{given[:60]}” cannot be a {name}.",
                "Use letters, digits and _, beginning with a letter; a dot separates the parts of a path.",
            )
            return ()
        return parts

    # -- plain settings ------------------------------------------------------------------------

    def section(self, name: str) -> Mapping[str, Any]:
        section = self.given.get(name)
        if section is None:
            return {}
        if not isinstance(section, Mapping):
            self.problem(f"The setting “{name}” must be a JSON object.")
            return {}
        return section

    def properties(self) -> dict[str, str]:
        """Custom properties as texts; the form editor writes them all as texts."""
        found = {}
        for name, value in self.section("properties").items():
            if isinstance(value, SIMPLE):
                found[str(name)] = value if isinstance(value, str) else json.dumps(value)
            elif value is not None:
                self.problem(f"The custom property “{str(name)[:60]}” must be a text.")
        return found

    def string(self, section: Mapping[str, Any], name: str, limit: int = LABEL_LENGTH) -> str | None:
        value = section.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > limit:
            self.problem(f"The setting “{name}” must be a text of at most {limit} characters.")
            return None
        return value

    def whole(self, section: Mapping[str, Any], name: str, limit: int) -> int | None:
        """A whole number from 0 to ``limit``, also written as a text."""
        value = section.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
            self.problem(f"“{name}” must be a whole number from 0 to {limit}.")
            return None
        return value

    @staticmethod
    def first(value: int | None, otherwise: int) -> int:
        return otherwise if value is None else value

    def subtype(self) -> str:
        subtype = self.given.get("subtype", "date")
        if subtype not in ("date", "time", "datetime"):
            self.problem("A date field asks for a date, a time, or both.", "Set its subtype.")
            return "date"
        return str(subtype)

    def row_limits(self, properties: Mapping[str, str]) -> tuple[int, int]:
        lowest = self.first(self.whole(properties, "minRows", ROWS_LIMIT), 0)
        highest = self.first(self.whole(properties, "maxRows", ROWS_LIMIT), ROWS_LIMIT)
        if lowest > highest:
            self.problem("“minRows” is more than “maxRows”.")
        return lowest, highest

    # -- expressions ---------------------------------------------------------------------------

    def _formula(self, source: str, name: str) -> Formula | None:
        source = source.strip().removeprefix("=").strip()
        if not source:
            return None
        if len(source) > EXPRESSION_LENGTH:
            self.problem(f"The expression of “{name}” is too long.")
            return None
        return Formula(source)

    def formula(self, section: Mapping[str, Any], name: str) -> Formula | None:
        """A setting that is always an expression, with or without its ``=``."""
        if not name:
            return None
        source = self.string(section, name, EXPRESSION_LENGTH)
        return self._formula(source, name) if source else None

    def switch(self, name: str) -> bool | Formula:
        """True, false, or an expression that says which."""
        value = self.given.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str) and value.startswith("="):
            return self._formula(value, name) or False
        self.problem(f"“{name}” must be true, false, or an expression that begins with “=”.")
        return False

    def text(
        self, name: str, limit: int = LABEL_LENGTH, section: Mapping[str, Any] | None = None
    ) -> Text:
        source = self.string(self.given if section is None else section, name, limit)
        if not source:
            return ()
        if source.startswith("="):
            formula = self._formula(source, name)
            return () if formula is None else (formula,)
        parts: list[str | Formula] = []
        for number, part in enumerate(_TEMPLATE.split(source)):
            if number % 2 == 0:
                parts += [part] if part else []
            elif part.strip().startswith(("#", "/")):
                self.problem(
                    f"“{{{{{part[:40]}}}}}” is not supported in texts.",
                    "Use an expression such as {{if … then … else …}}, or hide the component by a condition.",
                )
            elif (formula := self._formula(part, name)) is not None:
                parts.append(formula)
        return tuple(parts)

    def default(self, kind: str) -> Any:
        value = self.given.get("defaultValue")
        if value is None or kind not in ANSWERED:
            return None
        if isinstance(value, str) and value.startswith("="):
            return self._formula(value, "defaultValue")
        parts = value if isinstance(value, list) else [value]
        if len(parts) <= MAXIMUM_OPTIONS and all(isinstance(part, SIMPLE) for part in parts):
            return value
        self.problem("The default value must be a text, a number, true or false, or a list of them.")
        return None

    # -- rules ---------------------------------------------------------------------------------

    def rules(self, kind: str, properties: Mapping[str, str]) -> Rules:
        given = self.section("validate")
        required = given.get("required", False)
        if not isinstance(required, bool):
            self.problem("“required” must be true or false.", "For a condition, set the property requiredIf.")
        number = kind == "number"
        low = self.bound(given, "min") if number else None
        high = self.bound(given, "max") if number else None
        shortest, longest = self.length(given, "minLength"), self.length(given, "maxLength")
        if isinstance(low, Decimal) and isinstance(high, Decimal) and low > high:
            self.problem("The minimum is more than the maximum.")
        if isinstance(shortest, int) and isinstance(longest, int) and shortest > longest:
            self.problem("The minimum length is more than the maximum length.")
        validation = given.get("validationType") or None
        if validation not in (None, "custom", "email", "phone"):
            self.problem("The validation type must be “email”, “phone” or “custom”.")
        pattern = self.string(given, "pattern", patterns.MAXIMUM_LENGTH) or None
        if pattern is not None and (fault := patterns.fault(pattern)):
            self.problem(f"The pattern cannot be used: {fault}", "Use a simpler regular expression.")
        return Rules(
            required=required is True,
            required_if=self.formula(properties, "requiredIf"),
            minimum=low,
            maximum=high,
            min_length=shortest,
            max_length=longest,
            pattern=pattern,
            pattern_message=properties.get("patternMessage"),
            kind=validation if isinstance(validation, str) else None,
        )

    def bound(self, section: Mapping[str, Any], name: str) -> Bound:
        value = section.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and value.startswith("="):
            return self._formula(value, name)
        if not isinstance(value, bool) and isinstance(value, int | float | str) and _NUMBER.match(str(value)):
            return Decimal(str(value))
        self.problem(f"“{name}” must be a number or an expression that begins with “=”.")
        return None

    def length(self, section: Mapping[str, Any], name: str) -> int | Formula | None:
        value = section.get(name)
        if isinstance(value, str) and value.startswith("="):
            return self._formula(value, name)
        return self.whole(section, name, CONTENT_LENGTH_LIMIT)

    # -- options and columns -------------------------------------------------------------------

    def options(self) -> Options:
        given = self.given
        key = self.string(given, "valuesKey") or None
        formula = self.formula(given, "valuesExpression")
        fixed = self.fixed_options(given.get("values"))
        if key is None and formula is None and not fixed and not self.reader.problems:
            self.problem("No answers are offered.", "Give it values, a values key or a values expression.")
        return Options(fixed, key, formula)

    def fixed_options(self, values: Any) -> tuple[tuple[Any, str], ...]:
        if values is None:
            return ()
        if not isinstance(values, list) or len(values) > MAXIMUM_OPTIONS:
            self.problem(f"The values must be a list of at most {MAXIMUM_OPTIONS} answers.")
            return ()
        found: list[tuple[Any, str]] = []
        for option in values:
            value = option.get("value") if isinstance(option, Mapping) else option
            label = option.get("label", value) if isinstance(option, Mapping) else option
            if not isinstance(value, SIMPLE) or not isinstance(label, SIMPLE):
                self.problem("Every answer offered must have a value and a label.")
                return ()
            if any(str(value) == str(other) for other, _ in found):
                self.problem(f"The value “{str(value)[:60]}” is offered twice.")
                return ()
            found.append((value, str(label)))
        return tuple(found)

    def columns(self) -> tuple[tuple[Column, ...], Formula | None]:
        formula = self.formula(self.given, "columnsExpression")
        given = self.given.get("columns")
        if not isinstance(given, list) or len(given) > 50:
            if formula is None:
                self.problem("The table has no columns.", "Give it at most 50 columns.")
            return (), formula
        found = []
        for column in given:
            key = column.get("key") if isinstance(column, Mapping) else None
            label = column.get("label", key) if isinstance(column, Mapping) else None
            if not isinstance(key, str) or not isinstance(label, str):
                self.problem("Every column of a table must have a key and a label.")
                return (), formula
            found.append(Column(key, label))
        return tuple(found), formula
