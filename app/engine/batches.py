"""One operation on many instances: ordered once, done by one job, and so one transaction, for each.

What an operation is, and which of them make sense for many, says :mod:`app.engine.interventions`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.engine import interventions, job_batches, jobs
from app.engine.actors import Actor
from app.engine.interventions import OPERATIONS, Effect, Operation
from app.engine.job_batches import MAXIMUM_INSTANCES
from app.engine.models import Job, JobState, ProcessInstance
from app.engine.monitor.models import OperationBatch
from app.engine.operations import reason_given
from app.engine.queries import Listed
from app.errors import BusinessError, Conflict, MillwrightError, NotFound

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

KIND = "operation"
SAMPLE = 5  # so many are tried and taken back, to see what would come of all


class BatchOutcome(StrEnum):
    """What became of one instance of a batch."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Glance:
    """What an operation would do to one instance, or why it would be refused."""

    instance_id: int
    business_key: str
    effect: Effect | None
    refusal: str

    @property
    def is_refused(self) -> bool:
        return self.effect is None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one instance: what was done, or why it was not, or what failed so far."""

    instance_id: int
    business_key: str
    outcome: BatchOutcome
    said: list[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is, who wanted it and why."""

    name: str
    operation: str
    values: dict[str, Any]
    reason: str
    by: str
    began_at: datetime
    total: int
    waiting: int
    done: int

    @property
    def title(self) -> str:
        return OPERATIONS[self.operation].title

    @property
    def refused(self) -> int:
        return self.total - self.waiting - self.done

    @property
    def is_done(self) -> bool:
        return self.waiting == 0


def for_many() -> list[Operation]:
    """The operations that make sense for many instances at once, in the order of the table."""
    return [operation for operation in OPERATIONS.values() if operation.for_many]


def sample(
    engine: ProcessEngine,
    session: Session,
    operation: str,
    instance_ids: Sequence[int],
    actor: Actor,
    reason: str,
    values: Mapping[str, Any],
) -> list[Glance]:
    """What an operation would do to the first ``SAMPLE`` of some instances. Nothing of it is kept; call it
    inside a unit of work.

    Raises as :func:`begin` does for what is wrong with the order itself.
    """
    _check(operation, values)
    reason = reason_given(reason)
    found = []
    for instance_id, business_key in _keys(session, instance_ids[:SAMPLE]):
        effect, refusal = None, ""
        try:
            effect = interventions.preview(engine, session, operation, instance_id, actor, reason, **values)
            refusal = _failure(operation, effect)
        except MillwrightError as refused:
            refusal = str(refused)
        found.append(Glance(instance_id, business_key, None if refusal else effect, refusal))
    return found


def begin(
    session: Session,
    operation: str,
    instance_ids: Collection[int],
    *,
    by: Actor,
    reason: str,
    values: Mapping[str, Any],
    name: str | None = None,
) -> OperationBatch:
    """Have an operation done to instances, each by a job of its own after this transaction.

    ``name`` (32 hexadecimal digits) makes it one of a kind: who orders it a second time under the same name
    gets the first. ``values`` are what the operation is given besides the reason.

    Raises :class:`NotFound` for an operation that is none or not for many, :class:`Conflict` where somebody
    else's batch has the name.

    :raises BusinessError: REASON_MISSING, REASON_TOO_LONG; NO_INSTANCES, TOO_MANY_INSTANCES (field
        ``instanceIds``); VALUE_MISSING, VALUE_UNKNOWN (at its field)
    """
    if name is not None and (known := _named(session, name)) is not None:
        return _own(known, by)
    _check(operation, values)
    batch = OperationBatch(
        name=name or uuid4().hex,
        operation=operation,
        chosen_values=dict(values),
        reason=reason_given(reason),
        user_id=by.user_id,
        wanted_by=job_batches.stored(by),
    )
    rows = _chosen(session, instance_ids)
    try:
        with session.begin_nested():
            session.add(batch)
            session.flush()
    except IntegrityError:
        # Sent twice at the same moment: the other one has won.
        return _own(_named(session, batch.name, lock=True), by)
    payloads = [(row.id, {"batch": batch.id, "businessKey": row.business_key}) for row in rows]
    job_batches.queue(session, KIND, batch.name, payloads)
    return batch


def progress(session: Session, name: str) -> Progress:
    """How far a batch is. Raises :class:`NotFound`."""
    batch = _named(session, name)
    if batch is None:
        raise NotFound("There is no such batch.")
    found = job_batches.counts_of_many(session, KIND, [name])
    return _progress(batch, found.get(name, (0, 0, 0)))


def results(session: Session, name: str, *, page: int = 1, page_size: int = 100) -> Listed[Result]:
    """What became of the instances of a batch: those that were refused first, then those that wait."""
    found = job_batches.page(session, KIND, name, page=page, page_size=page_size)
    return Listed([_result(job) for job in found.items], found.total, found.page, found.page_size)


def recent(session: Session, user_id: int, *, page: int = 1, page_size: int = 25) -> Listed[Progress]:
    """The batches that somebody has ordered, newest first."""
    mine = OperationBatch.user_id == user_id
    total = session.scalar(sa.select(sa.func.count(OperationBatch.id)).where(mine))
    query = sa.select(OperationBatch).where(mine).order_by(OperationBatch.id.desc())
    first = (max(1, page) - 1) * page_size
    batches = list(session.scalars(query.limit(page_size).offset(first)))
    found = job_batches.counts_of_many(session, KIND, [batch.name for batch in batches])
    items = [_progress(batch, found.get(batch.name, (0, 0, 0))) for batch in batches]
    return Listed(items, total or 0, max(1, page), page_size)


@jobs.job_handler(KIND)
def _operate(engine: ProcessEngine, session: Session, payload: Mapping[str, Any], job: Job) -> None:
    """Do the operation to one instance."""
    batch = session.get_one(OperationBatch, payload["batch"])
    instance_id = job.instance_id or 0
    # Read before: what is rolled back with a refusal is loaded anew.
    operation, reason, values = batch.operation, batch.reason, dict(batch.chosen_values)
    wanted_by = job_batches.actor(batch.wanted_by)
    said: list[str] = []

    def operate() -> str | None:
        effect = interventions.perform(engine, session, operation, instance_id, wanted_by, reason, **values)
        said.extend(effect.said)
        return _failure(operation, effect) or None

    job_batches.attempt(session, job, "It", operate)
    if said:
        job.payload = {**payload, "said": said}


# -- inner parts -----------------------------------------------------------------------------------


def _failure(operation: str, effect: Effect) -> str:
    """What fails again, although it was tried as was asked for; empty where nothing does."""
    if operation not in ("retry", "fire-timers"):
        return ""
    return " ".join(f"“{name}” fails again: {message}" for name, message in effect.failed)


def _check(operation: str, values: Mapping[str, Any]) -> None:
    found = OPERATIONS.get(operation)
    if found is None or not found.for_many:
        raise NotFound("There is no such operation for many instances.")
    for name in found.needs:
        if values.get(name) in (None, "", {}):
            raise BusinessError("VALUE_MISSING", f"{found.title} needs a value: {name}.", field=name)
    for name in values:
        # A task or a failed step is one instance's own.
        if name not in found.needs:
            raise BusinessError("VALUE_UNKNOWN", f"{found.title} for many takes no {name}.", field=name)


def _chosen(session: Session, ids: Collection[int]) -> list[Any]:
    if len(set(ids)) > MAXIMUM_INSTANCES:
        message = f"At most {MAXIMUM_INSTANCES:,} at a time: narrow the list down by its filters."
        raise BusinessError("TOO_MANY_INSTANCES", message, field="instanceIds")
    rows = _keys(session, ids)
    if not rows:
        raise BusinessError("NO_INSTANCES", "Choose at least one instance.", field="instanceIds")
    return rows


def _keys(session: Session, ids: Collection[int]) -> list[Any]:
    query = sa.select(ProcessInstance.id, ProcessInstance.business_key).where(ProcessInstance.id.in_(ids))
    return list(session.execute(query.order_by(ProcessInstance.id)))


def _named(session: Session, name: str, *, lock: bool = False) -> OperationBatch | None:
    query = sa.select(OperationBatch).where(OperationBatch.name == name)
    return session.scalars(query.with_for_update() if lock else query).first()


def _own(batch: OperationBatch | None, by: Actor) -> OperationBatch:
    if batch is None or batch.user_id != by.user_id:
        raise Conflict("This was ordered by somebody else: begin anew.")
    return batch


def _progress(batch: OperationBatch, counted: tuple[int, int, int]) -> Progress:
    total, waiting, done = counted
    return Progress(
        name=batch.name,
        operation=batch.operation,
        values=dict(batch.chosen_values),
        reason=batch.reason,
        by=batch.wanted_by["name"],
        began_at=batch.created_at,
        total=total,
        waiting=waiting,
        done=done,
    )


def _result(job: Job) -> Result:
    if job.state == JobState.WAITING:
        outcome = BatchOutcome.WAITING
    else:
        outcome = BatchOutcome.DONE if job.last_error is None else BatchOutcome.REFUSED
    told = job.payload
    return Result(
        job.instance_id or 0, told["businessKey"], outcome, told.get("said", []), job.last_error or ""
    )
