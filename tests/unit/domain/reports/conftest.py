"""The plant whose figures are known."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.clock import ManualClock
from tests.support.plant import Plant, make_plant


@pytest.fixture
def plant(session: Session, time: ManualClock) -> Plant:
    """The plant of :class:`~tests.support.plant.Plant`, at 20:00 of its Monday. Its clock shows UTC."""
    return make_plant(session, time)
