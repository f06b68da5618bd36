"""The plant whose figures are known, and a counter of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import ManualClock
from tests.support.plant import Plant, make_plant


@pytest.fixture
def plant(session: Session, time: ManualClock) -> Plant:
    """The plant of :class:`~tests.support.plant.Plant`, at 20:00 of its Monday. Its clock shows UTC."""
    return make_plant(session, time)


@pytest.fixture
def counted(database: sa.Engine) -> Callable[[], Any]:
    """``with counted() as statements``: the statements that run inside the block."""

    @contextmanager
    def count() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if statement != "BEGIN":
                statements.append(statement)

        sa.event.listen(database, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            sa.event.remove(database, "before_cursor_execute", note)

    return count
