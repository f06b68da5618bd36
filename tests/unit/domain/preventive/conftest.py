"""What tests of preventive maintenance share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.errors import BusinessError


@contextmanager
def _refuses(code: str, field: str | None = None) -> Iterator[Any]:
    with pytest.raises(BusinessError) as refused:
        yield refused
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.fixture
def refuses() -> Callable[..., Any]:
    """``with refuses(code, field):`` the block is refused with this error."""
    return _refuses
