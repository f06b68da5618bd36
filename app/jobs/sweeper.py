"""Finds due jobs and due timers again and again: nothing that was announced and lost stays undone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

INTERVAL = 2.0  # seconds between sweeps
LONGEST_PAUSE = 10.0  # seconds between sweeps while they fail


class Sweeper:
    """Calls ``sweep`` every few seconds, or at once when woken, until it is stopped.

    Any number of them may run, in any number of processes: one of them acts (:mod:`app.jobs.leadership`),
    and each job and each instance is done under its row's lock.
    """

    def __init__(self, sweep: Callable[[], object], *, interval: float = INTERVAL) -> None:
        self._sweep = sweep
        self._interval = interval
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop; a long sweep looks here between two jobs."""
        return self._stopping.is_set()

    def wake(self, ids: list[int] | None = None) -> None:
        """Sweep now. The ids are not needed: the sweep finds them."""
        self._wake.set()

    def run(self) -> None:
        """Sweep until :meth:`stop` is called from elsewhere."""
        pause = self._interval
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._sweep()
                pause = self._interval
            except Exception:
                # The database may be away for a while: it is asked ever more seldom.
                log.exception("a sweep for due jobs failed")
                pause = min(pause * 2, LONGEST_PAUSE)
            if not self._stopping.is_set():
                self._wake.wait(pause)

    def start(self) -> None:
        """Run in a thread of this process."""
        if self._thread is None:
            self._thread = threading.Thread(target=self.run, name="millwright-jobs", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 30.0) -> bool:
        """End the thread after what it is doing; answers whether it ended within ``timeout`` seconds."""
        self._stopping.set()
        self._wake.set()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()
