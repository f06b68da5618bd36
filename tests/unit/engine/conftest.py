"""What the engine's tests share."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine.core import ProcessEngine
from tests.support.desk import Desk


@pytest.fixture
def desk(factory_engine: ProcessEngine, database: sa.Engine, clock: ManualClock) -> Desk:
    """A desk for errands, at a time that stands still."""
    return Desk(factory_engine.feel, database)
