"""What people were told: every acknowledged action, noted outside of the system, one line each."""

from __future__ import annotations

import json
import statistics
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """An action that was acknowledged: which, under which key, what it is about, how often it was sent, how
    long it took until it was answered, and what was broken meanwhile."""

    action: str
    key: str
    who: int
    about: Any
    tries: int
    replayed: bool
    seconds: float
    during: tuple[str, ...]


class Ledger:
    """A file, and what is counted beside it. For use by many threads."""

    def __init__(self, path: Path) -> None:
        self.entries: list[Entry] = []
        self.retries: Counter[str] = Counter()  # why something was sent again
        self.failures: list[str] = []  # answers that nobody should ever get
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def acknowledge(self, entry: Entry) -> None:
        with self._lock:
            self.entries.append(entry)
            self._file.write(json.dumps(asdict(entry)) + "\n")
            self._file.flush()

    def retry(self, why: str) -> None:
        with self._lock:
            self.retries[why] += 1

    def fail(self, what: str) -> None:
        with self._lock:
            self.failures.append(what)

    def of(self, *actions: str) -> list[Entry]:
        """The entries of some kinds of actions."""
        return [entry for entry in self.entries if entry.action in actions]

    def close(self) -> None:
        self._file.close()


def latencies(entries: Iterable[Entry]) -> str:
    """Median and 95th percentile of the time until an action was answered, in words."""
    seconds = sorted(entry.seconds for entry in entries)
    if len(seconds) < 2:
        return f"{len(seconds)} actions"
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
    return (
        f"{len(seconds)} actions, p50 {statistics.median(seconds) * 1000:.0f} ms, "
        f"p95 {p95 * 1000:.0f} ms, longest {seconds[-1]:.1f} s"
    )
