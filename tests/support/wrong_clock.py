"""A clock that can be set while a process runs, as a machine's: whatever reads the time of day sees it jump.

The stopwatches of the kernel (``time.monotonic`` and its like) go on, as they do on a machine.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import time_machine

LOOKED_AT_EVERY = 0.1  # seconds


def set_clock(file: Path, seconds: float) -> None:
    """Let the clock of the process that wears ``file`` be wrong by so many seconds."""
    unfinished = file.with_suffix(".new")
    unfinished.write_text(f"{seconds}")
    unfinished.replace(file)


def wear(file: Path) -> None:
    """From now on, this process and those it forks read the clock that ``file`` says."""
    clock = _Clock(file)
    os.register_at_fork(after_in_child=clock.watch)
    clock.watch()


class _Clock:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._wrong_by = 0.0
        # The moment is that of the machine, so that nothing changes until the file says so.
        self._travels = time_machine.travel(time.time(), tick=True).start()

    def watch(self) -> None:
        threading.Thread(target=self._watch, name="wrong-clock", daemon=True).start()

    def _watch(self) -> None:
        while True:
            wanted = float(self._file.read_text())
            if wanted != self._wrong_by:
                self._travels.shift(wanted - self._wrong_by)
                self._wrong_by = wanted
            time.sleep(LOOKED_AT_EVERY)
