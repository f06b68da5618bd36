"""Carries due jobs of the job table to whoever does them.

The table is the truth (:mod:`app.engine.jobs`). What is here only makes its jobs be done soon:
a commit announces its new jobs, to Redis where there is one, else to a thread of this process;
and a sweep finds whatever an announcement missed, and the timers that are due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.jobs.mail import mailer_of
from app.jobs.system import JobSystem

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["JobSystem", "init_jobs"]


def init_jobs(app: Flask) -> None:
    """Announce the jobs that requests queue. Who does them is for the server to start: see
    :meth:`JobSystem.start_embedded`."""
    from app.extensions import db

    bindings = app.extensions["millwright"].bindings
    bindings.site_url = app.config["MILLWRIGHT_BASE_URL"]
    bindings.webhook_hosts = frozenset(app.config["MILLWRIGHT_WEBHOOK_HOSTS"])
    with app.app_context():
        system = JobSystem(
            app.extensions["millwright"],
            db.engine,
            redis_url=app.config["MILLWRIGHT_REDIS_URL"],
            mailer=mailer_of(app.config),
            lease=app.config["MILLWRIGHT_LEASE_SECONDS"],
        )
    system.listen()
    app.extensions["millwright.jobs"] = system
