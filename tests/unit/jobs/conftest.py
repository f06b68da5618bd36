"""A job system on a database of its own, and jobs whose effect a test can see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine import jobs
from app.engine.core import ProcessEngine
from app.engine.models import Job
from app.jobs import JobSystem
from app.processes import build_engine


@pytest.fixture(scope="session")
def engine() -> ProcessEngine:
    return build_engine()


@pytest.fixture
def system(engine: ProcessEngine, database: sa.Engine) -> Iterator[JobSystem]:
    system = JobSystem(engine, database, interval=3600)
    yield system
    system.stop()


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What jobs of the kind ``note`` were asked to note, in order."""
    notes: list[Any] = []

    def note(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
        notes.append(payload["what"])
        if then := payload.get("then"):
            jobs.enqueue(session, "note", {"what": then})

    monkeypatch.setitem(jobs._handlers, "note", note)
    return notes
