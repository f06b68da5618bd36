"""How old the last good backup is: for metrics, and for whoever wonders."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import clock
from app.ops.backup import repository

ASKED_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class Status:
    """How backups go. Times are UTC; sizes in bytes."""

    last_good_at: datetime | None = None  # when the data of the last verified backup was read
    last_good_name: str = ""
    last_good_size: int = 0
    last_good_seconds: float = 0.0  # how long it took, with its verification
    last_attempt_at: datetime | None = None
    failed: bool = False  # whether the last attempt did not end with a verified backup
    error: str = ""
    problems: int = 0  # what does not agree with itself in the data of the last good backup

    @property
    def age(self) -> float | None:
        """Seconds since the data of the last good backup was read; None where there is none."""
        if self.last_good_at is None:
            return None
        return (clock.now() - self.last_good_at).total_seconds()


_known: dict[str, tuple[float, Status]] = {}
_asking = threading.Lock()


def status(settings: Mapping[str, Any] | None = None) -> Status:
    """How backups of the site go, at most a minute old; by default of the running application.

    It is read from where the backups are, so that every node tells the same, also of a lost database.

    :raises StorageUnavailable: the backups' storage does not answer
    """
    if settings is None:
        from flask import current_app

        settings = current_app.config
    address = str(settings["MILLWRIGHT_BACKUPS"])
    with _asking:
        asked_at, known = _known.get(address, (float("-inf"), Status()))
        if time.monotonic() - asked_at > ASKED_EVERY:
            known = read(repository.of_site({**settings, "MILLWRIGHT_BACKUP_KEY": ""}))
            _known[address] = (time.monotonic(), known)
        return known


def read(backups: repository.Repository) -> Status:
    """How backups go, asked now."""
    values = backups.read_status()
    return Status(
        last_good_at=_time(values.get("lastGoodAt")),
        last_good_name=values.get("lastGoodName", ""),
        last_good_size=values.get("lastGoodSize", 0),
        last_good_seconds=values.get("lastGoodSeconds", 0.0),
        last_attempt_at=_time(values.get("lastAttemptAt")),
        failed=bool(values.get("failed")),
        error=values.get("error", ""),
        problems=values.get("problems", 0),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
