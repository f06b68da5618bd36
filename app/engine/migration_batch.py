"""Many instances move to another version: one job, and so one transaction, for each.

Nobody waits for all of them, one that cannot move keeps no other from it, and what became of each
stays with its job. See :mod:`app.engine.migration` for what moving means.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine import job_batches, jobs, migration
from app.engine.actors import Actor
from app.engine.deployments import get_version
from app.engine.job_batches import MAXIMUM_INSTANCES
from app.engine.migration import CannotMigrate
from app.engine.models import OPEN_STATES, Deployment, Job, JobState, ProcessInstance
from app.engine.operations import reason_given
from app.engine.queries import Listed
from app.errors import BusinessError, Conflict, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

KIND = "migration"


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances that are to move; ``job_ids`` are the jobs that do it, in the order of the instances."""

    name: str
    job_ids: list[int]


class MigrationOutcome(StrEnum):
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
    outcome: MigrationOutcome
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
        "actor": job_batches.stored(by),
        "key": key,
    }
    rows = _chosen(session, key, to_version, instance_ids, from_version)
    name = uuid4().hex
    payloads = [
        (
            row.id,
            {**wanted, "instance": row.id, "businessKey": row.business_key, "fromVersion": row.version},
        )
        for row in rows
    ]
    queued = job_batches.queue(session, KIND, name, payloads)
    return Batch(name, [job.id for job in queued])


def progress(session: Session, key: str, name: str) -> Progress:
    """How far a batch is. Raises :class:`NotFound` where the process has had none of that name."""
    found = job_batches.counts(session, KIND, name)
    told = found.first.payload
    if told["key"] != key:
        raise NotFound("There is no such migration.")
    return Progress(
        name=name,
        key=key,
        to_version=told["toVersion"],
        mapping=told["mapping"],
        reason=told["reason"],
        by=told["actor"]["name"],
        began_at=found.began_at,
        total=found.total,
        waiting=found.waiting,
        moved=found.done,
    )


def results(session: Session, name: str, *, page: int = 1, page_size: int = 100) -> Listed[Result]:
    """What became of the instances of a batch: those that stay first, then those that wait."""
    found = job_batches.page(session, KIND, name, page=page, page_size=page_size)
    return Listed([_result(job) for job in found.items], found.total, found.page, found.page_size)


@jobs.job_handler(KIND)
def _move(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    """Move one instance."""

    def move() -> None:
        wanted_by = job_batches.actor(payload["actor"])
        try:
            migration.migrate(
                engine,
                session,
                payload["instance"],
                payload["to"],
                wanted_by,
                payload["reason"],
                payload["mapping"],
            )
        except CannotMigrate as refused:
            # The list of results names the instance beside it.
            raise Conflict(" ".join(refused.reasons)) from refused

    job_batches.attempt(session, job, "Moving it", move)


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


def _result(job: Job) -> Result:
    if job.state == JobState.WAITING:
        outcome = MigrationOutcome.WAITING
    else:
        outcome = MigrationOutcome.MOVED if job.last_error is None else MigrationOutcome.STAYED
    told = job.payload
    return Result(
        told["instance"], told["businessKey"], told["fromVersion"], outcome, job.last_error or ""
    )  # fmt: skip
