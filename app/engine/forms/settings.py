"""The settings of one component, each read with its own check."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from app.engine.forms import markup, patterns
from app.engine.forms.schema import (
    ANSWERED,
    CHOICES,
    ROWS_LIMIT,
    Bound,
    Column,
    Component,
    FormProblem,
    Formula,
    Options,
    Rules,
    Text,
)

MAXIMUM_DEPTH = 8
MAXIMUM_OPTIONS = 2000
LABEL_LENGTH = 500
TEXT_LENGTH = 20_000
EXPRESSION_LENGTH = 10_000
ANSWER_LENGTH = 100_000
SIMPLE = str | int | float | bool

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
# What JavaScript's objects have of their own, and what expressions see besides the fields.
_RESERVED = frozenset({"constructor", "prototype", "toString", "valueOf", "hasOwnProperty"})
_TAKEN = frozenset({"csrf_token", "outcome", "parent", "this", "i", "completedBy"})
_KIND = re.compile(r"(\.[a-z0-9_-]{1,20}|\*/\*|[a-z]{1,20}/(\*|[a-z0-9.+-]{1,100}))\Z")
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,10})?\Z", re.ASCII)


class Problems(Protocol):
    """Whoever keeps the problems that are met."""

    problems: list[FormProblem]

    def problem(self, element: str | None, message: str, hint: str = "") -> None: ...


class Settings:
    """The settings of one component, each read with its own check."""

    def __init__(self, reader: Problems, element: str, given: Mapping[str, Any]) -> None:
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
        lowest, highest = self.row_limits(properties) if kind == "dynamiclist" else (0, ROWS_LIMIT)
        columns, columns_formula = self.columns() if kind == "table" else ((), None)
        content = {"text": "text", "html": "content"}.get(kind)
        if kind == "html":
            self.check_html()
        if content or kind == "image":
            self.check_fetched(content)
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
            accept=self.accept() if kind == "filepicker" else (),
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

    def text(self, name: str, limit: int = LABEL_LENGTH, section: Mapping[str, Any] | None = None) -> Text:
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
                break
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

    def check_html(self) -> None:
        part = markup.running_part(str(self.given.get("content", ""))[:TEXT_LENGTH])
        if part is not None:
            self.problem(
                f"The HTML holds something that could run: “{part[:60]}”.",
                "Remove it: an HTML component shows its text, with bold, lists and web links as in a text.",
            )

    def check_fetched(self, content: str | None) -> None:
        """Nothing that a form shows is fetched from elsewhere: whoever looks at it would be told of there."""
        if content:
            part = markup.fetched_part(str(self.given.get(content, ""))[:TEXT_LENGTH])
        else:
            source = str(self.given.get("source") or "").strip()
            own = not source or source.startswith("=") or markup.PICTURE.match(source)
            part = None if own else source
        if part is not None:
            message = f"The form shows something that is fetched from elsewhere: “{part[:60]}”."
            self.problem(
                message, "Remove it, or link to it: a picture of a form is in it, as data:image/png."
            )

    def accept(self) -> tuple[str, ...]:
        """The kinds of files that a picker takes: endings and media types, in small letters."""
        given = self.string(self.given, "accept") or ""
        parts = [part.strip().lower() for part in given.split(",")]
        if bad := next((part for part in parts if part and not _KIND.match(part)), None):
            self.problem(f"“{bad[:60]}” is no kind of file.", "Write endings or media types: .pdf, image/*")
        return tuple(part for part in parts if part)

    # -- rules ---------------------------------------------------------------------------------

    def rules(self, kind: str, properties: Mapping[str, str]) -> Rules:
        given = self.section("validate")
        required = given.get("required", False)
        conditions = [self.formula(properties, "requiredIf")]
        if isinstance(required, str) and required.startswith("="):
            conditions.append(self._formula(required, "required"))
        elif not isinstance(required, bool):
            self.problem("“required” must be true, false, or an expression that begins with “=”.")
        sources = [condition.source for condition in conditions if condition is not None]
        several = " or ".join(f"({source})" for source in sources)
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
            required_if=Formula(several if len(sources) > 1 else sources[0]) if sources else None,
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
        return self.whole(section, name, ANSWER_LENGTH)

    # -- options and columns -------------------------------------------------------------------

    def options(self) -> Options:
        given = self.given
        key = self.string(given, "valuesKey") or None
        formula = self.formula(given, "valuesExpression")
        fixed = self.fixed_options(given.get("values"))
        if key is None and formula is None and not given.get("values"):
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
