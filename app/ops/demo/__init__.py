"""A demonstration factory: people, machines, parts, and work under way, made by running the processes."""

from __future__ import annotations

from sqlalchemy import func, select

from app import clock
from app.clock import ManualClock
from app.database import metadata, unit_of_work
from app.domain.people import User
from app.engine.core import ProcessEngine
from app.engine.jobs import SessionFactory
from app.ops.demo import factory, story
from app.ops.demo.factory import LOGINS, Login
from app.ops.demo.stage import Stage
from app.processes import deploy_shipped

__all__ = ["LOGINS", "Login", "clear", "load", "reset"]


def load(engine: ProcessEngine, sessions: SessionFactory) -> bool:
    """Load the demonstration into an empty site; where there are users already it does nothing.

    Answers whether it did. Takes some seconds: the past ten days are lived through, each action in a
    transaction of its own.
    """
    with sessions() as session:
        if session.scalar(select(func.count()).select_from(User)):
            return False
    now = clock.now()
    time = ManualClock(now - story.BEGINNING)
    with clock.use(time):
        with sessions() as session, unit_of_work(session):
            deploy_shipped(engine, session)
            factory.build(session)
        story.play(Stage(engine, sessions, time), now)
    return True


def clear(sessions: SessionFactory) -> None:
    """Throw away everything in the database but its tables. Uploaded files stay where they are."""
    with sessions() as session, unit_of_work(session):
        # Past the ORM, which protects the stock ledger and the activity log.
        connection = session.connection()
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


def reset(engine: ProcessEngine, sessions: SessionFactory) -> None:
    """Put the demonstration back to its beginning."""
    clear(sessions)
    load(engine, sessions)
