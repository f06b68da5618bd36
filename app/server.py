"""The web server: gunicorn, set up for this application."""

from __future__ import annotations

import mmap
import queue
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from app import create_app
from app.ops import logs
from app.ops.metrics import meters
from app.web import live

GRACE = 30  # seconds for requests and jobs under way, once no new ones are taken


class Server(BaseApplication):
    """Worker processes with threads; each makes its application after the fork.

    FEEL's interpreter, database connections and the job thread do not survive a fork, so nothing
    of the application exists in the parent.

    Told to end by SIGTERM it first says so at ``/readyz``, and serves on for ``drain`` seconds, so that
    whatever distributes requests sends no more. Then it takes none, finishes those it has, and ends.
    """

    def __init__(
        self,
        *,
        bind: str,
        workers: int = 1,
        threads: int = 8,
        drain: int = 0,
        when_ready: Callable[[], None] | None = None,
    ) -> None:
        self.drain = drain
        self._ending = mmap.mmap(-1, 1)  # one byte that all processes of the server see
        self.meters: Path | None = None
        self._settings: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": "gthread",
            "timeout": 120,
            "graceful_timeout": GRACE,
            "keepalive": 5,
            "accesslog": None,  # the application logs requests, with their ids
            "loglevel": "warning",
            "proc_name": "millwright",
            "control_socket_disable": True,  # a file system that is read-only has no place for it
            "on_starting": _share_meters,
            "post_fork": _begin_worker,
            "post_worker_init": _start_jobs,
            "worker_exit": _stop_jobs,
            "child_exit": _forget_meters,
            "on_exit": _discard_meters,
            "when_ready": lambda server: when_ready() if when_ready else None,
        }
        super().__init__()

    def run(self) -> None:
        """Serve until told to end."""
        DrainingArbiter(self).run()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            if name in self.cfg.settings:  # older versions lack some, and what these are about
                self.cfg.set(name, value)

    def load(self) -> Flask:
        app = create_app()
        app.extensions["millwright.live"].allow(live.room(self._settings["threads"], _asked(app)))
        app.extensions["millwright.draining"] = self.is_draining
        return app

    def begin_draining(self) -> None:
        """Let all processes say that they are not ready."""
        self._ending[0] = 1

    def is_draining(self) -> bool:
        """Whether the server was told to end."""
        return self._ending[0] == 1


class DrainingArbiter(Arbiter):
    """Gunicorn's parent process, which drains before it stops."""

    def handle_term(self) -> None:
        """End in order: say so, wait, stop. A second signal ends the waiting."""
        server: Server = self.app
        server.begin_draining()
        until = time.monotonic() + server.drain
        while (left := until - time.monotonic()) > 0:
            try:
                if self.SIG_QUEUE.get(timeout=left) in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                    break
            except queue.Empty:
                break
        raise StopIteration


def _asked(app: Flask) -> int | None:
    """How many held streams the settings ask for in each process; None where they say nothing."""
    found: int | None = app.config["MILLWRIGHT_LIVE_STREAMS"]
    return found


def _share_meters(arbiter: Any) -> None:
    arbiter.app.meters = meters.share()


def _begin_worker(arbiter: Any, worker: Any) -> None:
    logs.configure()
    meters.use(worker.app.meters)


def _forget_meters(arbiter: Any, worker: Any) -> None:
    meters.forget(worker.app.meters, worker.pid)


def _discard_meters(arbiter: Any) -> None:
    if arbiter.app.meters is not None:
        meters.discard(arbiter.app.meters)


def _start_jobs(worker: Any) -> None:
    server: Server = worker.app
    worker.wsgi.extensions["millwright.live"].is_ending = lambda: not worker.alive or server.is_draining()
    worker.wsgi.extensions["millwright.jobs"].start_embedded()


def _stop_jobs(server: Any, worker: Any) -> None:
    application = getattr(worker, "wsgi", None)
    if application is not None:
        application.extensions["millwright.jobs"].stop()


def is_free(host: str, port: int) -> bool:
    """Whether nothing listens on this address yet."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
