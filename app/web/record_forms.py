"""Forms of the records that people keep: machines, parts, departments and whatever else has a table.

A form is a WTForms class whose fields are called as the arguments of the function that saves the record;
that function has the rules. Its refusals land at their fields, and nothing that was typed is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from flask import request
from sqlalchemy.orm import Session
from wtforms import BooleanField, DateField, DecimalField, Field, Form, HiddenField, IntegerField
from wtforms import StringField as Line
from wtforms import TextAreaField as Prose
from wtforms.validators import ValidationError

from app.database import unit_of_work
from app.domain.locks import lock
from app.errors import BusinessError, Conflict
from app.extensions import db

__all__ = [
    "Amount", "Choice", "Day", "Flag", "Line", "Prose", "RecordForm", "Several", "WholeNumber", "attempt",
]  # fmt: skip

Result = TypeVar("Result")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,20}([.,][0-9]{1,10})?")
# Thousands that are told apart, by commas or by spaces.
_BY_COMMAS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_BY_SPACES = re.compile(r"[0-9]{1,3}([ \u00a0\u202f][0-9]{3})+([.,][0-9]+)?")


class WholeNumber(IntegerField):
    """A whole number; left empty it is None."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if not text:
            return
        if not re.fullmatch(r"[+-]?[0-9]{1,15}", text, re.ASCII):
            raise ValueError("Write a whole number, such as 12.")
        self.data = int(text)


class Amount(DecimalField):
    """A number with decimals, after a point or a comma; left empty it is None."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if not text:
            return
        if _BY_COMMAS.fullmatch(text):
            text = text.replace(",", "")
        elif _BY_SPACES.fullmatch(text):
            text = re.sub(r"[ \u00a0\u202f]", "", text)
        if not _AMOUNT.fullmatch(text):
            raise ValueError("Write a number, such as 12.50.")
        self.data = Decimal(text.replace(",", "."))

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else str(self.data)


class Day(DateField):
    """A date; left empty it is None."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if not text:
            return
        try:
            self.data = date.fromisoformat(text)
        except ValueError:
            raise ValueError("Write a date, such as 2026-11-24.") from None


class Choice(Field):
    """One of several, as values and texts; nothing chosen is None. ``numbers`` says that they are ids.

    What may be chosen is often known only when the form is shown (:meth:`offer`); pages draw it themselves.
    """

    def __init__(
        self,
        label: str,
        *,
        choices: Sequence[tuple[Any, str]] = (),
        numbers: bool = False,
        prompt: str = "",
        **options: Any,
    ) -> None:
        super().__init__(label, **options)
        self.choices, self.numbers, self.prompt = choices, numbers, prompt

    def process_data(self, value: Any) -> None:
        self.data = None if value in (None, "") else value

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0] if valuelist else ""
        if not text:
            self.data = None
        elif not self.numbers:
            self.data = text
        elif text.isascii() and text.isdecimal() and len(text) < 10:
            self.data = int(text)
        else:
            self.data = None
            raise ValueError("Choose one of the list.")

    def offer(self, choices: Sequence[tuple[Any, str]]) -> None:
        """What can be chosen."""
        self.choices = choices

    def pre_validate(self, form: Any) -> None:
        if self.data is not None and str(self.data) not in {str(value) for value, _ in self.choices}:
            raise ValidationError("Choose one of the list.")


class Several(Field):
    """Any number of things, as values and texts. ``numbers`` says that they are ids."""

    def __init__(
        self, label: str, *, choices: Sequence[tuple[Any, str]] = (), numbers: bool = False, **options: Any
    ) -> None:
        super().__init__(label, **options)
        self.choices, self.numbers = choices, numbers

    def offer(self, choices: Sequence[tuple[Any, str]]) -> None:
        """What can be chosen."""
        self.choices = choices

    def process_data(self, value: Any) -> None:
        self.data = list(value or ())

    def process_formdata(self, valuelist: list[str]) -> None:
        if self.numbers and not all(re.fullmatch("[0-9]{1,9}", text, re.ASCII) for text in valuelist):
            raise ValueError("Choose some of the list.")
        self.data = [int(text) for text in valuelist] if self.numbers else list(valuelist)


class Flag(BooleanField):
    """Yes or no."""


class RecordForm(Form):
    """What all forms of records have.

    Made from the request where one was sent, else from ``obj``. ``seen`` is when the record had last changed
    when the form was shown, so that nobody overwrites unknowingly what somebody else has saved since.
    """

    seen = HiddenField()
    NOT_VALUES: tuple[str, ...] = ("seen",)

    def __init__(self, obj: Any = None, **values: Any) -> None:
        formdata = request.form if request.method == "POST" else None
        self.refusals: list[str] = []
        if obj is not None and (changed := getattr(obj, "updated_at", None)) is not None:
            values.setdefault("seen", changed.isoformat())
        super().__init__(formdata=formdata, obj=obj, data=values)

    def values(self, *leave_out: str) -> dict[str, Any]:
        """What was typed, by field: the arguments of the function that saves the record.

        A text that was not sent at all is empty.
        """
        unwanted = {*self.NOT_VALUES, *leave_out}
        return {
            field.name: "" if field.data is None and isinstance(field, Line) else field.data
            for field in self
            if field.name not in unwanted
        }

    def refuse(self, error: BusinessError | Conflict) -> None:
        """Put a refusal at its field, or above the form where it belongs to none."""
        name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", (getattr(error, "field", None) or "").split(".")[0])
        field = self._fields.get(name.lower())
        if field is None or isinstance(field, HiddenField):
            self.refusals.append(str(error))
        else:
            field.errors = [*field.errors, str(error)]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Every refusal: the field's name, or nothing, and what is to be done."""
        found = [("", text) for text in self.refusals]
        return found + [(field.name, str(text)) for field in self for text in field.errors]

    def require_unchanged(self, session: Session, row: Any) -> None:
        """Lock the record, and refuse to overwrite what somebody else has saved since the form was shown.

        Sent again, the form does overwrite it.

        :raises Conflict: the message says what is saved now where it differs from what was typed
        """
        lock(session, row)
        if not self.seen.data or self.seen.data == row.updated_at.isoformat():
            return
        self.seen.data = row.updated_at.isoformat()
        self.seen.raw_data = [self.seen.data]
        saved = [text for field in self if (text := _differs(field, row))]
        now = f" It has now {'; '.join(saved)}." if saved else ""
        message = f"Somebody else has changed this while you were editing.{now} Save again to keep yours."
        raise Conflict(message)


def attempt(form: RecordForm, save: Callable[[Session], Result]) -> Result | None:
    """Save what a form says, in one transaction; None when it is refused: the form then says why.

    ``save`` answers something that is not None, such as the id of the record.
    """
    if not form.validate():
        return None
    try:
        with unit_of_work(db.session()) as session:
            return save(session)
    except (BusinessError, Conflict) as error:
        form.refuse(error)
        return None


def _differs(field: Field, row: Any) -> str:
    """What a record has now where the form says something else: “name: Assembly”."""
    if field.name == "seen" or not hasattr(row, field.name):
        return ""
    value = getattr(row, field.name)
    if value == field.data or (value in (None, "") and field.data in (None, "")):
        return ""
    if isinstance(field, Choice):
        value = next((text for code, text in field.choices if str(code) == str(value)), value)
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, date | datetime):
        value = value.isoformat()
    elif isinstance(value, list | dict):
        return f"another {field.label.text.lower()}"
    return f"{field.label.text.lower()}: {str(value)[:60] or 'nothing'}"
