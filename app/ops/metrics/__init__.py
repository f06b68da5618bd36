"""``/metrics``: what Prometheus reads of the web processes; workers have :mod:`app.ops.side_door`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker

from app.jobs import JobSystem
from app.ops.backup.status import status
from app.ops.metrics import database
from app.ops.metrics.access import Readers
from app.ops.metrics.machine import Machine
from app.ops.metrics.meters import Meters
from app.ops.metrics.requests import measure
from app.ops.metrics.site import SiteState

pages = Blueprint("metrics", __name__)


class Metrics:
    """The metrics of one process: what it counts, and what is read when it is asked."""

    def __init__(
        self, settings: Mapping[str, Any], engine: Engine, jobs: JobSystem, *, server: int | None = None
    ) -> None:
        self.readers = Readers(settings["MILLWRIGHT_METRICS_NETWORKS"], settings["MILLWRIGHT_METRICS_TOKEN"])
        self.meters = Meters()
        database.watch(engine, self.meters, settings["MILLWRIGHT_SLOW_QUERY_MS"])
        jobs.engine.feel.observe = self.meters.evaluation
        jobs.observe_job = self.meters.job
        jobs.observe_sweep = self.meters.sweep_seconds.observe
        self._also: tuple[Collector, ...] = (
            # Processes that share their numbers are children of the one server.
            Machine(
                server or (os.getppid() if self.meters.folder else os.getpid()),
                Path(settings["MILLWRIGHT_DATA"]),
            ),
            SiteState(
                # A pool's connections are the requests' own: this reads with them.
                sessionmaker(engine, expire_on_commit=False),
                every=settings["MILLWRIGHT_METRICS_SECONDS"],
                queue=jobs.queue,
                backups=partial(status, settings),
            ),
        )

    def answer(self, accept: str = "") -> tuple[bytes, str]:
        """What is answered to a scrape, and its content type."""
        encode, content_type = choose_encoder(accept)
        registry: CollectorRegistry = self.meters.scraped(self._also)
        return encode(registry), content_type


def init(app: Flask) -> None:
    """Measure the application and let it answer ``/metrics``."""
    from app.extensions import db

    with app.app_context():
        metrics = Metrics(app.config, db.engine, app.extensions["millwright.jobs"])
    app.extensions["millwright.metrics"] = metrics
    measure(app, metrics.meters)
    app.register_blueprint(pages)


@pages.get("/metrics")
def scrape() -> Response:
    """The metrics, for those who may read them."""
    metrics: Metrics = current_app.extensions["millwright.metrics"]
    # The caller's own address, whatever a proxy's headers have made of it.
    before = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    if not metrics.readers.admit(before.get("REMOTE_ADDR", ""), request.headers.get):
        return Response(
            "Metrics are read from the networks in MILLWRIGHT_METRICS_NETWORKS, or with the token.\n",
            403,
            mimetype="text/plain",
        )
    body, content_type = metrics.answer(request.headers.get("Accept", ""))
    return Response(body, content_type=content_type, headers={"Cache-Control": "no-store"})
