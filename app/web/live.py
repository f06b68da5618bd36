"""Pages that renew themselves: how a browser hears that something has changed.

A stream that is held open takes a thread of the server for as long as somebody looks. So each server
process holds only as many as it can spare (``MILLWRIGHT_LIVE_STREAMS``); whoever comes after them is
answered at once with the state of now and asked to come again after some seconds, which is polling by
the same means.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

TICK = 2.0  # seconds between two looks of a held stream
SHARED = 1.0  # seconds for which all streams of a process share one look
CALM = 5.0  # seconds at least between two events of a stream: a busy site does not hurry its readers
BEAT = 10.0  # seconds after which a stream without news shows that it lives
# Shorter than the server's time for ending: a stream keeps no server from being restarted, and whoever
# was signed out hears nothing more after it.
HELD = 25.0
RETRY_HELD, RETRY_BUSY = 1_000, 15_000  # milliseconds after which a browser comes again
# Of the threads of a server process, streams take one in four.
THREADS_A_STREAM = 4


@dataclass(frozen=True, slots=True)
class State:
    """What a page may differ by from what it shows."""

    revision: str
    at: datetime | None = None

    def json(self) -> str:
        return json.dumps({"revision": self.revision, "at": self.at.isoformat() if self.at else None})


class Streams:
    """The streams that this process holds, and what they tell.

    ``look`` reads the state in a session of its own. ``is_ending`` says whether the server is to stop.
    """

    def __init__(self, most: int, sessions: sessionmaker[Session], look: Callable[[Session], State]) -> None:
        self.is_ending: Callable[[], bool] = lambda: False
        self.allow(most)
        self._sessions = sessions
        self._look = look
        self._lock = threading.Lock()
        self._seen: State | None = None
        self._seen_at = 0.0

    def allow(self, most: int) -> None:
        """Hold so many streams at most. Call it before any is."""
        self.most = most
        self._free = threading.Semaphore(most)

    def state(self) -> State:
        """The state of now, or of a second ago: however many ask, it is read once."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen_at > SHARED:
                with self._sessions() as session:
                    self._seen = self._look(session)
                self._seen_at = time.monotonic()
            return self._seen

    def response(self, *, hold: bool = True) -> Response:
        """An answer of events: one that stays open while there is room, else one event and a goodbye."""
        if hold and self._free.acquire(blocking=False):
            response = Response(self._events(), mimetype="text/event-stream")
            # Not in the generator: one that never began would give nothing back.
            response.call_on_close(self._free.release)
        else:
            response = Response(_event(self.state(), RETRY_BUSY), mimetype="text/event-stream")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # a proxy passes on what it gets at once
        return response

    def _events(self) -> Iterator[str]:
        told = self.state()
        yield _event(told, RETRY_HELD)
        began = spoke = news = time.monotonic()
        pause = threading.Event()
        while not self.is_ending() and time.monotonic() - began < HELD:
            pause.wait(TICK)
            try:
                state = self.state()
            except SQLAlchemyError:
                return  # the browser comes again
            now = time.monotonic()
            if state != told and now - news >= CALM:
                told, spoke, news = state, now, now
                yield _event(state)
            elif now - spoke >= BEAT:
                spoke = now
                yield ":\n\n"


def _event(state: State, retry: int | None = None) -> str:
    return f"{f'retry: {retry}' + chr(10) if retry else ''}data: {state.json()}\n\n"


def room(threads: int, asked: int | None) -> int:
    """How many streams a server process with so many threads holds.

    Never more than half of its threads, whatever is ``asked``: the others answer everybody else.
    """
    return threads // THREADS_A_STREAM if asked is None else min(asked, threads // 2)
