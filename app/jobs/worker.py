"""The processes that do jobs and nothing else: they run until they are told to end."""

from __future__ import annotations

import logging
import signal

from app import database
from app.jobs import tasks
from app.jobs.system import JobSystem

log = logging.getLogger(__name__)

ENDING = {signal.SIGINT, signal.SIGTERM}


def work(system: JobSystem, *, scheduler: bool = False, burst: bool = False) -> None:
    """Do jobs until SIGTERM or SIGINT; the job under way is finished first.

    With Redis, the jobs come from its queue, and ``scheduler`` says whether this process also
    sweeps the job table and fires timers: at least one must, and of any number one does. Without
    Redis every worker does jobs, and one of them sweeps. ``burst`` does what waits now, and ends.
    """
    database.wait_shortly(system.database)
    if burst:
        system.sweep(whoever_leads=True)
    if system.queue is None:
        if not burst:
            _sweep_until_told(system)
        return
    system.listen()
    tasks.serve(system)
    if scheduler:
        system.sweeper.start()
    log.info("worker ready", extra={"scheduler": scheduler})
    try:
        if burst:
            system.queue.worker().work(burst=True)
        else:
            system.queue.work()
    finally:
        system.stop()


def _sweep_until_told(system: JobSystem) -> None:
    # Blocked before the thread starts, so that the signal waits for us, whoever runs just then.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    system.start_embedded()
    log.info("worker ready, without Redis")
    signal.sigwait(ENDING)
    system.stop()
