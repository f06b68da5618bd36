"""A demonstration factory: people, machines, parts, and work under way, made by running the processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import event, func, select

from app import clock
from app.clock import ManualClock
from app.database import metadata, unit_of_work
from app.domain.people import User
from app.engine import monitor
from app.engine.core import ProcessEngine
from app.engine.jobs import SessionFactory
from app.engine.monitor import statistics
from app.ops.demo import factory, routine, story, year
from app.ops.demo.factory import LOGINS, Login
from app.ops.demo.stage import Stage
from app.processes import deploy_shipped

__all__ = ["LOGINS", "Login", "clear", "load", "reset"]


def load(engine: ProcessEngine, sessions: SessionFactory, *, whole: bool = True) -> bool:
    """Load the demonstration into an empty site; where there are users already it does nothing.

    Answers whether it did. The past is lived through, each action in a transaction of its own: the year of
    the ``whole`` factory takes a minute or two, the weeks of the small one, which only has what the story is
    about, some seconds.
    """
    with sessions() as session:
        if session.scalar(select(func.count()).select_from(User)):
            return False
    now = clock.now()
    length = year.LENGTH if whole else routine.WEEKS
    time = ManualClock(now - length - timedelta(days=1))
    with _hurried(sessions), clock.use(time):
        with sessions() as session, unit_of_work(session):
            deploy_shipped(engine, session)
            factory.build(session, whole=whole)
        past = year.beginnings(now, story.FIRST) if whole else routine.beginnings(story.FIRST)
        story.play(Stage(engine, sessions, time), now, past)
        # Of all the weeks: a scheduler would gather them in several steps, while somebody looks already.
        while statistics.keep_up(engine, sessions):
            pass
        monitor.keep_up(engine, sessions)
    return True


@contextmanager
def _hurried(sessions: SessionFactory) -> Iterator[None]:
    """Do not wait for the disk after each of a thousand transactions: what is lost can be made again."""
    with sessions() as session:
        database = session.get_bind().engine
    if database.dialect.name != "sqlite" or not database.url.database:
        yield
        return

    def hurry(connection: Any, record: Any, proxy: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(database, "checkout", hurry)
    try:
        yield
    finally:
        event.remove(database, "checkout", hurry)
        database.dispose()  # new connections wait again


def clear(sessions: SessionFactory) -> None:
    """Throw away everything in the database but its tables. Uploaded files stay where they are."""
    with sessions() as session, unit_of_work(session):
        # Past the ORM, which protects the stock ledger and the activity log.
        connection = session.connection()
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())


def reset(engine: ProcessEngine, sessions: SessionFactory, *, whole: bool = True) -> None:
    """Put the demonstration back to its beginning."""
    clear(sessions)
    load(engine, sessions, whole=whole)
