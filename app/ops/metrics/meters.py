"""What a process counts and times while it works, in Prometheus' terms.

Processes that serve the same port count into files of a shared folder (prometheus-client's multi-process
mode), so that whichever of them is asked answers for all. Others keep their numbers to themselves.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import prometheus_client.values
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    multiprocess,
)
from prometheus_client.registry import Collector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # by which prometheus-client knows the shared folder

disable_created_metrics()  # when a counter began interests nobody

REQUEST_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
STATEMENT_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 5)
JOB_SECONDS = (0.01, 0.05, 0.25, 1, 5, 30, 120, 600)
FEEL_SECONDS = (0.001, 0.005, 0.025, 0.1, 0.5)


def share() -> Path:
    """A new folder through which the processes of a server share their numbers; see :func:`use`."""
    return Path(tempfile.mkdtemp(prefix="millwright-metrics-"))


def use(folder: Path) -> None:
    """Let all meters that this process makes from now on count into the shared folder."""
    os.environ[FOLDER] = str(folder)
    prometheus_client.values.ValueClass = prometheus_client.values.get_value_class()


def forget(folder: Path, pid: int) -> None:
    """A process has ended: it has no open connections any more. What it counted stays counted."""
    multiprocess.mark_process_dead(pid, path=str(folder))


def discard(folder: Path) -> None:
    """Remove a shared folder."""
    shutil.rmtree(folder, ignore_errors=True)


class Meters:
    """The meters of one process. ``folder`` is the shared one, where there is one."""

    def __init__(self) -> None:
        self.folder = os.environ.get(FOLDER, "")
        self.registry = CollectorRegistry()
        own = self.registry
        self.requests = Counter(
            "millwright_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=own,
        )
        self.request_seconds = Histogram(
            "millwright_http_request_seconds",
            "Time until a request's answer began.",
            ["method", "route"],
            buckets=REQUEST_SECONDS,
            registry=own,
        )
        self.requests_in_progress = Gauge(
            "millwright_http_requests_in_progress",
            "Requests that are being answered now.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.statement_seconds = Histogram(
            "millwright_database_statement_seconds",
            "Time that statements took in the database.",
            ["kind"],
            buckets=STATEMENT_SECONDS,
            registry=own,
        )
        self.slow_statements = Counter(
            "millwright_database_slow_statements_total",
            "Statements that took longer than MILLWRIGHT_SLOW_QUERY_MS.",
            registry=own,
        )
        self.database_errors = Counter(
            "millwright_database_errors_total",
            "Statements that failed, by the kind of error.",
            ["error"],
            registry=own,
        )
        self.connections_open = Gauge(
            "millwright_database_connections_open",
            "Connections to the database that are open.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.connections_in_use = Gauge(
            "millwright_database_connections_in_use",
            "Connections to the database that something works with now.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.connections_allowed = Gauge(
            "millwright_database_connections_allowed",
            "Connections to the database that the pools may open.",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.feel = Counter(
            "millwright_feel_evaluations_total",
            "Calls of the FEEL interpreter, by how they ended.",
            ["outcome"],
            registry=own,
        )
        self.feel_seconds = Histogram(
            "millwright_feel_evaluation_seconds",
            "Time that calls of the FEEL interpreter took.",
            buckets=FEEL_SECONDS,
            registry=own,
        )
        self.jobs = Counter(
            "millwright_jobs_total",
            "Jobs that were tried, by how that ended (done, later, failed).",
            ["kind", "outcome"],
            registry=own,
        )
        self.job_seconds = Histogram(
            "millwright_job_seconds",
            "Time that jobs took.",
            ["kind"],
            buckets=JOB_SECONDS,
            registry=own,
        )
        self.sweep_seconds = Histogram(
            "millwright_sweep_seconds",
            "Time that the scheduler's sweeps took.",
            buckets=JOB_SECONDS,
            registry=own,
        )

    def scraped(self, also: Iterable[Collector]) -> CollectorRegistry:
        """What is answered to a scrape: these meters, of all processes that share a folder, and others."""
        answer = CollectorRegistry()
        if self.folder:
            multiprocess.MultiProcessCollector(answer, path=self.folder)
        else:
            answer.register(self.registry)
        for collector in also:
            answer.register(collector)
        return answer

    # -- what others call ----------------------------------------------------------------------

    def job(self, kind: str, outcome: str, seconds: float) -> None:
        """A job was tried (:data:`app.engine.jobs.Observe`)."""
        self.jobs.labels(kind, outcome).inc()
        self.job_seconds.labels(kind).observe(seconds)

    def evaluation(self, outcome: str, seconds: float) -> None:
        """FEEL was called."""
        self.feel.labels(outcome).inc()
        self.feel_seconds.observe(seconds)
