"""Many instances move to another version: one job, and so one transaction, for each.

Nobody waits for all of them, one that cannot move keeps no other from it, and what became of each
stays with its job. See :mod:`app.engine.migration` for what moving means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine import jobs, migration
from app.engine.actors import Actor, Identity
from app.engine.deployments import get_version
from app.engine.migration import CannotMigrate
from app.engine.models import OPEN_STATES, Deployment, Job, JobState, ProcessInstance
from app.engine.operations import reason_given, tried
from app.engine.queries import Listed
from app.errors import BusinessError, MillwrightError, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

KIND = "migration"
MAXIMUM_INSTANCES = 2000
# A failure that nobody planned may be a passing one, such as a lost connection.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances that are to move; ``job_ids`` are the jobs that do it, in the order of the instances."""

    name: str
    job_ids: list[int]


class Outcome(StrEnum):
    """What became of one instance of a batch."""

    WAITING = "waiting"
    MOVED = "moved"
    STAYED = "stayed"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one instance; ``reason`` says why it stays, or what failed so far."""

    instance_id: int
    business_key: str
    from_version: int
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is, who wanted it and why."""

    name: str
    key: str
    to_version: int
    mapping: dict[str, str]
    reason: str
    by: str
    began_at: datetime
    total: int
    waiting: int
    moved: int

    @property
    def stayed(self) -> int:
        return self.total - self.waiting - self.moved

    @property
    def is_done(self) -> bool:
        return self.waiting == 0


def candidates(
    session: Session,
    key: str,
    to_version: int,
    *,
    from_version: int | None = None,
    page: int = 1,
    page_size: int = 100,
) -> Listed[int]:
    """The ids of the open instances that are not at a version yet, oldest first, one page of them."""
    conditions = _open(key, to_version, from_version)
    joined = Deployment.id == ProcessInstance.deployment_id
    total = session.scalar(
        sa.select(sa.func.count(ProcessInstance.id)).join(Deployment, joined).where(*conditions)
    )
    query = sa.select(ProcessInstance.id).join(Deployment, joined).where(*conditions)
    first = (max(1, page) - 1) * page_size
    ids = session.scalars(query.order_by(ProcessInstance.id).limit(page_size).offset(first))
    return Listed(list(ids), total or 0, max(1, page), page_size)


def begin(
    engine: ProcessEngine,
    session: Session,
    key: str,
    to_version: int,
    *,
    by: Actor,
    reason: str,
    instance_ids: Collection[int] | None = None,
    from_version: int | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Batch:
    """Have instances of a process go on in ``to_version``: those named, or all open ones of
    ``from_version``, or of any other version. Each is moved by a job of its own after this transaction.

    Raises :class:`NotFound` for an unknown version.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; UNKNOWN_ELEMENT (field ``mapping.<old>``);
        NO_INSTANCES, TOO_MANY_INSTANCES (field ``instanceIds``)
    """
    target = get_version(session, key, to_version)
    migration.check_mapping(engine.definition(session, target.id), mapping or {})
    wanted = {
        "to": target.id,
        "toVersion": to_version,
        "mapping": dict(mapping or {}),
        "reason": reason_given(reason),
        "actor": asdict(by),
        "key": key,
    }
    rows = _chosen(session, key, to_version, instance_ids, from_version)
    name = uuid4().hex
    queued = [
        jobs.enqueue(
            session,
            KIND,
            {**wanted, "instance": row.id, "businessKey": row.business_key, "fromVersion": row.version},
            key=f"{KIND}:{name}:{row.id}",
            instance_id=row.id,
        )
        for row in rows
    ]
    session.flush()
    return Batch(name, [job.id for job in queued])


def progress(session: Session, key: str, name: str) -> Progress:
    """How far a batch is. Raises :class:`NotFound` where the process has had none of that name."""
    first = session.scalars(_jobs_of(name).order_by(Job.id).limit(1)).first()
    if first is None or first.payload["key"] != key:
        raise NotFound("There is no such migration.")
    still = Job.state == JobState.WAITING
    moved = sa.and_(Job.state == JobState.DONE, Job.last_error.is_(None))
    counted = sa.select(
        sa.func.count(Job.id),
        sa.func.sum(sa.case((still, 1), else_=0)),
        sa.func.sum(sa.case((moved, 1), else_=0)),
    )
    total, waiting, done = session.execute(counted.where(*_belongs(name))).one()
    told = first.payload
    return Progress(
        name=name,
        key=key,
        to_version=told["toVersion"],
        mapping=told["mapping"],
        reason=told["reason"],
        by=told["actor"]["name"],
        began_at=first.created_at,
        total=total,
        waiting=int(waiting),
        moved=int(done),
    )


def results(session: Session, name: str, *, page: int = 1, page_size: int = 100) -> Listed[Result]:
    """What became of the instances of a batch: those that stay first, then those that wait."""
    rank = sa.case(
        (sa.and_(Job.state != JobState.WAITING, Job.last_error.is_not(None)), 0),
        (Job.state == JobState.WAITING, 1),
        else_=2,
    )
    first = (max(1, page) - 1) * page_size
    query = _jobs_of(name).order_by(rank, Job.id).limit(page_size).offset(first)
    total = session.scalar(sa.select(sa.func.count(Job.id)).where(*_belongs(name)))
    found = [_result(job) for job in session.scalars(query)]
    return Listed(found, total or 0, max(1, page), page_size)


@jobs.job_handler(KIND)
def _move(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    """Move one instance. That it cannot is an answer too: the job is done, and says why."""
    if job.attempts >= ATTEMPTS:
        job.last_error = f"Moving it failed {job.attempts} times. The log tells more: {job.last_error}"[:2000]
        return
    refusal: str | None = None
    try:
        with tried(session):
            migration.migrate(
                engine,
                session,
                payload["instance"],
                payload["to"],
                _actor(payload["actor"]),
                payload["reason"],
                payload["mapping"],
            )
    except CannotMigrate as refused:
        refusal = " ".join(refused.reasons)
    except MillwrightError as refused:
        refusal = str(refused)
    job.last_error = refusal


def _chosen(
    session: Session, key: str, to_version: int, ids: Collection[int] | None, from_version: int | None
) -> list[Any]:
    query = sa.select(ProcessInstance.id, ProcessInstance.business_key, Deployment.version).join(
        Deployment, Deployment.id == ProcessInstance.deployment_id
    )
    if ids is None:
        query = query.where(*_open(key, to_version, from_version))
    else:
        query = query.where(ProcessInstance.key == key, ProcessInstance.id.in_(ids))
    rows = session.execute(query.order_by(ProcessInstance.id).limit(MAXIMUM_INSTANCES + 1)).all()
    if not rows:
        raise BusinessError("NO_INSTANCES", "Choose at least one that is to move.", field="instanceIds")
    if len(rows) > MAXIMUM_INSTANCES:
        message = f"At most {MAXIMUM_INSTANCES:,} move at a time: choose them a version at a time."
        raise BusinessError("TOO_MANY_INSTANCES", message, field="instanceIds")
    return list(rows)


def _open(key: str, to_version: int, from_version: int | None) -> list[sa.ColumnElement[bool]]:
    conditions = [
        ProcessInstance.key == key,
        ProcessInstance.state.in_(OPEN_STATES),
        Deployment.version != to_version,
    ]
    if from_version is not None:
        conditions.append(Deployment.version == from_version)
    return conditions


def _belongs(name: str) -> list[sa.ColumnElement[bool]]:
    return [Job.kind == KIND, Job.unique_key.startswith(f"{KIND}:{name}:", autoescape=True)]


def _jobs_of(name: str) -> sa.Select[Any]:
    return sa.select(Job).where(*_belongs(name))


def _result(job: Job) -> Result:
    if job.state == JobState.WAITING:
        outcome = Outcome.WAITING
    else:
        outcome = Outcome.MOVED if job.last_error is None else Outcome.STAYED
    told = job.payload
    return Result(
        told["instance"], told["businessKey"], told["fromVersion"], outcome, job.last_error or ""
    )  # fmt: skip


def _actor(stored: Mapping[str, Any]) -> Actor:
    """Whoever wanted it: the history names them."""
    values = dict(stored)
    stands_in = tuple(Identity(**identity) for identity in values.pop("stands_in_for", ()))
    return Actor(**values, stands_in_for=stands_in)
