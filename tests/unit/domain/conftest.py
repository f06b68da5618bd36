"""A database of its own for each test of the domain, and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import app.domain
from app import clock
from app.database import Base, configure


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'domain.db'}")
    configure(engine)
    Base.metadata.create_all(engine, tables=domain_tables())
    yield engine
    engine.dispose()


@pytest.fixture
def session(database: sa.Engine) -> Iterator[Session]:
    with Session(database) as session:
        yield session


@pytest.fixture
def time() -> Iterator[clock.ManualClock]:
    manual = clock.ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    with clock.use(manual):
        yield manual


def domain_tables() -> list[sa.Table]:
    """The domain's tables, whatever else has been imported."""
    models = [getattr(app.domain.models, name) for name in app.domain.models.__all__]
    return [model.__table__ for model in models]
