"""Two schedulers as in production, in processes of their own: one acts, and is replaced when killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.engine.models import Lease
from tests.support.site import ROOT, environment

PATIENCE = 60  # seconds
LEASE = 3  # seconds


@contextmanager
def schedulers(url: str, redis_url: str, data: Path, number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    settings = environment(
        data,
        MILLWRIGHT_DATABASE_URL=url,
        MILLWRIGHT_REDIS_URL=redis_url,
        MILLWRIGHT_LEASE_SECONDS=str(LEASE),
    )
    started = []
    try:
        for each in range(number):
            with (data / f"scheduler-{each}.log").open("wb") as log:
                command = [sys.executable, str(ROOT / "worker.py"), "--scheduler"]
                started.append(subprocess.Popen(command, env=settings, stdout=log, stderr=log))
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def holder(database: sa.Engine, *, other_than: str = "") -> str:
    """Who acts, as soon as it is somebody else; the middle part of its name is its process."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with database.connect() as connection:
            found = connection.scalar(sa.select(Lease.holder))
        if found and found != other_than:
            return str(found)
        time.sleep(0.05)
    raise AssertionError("nobody else acts")


def process_of(name: str) -> int:
    return int(name.split("/")[1])


@pytest.mark.databases
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_another_scheduler_takes_over(
    database: sa.Engine, database_url: str, redis_url: str, tmp_path: Path, end: signal.Signals
) -> None:
    with schedulers(database_url, redis_url, tmp_path, 2) as running:
        first = holder(database)
        acting = next(process for process in running if process.pid == process_of(first))
        (waiting,) = [process for process in running if process is not acting]
        until = time.monotonic() + 2 * LEASE
        while time.monotonic() < until:  # it keeps acting while it lives, though its lease is short
            assert holder(database) == first
            time.sleep(0.2)
        acting.send_signal(end)
        acting.wait(PATIENCE)
        assert process_of(holder(database, other_than=first)) == waiting.pid
