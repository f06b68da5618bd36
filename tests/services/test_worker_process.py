"""``python worker.py`` as a supervisor runs it: it does jobs, and ends in order when told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis import Redis
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.engine import messages
from app.engine.models import Job, JobState
from tests.support import servers
from tests.support.site import ROOT, environment

PATIENCE = 60  # seconds


@contextmanager
def worker(data: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    with (data / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "worker.py"), *arguments],
            env=environment(data, **settings),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until_done(session: Session, job: Job) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        session.refresh(job)
        session.rollback()
        if job.state == JobState.DONE:
            return
        time.sleep(0.05)
    raise AssertionError("the job was not done")


def queue(session: Session) -> Job:
    """A message to somebody unknown: done without a trace."""
    with unit_of_work(session):
        return messages.send(session, "anything", to="MR-0000-000000", payload={})


@pytest.mark.databases
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_without_redis(deployed_url: str, tmp_path: Path, stop: signal.Signals) -> None:
    _works_and_ends(deployed_url, tmp_path, stop)


@pytest.mark.databases
def test_a_worker_with_redis(deployed_url: str, redis_url: str, tmp_path: Path) -> None:
    _works_and_ends(deployed_url, tmp_path, signal.SIGTERM, "--scheduler", MILLWRIGHT_REDIS_URL=redis_url)


def _works_and_ends(url: str, data: Path, stop: signal.Signals, *arguments: str, **settings: str) -> None:
    database = sa.create_engine(url)
    with (
        Session(database, expire_on_commit=False) as session,
        worker(data, *arguments, MILLWRIGHT_DATABASE_URL=url, **settings) as process,
    ):
        wait_until_done(session, queue(session))
        os.kill(process.pid, stop)
        code = process.wait(PATIENCE)
    database.dispose()
    assert code == 0, (data / "worker.log").read_text()[-2000:]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_scheduler_without_its_redis_works_until_it_is_there(
    deployed_url: str, tmp_path: Path, stop: signal.Signals
) -> None:
    """Redis is away when it starts, comes, and goes again; then it is told to end."""
    port = servers.free_port()
    settings = {
        "MILLWRIGHT_DATABASE_URL": deployed_url,
        "MILLWRIGHT_REDIS_URL": f"redis://127.0.0.1:{port}/0",
    }
    database = sa.create_engine(deployed_url)
    with (
        Session(database, expire_on_commit=False) as session,
        worker(tmp_path, "--scheduler", **settings) as process,
    ):
        wait_until_done(session, queue(session))
        try:
            with servers.redis_server(tmp_path, port=port):
                wait_for_a_worker(port)
                wait_until_done(session, queue(session))
        except servers.MissingProgram as missing:
            pytest.skip(str(missing))
        os.kill(process.pid, stop)
        code = process.wait(PATIENCE)
    database.dispose()
    assert code == 0, (tmp_path / "worker.log").read_text()[-2000:]


def wait_for_a_worker(port: int) -> None:
    """Wait until somebody waits for jobs at Redis."""
    deadline = time.monotonic() + PATIENCE
    with Redis(port=port) as client:
        while not client.exists("rq:workers"):
            assert time.monotonic() < deadline, "no worker came"
            time.sleep(0.05)


def test_a_worker_that_was_killed_is_replaced(deployed_url: str, tmp_path: Path) -> None:
    database = sa.create_engine(deployed_url)
    settings = {"MILLWRIGHT_DATABASE_URL": deployed_url}
    with Session(database, expire_on_commit=False) as session:
        with worker(tmp_path, **settings) as process:
            wait_until_done(session, queue(session))
            process.kill()
            process.wait()
        job = queue(session)
        with worker(tmp_path, **settings):
            wait_until_done(session, job)
    database.dispose()
