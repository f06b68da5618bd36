"""The isolated V8 that evaluates FEEL: one per process, made when first needed.

V8 must not be shared with a forked child, so each process makes its own; after a time-out or when
memory ran out the old one is thrown away.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException, MiniRacer

from app.engine.feel.errors import FeelError, FeelMemory, FeelTimeout

BUNDLE = Path(__file__).parent / "bundle" / "feel.js"


class Sandbox:
    """Runs requests of the FEEL bundle under a time limit (seconds) and a memory limit (bytes)."""

    def __init__(self, timeout: float, memory: int) -> None:
        self._timeout = timeout
        self._memory = memory
        self._lock = threading.Lock()
        self._racer: MiniRacer | None = None
        self._retired: list[MiniRacer] = []
        self._owner = 0
        atexit.register(self.close)

    def run(self, request: dict[str, Any]) -> Any:
        """Answer the bundle's answer. Raises FeelTimeout, FeelMemory or FeelError."""
        text = json.dumps(request, separators=(",", ":"))
        with self._lock:
            racer = self._context()
            try:
                answer = racer.call("millwrightFeel", text, timeout_sec=self._timeout, max_memory=self._memory)
            except JSTimeoutException:
                self._discard()
                raise FeelTimeout(f"The expression took longer than {self._timeout:g} s and was stopped.") from None
            except JSOOMException:
                self._discard()
                limit = self._memory // 1024 // 1024
                raise FeelMemory(f"The expression needed more than {limit} MB and was stopped.") from None
            except JSEvalException as error:
                self._discard()
                message = str(error).strip().splitlines()
                raise FeelError(f"The expression cannot be evaluated: {(message or ['?'])[0][:200]}") from None
            self._close_retired()
        return json.loads(answer)

    def _context(self) -> MiniRacer:
        if self._racer is None or self._owner != os.getpid():
            if not BUNDLE.exists():
                raise FeelError("The FEEL interpreter is not built: run `make assets`.")
            if self._owner != os.getpid():
                self._retired.clear()  # the parent's, not ours to close
            self._racer = MiniRacer()
            self._racer.eval(BUNDLE.read_text(encoding="utf-8"))
            self._owner = os.getpid()
        return self._racer

    def _discard(self) -> None:
        """Use this V8 no more. A stopped evaluation still reports back, so it is closed later."""
        if self._racer is not None and self._owner == os.getpid():
            self._retired.append(self._racer)
        self._racer = None

    def _close_retired(self) -> None:
        while self._retired:
            with contextlib.suppress(Exception):
                self._retired.pop().close()

    def close(self) -> None:
        """Free V8, whose thread must not outlive the process. The next request makes a new one."""
        with self._lock:
            self._discard()
            self._close_retired()
