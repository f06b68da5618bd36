"""One of several processes acts, and another takes over when that one is gone.

The one that acts holds a row of the database and shows from time to time that it lives, by counting the
row's ``beat`` up. The others watch. Who has seen the same beat for the length of the lease, by its own
stopwatch, takes the row; of several who try at once, one does. No process compares its clock with
another's, nor with the database's: clocks that jump, or differ by hours, change nothing.

The holder counts its lease from before it wrote the beat, the others from after they read it: so it knows
that its lease has run out before anybody else acts. What it does is safe all the same when two act, as
happens where a process is stopped in the middle and goes on later: everything is done under its row's lock.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app import clock
from app.database import unit_of_work
from app.engine.jobs import SessionFactory
from app.engine.models import Lease

log = logging.getLogger(__name__)

SCHEDULER = "scheduler"
LEASE = 15.0  # seconds after which a silent holder is taken to be gone


class Leadership:
    """The part of one process in the question who acts. For use by one thread."""

    def __init__(
        self,
        sessions: SessionFactory,
        name: str = SCHEDULER,
        *,
        lease: float = LEASE,
        watch: Callable[[], float] = clock.stopwatch,
    ) -> None:
        self.me = f"{socket.gethostname()[:60]}/{os.getpid()}/{secrets.token_hex(6)}"
        self._sessions = sessions
        self._name = name
        self._lease = lease
        self._watch = watch
        self._until = float("-inf")  # when our lease ends
        self._seen: tuple[str, int] | None = None  # the holder and the beat that we saw last
        self._since = 0.0  # since when we have seen no other
        self._worked_at: datetime | None = None

    @property
    def leading(self) -> bool:
        """Whether this process acts, as far as it knows without asking."""
        return self._watch() < self._until

    def lead(self) -> bool:
        """Whether this process acts now. Shows that it lives, where a third of its lease is over.

        Cheap for the one that acts, one statement that reads for the others: call it before every piece
        of work.
        """
        began = self._watch()
        if began < self._until - self._lease * 2 / 3:
            return True
        with self._sessions() as session:
            row = session.execute(sa.select(Lease.holder, Lease.beat).where(Lease.name == self._name)).first()
            session.rollback()
        seen = None if row is None else (row[0], row[1])
        was_leading = self._until != float("-inf")
        if self._is_ours_to_take(seen, began) and self._write(seen):
            if not was_leading:
                log.info("%s: this process acts from now on", self._name, extra={"holder": self.me})
            self._until = began + self._lease
            return True
        if was_leading:
            log.warning("%s: another process acts now", self._name, extra={"holder": self.me})
        self._until = float("-inf")
        return False

    def worked(self) -> None:
        """Note that the work was done to its end; others can read it with the next sign of life."""
        self._worked_at = clock.now()

    def resign(self) -> None:
        """Let another act at once. Call it when this process ends."""
        if self._until == float("-inf"):
            return
        self._until = float("-inf")
        with self._sessions() as session, unit_of_work(session):
            mine = (Lease.name == self._name, Lease.holder == self.me)
            session.execute(sa.update(Lease).where(*mine).values(holder=""))

    def _is_ours_to_take(self, seen: tuple[str, int] | None, began: float) -> bool:
        if seen is None or seen[0] in ("", self.me):
            return True
        if seen != self._seen:
            self._seen, self._since = seen, self._watch()
            return False
        return began - self._since > self._lease

    def _write(self, seen: tuple[str, int] | None) -> bool:
        """Take the row, or keep it, if it is still as it was seen."""
        values: dict[str, object] = {"holder": self.me}
        if self._worked_at is not None:
            values["worked_at"] = self._worked_at
        with self._sessions() as session:
            try:
                with unit_of_work(session):
                    if seen is None:
                        session.add(Lease(name=self._name, beat=1, **values))
                        return True
                    holder, beat = seen
                    as_seen = (Lease.name == self._name, Lease.holder == holder, Lease.beat == beat)
                    changed = session.execute(
                        sa.update(Lease).where(*as_seen).values(beat=beat + 1, **values)
                    )
                    return bool(changed.rowcount)  # type: ignore[attr-defined]
            except IntegrityError:
                return False  # somebody else has made it
