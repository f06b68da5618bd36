"""The way through Redis: RQ carries the ids of due jobs, and nothing else, to the workers."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from types import FrameType

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker

from app import silence

log = logging.getLogger(__name__)

QUEUE = "millwright"
PERFORM = "app.jobs.tasks.perform"

# An id is announced at most once in this many seconds: the sweep does not fill the queue with
# what already waits in it, and what Redis has lost is announced again.
ANNOUNCED_FOR = 30
# After a failure nobody waits for Redis again for this many seconds.
REST = 5.0


class RedisQueue:
    """Announces job ids to the workers, and stays out of the way while Redis is away."""

    def __init__(self, url: str) -> None:
        self.url = url
        # A request waits for this: fail fast, and leave the rest to the sweep.
        self._redis = Redis.from_url(
            url, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 1)
        )
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)
        self._rests_until = 0.0

    def announce(self, ids: Iterable[int]) -> bool:
        """Put job ids before the workers; answers False where Redis could not be reached."""
        if time.monotonic() < self._rests_until:
            return False
        try:
            for job_id in ids:
                if self._redis.set(_announced(job_id), 1, nx=True, ex=ANNOUNCED_FOR):
                    self._queue.enqueue(PERFORM, job_id, result_ttl=0, failure_ttl=86400)
        except RedisError as error:
            self._rests_until = time.monotonic() + REST
            log.warning("Redis cannot be reached, jobs wait for the sweep: %s", error)
            return False
        return True

    def taken(self, job_id: int) -> None:
        """A worker has the job: should it have to be tried again, it may be announced again."""
        try:
            self._redis.delete(_announced(job_id))
        except RedisError as error:
            log.warning("Redis cannot be reached: %s", error)

    def waiting(self) -> int:
        """How many announcements wait for a worker. Raises ``RedisError``."""
        return len(self._queue)

    def ping(self) -> None:
        """Raises ``RedisError`` where Redis does not answer."""
        self._redis.ping()

    def work(self) -> None:
        """Do jobs until this process is told to end, by SIGTERM or SIGINT; the one under way is finished.

        RQ's workers give up where Redis is away when they begin, or hangs later: another one follows.
        """
        told = threading.Event()
        while not told.is_set():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: told.set())
            worker = None
            try:
                worker = self.worker()
                with suppress(StopRequested):
                    worker.work()
            except RedisError as error:
                log.warning("Redis cannot be reached, workers wait for it: %s", error)
            if worker is not None and worker.was_told:
                return
            told.wait(REST)

    def worker(self) -> _Worker:
        """A worker that does jobs in this process, one after the other, without forking for each:
        FEEL's interpreter and the compiled definitions stay warm."""
        # A connection of its own: the worker waits at Redis for minutes, and rides out its restarts.
        connection = Redis.from_url(self.url, socket_keepalive=True, socket_keepalive_options=silence.OPTIONS)
        queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
        return _Worker([queue], connection=connection, serializer=JSONSerializer)


class _Worker(SimpleWorker):
    """Looks soon whether Redis is back: jobs wait for it."""

    max_connection_wait_time = 10.0  # seconds between two looks, at last
    was_told = False  # to end

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """See RQ: called when a signal to end has come."""
        self.was_told = True
        super().request_stop(signum, frame)


def _announced(job_id: int) -> str:
    return f"{QUEUE}:announced:{job_id}"
