"""One V8 isolate with FEEL loaded into it, started when first needed and replaced when it was stopped."""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException, MiniRacer

from app.engine.feel.errors import FeelError, FeelMemory, FeelTimeout
from app.errors import Unavailable

BUNDLE = Path(__file__).parent / "bundle" / "feel.js"
DRAIN_SECONDS = 5.0
# How often a call is made, and how many times the time limit each may take on a busy machine.
PATIENCE = (1, 3, 10)
# The part of its time limit for which a call must have had a processor to be the one that took too long:
# what people write takes a few thousandths of a second.
GUILTY = 0.5
# What V8 may hold without being told to collect (a new one has 3 MB), and how many characters of scripts are
# run between two looks, which take a moment each: some hundred calls.
KEPT = 8 * 1024 * 1024
LOOK_AFTER = 200_000

Answer = TypeVar("Answer")


class FeelNotBuilt(Unavailable):
    """The interpreter's bundle is missing; the message tells whoever runs the installation how to make it."""


@cache
def bundle() -> str:
    """The interpreter's source."""
    try:
        return BUNDLE.read_text("utf-8")
    except FileNotFoundError:
        raise FeelNotBuilt(
            "Expressions cannot be worked out here: their interpreter is missing. Whoever runs this "
            "installation makes it with “make assets”."
        ) from None


class Sandbox:
    """Runs JavaScript, one call at a time, under limits. ``timeout`` is in seconds, ``memory`` in bytes.

    A call that had no processor for most of that time, because the machine is busy, is made again with
    more patience: a limit is there for what keeps a processor busy, and not for what waits for one.
    V8 would let garbage lie until it takes a gigabyte, and a limit on memory counts garbage too: after so
    many characters of scripts it is looked at, and told to collect where it holds more than it needs.
    Threads take turns. A forked child starts an isolate of its own: V8's thread stays with the parent.
    """

    def __init__(self, timeout: float, memory: int) -> None:
        self.timeout = timeout
        self.memory = memory
        self._lock = threading.Lock()
        self._racer: MiniRacer | None = None
        self._threads: frozenset[int] = frozenset()
        self._characters = 0  # of scripts since the last look at the heap
        _sandboxes.add(self)

    def run(self, script: str) -> str:
        """The text that ``script`` gives.

        :raises FeelTimeout: it took too long
        :raises FeelMemory: it needed too much memory
        :raises FeelError: it failed otherwise
        """
        return _outside_event_loops(self._run, script)

    def _run(self, script: str) -> str:
        with self._lock:
            for patience in PATIENCE:
                racer = self._racer = self._racer or self._start()
                self._tidy(racer, len(script))
                before = processor_time(self._threads)
                try:
                    return str(racer.eval(script, timeout_sec=self.timeout * patience))
                except JSTimeoutException:
                    used = processor_time(self._threads) - before
                    self._stop()
                    if used >= self.timeout * GUILTY:
                        break
                except JSOOMException:
                    self._stop()
                    raise FeelMemory("The expression needs too much memory.") from None
                except JSEvalException as error:
                    self._stop()
                    if "RangeError" in str(error):
                        raise FeelMemory("The expression needs too much memory.") from None
                    raise FeelError("The expression could not be evaluated.") from error
            raise FeelTimeout(f"The expression took longer than {self.timeout:g} seconds.")

    def _tidy(self, racer: MiniRacer, characters: int) -> None:
        self._characters += characters
        if self._characters > LOOK_AFTER:
            self._characters = 0
            if racer.heap_stats()["total_heap_size"] > KEPT:
                racer.low_memory_notification()

    def close(self) -> None:
        """Give V8's memory back; the next call starts anew."""
        _outside_event_loops(self._close)

    def _close(self) -> None:
        with self._lock:
            self._stop()

    def _start(self) -> MiniRacer:
        others = _threads_of_this_process()
        racer = MiniRacer()
        racer.eval(bundle())
        self._threads = frozenset(_threads_of_this_process() - others)
        racer.set_hard_memory_limit(self.memory)
        return racer

    def _stop(self) -> None:
        racer, self._racer = self._racer, None
        if racer is None:
            return
        # Closing before V8 has reported the stopped call leaves it reporting to nobody, and waiting.
        with suppress(Exception):
            racer.eval("0", timeout_sec=DRAIN_SECONDS)
        racer.close()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._racer is not None:
            # Freeing it would wait for a thread that this process does not have: keep it for ever.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._racer))
            self._racer = None


def _threads_of_this_process() -> set[int]:
    """The system's numbers of the threads, where it tells them (Linux)."""
    try:
        return {int(path.name) for path in Path("/proc/self/task").iterdir()}
    except OSError:
        return set()


def processor_time(threads: Iterable[int]) -> float:
    """The seconds for which threads of this process have had a processor; of the whole process for none."""
    total = 0.0
    for thread in threads:
        with suppress(OSError):  # it has ended
            total += time.clock_gettime((~thread << 3) | 6)  # Linux's clock of a thread's processor time
    return total or time.process_time()


def _outside_event_loops(function: Callable[..., Answer], *arguments: Any) -> Answer:
    """Call a function where MiniRacer may wait: it refuses to in a thread that runs an asyncio loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function(*arguments)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(function, *arguments).result()


_sandboxes: weakref.WeakSet[Sandbox] = weakref.WeakSet()


def _forget_parents_v8() -> None:
    for sandbox in _sandboxes:
        sandbox._after_fork()


@atexit.register
def _close_all() -> None:
    """V8's threads must not keep a process from ending."""
    for sandbox in list(_sandboxes):
        sandbox.close()


os.register_at_fork(after_in_child=_forget_parents_v8)
