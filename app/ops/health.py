"""Whether this process lives, and whether it can serve: for load balancers and supervisors."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, jsonify
from redis import Redis

from app import clock
from app.engine.models import Lease
from app.extensions import db
from app.jobs.leadership import SCHEDULER
from app.ops import migrating
from app.storage import FileStore

log = logging.getLogger(__name__)

pages = Blueprint("health", __name__)

# The scheduler notes every few seconds that it has swept; a sweep may take a while.
SILENCE = timedelta(minutes=2)
# A clock that is wrong by more signs people out.
WRONG = timedelta(seconds=30)
# The store of files is asked no more often than this (seconds): it may charge for questions.
STORE_EVERY = 30.0


class NotReady(Exception):
    """Something that serving needs is missing; the message says what."""


@dataclass
class Health:
    """What is looked at. Without an ``essential`` part nothing can be done; without another most can."""

    engine: sa.Engine
    redis_url: str
    store: FileStore | None
    draining: Callable[[], bool] = lambda: False
    _found: dict[str, bool] = field(default_factory=dict, init=False)
    _store_asked: float = field(default=float("-inf"), init=False)
    _store_fails: Exception | None = field(default=None, init=False)

    def look(self) -> tuple[dict[str, Any], bool]:
        """The answer of ``/readyz``, and whether requests can be served.

        Each part is ``ok`` or ``failed``, and the whole ``ok``; ``degraded`` where a part failed without
        which the site does most of what it does; ``failed``; or ``draining``, where this process was told to
        end. Reasons are in the log: the page is open to everybody.
        """
        essential = {"database": self._database, "migrations": self._migrations}
        others = {
            "redis": self._redis,
            "files": self._files,
            "scheduler": self._scheduler,
            "clock": self._clock,
        }
        found = {name: self._passes(name, check) for name, check in {**essential, **others}.items()}
        able = all(found[name] for name in essential)
        status = "ok" if all(found.values()) else "degraded" if able else "failed"
        if self.draining():
            status, able = "draining", False
        parts = {name: "ok" if good else "failed" for name, good in found.items()}
        return {"status": status, "parts": parts}, able

    def _passes(self, name: str, check: Callable[[], None]) -> bool:
        """Whether a part is as it should be. The log hears of it when that has changed, not each time."""
        before = self._found.get(name)
        try:
            check()
            self._found[name] = True
        except Exception as error:
            self._found[name] = False
            if before is not False:
                log.warning("not ready: %s: %s", name, error)
        if before is False and self._found[name]:
            log.info("ready again: %s", name)
        return self._found[name]

    def _database(self) -> None:
        with self.engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def _migrations(self) -> None:
        """The database is as new as the program, or newer: an old node serves on while new ones come.

        What a newer one may have changed is ruled by docs/operators-guide.md, “Upgrading”.
        """
        newest = migrating.newest()
        with self.engine.connect() as connection:
            current = migrating.current(connection)
        if current == newest or migrating.is_of_a_later_version(current):
            return
        raise NotReady(
            f"the database is at migration {current}, the program at {newest}: run “millwright setup”"
        )

    def _redis(self) -> None:
        """Without Redis the scheduler does the jobs itself, and limits are counted by each process."""
        if self.redis_url:
            with Redis.from_url(self.redis_url, socket_connect_timeout=1, socket_timeout=1) as client:
                client.ping()

    def _files(self) -> None:
        if self.store is None:
            return
        if time.monotonic() - self._store_asked > STORE_EVERY:
            try:
                self.store.check()
                self._store_fails = None
            except Exception as error:
                self._store_fails = error
            self._store_asked = time.monotonic()
        if self._store_fails is not None:
            raise self._store_fails

    def _scheduler(self) -> None:
        with self.engine.connect() as connection:
            at = connection.scalar(sa.select(Lease.worked_at).where(Lease.name == SCHEDULER))
        if at is None or clock.now() - at > SILENCE:
            raise NotReady(f"no scheduler has come to an end since {at or 'ever'}")

    def _clock(self) -> None:
        """What is done goes by the site's time; signing in goes by the clock of the machine."""
        if abs(clock.wrong_by()) > WRONG:
            raise NotReady(f"the clock of this machine is wrong by {clock.wrong_by()}")


def health_of(settings: Mapping[str, Any], engine: sa.Engine, store: FileStore | None) -> Health:
    """What is looked at on a site with these settings."""
    return Health(engine, settings["MILLWRIGHT_REDIS_URL"], store)


@pages.get("/healthz")
def alive() -> Response:
    """The process answers. Nothing else is asked: a supervisor restarts what does not answer."""
    return jsonify(status="ok")


@pages.get("/readyz")
def ready() -> tuple[Response, int]:
    """Whether requests can be served now: see :meth:`Health.look`; 503 if not."""
    extensions = current_app.extensions
    health: Health | None = extensions.get("millwright.health")
    if health is None:
        health = health_of(current_app.config, db.engine, extensions.get("millwright.files"))
        extensions["millwright.health"] = health
    health.draining = extensions.get("millwright.draining", health.draining)
    answer, good = health.look()
    return jsonify(answer), 200 if good else 503
