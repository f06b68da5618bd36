"""A factory in a real file or server, so that several processes can act in it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.engine.core import ProcessEngine
from tests.support.factory_floor import Floor


@pytest.fixture
def floor(engine: ProcessEngine, database: sa.Engine) -> Floor:
    return Floor(engine, database)
