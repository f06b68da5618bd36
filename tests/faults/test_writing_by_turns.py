"""Many threads of one process write to an SQLite file: all get their turn."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.domain.catalogues import FailureCode
from tests.support.nodes import together

WRITERS, TIMES = 8, 10

pytestmark = pytest.mark.sqlite


def test_writers_wait_for_their_turn_and_not_for_luck(database: sa.Engine) -> None:
    """SQLite itself would refuse everybody who does not find its lock free at once."""

    @sa.event.listens_for(database, "connect")
    def at_once(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA busy_timeout=0")

    database.dispose()

    def write(writer: int) -> int:
        for number in range(TIMES):
            with Session(database) as session, unit_of_work(session):
                session.add(FailureCode(code=f"F{writer}-{number}", name="Failure", description=""))
        return writer

    found = together(*(lambda writer=writer: write(writer) for writer in range(WRITERS)))
    assert found == list(range(WRITERS))
    with Session(database) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(FailureCode)) == WRITERS * TIMES
