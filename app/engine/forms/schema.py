"""What a form is made of: components, the rules of their answers, and the expressions in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.errors import MillwrightError

CHOICES = frozenset({"radio", "select", "checklist", "taglist"})
SEVERAL = frozenset({"checklist", "taglist"})
ANSWERED = CHOICES | {"textfield", "textarea", "number", "checkbox", "datetime", "filepicker"}
VALUED = ANSWERED | {"dynamiclist", "expression"}
IGNORED = frozenset({"button", "image"})
TYPES = VALUED | IGNORED | {"group", "text", "html", "table", "separator", "spacer"}

ROWS_LIMIT = 500
FORM_ROWS_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class FormProblem:
    """Why a schema is no usable form: the component's id or key, what is wrong, and what to do."""

    element: str | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.element}: " if self.element else ""
        return f"{place}{self.message} {self.hint}".rstrip()


class FormSchemaError(MillwrightError):
    """A schema cannot be used as a form; ``problems`` holds all that was found."""

    def __init__(self, problems: list[FormProblem]) -> None:
        super().__init__(" ".join(str(problem) for problem in problems[:3]))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Formula:
    """A FEEL expression, without the ``=`` before it."""

    source: str


Text = tuple[str | Formula, ...]
"""A text, cut into what is literal and what is evaluated."""

Bound = Decimal | Formula | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What an answer must be like. Lengths are in characters; ``kind`` is email or phone."""

    required: bool = False
    required_if: Formula | None = None
    minimum: Bound = None
    maximum: Bound = None
    min_length: int | Formula | None = None
    max_length: int | Formula | None = None
    pattern: str | None = None
    pattern_message: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Where the answers offered come from: a list, a named source, or an expression."""

    fixed: tuple[tuple[Any, str], ...] = ()
    key: str | None = None
    formula: Formula | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the key of the rows that it shows, and its heading."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a form. ``path`` is where its value goes in the form's values, or in its row's."""

    id: str
    type: str
    path: tuple[str, ...] = ()
    label: Text = ()
    description: Text = ()
    content: Text = ()
    hide: Formula | None = None
    readonly: bool | Formula = False
    disabled: bool | Formula = False
    # Carried along, never shown nor changed: the id of a row, say.
    unseen: bool = False
    default: Any = None
    rules: Rules = Rules()
    options: Options = Options()
    formula: Formula | None = None
    children: tuple[Component, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    layout_row: str | None = None
    # number
    decimals: int | None = None
    as_text: bool = False
    prefix: Text = ()
    suffix: Text = ()
    # datetime: date, time or datetime
    subtype: str = "date"
    not_past: bool = False
    # filepicker
    multiple: bool = False
    accept: tuple[str, ...] = ()
    # dynamiclist
    rows_default: int = 1
    rows_minimum: int = 0
    rows_maximum: int = ROWS_LIMIT
    rows_fixed: bool = False
    # table
    columns: tuple[Column, ...] = ()
    columns_formula: Formula | None = None

    @property
    def key(self) -> str:
        return ".".join(self.path)

    @property
    def holds_value(self) -> bool:
        return self.type in VALUED

    @property
    def always_locked(self) -> bool:
        """Read-only whatever the answers are."""
        return self.unseen or self.readonly is True or self.disabled is True

    def formulas(self) -> Iterator[tuple[str, Formula]]:
        """Every expression of this component itself, with the setting it is in."""
        rules = self.rules
        settings: dict[str, Any] = {
            "label": self.label,
            "description": self.description,
            "text": self.content,
            "prefix": self.prefix,
            "suffix": self.suffix,
            "hide": self.hide,
            "readonly": self.readonly,
            "disabled": self.disabled,
            "defaultValue": self.default,
            "requiredIf": rules.required_if,
            "min": rules.minimum,
            "max": rules.maximum,
            "minLength": rules.min_length,
            "maxLength": rules.max_length,
            "valuesExpression": self.options.formula,
            "dataSource" if self.type == "table" else "expression": self.formula,
            "columnsExpression": self.columns_formula,
        }
        for name, value in settings.items():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Formula):
                    yield name, part


@dataclass(frozen=True, slots=True)
class FormField:
    """A value that the form has. ``path`` leads to it from the form's values, through lists if any."""

    key: str
    path: str
    type: str
    label: str
    required: bool
    read_only: bool
    id: str

    @property
    def variable(self) -> str:
        """The variable that holds the value, or that holds what it is in."""
        return self.path.partition(".")[0]


@dataclass(frozen=True, slots=True)
class FormSchema:
    """A form that can be built. Made by :func:`load_schema` only."""

    components: tuple[Component, ...]
    id: str | None = None

    @property
    def fields(self) -> list[FormField]:
        """All values of the form, in order; those of rows follow their list."""
        return list(_fields(self.components, ()))

    def expressions(self) -> list[tuple[str, str]]:
        """All FEEL of the form: where it is (``quantity.hide``), and the expression."""
        return [
            (f"{component.key or component.id}.{setting}", formula.source)
            for component in walk(self.components)
            for setting, formula in component.formulas()
        ]

    @property
    def option_keys(self) -> frozenset[str]:
        """The names of options (``valuesKey``), which may be those of variables or facts."""
        return frozenset(c.options.key for c in walk(self.components) if c.options.key)


def walk(components: tuple[Component, ...]) -> Iterator[Component]:
    """All components, those in groups and rows too."""
    for component in components:
        yield component
        yield from walk(component.children)


def plain(text: Text) -> str:
    """A text as its author wrote it."""
    return "".join(part if isinstance(part, str) else "{{" + part.source + "}}" for part in text)


def _fields(components: tuple[Component, ...], above: tuple[str, ...]) -> Iterator[FormField]:
    for component in components:
        path = above + component.path
        if component.holds_value:
            yield FormField(
                key=component.key,
                path=".".join(path),
                type=component.type,
                label=plain(component.label),
                required=component.rules.required or component.rows_minimum > 0,
                read_only=component.always_locked or component.type == "expression",
                id=component.id,
            )
        yield from _fields(component.children, path if component.type == "dynamiclist" else above)
