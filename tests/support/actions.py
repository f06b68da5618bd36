"""Actions in processes of their own, to be done at the same moment or killed half-way."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from app.engine.actors import Actor
from app.engine.core import ProcessEngine

# A fork server that has never used a database or V8: its children start quickly and clean.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["app.processes", "tests.support.actions"])
PATIENCE = 60  # seconds


class Action(Protocol):
    """What somebody does, in one transaction."""

    def do(self, engine: ProcessEngine, session: Session) -> None: ...


@dataclass(frozen=True)
class Submission:
    """A user task that somebody completes."""

    task_id: int
    actor: Actor
    values: dict[str, Any]
    outcome: str | None = None

    def do(self, engine: ProcessEngine, session: Session) -> None:
        from app.engine import user_tasks

        user_tasks.submit(engine, session, self.task_id, self.actor, outcome=self.outcome, json=self.values)


@dataclass(frozen=True)
class Publication:
    """Files that somebody makes the newest version of their process."""

    key: str
    files: dict[str, bytes]
    actor: Actor

    def do(self, engine: ProcessEngine, session: Session) -> None:
        from app.processes.publishing import Assessment, publish

        publish(engine, session, Assessment(self.key, self.files, []), by=self.actor, note="Another rule")


@dataclass(frozen=True)
class Opening:
    """A scheduler that opens the preventive jobs that are due at a time, each in its own transaction."""

    now: datetime

    def do(self, engine: ProcessEngine, session: Session) -> None:
        raise NotImplementedError("a scheduler has transactions of its own")

    def sweep(self, engine: ProcessEngine, sessions: sessionmaker[Session]) -> None:
        from app import clock
        from app.clock import ManualClock
        from app.processes import preventive_opening

        with clock.use(ManualClock(self.now)):
            preventive_opening.open_due(engine, sessions)


@dataclass(frozen=True)
class Answer:
    """What came of it: ``done``, or the error's type, code and words."""

    kind: str
    message: str = ""
    code: str = ""


def at_once(url: str, actions: Sequence[Action]) -> list[Answer]:
    """Do each in a process of its own, all at the same moment."""
    barrier = CONTEXT.Barrier(len(actions))
    started = [_start(url, action, barrier, None) for action in actions]
    answers = [_answer(process, connection) for process, connection in started]
    return [answer or Answer("died") for answer in answers]


def killed_at(url: str, action: Action, point: int) -> Answer | None:
    """Act in a process that is killed at the ``point``-th thing it says to the database.

    None means that it was killed; otherwise it had less to say than that.
    """
    process, connection = _start(url, action, None, point)
    return _answer(process, connection)


def _start(url: str, action: Action, barrier: Any, die_at: int | None) -> tuple[Any, Connection]:
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_work, args=(url, action, barrier, die_at, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _answer(process: Any, connection: Connection) -> Answer | None:
    try:
        answer: Answer | None = connection.recv() if connection.poll(PATIENCE) else Answer("silent")
    except EOFError:
        answer = None
    process.join(PATIENCE)
    return answer


def _work(url: str, action: Action, barrier: Any, die_at: int | None, connection: Connection) -> None:
    from app.database import configure, engine_options, unit_of_work
    from app.engine.deployments import latest_of_all
    from app.errors import MillwrightError
    from app.processes import build_engine

    database = sa.create_engine(url, **engine_options(url))
    configure(database)
    engine = build_engine()
    sessions = sessionmaker(database, expire_on_commit=False)
    with sessions() as session:  # both are warm before they race
        for deployment in latest_of_all(session):
            engine.definition(session, deployment.id)
        engine.feel.evaluate("1")
    if barrier is not None:
        barrier.wait(PATIENCE)
    if die_at is not None:
        _die(database, die_at)
    try:
        if isinstance(action, Opening):
            action.sweep(engine, sessions)
        else:
            with sessions() as session, unit_of_work(session):
                action.do(engine, session)
        if die_at is None:
            connection.send(Answer("done"))
        else:
            _count()
            connection.send(Answer("done"))
    except MillwrightError as error:
        connection.send(Answer(type(error).__name__, str(error), getattr(error, "code", "")))
    except Exception as error:  # reported to the test, which fails on it
        connection.send(Answer(type(error).__name__, str(error)[:500]))
    finally:
        connection.close()


_count: Callable[[], None] = lambda: None  # noqa: E731 - replaced in a process that is to die


def _die(database: sa.Engine, point: int) -> None:
    """Kill this process at its ``point``-th statement, commit or end of a commit."""
    global _count
    said = 0

    def count(*_: Any) -> None:
        nonlocal said
        said += 1
        if said == point:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(database, "before_cursor_execute", count)
    sa.event.listen(database, "commit", count)
    _count = count
