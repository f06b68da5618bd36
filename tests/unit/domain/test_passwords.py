"""What a password must be, and how it is kept."""

from __future__ import annotations

import pytest

from app.domain import passwords
from app.errors import BusinessError


def test_passwords_are_kept_as_bcrypt_with_ten_rounds() -> None:
    stored = passwords.hash_password("correct horse")
    assert stored.startswith("$2b$10$")
    assert passwords.matches(stored, "correct horse")
    assert not passwords.matches(stored, "wrong horse")


@pytest.mark.parametrize("password", ["nobody", "", "\0", "\ud800"])
def test_nobody_has_no_password_not_even_a_strange_one(password: str) -> None:
    assert not passwords.matches(None, password)


def test_what_is_no_hash_matches_nothing() -> None:
    assert not passwords.matches("!", "!")


def test_a_password_is_not_cut_off_where_bcrypt_ends() -> None:
    stored = passwords.hash_password("x" * 72)
    assert passwords.matches(stored, "x" * 72)
    assert not passwords.matches(stored, "x" * 73)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", "PASSWORD_TOO_SHORT"),
        ("ä" * 37, "PASSWORD_TOO_LONG"),
        ("eight\0long", "BAD_PASSWORD"),
        ("eight\ud800long", "BAD_PASSWORD"),
    ],
)
def test_a_password_that_cannot_be_kept_is_refused(password: str, code: str) -> None:
    with pytest.raises(BusinessError) as refused:
        passwords.hash_password(password, field="newPassword")
    assert (refused.value.code, refused.value.field) == (code, "newPassword")
