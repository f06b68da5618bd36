"""The building blocks of request and answer bodies: camelCase outside, snake_case inside."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from app.domain.queries.paging import MAX_PAGE_SIZE

Item = TypeVar("Item")

LARGEST_ID = 2**31 - 1


class In(BaseModel):
    """What a caller sends: exact types, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, hide_input_in_errors=True
    )

    def given(self) -> dict[str, Any]:
        """The fields that were sent, by their names inside; what was left out is left out here too."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }

    def as_sent(self) -> dict[str, Any]:
        """The fields that were sent, as JSON values by the names that the caller used."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def left_out() -> Any:
    """The default of a field that may be left out, but is never null; see :meth:`In.given`."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


class Out(BaseModel):
    """What an endpoint answers, made from a row of the domain or from keyword arguments."""

    model_config = ConfigDict(
        alias_generator=to_camel, from_attributes=True, validate_by_name=True, validate_by_alias=True
    )


class PageOf(Out, Generic[Item]):
    """One page of a list. ``total`` counts the rows of all pages."""

    items: list[Item]
    page: int = Field(description="Counts from 1.")
    page_size: int
    total: int


class Named(Out):
    """Something by its id and name, as other records refer to it."""

    id: int
    name: str


class Paging(In):
    """The query of a list: which page, how it is sorted, and words to look for.

    Lists extend it with their natural filters, and with a ``sort`` of their own.
    """

    page: Annotated[int, Field(ge=1, le=1_000_000, description="The page, counted from 1.")] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Rows a page.")] = 25
    q: Annotated[str, Field(max_length=200, description="Words that all must occur.")] = ""

    def for_list(self) -> dict[str, Any]:
        """The arguments of a list function of the domain; filters that are not set are left out."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in values.items() if value is not None}


_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _rfc_3339(value: object) -> object:
    """Only what RFC 3339 calls a date-time: pydantic alone would also take seconds since 1970."""
    if not (isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value))):
        raise ValueError("a time is written like 2026-03-02T08:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    # Asked twice: the ends of time cannot be converted, and what can may end up in another year.
    if not 1900 <= value.year <= 9000 or not 1900 <= value.astimezone(UTC).year <= 9000:
        raise ValueError("a time lies between the years 1900 and 9000")
    return value.astimezone(UTC)


def _text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Text = Annotated[str, Field(min_length=1, max_length=255)]
LongText = Annotated[str, Field(max_length=5000)]
Quantity = Annotated[int, Field(ge=0, le=1_000_000_000)]

# An RFC 3339 time with an offset; kept and answered in UTC.
Instant = Annotated[
    AwareDatetime,
    Field(strict=False),  # a strict one would take no text that a function has looked at
    BeforeValidator(_rfc_3339),
    AfterValidator(_in_utc),
    PlainSerializer(_text_of, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _iso_day(value: object) -> object:
    """Only days: pydantic alone would also take seconds since 1970."""
    if not (isinstance(value, date) or (isinstance(value, str) and _ISO_DAY.fullmatch(value))):
        raise ValueError("a day is written like 2026-03-02")
    return value


# A day that is sent, without a time or a time zone.
Day = Annotated[date, Field(strict=False), BeforeValidator(_iso_day)]  # not strict: as for an instant

_AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?", re.ASCII)


def _amount(value: object) -> Decimal:
    """An amount as it is sent, or as the domain has it."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise ValueError("an amount is a text like “12.50”, with at most two decimals")
    return Decimal(value)


# Money travels as a text with two decimals, so that no client makes a float of it.
Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    PlainSerializer(lambda value: f"{value:.2f}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_AMOUNT.pattern}$", "examples": ["12.50"]}),
]
SignedAmount = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value:.2f}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$", "examples": ["-12.50"]}),
]
