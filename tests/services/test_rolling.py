"""Nodes are replaced one after the other behind the deployed proxy, and nobody who uses the site notices."""

from __future__ import annotations

import collections
import http.client
import signal
import threading
import time
import urllib.request
from pathlib import Path

import flask_migrate
import pytest

from app.ops.runtime import MIGRATIONS, database_app
from tests.services.test_nginx import Proxy, start
from tests.support.servers import Server, free_port
from tests.support.site import COMMAND, environment

PATIENCE = 60  # seconds
DRAIN = 1  # seconds


class Node:
    """A web node on a port of its own, which can be replaced."""

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._settings = environment(
            folder,
            MILLWRIGHT_DATABASE_URL=url,
            MILLWRIGHT_SECRET_KEY="the same for all",
            MILLWRIGHT_DRAIN_SECONDS=str(DRAIN),
            MILLWRIGHT_PROXIES="1",
            MILLWRIGHT_BASE_URL="https://localhost",
            MILLWRIGHT_RATE_ANONYMOUS="1000000 per minute",
        )
        self.port = free_port()
        self._number = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it is ready, as a supervisor does."""
        self._number += 1
        self.server = Server(
            [*COMMAND, "run", "--port", str(self.port), "--threads", "4"],
            port=self.port,
            log=self._folder / f"node-{self._number}.log",
            environment=self._settings,
        )
        address = f"http://127.0.0.1:{self.port}/readyz"
        self.server.wait_until(lambda: urllib.request.urlopen(address, timeout=5).close(), (OSError,))

    def replace(self) -> None:
        """End it in order, and start another in its place."""
        self.server._process.send_signal(signal.SIGTERM)
        assert self.server._process.wait(PATIENCE) == 0
        self.start()


class Visitors:
    """People who go on using the site meanwhile: they read, and they send what must not be sent twice."""

    def __init__(self, proxy: Proxy, number: int) -> None:
        self.answers: collections.Counter[str] = collections.Counter()
        self._proxy = proxy
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(number)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _visit(self) -> None:
        headers = {"Content-Type": "application/json"}
        while not self._done.is_set():
            for method, path, body in (("GET", "/", None), ("POST", "/api/v1/auth/login", "{}")):
                try:
                    connection = self._proxy.connect()
                    connection.request(method, path, body, headers)
                    answer = connection.getresponse()
                    answer.read()
                    self.answers[f"{method} {answer.status}"] += 1
                    connection.close()
                except (OSError, http.client.HTTPException) as error:
                    self.answers[f"{method} {type(error).__name__}"] += 1
                time.sleep(0.03)


@pytest.fixture
def migrated_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'site.db'}"
    config = {"SQLALCHEMY_DATABASE_URI": url, "SQLALCHEMY_ENGINE_OPTIONS": {}, "MILLWRIGHT_DATA": tmp_path}
    with database_app(config).app_context():
        flask_migrate.upgrade(str(MIGRATIONS))
    return url


@pytest.mark.long
def test_nobody_notices_that_nodes_are_replaced(migrated_url: str, tmp_path: Path) -> None:
    nodes = [Node(migrated_url, tmp_path / name) for name in ("first", "second")]
    # As with Docker's names, no failure is remembered: whoever is away for a moment is asked again.
    behind = " ".join(f"server 127.0.0.1:{node.port} max_fails=0;" for node in nodes)
    try:
        for proxy in start(tmp_path, "http://millwright", f"upstream millwright {{ {behind} }}"):
            with Visitors(proxy, 2) as visitors:
                time.sleep(1)
                for node in nodes:
                    node.replace()
                time.sleep(1)
            assert set(visitors.answers) == {"GET 302", "POST 400"}, visitors.answers
            assert min(visitors.answers.values()) > 20
    finally:
        for node in nodes:
            node.server.stop()
