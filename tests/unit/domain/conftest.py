"""A session on a database of its own for each test of the domain, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import ManualClock


@pytest.fixture
def session(database: sa.Engine) -> Iterator[Session]:
    """A session that forgets what it knows at each commit, so that tests read what is stored."""
    with Session(database) as session:
        yield session


@pytest.fixture
def time(clock: ManualClock) -> ManualClock:
    """The clock that stands still."""
    return clock
