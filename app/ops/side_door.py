"""Health and metrics of processes that serve no pages: workers and schedulers, on a port of their own."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app.config import ConfigurationError
from app.jobs import JobSystem
from app.ops.health import health_of
from app.ops.metrics import Metrics
from app.ops.runtime import Site
from app.storage import store_of

log = logging.getLogger(__name__)


class SideDoor(ThreadingHTTPServer):
    """Answers ``/healthz``, ``/readyz`` and ``/metrics`` on ``port`` (0: any that is free), in a thread.

    ``ready`` answers the parts that were looked at, and whether all is well enough to work.
    """

    daemon_threads = True

    def __init__(
        self, port: int, metrics: Metrics, ready: Callable[[], tuple[dict[str, Any], bool]], host: str = ""
    ) -> None:
        self.metrics = metrics
        self.ready = ready
        super().__init__((host, port), _Answer)
        self._thread = threading.Thread(target=self.serve_forever, name="millwright-side-door", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def open(self) -> None:
        """Answer from now on."""
        self._thread.start()
        log.info("health and metrics on port %s", self.port)

    def close(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()


@contextmanager
def beside(site: Site, jobs: JobSystem) -> Iterator[SideDoor | None]:
    """The side door of a process that does ``jobs``, where the settings name a port for it.

    :raises ConfigurationError: something else listens there
    """
    port = site.settings["MILLWRIGHT_METRICS_PORT"]
    if not port:
        yield None
        return
    health = health_of(site.settings, site.database, store_of(site.settings))
    try:
        door = SideDoor(port, Metrics(site.settings, site.database, jobs), health.look)
    except OSError as error:
        raise ConfigurationError(f"MILLWRIGHT_METRICS_PORT: {error}") from None
    door.open()
    try:
        yield door
    finally:
        door.close()


class _Answer(BaseHTTPRequestHandler):
    server: SideDoor
    timeout = 10
    server_version = "Millwright"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._json({"status": "ok"}, 200)
        elif path == "/readyz":
            parts, good = self.server.ready()
            self._json(parts, 200 if good else 503)
        elif path == "/metrics":
            self._metrics()
        else:
            self._send(404, b"Nothing here.\n", "text/plain")

    def _metrics(self) -> None:
        if not self.server.metrics.readers.admit(self.client_address[0], self.headers.get):
            self._send(403, b"Not from here, and not without the token.\n", "text/plain")
            return
        body, content_type = self.server.metrics.answer(self.headers.get("Accept", ""))
        self._send(200, body, content_type)

    def _json(self, value: object, status: int) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Asked every few seconds by machines: no line each."""
