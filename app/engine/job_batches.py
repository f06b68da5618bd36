"""Many jobs that are one order: one transaction each, counted and followed together.

Nobody waits for all of them, one that cannot be done keeps no other from it, and what became of each
stays with its job: one that is done without an error was done, one that is done with an error was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine import jobs
from app.engine.actors import Actor, Identity
from app.engine.models import Job, JobState
from app.engine.operations import tried
from app.engine.queries import Listed
from app.errors import MillwrightError, NotFound

# So many instances one order takes at most.
MAXIMUM_INSTANCES = 2000
# A failure that nobody planned may be a passing one, such as a lost connection.
ATTEMPTS = 3
ERROR_LENGTH = 2000


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a batch is. ``first`` is one of its jobs, which tells what was ordered, and when."""

    total: int
    waiting: int
    done: int
    first: Job

    @property
    def began_at(self) -> datetime:
        return self.first.created_at


def queue(
    session: Session, kind: str, name: str, payloads: Iterable[tuple[int, Mapping[str, Any]]]
) -> list[Job]:
    """Queue a job of a kind for each instance, given by its id with what the job shall know."""
    queued = []
    for instance_id, payload in payloads:
        job = jobs.enqueue(
            session, kind, payload, key=f"{kind}:{name}:{instance_id}", instance_id=instance_id
        )
        job.batch = name
        queued.append(job)
    session.flush()
    return queued


def counts(session: Session, kind: str, name: str) -> Counts:
    """How far a batch is. Raises :class:`NotFound` where there is none of that kind and name."""
    mine = _belongs(kind, name)
    first = session.scalars(sa.select(Job).where(*mine).order_by(Job.id).limit(1)).first()
    if first is None:
        raise NotFound("There is no such batch.")
    return Counts(*counts_of_many(session, kind, [name])[name], first)


def counts_of_many(session: Session, kind: str, names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """For each of some batches how many jobs it has, how many of them wait, and how many are done."""
    waits = sa.case((Job.state == JobState.WAITING, 1), else_=0)
    done = sa.case((sa.and_(Job.state == JobState.DONE, Job.last_error.is_(None)), 1), else_=0)
    query = (
        sa.select(Job.batch, sa.func.count(Job.id), sa.func.sum(waits), sa.func.sum(done))
        .where(Job.batch.in_(list(names)), Job.kind == kind)
        .group_by(Job.batch)
    )
    return {name: (total, int(waiting), int(done)) for name, total, waiting, done in session.execute(query)}


def page(session: Session, kind: str, name: str, *, page: int = 1, page_size: int = 100) -> Listed[Job]:
    """The jobs of a batch: those that were refused first, then those that wait, then those done."""
    mine = _belongs(kind, name)
    rank = sa.case((_is_refused(), 0), (Job.state == JobState.WAITING, 1), else_=2)
    first = (max(1, page) - 1) * page_size
    query = sa.select(Job).where(*mine).order_by(rank, Job.id).limit(page_size).offset(first)
    total = session.scalar(sa.select(sa.func.count(Job.id)).where(*mine))
    return Listed(list(session.scalars(query)), total or 0, max(1, page), page_size)


def attempt(session: Session, job: Job, what: str, act: Callable[[], str | None]) -> None:
    """Do the work of one job. That it is refused is an answer too: the job is done, and says why.

    ``act`` may answer why its work has come to nothing although something of it is kept. Whatever else it
    raises is a failure, which is tried ``ATTEMPTS`` times; ``what`` names the work at a sentence's beginning.
    """
    if job.attempts >= ATTEMPTS:
        told = f"{what} failed {job.attempts} times. The log tells more: {job.last_error}"
        job.last_error = told[:ERROR_LENGTH]
        return
    try:
        with tried(session):
            refusal = act()
    except MillwrightError as refused:
        refusal = str(refused)
    job.last_error = refusal[:ERROR_LENGTH] if refusal is not None else None


def stored(actor: Actor) -> dict[str, Any]:
    """Whoever wants it, as a JSON value."""
    return asdict(actor)


def actor(values: Mapping[str, Any]) -> Actor:
    """Whoever wanted it: the history names them."""
    given = dict(values)
    stands_in = tuple(Identity(**identity) for identity in given.pop("stands_in_for", ()))
    return Actor(**given, stands_in_for=stands_in)


def _belongs(kind: str, name: str) -> list[sa.ColumnElement[bool]]:
    return [Job.batch == name, Job.kind == kind]


def _is_refused() -> sa.ColumnElement[bool]:
    return sa.and_(Job.state != JobState.WAITING, Job.last_error.is_not(None))
