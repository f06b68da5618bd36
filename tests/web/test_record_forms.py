"""Fields of forms of records: what people type as a number, a date, a choice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from app.web.record_forms import Amount, Choice, Day, RecordForm, WholeNumber


class Form(RecordForm):
    """One field of each kind that has to understand something."""

    amount = Amount("Amount")
    number = WholeNumber("Number")
    day = Day("Day")
    machine_id = Choice("Machine", numbers=True)


def typed(**values: str) -> Form:
    with Flask("forms").test_request_context("/", method="POST", data=values):
        form = Form()
        form.machine_id.offer([(1, "Press"), (2, "Saw")])
        return form


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.50", "12.50"),
        ("12,50", "12.50"),
        ("1,250", "1250"),
        ("1,250.5", "1250.5"),
        ("1 250,5", "1250.5"),
        ("1\u202f250\u202f000,25", "1250000.25"),
        (" 7 ", "7"),
        ("-3", "-3"),
    ],
)
def test_amounts_are_understood_as_people_write_them(text: str, amount: str) -> None:
    assert typed(amount=text).amount.data == Decimal(amount)


@pytest.mark.parametrize("text", ["much", "1.2.3", "1,2,3", "NaN", "Infinity", "1e999999", "9" * 40, "12 5"])
def test_what_is_no_amount_is_refused_and_kept(text: str) -> None:
    form = typed(amount=text)
    assert form.validate() is False
    assert form.problems == [("amount", "Write a number, such as 12.50.")]
    assert form.amount._value() == text


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("number", "1.5", "Write a whole number, such as 12."),
        ("number", "²", "Write a whole number, such as 12."),
        ("day", "24.11.2026", "Write a date, such as 2026-11-24."),
        ("day", "2026-02-30", "Write a date, such as 2026-11-24."),
        ("machine_id", "3", "Choose one of the list."),
        ("machine_id", "x", "Choose one of the list."),
    ],
)
def test_other_mistakes_say_what_to_write(field: str, text: str, said: str) -> None:
    form = typed(**{field: text})
    assert form.validate() is False
    assert (field, said) in form.problems


def test_what_is_left_empty_is_none() -> None:
    values: dict[str, Any] = typed().values()
    assert values == {"amount": None, "number": None, "day": None, "machine_id": None}
