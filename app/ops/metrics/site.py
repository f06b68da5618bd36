"""What is the same wherever it is asked: the site's work, the factory, jobs, backups.

Every node answers it. Dashboards and alerts take the largest answer (``max by``), not the sum.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from app.errors import Unavailable
from app.jobs.redis_queue import RedisQueue
from app.ops.backup.status import Status
from app.ops.metrics.reading import Reading, read

log = logging.getLogger(__name__)


class SiteState(Collector):
    """Reads the site at most every ``every`` seconds, however often it is scraped.

    ``backups`` answers how those go.
    """

    def __init__(
        self,
        sessions: sessionmaker[Session],
        *,
        every: float,
        queue: RedisQueue | None = None,
        backups: Callable[[], Status] | None = None,
    ) -> None:
        self._sessions = sessions
        self._every = every
        self._queue = queue
        self._backups = backups
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._known: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering reads nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The site as it is, or was a moment ago."""
        with self._lock:
            if time.monotonic() - self._asked_at > self._every:
                self._known = list(self._ask())
                self._asked_at = time.monotonic()
            return list(self._known)

    def _ask(self) -> Iterable[Metric]:
        reading = None
        try:
            with self._sessions() as session:
                reading = read(session)
        except SQLAlchemyError as error:
            log.warning("the metrics of the site cannot be read: %s", error)
        yield _gauge("database_up", "Whether the database answers.", int(reading is not None))
        if reading is not None:
            yield from _of_work(reading)
            yield from _of_factory(reading)
        if self._queue is not None:
            yield from self._of_redis(self._queue)
        if self._backups is not None:
            try:
                yield from _of_backups(self._backups())
            except (Unavailable, OSError) as error:
                log.warning("it cannot be read how backups go: %s", error)

    def _of_redis(self, queue: RedisQueue) -> Iterable[Metric]:
        waiting = None
        try:
            waiting = queue.waiting()
        except RedisError as error:
            log.warning("Redis cannot be reached: %s", error)
        yield _gauge("redis_up", "Whether Redis answers.", int(waiting is not None))
        if waiting is not None:
            yield _gauge("queue_depth", "Announced jobs that wait for a worker, in Redis.", waiting)


def _of_work(reading: Reading) -> Iterable[Metric]:
    """The processes and what does their work."""
    yield _gauges("open_tasks", "Open user tasks.", ("process", "step"), reading.open_tasks)
    yield _gauges("open_instances", "Instances that have not ended.", ("process", "state"), reading.instances)
    yield _gauges(
        "stuck",
        "What keeps instances from going on, of the last survey.",
        ("process", "reason"),
        reading.stuck,
    )
    yield _gauge("open_incidents", "Failed steps that nobody has mended.", reading.incidents)
    yield _gauge("timer_lag_seconds", "For how long the oldest due timer is due.", reading.timer_lag)
    yield _gauge("jobs_due", "Jobs whose time has come.", reading.jobs_due)
    yield _gauge("jobs_waiting", "Jobs that are not done, also those for later.", reading.jobs_waiting)
    yield _gauge("jobs_failed", "Jobs that were given up and wait for a manager.", reading.jobs_failed)
    yield _gauge("oldest_due_job_seconds", "For how long the oldest due job is due.", reading.oldest_due_job)
    yield _moment("scheduler_last_sweep", "When the scheduler last came to an end", reading.last_sweep)
    yield _moment("last_survey", "When it was last looked what is stuck", reading.last_survey)


def _of_factory(reading: Reading) -> Iterable[Metric]:
    """People, requests, parts and machines."""
    yield _gauge("active_users", "People who did something within 15 minutes.", reading.active_users)
    yield _gauges(
        "maintenance_requests_open",
        "Maintenance requests that are not closed.",
        ("status",),
        {(status,): number for status, number in reading.requests_open.items()},
    )
    yield _gauge(
        "maintenance_requests_created_24h",
        "Maintenance requests that were reported within 24 hours.",
        reading.requests_created,
    )
    if reading.resolution_seconds is not None:
        yield _gauge(
            "maintenance_requests_resolution_seconds",
            "Mean time from report to completion, of the requests reported within 30 days.",
            reading.resolution_seconds,
        )
    yield _gauge("parts_issued_24h", "Spare parts taken from stock within 24 hours.", reading.parts_quantity)
    yield _gauge("parts_cost_24h", "What they cost, in the site's currency.", reading.parts_cost)
    yield _gauges(
        "machines",
        "Machines.",
        ("status",),
        {(status,): number for status, number in reading.machines.items()},
    )
    yield _gauge(
        "machine_downtime_seconds_24h",
        "For how long machines stood still within 24 hours, added up.",
        reading.downtime_seconds,
    )


def _of_backups(status: Status) -> Iterable[Metric]:
    """Whether the site could be restored, and how much of it."""
    yield _moment("last_good_backup", "When the last good backup was made", status.last_good_at)
    yield _gauge("last_good_backup_bytes", "Size of the last good backup.", status.last_good_size)
    yield _gauge(
        "last_good_backup_seconds", "How long it took, with its verification.", status.last_good_seconds
    )
    yield _gauge(
        "backup_failed", "Whether the last backup that was tried is no good one.", int(status.failed)
    )


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"millwright_{name}", what, value)


def _moment(name: str, what: str, at: datetime | None) -> Metric:
    """A time as seconds since 1970; 0 for never, so that an alert sees it."""
    return _gauge(
        f"{name}_timestamp_seconds", f"{what}, since 1970; 0 for never.", at.timestamp() if at else 0
    )


def _gauges(name: str, what: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"millwright_{name}", what, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family
