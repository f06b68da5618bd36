"""The plant whose figures are known, and a counter of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.domain.models
from app.clock import ManualClock, use
from app.database import Base, configure
from tests.conftest import START
from tests.factories import make_department, make_machine
from tests.support.plant import Plant, make_plant


@pytest.fixture
def plant(session: Session, time: ManualClock) -> Plant:
    """The plant of :class:`~tests.support.plant.Plant`, at 20:00 of its Monday. Its clock shows UTC."""
    return make_plant(session, time)


@pytest.fixture(scope="module")
def strip() -> Iterator[tuple[Session, int]]:
    """A session on a database in memory with one machine, and its id; each example is rolled back."""
    database = sa.create_engine("sqlite://")
    configure(database)
    tables = [getattr(app.domain.models, name).__table__ for name in app.domain.models.__all__]
    Base.metadata.create_all(database, tables=tables)
    with Session(database) as session, use(ManualClock(START)):
        machine = make_machine(session, department=make_department(session))
        session.commit()
        yield session, machine.id
    database.dispose()


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
