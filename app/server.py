"""The web server: gunicorn, set up for this application."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from app import create_app
from app.ops import logs
from app.web import live


class Server(BaseApplication):
    """Worker processes with threads; each makes its application after the fork.

    FEEL's interpreter, database connections and the job thread do not survive a fork, so nothing
    of the application exists in the parent.
    """

    def __init__(
        self, *, bind: str, workers: int = 1, threads: int = 8, when_ready: Callable[[], None] | None = None
    ) -> None:
        self._settings: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "threads": threads,
            "worker_class": "gthread",
            "timeout": 120,
            "graceful_timeout": 30,
            "keepalive": 5,
            "accesslog": None,  # the application logs requests, with their ids
            "loglevel": "warning",
            "proc_name": "millwright",
            "post_fork": lambda server, worker: logs.configure(),
            "post_worker_init": _start_jobs,
            "worker_exit": _stop_jobs,
            "when_ready": lambda server: when_ready() if when_ready else None,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = create_app()
        app.extensions["millwright.live"].allow(live.room(self._settings["threads"], _asked(app)))
        return app


def _asked(app: Flask) -> int | None:
    """How many held streams the settings ask for in each process; None where they say nothing."""
    found: int | None = app.config["MILLWRIGHT_LIVE_STREAMS"]
    return found


def _start_jobs(worker: Any) -> None:
    worker.wsgi.extensions["millwright.live"].is_ending = lambda: not worker.alive
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
