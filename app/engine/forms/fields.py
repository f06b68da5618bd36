"""WTForms fields whose data are JSON, and which show again whatever was typed."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import Field
from wtforms.validators import ValidationError

from app.engine.forms import moments
from app.engine.forms.options import Choices, as_submitted
from app.engine.forms.schema import Component

TEXT_LIMIT = 1000
AREA_LIMIT = 20_000
NUMBER_LIMIT = Decimal(10) ** 15

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})\Z", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?\Z", re.ASCII)


class Answer(Field):
    """A field of one component. ``empty`` is its value when nothing was answered."""

    empty: Any = None

    def __init__(self, component: Component, zone: ZoneInfo, **options: Any) -> None:
        super().__init__(**options)
        self.component = component
        self.zone = zone

    def process_data(self, value: Any) -> None:
        try:
            self.data = self.read_data(value)
        except (ValueError, OverflowError):
            self.data = self.empty

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = self.empty
        texts = [value for value in valuelist if isinstance(value, str)]
        if texts:
            self.data = self.read(texts)

    def read_data(self, value: Any) -> Any:
        """The value for one of the process's variables."""
        return self.empty if value is None or value == "" else self.read([_as_text(value)])

    def read(self, texts: list[str]) -> Any:
        """The value of what was submitted. Raises :class:`ValidationError` with a code, not yet words."""
        raise NotImplementedError

    def text(self) -> str:
        """What stands in the input: what was typed, be it wrong, or the value."""
        if self.raw_data and isinstance(self.raw_data[0], str):
            return _CONTROL.sub("", self.raw_data[0])
        return "" if self.data is None else _as_text(self.data)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value)


class TextAnswer(Answer):
    """Text without control characters; surrounding blanks are dropped."""

    empty = ""

    def read(self, texts: list[str]) -> str:
        text = _CONTROL.sub("", texts[0]).replace("\r\n", "\n").replace("\r", "\n")
        if self.component.type == "textfield":
            text = text.replace("\n", " ")
        text = text.strip()
        limit = TEXT_LIMIT if self.component.type == "textfield" else AREA_LIMIT
        if len(text) > limit:
            raise ValidationError(f"long:{limit}")
        return text


class NumberAnswer(Answer):
    """A whole number (``decimals`` is 0), a number, or the text of one."""

    def read(self, texts: list[str]) -> int | float | str | None:
        text = _CONTROL.sub("", texts[0]).strip().replace("\N{MINUS SIGN}", "-")
        if not text:
            return None
        if _THOUSANDS.match(text):
            raise ValidationError("thousands")
        # A comma is what the number pad of many phones offers.
        text = text.replace(",", ".", 1)
        if not _NUMBER.match(text):
            raise ValidationError("number")
        number = Decimal(text)
        if abs(number) >= NUMBER_LIMIT:
            raise ValidationError("big")
        decimals = self.component.decimals
        if decimals is not None and number != round(number, decimals):
            raise ValidationError("decimals")
        if self.component.as_text:
            return format(number, "f")
        if decimals == 0 or (decimals is None and number == number.to_integral_value()):
            return int(number)
        return float(number)


class CheckAnswer(Answer):
    """True or false."""

    empty = False

    def read(self, texts: list[str]) -> bool:
        return texts[0].lower() not in ("", "false", "0", "off", "no")


class ChoiceAnswer(Answer):
    """One of the answers offered (``choices`` are set when they are known), or None."""

    choices: Choices = ()

    def read(self, texts: list[str]) -> Any:
        if not texts[0]:
            return None
        for submitted, value, _ in self.choices:
            if submitted == texts[0]:
                return value
        raise ValidationError("choice")


class ChoicesAnswer(Answer):
    """Several of the answers offered, in the order offered, each once."""

    choices: Choices = ()

    @property
    def empty(self) -> list[Any]:
        return []

    def read_data(self, value: Any) -> Any:
        if not isinstance(value, list):
            return []
        chosen = {as_submitted(item) for item in value}
        return [offered for submitted, offered, _ in self.choices if submitted in chosen]

    def read(self, texts: list[str]) -> Any:
        chosen = {text for text in texts if text}
        if chosen - {submitted for submitted, _, _ in self.choices}:
            raise ValidationError("choice")
        return [value for submitted, value, _ in self.choices if submitted in chosen]

    def chosen(self) -> set[str]:
        """The answers to show as chosen, as they are submitted."""
        if self.raw_data is not None and not self.data:
            return {text for text in self.raw_data if isinstance(text, str)}
        return {as_submitted(value) for value in self.data or ()}


class DateAnswer(Answer):
    """An ISO date, a time, or both, as text: date and time in UTC, though asked for in the site's zone."""

    def read(self, texts: list[str]) -> str | None:
        text = texts[0].strip()
        if not text:
            return None
        found = self._iso(text)
        if found is None:
            raise ValidationError(self.component.subtype)
        return found

    def _iso(self, text: str) -> str | None:
        """The text as it is kept; None where it is none."""
        subtype = self.component.subtype
        try:
            if subtype == "date" and _DATE.match(text):
                return date.fromisoformat(text).isoformat()
            if subtype == "time" and _TIME.match(text):
                return time.fromisoformat(text).isoformat()
            day, _, hour = text.replace(" ", "T", 1).partition("T")
            if subtype == "datetime" and _DATE.match(day) and _TIME.match(hour):
                moment = datetime.fromisoformat(f"{day}T{hour}")
                if moment.tzinfo is None and not moments.exists(moment, self.zone):
                    raise ValidationError("skipped")
                return moments.utc_text(moment, self.zone)
        except ValidationError:
            raise
        except (ValueError, OverflowError):
            pass
        return None

    def read_data(self, value: Any) -> Any:
        text = str(value) if value else ""
        text = re.sub(r"\.\d+", "", text)
        # A date-time where a date is asked for, as facts have it: its date, at the site.
        if self.component.subtype == "date" and "T" in text:
            text = self._at_site(text).date().isoformat()
        if self.component.subtype == "datetime" and _DATE.match(text):
            text += "T00:00:00"
        return self.read([text])

    def _at_site(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moments.to_local(moment, self.zone)

    def text(self) -> str:
        if self.raw_data or not self.data or self.component.subtype != "datetime":
            return super().text()
        return self._at_site(self.data).isoformat()


class FilesAnswer(Answer):
    """Uploaded files. Its value are the ids of those that were attached before; they stay.

    New ones have no ids until they are stored; ``given`` are the ids by which a program names files
    that it uploaded before. Where only one file is asked for, a new one replaces it.
    """

    files: list[Any]
    given: list[int]

    def process_data(self, value: Any) -> None:
        ids = value if isinstance(value, list) else []
        self.data = [item for item in ids if isinstance(item, int) and not isinstance(item, bool)]
        self.files, self.given = [], []

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.files = [file for file in valuelist if getattr(file, "filename", None)]
        self.given = [item for item in valuelist if isinstance(item, int) and item not in self.data]
        if (self.files or self.given) and not self.component.multiple:
            self.data = []
        self.data = [*self.data, *self.given]

    def text(self) -> str:
        return ""

    @property
    def attached(self) -> str:
        """How many files are attached already, such as “2 files”; empty if none."""
        count = len(self.data) - len(self.given)
        return f"{count} {'file' if count == 1 else 'files'}" if count else ""


FIELDS: dict[str, type[Answer]] = {
    "textfield": TextAnswer,
    "textarea": TextAnswer,
    "number": NumberAnswer,
    "checkbox": CheckAnswer,
    "radio": ChoiceAnswer,
    "select": ChoiceAnswer,
    "checklist": ChoicesAnswer,
    "taglist": ChoicesAnswer,
    "datetime": DateAnswer,
    "filepicker": FilesAnswer,
}
