"""Passwords: what they must be, how they are kept, how they are checked.

bcrypt takes some 60 milliseconds on purpose. Hash and check outside a unit of work: SQLite has one
writer, and nobody shall wait for a password.
"""

from __future__ import annotations

import bcrypt

from app.errors import BusinessError

ROUNDS = 10
LEAST = 8  # characters
MOST = 72  # bytes: bcrypt knows no more

# What the password of nobody is compared with, so that an unknown address takes as long as a wrong password.
_NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(ROUNDS)).decode()


def hash_password(password: str, *, field: str = "password") -> str:
    """The bcrypt hash of a new password; ``field`` is the form field it was typed into.

    :raises BusinessError: PASSWORD_TOO_SHORT, PASSWORD_TOO_LONG, BAD_PASSWORD
    """
    if len(password) < LEAST:
        message = f"A password has at least {LEAST} characters."
        raise BusinessError("PASSWORD_TOO_SHORT", message, field=field)
    secret = _bytes(password)
    if secret is None:
        message = "The password has a character that cannot be used; leave it out."
        raise BusinessError("BAD_PASSWORD", message, field=field)
    if len(secret) > MOST:
        message = f"A password has at most {MOST} bytes; use a shorter one."
        raise BusinessError("PASSWORD_TOO_LONG", message, field=field)
    return bcrypt.hashpw(secret, bcrypt.gensalt(ROUNDS)).decode()


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the hash is of this password. It takes the same time when there is none."""
    secret = _bytes(password)
    stored = (password_hash or _NOBODY).encode()
    try:
        same = bcrypt.checkpw((secret or b"")[:MOST], stored)
    except ValueError:  # no hash of ours: nobody signs in with it
        return False
    return same and password_hash is not None and secret is not None and len(secret) <= MOST


def _bytes(password: str) -> bytes | None:
    """What bcrypt is given; it takes no zero bytes, and half a surrogate pair has no bytes at all."""
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        return None
    return None if b"\0" in secret else secret
