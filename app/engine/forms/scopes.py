"""A form being answered: its items (a component each), in scopes (the form itself, and each row)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from wtforms.form import BaseForm
from wtforms.validators import ValidationError

from app.engine.forms import paths
from app.engine.forms.fields import FIELDS, ChoiceAnswer, ChoicesAnswer
from app.engine.forms.formulas import FAILED, Evaluator
from app.engine.forms.items import Item
from app.engine.forms.options import Choices, known_options
from app.engine.forms.rows import KnownRows, Matching, Row
from app.engine.forms.schema import FORM_ROWS_LIMIT, IGNORED, ROWS_LIMIT, Component, Formula, Text
from app.engine.forms.submissions import PageSubmission, Submission


@dataclass(slots=True)
class Setting:
    """What all scopes of a form share."""

    evaluator: Evaluator
    context: Mapping[str, Any]
    options: Callable[[str], list[dict[str, Any]] | None] | None
    zone: ZoneInfo
    edit: tuple[str, str] | None = None
    rows_left: int = FORM_ROWS_LIMIT
    offered: dict[str, Choices] = field(default_factory=dict)


class Scope:
    """The form, or one row of a list: the items whose values stand beside each other."""

    def __init__(
        self,
        setting: Setting,
        components: tuple[Component, ...],
        data: Mapping[str, Any],
        submission: Submission | None,
        owner: Item | None = None,
        index: int | str = 0,
        position: int | None = None,
    ) -> None:
        self.setting = setting
        self.data = data
        self.submission = submission
        self.owner = owner
        self.index = index
        self.position = position
        self.prefix = "" if owner is None else f"{owner.name}.{index}."
        self.all: list[Item] = []
        self.items = self._items(components, None)
        self._initial: dict[str, Any] = {}
        answered = [item for item in self.all if item.type in FIELDS]
        form = BaseForm(
            {
                item.component.key: FIELDS[item.type](component=item.component, zone=setting.zone)
                for item in answered
            },
            prefix=self.prefix,
        )
        for item in answered:
            item.field = form[item.component.key]
            self._offer(item)
            item.read()
        for item in self.all:
            if item.type == "dynamiclist":
                self._add_rows(item)

    def _items(self, components: tuple[Component, ...], group: Item | None) -> list[Item]:
        items = []
        for component in components:
            if component.type in IGNORED:
                continue
            item = Item(self, component, group)
            self.all.append(item)
            if component.type == "group":
                item.children = self._items(component.children, item)
            items.append(item)
        return items

    @property
    def parent(self) -> Scope | None:
        return None if self.owner is None else self.owner.scope

    @property
    def path(self) -> str:
        if self.owner is None:
            return ""
        return f"{self.owner.path}.{self.index if self.position is None else self.position}."

    @property
    def name(self) -> str:
        """How a button names this row."""
        return self.prefix.removesuffix(".")

    @property
    def number(self) -> int:
        """The row's number as people count."""
        return (self.position or 0) + 1

    def walk(self, blank: bool = False) -> Iterator[Item]:
        """All items, those of rows too; with ``blank``, those of the rows that can be added also."""
        for item in self.all:
            yield item
            for row in item.shown_rows if blank else item.rows:
                yield from row.walk(blank)
            if blank and item.blank_row is not None:
                yield from item.blank_row.walk(blank)

    # -- rows ----------------------------------------------------------------------------------

    def _add_rows(self, item: Item) -> None:
        component = item.component
        data = self._known_rows(component)
        known = KnownRows(component, data, self.setting.evaluator, self.setting.context)
        item.marks = known.marks
        item.next_index = len(data)
        for row in self._counted(item, self._rows(item, known)):
            submission = None
            if self.submission is not None and row.sent is not None:
                submission = self.submission.row(component, row.sent)
            facts = {} if row.known is None else data[row.known]
            item.next_index = max(item.next_index, row.index + 1)
            position = len(item.rows)
            scope = Scope(self.setting, component.children, facts, submission, item, row.index, position)
            item.rows.append(scope)
            if row.known is None and scope.is_untouched:
                item.untouched.append(scope)
        self._leave_out(item)
        if not component.rows_fixed:
            depth = self.prefix.count("__row")
            item.blank_row = Scope(self.setting, component.children, {}, None, item, f"__row{depth}__")

    @property
    def is_untouched(self) -> bool:
        """Whether a page sent nothing for any field of this row."""
        if not isinstance(self.submission, PageSubmission):
            return False
        inner = (row for item in self.all for row in item.rows)
        return not any(item.is_answered for item in self.all) and all(row.is_untouched for row in inner)

    def _leave_out(self, item: Item) -> None:
        """New rows that nobody touched do not count, unless so many rows have to be there."""
        spare = 0 if self.setting.edit else max(len(item.rows) - item.component.rows_minimum, 0)
        item.untouched = item.untouched[max(len(item.untouched) - spare, 0) :]
        left_out = set(item.untouched)
        item.rows = [row for row in item.rows if row not in left_out]
        for position, row in enumerate(item.shown_rows):
            row.position = position

    def _known_rows(self, component: Component) -> list[Mapping[str, Any]]:
        rows = paths.get(self.data, component.path)
        if not isinstance(rows, list):
            return []
        return [row if isinstance(row, Mapping) else {} for row in rows[:ROWS_LIMIT]]

    def _rows(self, item: Item, known: KnownRows) -> list[Row]:
        component = item.component
        matching: Matching | None = None
        if self.submission is not None:
            try:
                matching = self.submission.rows(component, known)
            except ValidationError as error:
                item.fault = str(error)
                return []
        if matching is None:
            return self._first_rows(component, len(known))
        item.fault = matching.fault
        highest = max(ROWS_LIMIT, component.rows_maximum)
        if len(matching.rows) > highest:
            item.fault = "rows-many"
        return self._edited(item, matching.rows[:highest], len(known))

    def _counted(self, item: Item, rows: list[Row]) -> list[Row]:
        """As many of the rows as the form may still have: lists in lists multiply."""
        setting = self.setting
        if len(rows) > setting.rows_left:
            item.fault = "rows-beyond"
        counted = rows[: setting.rows_left]
        setting.rows_left -= len(counted)
        return counted

    def _first_rows(self, component: Component, known: int) -> list[Row]:
        """The rows before anybody answers: those known, or the number that a new list begins with."""
        count = known
        if not component.rows_fixed:
            given = isinstance(paths.get(self.data, component.path), list)
            begin = known if given else component.rows_default
            count = min(max(begin, component.rows_minimum), max(component.rows_maximum, known))
        return [Row(index, known=index if index < known else None) for index in range(count)]

    def _edited(self, item: Item, rows: list[Row], known: int) -> list[Row]:
        """The rows after one was added or removed by a button."""
        action, target = self.setting.edit or ("", "")
        if item.component.rows_fixed or self.submission is None:
            return rows
        name = self.submission.name(item.component)
        if action == "add" and target == name and len(rows) < item.component.rows_maximum:
            return [*rows, Row(max([known - 1, *(row.index for row in rows)]) + 1)]
        if action == "remove":
            return [row for row in rows if row.sent is None or f"{name}.{row.sent}" != target]
        return rows

    # -- values --------------------------------------------------------------------------------

    def initial(self, item: Item) -> Any:
        """What a field holds before anybody answers: what the process knows, else its default."""
        component = item.component
        known = paths.get(self.data, component.path)
        if known is not None or component.default is None:
            return known
        if not isinstance(component.default, Formula):
            return component.default
        if component.key not in self._initial:
            value = self.setting.evaluator.value(component.default, self._surroundings())
            self._initial[component.key] = None if value is FAILED else value
        return self._initial[component.key]

    def values(self, everything: bool = False) -> dict[str, Any]:
        """The values of visible fields: those that may be written, or ``everything`` that is shown.

        In rows what may not be written is there too, so that a row says which one it is.
        """
        found: dict[str, Any] = {}
        for item in self.all:
            if not item.component.holds_value or item.hidden:
                continue
            if not item.locked or everything or self.owner is not None:
                value = item.value
                if item.type == "dynamiclist" and not everything:
                    value = [row.values() for row in item.rows]
                paths.put(found, item.component.path, value)
        return found

    # -- expressions ---------------------------------------------------------------------------

    def _surroundings(self) -> Mapping[str, Any]:
        """What expressions see besides the fields of this scope."""
        if self.parent is None:
            return self.setting.context
        above = self.parent.environment
        return {**above, **self.data, "parent": above, "this": self.data, "i": self.number}

    @cached_property
    def environment(self) -> Mapping[str, Any]:
        """What expressions see: the fields of this scope, those around it, and the context."""
        nothing: dict[str, Any] = {}
        for item in self.all:
            if item.component.holds_value:
                paths.put(nothing, item.component.path, None)
        own = paths.merged(nothing, self.values(everything=True))
        around = self._surroundings()
        if self.parent is None:
            return paths.merged(around, own)
        return {**around, **own, "this": {**self.data, **own}}

    def text(self, text: Text) -> str:
        """A text of this scope with its expressions evaluated."""
        if not any(isinstance(part, Formula) for part in text):
            return "".join(str(part) for part in text)
        return self.setting.evaluator.text(text, self.environment)

    def forget(self) -> None:
        """Answers have changed: so have the values of expressions."""
        self.__dict__.pop("environment", None)
        for item in self.all:
            for row in (*item.shown_rows, *([item.blank_row] if item.blank_row else [])):
                row.forget()

    def _offer(self, item: Item) -> None:
        answer = item.field
        if isinstance(answer, ChoiceAnswer | ChoicesAnswer):
            answer.choices = known_options(item.component.options, self.setting)
