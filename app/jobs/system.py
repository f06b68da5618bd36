"""One object that knows how this process's jobs are announced, found and done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import copy_context
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.orm import sessionmaker

from app import clock
from app.engine import batches, instances, jobs, migration_batch, monitor
from app.engine.core import ProcessEngine
from app.jobs import (
    alert_delivery,
    export_writing,
    mail,
    notification_mail,
    password_links,
    scheduled_reports,
    upkeep,
)
from app.jobs.announcements import announce_to
from app.jobs.leadership import LEASE, Leadership
from app.jobs.mail import Mailer
from app.jobs.redis_queue import RedisQueue
from app.jobs.sweeper import INTERVAL, Sweeper
from app.processes import preventive_opening, stock_replenishment

log = logging.getLogger(__name__)
job_log = logging.getLogger("millwright.job")

# What does the kinds of jobs that nothing else brings in; those of processes come with the engine.
HANDLERS = (
    mail,
    export_writing,
    scheduled_reports,
    notification_mail,
    password_links,
    alert_delivery,
    migration_batch,
    batches,
)
BATCH = 100  # jobs or instances that one sweep takes at a time
LOW_PARTS_EVERY = timedelta(minutes=5)  # looked for; movements announce them at once


class JobSystem:
    """The jobs of one database, done by this process's thread or by workers behind Redis."""

    def __init__(
        self,
        engine: ProcessEngine,
        database: sa.Engine,
        *,
        redis_url: str = "",
        interval: float = INTERVAL,
        mailer: Mailer | None = None,
        lease: float = LEASE,
    ) -> None:
        self.engine = engine
        self.database = database
        self.mailer = mailer
        self.sessions = sessionmaker(database, expire_on_commit=False, info={"mailer": mailer})
        self.queue = RedisQueue(redis_url) if redis_url else None
        # Told of each job and of each sweep, for whoever measures (see app.engine.jobs.Observe).
        self.observe_job: jobs.Observe | None = None
        self.observe_sweep: Callable[[float], object] = lambda seconds: None
        self.leadership = Leadership(self.sessions, lease=lease)
        self._low_parts_at: datetime | None = None
        # Often enough that the one that acts shows in time that it lives.
        often = interval if lease >= LEASE else min(interval, lease / 6)
        self.sweeper = Sweeper(self.sweep, interval=often)

    def write_lists_with(self, lists: export_writing.Lists) -> None:
        """Say what makes the lists that people want as files; without it such exports are left to others."""
        self.sessions.configure(info={"mailer": self.mailer, "lists": lists})

    def listen(self) -> None:
        """From now on, announce what commits of this process queue."""
        announce_to(self.database, self.queue.announce if self.queue else self.sweeper.wake)

    def start_embedded(self) -> None:
        """Where there is no Redis, do the jobs in a thread of this process.

        Call it after forking: a thread and an open database do not survive that.
        """
        self.listen()
        if self.queue is None:
            self.sweeper.start()

    def stop(self, timeout: float = 30.0) -> None:
        """Stop announcing and doing jobs; waits for the one under way."""
        announce_to(self.database, None)
        if not self.sweeper.stop(timeout):
            log.warning("a job was still under way after %s seconds; it will be done again", timeout)
            return
        try:
            self.leadership.resign()
        except sa.exc.SQLAlchemyError as error:
            log.warning("whoever sweeps next waits until the lease of this process is over: %s", error)

    def perform(self, job_id: int) -> bool:
        """Do one job unless it is done or taken; answers whether it was done now."""
        if self.queue is not None:
            self.queue.taken(job_id)
        # In a context of its own: the next job's lines in the log do not have the ids of this one.
        return copy_context().run(self._perform, job_id)

    def _perform(self, job_id: int) -> bool:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(job_id=job_id)
        return jobs.run(self.engine, self.sessions, job_id, self._tried)

    def _tried(self, kind: str, outcome: str, seconds: float) -> None:
        job_log.info("job %s %s", kind, outcome, extra={"milliseconds": round(seconds * 1000, 1)})
        if self.observe_job is not None:
            self.observe_job(kind, outcome, seconds)

    def sweep(self, *, whoever_leads: bool = False) -> None:
        """Fire due timers, open what is due by itself, bring due jobs to the workers, or do them here; last,
        look what is stuck.

        Of all processes that sweep a database, one at a time does (:mod:`app.jobs.leadership`), or this one
        too, ``whoever_leads``. Jobs are done here where there is no Redis, and then by every process that
        sweeps; and while Redis cannot be reached.
        """
        copy_context().run(self._sweep, whoever_leads)

    def _sweep(self, whoever_leads: bool) -> None:
        def goes_on() -> bool:
            return not self.sweeper.stopping and (whoever_leads or self.leadership.lead())

        began = time.perf_counter()
        leads = whoever_leads or self.leadership.lead()
        while leads and instances.fire_due(self.engine, self.sessions, BATCH) == BATCH and goes_on():
            pass
        if leads and goes_on():
            self._open_due(goes_on)
        if leads or self.queue is None:
            self._bring_due_jobs()
        if leads and goes_on():
            monitor.keep_up(self.engine, self.sessions)
            upkeep.keep_up(self.sessions)
            self.leadership.worked()
        if leads:
            self.observe_sweep(time.perf_counter() - began)

    def _open_due(self, goes_on: Callable[[], bool]) -> None:
        """Preventive jobs whose day has come, and replenishments that no movement has announced."""
        preventive_opening.open_due(self.engine, self.sessions, goes_on=goes_on)
        if self._low_parts_at is None or clock.now() >= self._low_parts_at:
            self._low_parts_at = clock.now() + LOW_PARTS_EVERY
            stock_replenishment.open_needed(self.sessions, goes_on=goes_on)

    def _bring_due_jobs(self) -> None:
        while ids := self._due():
            if self.queue is not None and self.queue.announce(ids):
                return
            if not self._perform_all(ids):
                return

    def _perform_all(self, ids: list[int]) -> bool:
        """Do jobs until told to stop; answers whether any was done, so that there may be more."""
        done = False
        for job_id in ids:
            if self.sweeper.stopping:
                return False
            if self.leadership.leading:
                self.leadership.lead()  # many jobs take longer than the lease
            done |= self.perform(job_id)
        return done

    def _due(self) -> list[int]:
        with self.sessions() as session:
            return jobs.due(session, BATCH)
