"""One component of a form that is being answered: how it is shown, and its answer."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wtforms.validators import ValidationError

from app.engine.forms import wording
from app.engine.forms.fields import Answer, ChoiceAnswer, ChoicesAnswer, FilesAnswer
from app.engine.forms.formulas import shown
from app.engine.forms.options import Choices, as_submitted
from app.engine.forms.schema import CHOICES, SEVERAL, Component

if TYPE_CHECKING:
    from app.engine.forms.scopes import Scope

IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".heif"})

_OFFSET = re.compile(r"(Z|[+-]\d{2}:\d{2})\Z")


class Item:
    """One component in one scope: what the page shows and what was answered."""

    def __init__(self, scope: Scope, component: Component, group: Item | None) -> None:
        self.scope = scope
        self.component = component
        self.group = group
        self.field: Answer | None = None
        self.children: list[Item] = []
        self.rows: list[Scope] = []
        # New rows with nothing in them: shown again, but no answers.
        self.untouched: list[Scope] = []
        # Which rows the process knows of, for the page to say which it showed.
        self.marks: list[str] = []
        # The first index that no row has or had: a removed row's data never become another's.
        self.next_index = 0
        self.blank_row: Scope | None = None
        self.hidden_itself = False
        self.locked = component.always_locked
        self.computed: Any = None
        self.fault: str | None = None
        self.errors: list[str] = []

    # -- identity ------------------------------------------------------------------------------

    @property
    def type(self) -> str:
        return self.component.type

    @property
    def name(self) -> str:
        """The name in the page's form: rows by the index they were shown with."""
        return self.scope.prefix + self.component.key

    @property
    def path(self) -> str:
        """The path in :meth:`TaskForm.values`: rows by their position."""
        return self.scope.path + self.component.key

    @property
    def id(self) -> str:
        name = self.name if self.component.path else f"{self.scope.prefix}{self.scope.all.index(self)}"
        return f"field-{name.replace('.', '-')}"

    # -- what the page shows -------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """How the page shows it: ``input``, ``textarea``, ``select``, ``choices``, or its type."""
        if self.locked and self.type in CHOICES | {"filepicker"}:
            return "input"
        shown_as = {"textfield": "input", "number": "input", "datetime": "input", "radio": "choices"}
        return "choices" if self.type in SEVERAL else shown_as.get(self.type, self.type)

    @property
    def input_type(self) -> str:
        """The type of the HTML input. Plain text where another type would lose what was typed."""
        component = self.component
        if self.locked:
            return "text"
        if self.type == "datetime" and self.fault is None and not _OFFSET.search(self.shown):
            return {"datetime": "datetime-local"}.get(component.subtype, component.subtype)
        if self.type == "textfield":
            return {"email": "email", "phone": "tel"}.get(component.rules.kind or "", "text")
        return "text"

    @property
    def input_mode(self) -> str:
        """Which keys a phone offers."""
        if self.type != "number":
            return ""
        low = self.component.rules.minimum
        if isinstance(low, Decimal) and low < 0:
            return "text"  # number pads lack the minus sign
        return "numeric" if self.component.decimals == 0 else "decimal"

    @property
    def shown(self) -> str:
        """What stands in the input: as it was typed; a read-only value as people read it."""
        answer = self.field
        if answer is None:
            return ""
        if not self.locked:
            return answer.text()
        if self.type == "filepicker":
            return self.attached
        if self.type == "datetime":
            return answer.text().replace("T", " ")
        value = self.value
        labels = {submitted: label for submitted, _, label in self.choices}
        parts = value if isinstance(value, list) else [value]
        return ", ".join(labels.get(as_submitted(part), shown(part)) for part in parts)

    @property
    def chosen(self) -> set[str]:
        """The answers to show as chosen."""
        if isinstance(self.field, ChoicesAnswer):
            return self.field.chosen()
        return {self.field.text()} if self.field is not None else set()

    @property
    def takes_photos(self) -> bool:
        """Whether only images are asked for: phones then offer their camera."""
        accept = self.component.accept
        return bool(accept) and all(part.startswith("image/") or part in IMAGE_ENDINGS for part in accept)

    @property
    def unit(self) -> str:
        """What stands before or after a number: a currency, a unit."""
        return self.scope.text(self.component.suffix) or self.scope.text(self.component.prefix)

    @property
    def hidden(self) -> bool:
        return self.hidden_itself or (self.group is not None and self.group.hidden)

    @property
    def conditional(self) -> bool:
        """Whether it, or what it is in, is hidden at times."""
        above = self.group or self.scope.owner
        return self.component.hide is not None or (above is not None and above.conditional)

    @cached_property
    def label(self) -> str:
        return self.scope.text(self.component.label)

    @cached_property
    def description(self) -> str:
        return self.scope.text(self.component.description)

    @property
    def required(self) -> bool:
        return self.component.rules.required and not self.locked

    @property
    def described_by(self) -> str | None:
        """The ids of what explains the input: its errors first."""
        ids = [f"{self.id}-error"] if self.errors else []
        ids += [f"{self.id}-help"] if self.description else []
        return " ".join(ids) or None

    @property
    def optional(self) -> bool:
        rules = self.component.rules
        return not (self.locked or rules.required or rules.required_if)

    @property
    def can_add(self) -> bool:
        return not self.component.rows_fixed and len(self.shown_rows) < self.component.rows_maximum

    @property
    def shown_rows(self) -> list[Scope]:
        """The rows on the page: those that count, then those that nobody touched."""
        return [*self.rows, *self.untouched]

    @property
    def can_remove(self) -> bool:
        return not self.component.rows_fixed

    @property
    def choices(self) -> Choices:
        answer = self.field
        return answer.choices if isinstance(answer, ChoiceAnswer | ChoicesAnswer) else ()

    @property
    def files(self) -> list[Any]:
        return self.field.files if isinstance(self.field, FilesAnswer) else []

    @property
    def given_files(self) -> list[int]:
        """The ids of files that a program named and that are not attached yet."""
        return self.field.given if isinstance(self.field, FilesAnswer) else []

    @property
    def attached(self) -> str:
        """How many files are attached already, such as “2 files”."""
        return self.field.attached if isinstance(self.field, FilesAnswer) else ""

    # -- what was answered ---------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The value as JSON: rows are lists of objects, files the ids of those stored before."""
        if self.type == "dynamiclist":
            return [row.values(everything=True) for row in self.rows]
        if self.type == "expression":
            return self.computed
        if self.locked:
            return self.scope.initial(self)
        return None if self.field is None else self.field.data

    def read(self) -> None:
        """Take the answer from the submission, or from what is known where none may be given."""
        answer = self.field
        if answer is None:
            return
        self.fault = None
        answer.raw_data = None
        sent: list[Any] | None = None
        if self.scope.submission is not None and not self.locked:
            try:
                sent = self.scope.submission.answers(self.component)
            except ValidationError as error:
                self.fault = str(error)
        if sent is None:
            answer.process(None, self.scope.initial(self))
            return
        before = self.scope.initial(self) if self.type == "filepicker" else None
        answer.process(_Sent({answer.name: sent}), before)
        if answer.process_errors:
            self.fault = str(answer.process_errors[0])

    @property
    def is_answered(self) -> bool:
        """Whether anything was typed, chosen or added here, be it wrong."""
        if self.fault is not None:
            return True
        if self.field is None or self.locked:
            return False
        answer = self.field.data
        return bool(self.files) or not (answer is False or answer in (None, "", []))

    def reading_problem(self) -> str | None:
        return None if self.fault is None else wording.unreadable(self.component, self.label, self.fault)


class _Sent(dict[str, list[Any]]):
    """The answers to one field, as WTForms takes them."""

    def getlist(self, name: str) -> list[Any]:
        return self[name]
