"""Whoever tries a process keeps a processor busy: others wait for their turn, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Conflict

AT_ONCE = 2
PATIENCE = 20.0  # seconds
_turn = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def turn() -> Iterator[None]:
    """Inside the block it is one's turn. Raises :class:`Conflict` where it does not come."""
    if not _turn.acquire(timeout=PATIENCE):
        raise Conflict("Others are running scenarios at this moment. Try again in a minute.")
    try:
        yield
    finally:
        _turn.release()
