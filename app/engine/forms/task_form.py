"""A form as one person meets it: rendered, answered, validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from markupsafe import Markup

from app.engine.forms import checks, markup, moments, paths, wording
from app.engine.forms.formulas import Evaluator, Feel, shown
from app.engine.forms.items import Item
from app.engine.forms.plain import as_json
from app.engine.forms.resolving import resolve
from app.engine.forms.rows import CHANGED
from app.engine.forms.schema import FormSchema, Formula
from app.engine.forms.scopes import Scope, Setting
from app.engine.forms.submissions import JsonSubmission, MultiDict, PageSubmission, Submission

TABLE_ROWS = 500


class TaskForm:
    """Made by :func:`build_form`. Nothing is validated until :meth:`validate` is called."""

    def __init__(self, schema: FormSchema, form: Scope, submission: Submission | None) -> None:
        self.schema = schema
        self.scope = form
        self.submission = submission
        self._errors: dict[str, list[str]] = {}
        # Even where nothing is validated: rows would change under people's hands without a word.
        for item in form.walk():
            if item.fault == CHANGED and _is_shown(item):
                item.errors = self._row_problems(item)

    @property
    def items(self) -> list[Item]:
        """What stands on the page, from top to bottom."""
        return self.scope.items

    @property
    def is_submitted(self) -> bool:
        return self.submission is not None

    @property
    def is_edit_action(self) -> bool:
        """Whether only rows were added or removed: the page is to be shown again, with nothing validated."""
        return self.scope.setting.edit is not None

    @property
    def time_zone(self) -> str:
        """The IANA time zone that people give times in."""
        return self.scope.setting.zone.key

    @property
    def has_conditions(self) -> bool:
        return any(item.component.hide is not None for item in self.scope.walk())

    # -- answers -------------------------------------------------------------------------------

    def values(self) -> dict[str, Any]:
        """The answers as JSON: visible fields that may be written, and computed ones.

        Rows also hold their read-only fields, from what the process knows. Files are the ids of those
        attached before and of those in :attr:`given_files`, which nobody has checked yet; :attr:`uploads`
        has the new ones, and :func:`app.engine.forms.put` adds theirs.
        """
        return self.scope.values()

    @property
    def data(self) -> dict[str, Any]:
        """The values of all visible fields, read-only ones too: what the page shows."""
        return self.scope.values(everything=True)

    @property
    def uploads(self) -> dict[str, list[Any]]:
        """The files sent, by the path of their field; fields without files are left out."""
        return {item.path: item.files for item in self._open_items() if item.files}

    @property
    def given_files(self) -> dict[str, list[int]]:
        """The ids of files that a program named, by the path of their field.

        Whether there are such files, and whether they are this person's to attach, is for the caller to see.
        """
        return {item.path: item.given_files for item in self._open_items() if item.given_files}

    @property
    def shown(self) -> list[Item]:
        """The items that hold a value and are not hidden, those in rows too."""
        return [item for item in self.scope.walk() if item.component.holds_value and _is_shown(item)]

    def _open_items(self) -> list[Item]:
        """The items that may be answered: not hidden, nor in something hidden, nor read-only."""
        return [item for item in self.scope.walk() if _is_shown(item) and not item.locked]

    # -- validation ----------------------------------------------------------------------------

    def validate(self) -> bool:
        """Check all answers; what is wrong is in :attr:`errors` and beside the fields."""
        if self.is_edit_action:
            return False
        self._errors = {}
        for item in self.scope.walk():
            item.errors = []
        for item in self._open_items():
            item.errors = self._problems(item)
        if isinstance(self.submission, JsonSubmission):
            self._check_json(self.scope, self.submission)
        return not self.errors

    def _problems(self, item: Item) -> list[str]:
        component = item.component
        if item.type == "dynamiclist":
            return self._row_problems(item)
        if item.field is None:
            return []
        unreadable = item.reading_problem()
        if unreadable is not None:
            return [unreadable]
        evaluator = self.scope.setting.evaluator
        return checks.problems(
            component,
            item.label,
            item.field.data,
            [*item.files, *item.given_files],
            lambda formula: evaluator.value(formula, item.scope.environment),
            evaluator.feel,
            self.scope.setting.zone,
        )

    def _row_problems(self, item: Item) -> list[str]:
        component, count = item.component, len(item.rows)
        if count > component.rows_maximum or item.fault == "rows-many":
            return [wording.too_many_rows(item.label, component.rows_maximum)]
        if item.fault is not None:
            return [wording.unreadable(component, item.label, item.fault)]
        if count < component.rows_minimum:
            return [wording.too_few_rows(item.label, component.rows_minimum)]
        return []

    def _check_json(self, scope: Scope, submission: JsonSubmission) -> None:
        if not submission.is_object:
            self.add_error(None, "The answers must be a JSON object.")
        for unknown in submission.unknown(item.component for item in scope.all if item.component.holds_value):
            self.add_error(scope.path + unknown, f"The form has no field “{unknown[:100]}”.")
        for item in scope.all:
            if item.hidden:
                continue
            fixed = item.type == "expression" or (item.locked and item.field is not None)
            if fixed and not submission.agrees(item.component, item.value):
                item.errors.append(wording.unreadable(item.component, item.label, "read-only"))
            for row in item.rows:
                if isinstance(row.submission, JsonSubmission):
                    self._check_json(row, row.submission)

    def add_error(self, path: str | None, message: str) -> None:
        """Say what a rule of the factory has against an answer; shown at its field if the form has it."""
        for item in self.scope.walk():
            if path and item.component.holds_value and item.path == path and _is_shown(item):
                item.errors.append(message)
                return
        self._errors.setdefault(path or "", []).append(message)

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by the path of the field; under the empty path, with the form as a whole."""
        found = {item.path: item.errors for item in self.scope.walk() if item.errors}
        return {**found, **self._errors}

    @property
    def error_list(self) -> list[tuple[str | None, str]]:
        """All errors from top to bottom, each with the id of the input it is about, if there is one."""
        found: list[tuple[str | None, str]] = [
            (item.id, message) for item in self.scope.walk() for message in item.errors
        ]
        return [*((None, message) for messages in self._errors.values() for message in messages), *found]

    # -- for the templates ---------------------------------------------------------------------

    def html_of(self, item: Item) -> Markup:
        """The text of a text or HTML component."""
        values = item.scope.setting.evaluator
        parts: list[tuple[str, bool]] = []
        evaluated = values.evaluate(
            [(part, item.scope.environment) for part in item.component.content if isinstance(part, Formula)]
        )
        answers = iter(evaluated)
        for part in item.component.content:
            if isinstance(part, Formula):
                parts.append((shown(next(answers)), True))
            else:
                parts.append((markup.without_tags(part) if item.type == "html" else part, False))
        return markup.render(parts)

    def table_of(self, item: Item) -> tuple[list[str], list[list[str]]]:
        """The headings and the cells of a table component."""
        component, evaluator = item.component, self.scope.setting.evaluator
        columns = [(column.key, column.label) for column in component.columns]
        if component.columns_formula is not None:
            given = evaluator.value(component.columns_formula, item.scope.environment)
            columns = [
                (str(column.get("key")), str(column.get("label", column.get("key"))))
                for column in (given if isinstance(given, list) else [])[:50]
                if isinstance(column, Mapping)
            ]
        rows = evaluator.value(component.formula, item.scope.environment) if component.formula else None
        return [label for _, label in columns], [
            [shown(row.get(key)) for key, _ in columns]
            for row in (rows if isinstance(rows, list) else [])[:TABLE_ROWS]
            if isinstance(row, Mapping)
        ]

    @staticmethod
    def in_lines(items: list[Item]) -> list[list[Item]]:
        """Items by line: those that their author placed in one row stand beside each other."""
        lines: list[list[Item]] = []
        for item in items:
            row = item.component.layout_row
            if lines and row is not None and lines[-1][-1].component.layout_row == row:
                lines[-1].append(item)
            else:
                lines.append([item])
        return lines

    @cached_property
    def _live_paths(self) -> set[tuple[str, ...]]:
        """What the page evaluates with as people type: in conditions and computed values."""
        evaluator = self.scope.setting.evaluator
        found: set[tuple[str, ...]] = set()
        for item in self.scope.walk(blank=True):
            computed = item.component.formula if item.type == "expression" else None
            for formula in (item.component.hide, computed):
                found |= evaluator.paths(formula) if formula is not None else set()
        return {named for path in found if (named := _without_scope(path))}

    @property
    def live_context(self) -> dict[str, Any]:
        """What the page's conditions use besides its fields; nothing else leaves the server."""
        return as_json(self._live_of(self.scope.environment, self.scope))

    def known_of(self, row: Scope) -> dict[str, Any]:
        """What the page's conditions use of a row besides its fields."""
        return self._live_of(row.data, row)

    def _live_of(self, values: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
        own = self._own_names(scope)
        found: dict[str, Any] = paths.pruned(
            values, (path for path in self._live_paths if path[0] not in own)
        )
        return found

    @staticmethod
    def _own_names(scope: Scope) -> set[str]:
        return {item.component.path[0] for item in scope.all if item.component.holds_value}


def _without_scope(path: tuple[str, ...]) -> tuple[str, ...]:
    """A path of a row's expression without what says whose it is: the row's or what is around it."""
    while path and path[0] in ("this", "parent"):
        path = path[1:]
    return path


def _is_shown(item: Item) -> bool:
    owner = item.scope.owner
    return not item.hidden and (owner is None or _is_shown(owner))


def build_form(
    schema: FormSchema,
    *,
    feel: Feel,
    context: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    formdata: MultiDict | None = None,
    files: MultiDict | None = None,
    json: Any = None,
    options: Callable[[str], list[dict[str, Any]] | None] | None = None,
) -> TaskForm:
    """The form of a schema, holding ``data``, and as it was answered: on a page or in JSON.

    ``context`` is what its expressions see besides the fields; its ``timeZone`` (IANA, else UTC) is
    the one that people give times in. ``options`` answers for a ``valuesKey``. The form is not
    validated yet.
    """
    submission: Submission | None = None
    edit: tuple[str, str] | None = None
    if json is not None:
        submission = JsonSubmission(json)
    elif formdata is not None or files is not None:
        submission = PageSubmission(formdata, files)
        edit = _edit_action(formdata)
    seen = paths.merged(data or {}, context or {})
    zone = moments.zone_named((context or {}).get("timeZone"))
    setting = Setting(Evaluator(feel), seen, options, zone, edit)
    form = Scope(setting, schema.components, as_json(data or {}), submission)
    resolve(form)
    return TaskForm(schema, form, submission)


def _edit_action(formdata: MultiDict | None) -> tuple[str, str] | None:
    for action in ("add", "remove", "update"):
        if formdata is not None and f"_{action}" in formdata:
            return action, str((formdata.getlist(f"_{action}") or [""])[0])
    return None
