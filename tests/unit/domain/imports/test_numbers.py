"""Numbers in files: read where they mean one thing, refused where they could mean two."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.domain.imports import numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12"),
        (" 12.5\u00a0", "12.5"),
        ("12,50", "12.50"),
        ("0,125", "0.125"),
        ("1234.567", "1234.567"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1 234,567", "1234.567"),
        ("1'234.5", "1234.5"),
        ("-3", "-3"),
        ("007", "7"),
    ],
)
def test_what_means_one_number(text, number):
    assert numbers.read(text) == Decimal(number)


@pytest.mark.parametrize("text", ["1,234", "1.234", "-12,345", "999.999"])
def test_what_could_be_thousands_or_decimals_is_refused(text):
    with pytest.raises(ValueError, match="without a thousands separator"):
        numbers.read(text)


@pytest.mark.parametrize(
    "text",
    ["", "twelve", "1e5", "NaN", "Infinity", "+5", "--5", "1,2,3", "1.23.456", "12 €", "٣", "=1+1", "1_000",
     "9" * 41, "1 23", ",5", "5,"],
)  # fmt: skip
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="is not a number"):
        numbers.read(text)


def test_whole_numbers_have_no_decimals():
    assert numbers.read_whole("12,0") == 12
    with pytest.raises(ValueError, match="whole number"):
        numbers.read_whole("12,5")
