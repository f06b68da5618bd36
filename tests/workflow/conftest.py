"""Whole processes, through the engine."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.engine.core import ProcessEngine
from tests.support.factory_floor import Floor


@pytest.fixture
def floor(engine: ProcessEngine, database: sa.Engine) -> Floor:
    """A small factory with the shipped processes."""
    return Floor(engine, database)
