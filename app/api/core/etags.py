"""Versions of things, as ETags: a digest of what the API answers about them."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import TypeAdapter

from app.database import failures_unwrapped


def body_of(adapter: TypeAdapter[Any], thing: Any) -> bytes:
    """A thing as the API answers it. Raises what the database raises while the rest of it is read."""
    with failures_unwrapped():
        checked = adapter.validate_python(thing, from_attributes=True)
    return adapter.dump_json(checked, by_alias=True)


def tag_of(adapter: TypeAdapter[Any], thing: Any) -> str:
    """The version of a thing."""
    return digest(body_of(adapter, thing))


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]
