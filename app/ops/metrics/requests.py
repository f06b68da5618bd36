"""Counts and times the requests of the web application, by their route."""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, Response, g, request

from app.ops.metrics.meters import Meters

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked by machines again and again, and of no interest to who waits for a page.
UNMEASURED = frozenset({"metrics.scrape", "health.alive", "health.ready"})


def measure(app: Flask, meters: Meters) -> None:
    """Measure from now on. Call it before anything else answers requests.

    Only routes of the program become labels, never addresses that somebody made up: there are so many
    series, and no more.
    """

    def begin() -> None:
        if request.endpoint not in UNMEASURED:
            g.measured_from = time.perf_counter()
            meters.requests_in_progress.inc()

    def end(response: Response) -> Response:
        g.measured_status = response.status_code
        if (began := g.get("measured_from")) is not None and response.mimetype != "text/event-stream":
            meters.request_seconds.labels(_method(), _route()).observe(time.perf_counter() - began)
        return response

    def done(error: BaseException | None) -> None:
        if g.pop("measured_from", None) is not None:
            meters.requests_in_progress.dec()
            meters.requests.labels(_method(), _route(), str(g.get("measured_status", 500))).inc()

    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(done)


def _method() -> str:
    return request.method if request.method in METHODS else "other"


def _route() -> str:
    rule: Any = request.url_rule
    return "unknown" if rule is None else str(rule.rule)
