"""A job system on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.engine.core import ProcessEngine
from app.jobs import JobSystem


@pytest.fixture
def system(engine: ProcessEngine, database: sa.Engine) -> Iterator[JobSystem]:
    system = JobSystem(engine, database, interval=3600)
    yield system
    system.stop()
