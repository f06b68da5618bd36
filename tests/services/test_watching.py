"""How a site that runs is watched, and how it ends: over processes as production has them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_migrate
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.ops.runtime import MIGRATIONS, database_app
from tests.support.servers import Server, free_port
from tests.support.site import COMMAND, ROOT, environment

PATIENCE = 60  # seconds


def ask(port: int, path: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Connection": "close"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def total(text: str, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"millwright_{name}" and labels.items() <= sample.labels.items()
    )


@contextmanager
def process(command: list[str], port: int, folder: Path, **settings: str) -> Iterator[Server]:
    running = Server(
        command, port=port, log=folder / "process.log", environment=environment(folder, **settings)
    )
    try:
        address = f"http://127.0.0.1:{port}/healthz"
        running.wait_until(lambda: urllib.request.urlopen(address, timeout=5).close(), (OSError,))
        yield running
    finally:
        running.stop()


@contextmanager
def served(url: str, folder: Path, *, workers: int = 1, **settings: str) -> Iterator[Server]:
    """A site as production serves it."""
    port = free_port()
    command = [*COMMAND, "run", "--port", str(port), "--workers", str(workers), "--threads", "4"]
    with process(command, port, folder, MILLWRIGHT_DATABASE_URL=url, **settings) as running:
        yield running


@pytest.fixture
def migrated_url(tmp_path: Path) -> str:
    """A database as ``millwright setup`` makes it, for processes that look at their migrations."""
    url = f"sqlite:///{tmp_path / 'site.db'}"
    config = {"SQLALCHEMY_DATABASE_URI": url, "SQLALCHEMY_ENGINE_OPTIONS": {}, "MILLWRIGHT_DATA": tmp_path}
    app = database_app(config)
    with app.app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    return url


def test_whichever_process_is_asked_answers_for_all(deployed_url: str, tmp_path: Path) -> None:
    with served(deployed_url, tmp_path, workers=3) as site:
        for _ in range(30):
            assert ask(site.port, "/sign-in")[0] == 200
        answers = [ask(site.port, "/metrics")[1] for _ in range(6)]
        for text in answers:
            assert total(text, "http_requests_total", route="/sign-in", status="200") == 30
            assert total(text, "http_request_seconds_count", route="/sign-in") == 30
            assert total(text, "processes") == 4
        assert total(answers[-1], "database_connections_open") >= 1
        folders = set(Path(tempfile.gettempdir()).glob("millwright-metrics-*"))
        mine = {folder for folder in folders if list(folder.glob("*.db")) and is_of(folder, site.pid)}
        assert len(mine) == 1
    assert not any(folder.exists() for folder in mine)


def is_of(folder: Path, server: int) -> bool:
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return any(path.stem.rpartition("_")[2] in children for path in folder.iterdir())


def test_a_process_that_was_killed_takes_nothing_with_it(deployed_url: str, tmp_path: Path) -> None:
    with served(deployed_url, tmp_path, workers=2) as site:
        for _ in range(10):
            ask(site.port, "/sign-in")
        children = Path(f"/proc/{site.pid}/task/{site.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while True:
            text = ask(site.port, "/metrics")[1]
            if total(text, "processes") == 3 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert total(text, "http_requests_total", route="/sign-in") == 10


def test_a_site_that_is_told_to_end_drains_first(migrated_url: str, tmp_path: Path) -> None:
    with served(migrated_url, tmp_path, MILLWRIGHT_DRAIN_SECONDS="3") as site:
        assert ask(site.port, "/readyz")[0] == 200
        site._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        while (answer := ask(site.port, "/readyz"))[0] == 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert answer[0] == 503
        assert json.loads(answer[1])["status"] == "draining"
        assert ask(site.port, "/sign-in")[0] == 200  # it serves on meanwhile
        assert site._process.wait(PATIENCE) == 0
        with pytest.raises(OSError):
            ask(site.port, "/readyz")


def test_a_request_under_way_is_finished(deployed_url: str, tmp_path: Path) -> None:
    """Its body arrives only after the server was told to end."""
    with served(deployed_url, tmp_path) as site, socket.create_connection(("127.0.0.1", site.port)) as client:
        client.settimeout(PATIENCE)
        body = b"email=nobody%40factory.example&password=x"
        head = (
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        client.sendall(head.encode() + body[:5])
        time.sleep(0.5)  # until it is read
        site._process.send_signal(signal.SIGTERM)
        timer = threading.Timer(1, client.sendall, [body[5:]])
        timer.start()
        answer = client.recv(4096)
        timer.join()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert site._process.wait(PATIENCE) == 0


@pytest.mark.databases
def test_a_scheduler_has_a_door_of_its_own(
    database_url: str, redis_url: str, tmp_path: Path, database: object
) -> None:
    port = free_port()
    settings = {
        "MILLWRIGHT_DATABASE_URL": database_url,
        "MILLWRIGHT_REDIS_URL": redis_url,
        "MILLWRIGHT_METRICS_PORT": str(port),
        "MILLWRIGHT_METRICS_SECONDS": "0",
        "MILLWRIGHT_LEASE_SECONDS": "3",
    }
    command = [sys.executable, str(ROOT / "worker.py"), "--scheduler"]
    with process(command, port, tmp_path, **settings):
        deadline = time.monotonic() + PATIENCE
        text = ""
        while not total(text, "scheduler_last_sweep_timestamp_seconds") and time.monotonic() < deadline:
            text = ask(port, "/metrics")[1]
            time.sleep(0.1)
        assert total(text, "scheduler_last_sweep_timestamp_seconds") > 0
        assert total(text, "sweep_seconds_count") > 0
        assert total(text, "redis_up") == 1
        status, body = ask(port, "/readyz")
        parts = json.loads(body)["parts"]
        assert status == 503 and parts["migrations"] == "failed"  # the tests' tables are made without them
        assert (parts["database"], parts["redis"], parts["scheduler"]) == ("ok", "ok", "ok")
        assert ask(port, "/anything")[0] == 404


def test_a_door_that_is_taken_is_told(database_url: str, database: object, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = environment(
            tmp_path, MILLWRIGHT_DATABASE_URL=database_url, MILLWRIGHT_METRICS_PORT=str(port)
        )
        command = [sys.executable, str(ROOT / "worker.py")]
        ended = subprocess.run(
            command, env=settings, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert ended.returncode == 1
    assert "MILLWRIGHT_METRICS_PORT" in ended.stderr and "Traceback" not in ended.stderr
