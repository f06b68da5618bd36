"""The distinct paths of a process and how often each was taken.

The path of an instance is made out once, when it has ended, and kept; so the list is one grouped query over
an index, however long the history is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.engine.models import HistoryEntry, HistoryKind, ProcessInstance
from app.engine.monitor import marks, paths, sketch
from app.engine.monitor.models import InstanceVariant, Mark, Variant
from app.engine.monitor.paths import Step

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine
    from app.engine.jobs import SessionFactory

NAME = "variants"
EVERY = timedelta(minutes=1)
# Instances whose paths are made out at one look; what is left over follows at the next.
AT_ONCE = 500
MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Way:
    """A path, and the instances of a period that took it. Shares are 0 to 1, durations seconds.

    ``cumulative`` is the share of this one and all more frequent ones; ``length`` counts all its steps.
    """

    variant_id: int
    steps: list[Step]
    length: int
    number: int
    share: float
    cumulative: float
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def median(self) -> float | None:
        return sketch.quantile(self.counts, 0.5)

    @property
    def p90(self) -> float | None:
        return sketch.quantile(self.counts, 0.9)


@dataclass(frozen=True, slots=True)
class Ways:
    """The most frequent paths of a period; ``instances`` and ``variants`` count all there are."""

    instances: int
    variants: int
    listed: list[Way]


@dataclass(frozen=True, slots=True)
class Which:
    """The instances that are meant: of a process, ended on the site's days from ``since`` to ``until``."""

    key: str
    since: date
    until: date
    deployment_ids: tuple[int, ...] | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        found = [
            InstanceVariant.process_key == self.key,
            InstanceVariant.day >= self.since,
            InstanceVariant.day <= self.until,
        ]
        if self.deployment_ids is not None:
            found.append(InstanceVariant.deployment_id.in_(self.deployment_ids))
        return found


# -- reading -------------------------------------------------------------------------------------


def listed(session: Session, which: Which, *, most: int = 25) -> Ways:
    """The most frequent paths, at most ``most`` of them, and how many there are in all."""
    conditions = which.conditions()
    counted = session.execute(
        sa.select(InstanceVariant.variant_id, sa.func.count())
        .where(*conditions)
        .group_by(InstanceVariant.variant_id)
    ).all()
    instances = sum(number for _, number in counted)
    ranked = sorted(counted, key=lambda row: (-row[1], row[0]))[: min(most, MOST_LISTED)]
    return Ways(instances, len(counted), _ways(session, conditions, ranked, instances))


def one(session: Session, which: Which, variant_id: int) -> Way | None:
    """A path of a process, with those of its instances that are meant; None where there is no such path."""
    variant = session.get(Variant, variant_id)
    if variant is None or variant.process_key != which.key:
        return None
    conditions = which.conditions()
    instances = session.scalar(sa.select(sa.func.count()).select_from(InstanceVariant).where(*conditions))
    own = [*conditions, InstanceVariant.variant_id == variant_id]
    number = session.scalar(sa.select(sa.func.count()).select_from(InstanceVariant).where(*own))
    return _ways(session, conditions, [(variant_id, number or 0)], instances or 0)[0]


def _ways(
    session: Session, conditions: Sequence[sa.ColumnElement[bool]], ranked: Iterable[Any], instances: int
) -> list[Way]:
    numbers: dict[int, int] = dict(ranked)
    if not numbers:
        return []
    variants = {
        each.id: each for each in session.scalars(sa.select(Variant).where(Variant.id.in_(list(numbers))))
    }
    counts: dict[int, dict[int, int]] = defaultdict(dict)
    columns = (InstanceVariant.variant_id, InstanceVariant.bucket)
    buckets = (
        sa.select(*columns, sa.func.count())
        .where(*conditions, InstanceVariant.variant_id.in_(list(numbers)))
        .group_by(*columns)
    )
    for variant_id, bucket, number in session.execute(buckets):
        counts[variant_id][bucket] = number
    found, passed = [], 0
    for variant_id, number in numbers.items():
        passed += number
        found.append(
            Way(
                variant_id,
                paths.read(variants[variant_id].steps),
                variants[variant_id].length,
                number,
                number / instances if instances else 0.0,
                passed / instances if instances else 0.0,
                counts[variant_id],
            )
        )
    return found


def instances_of(
    session: Session, which: Which, variant_id: int, *, before: int | None = None, most: int = 10
) -> list[ProcessInstance]:
    """The instances that took a path, the last begun first; those with smaller ids than ``before``."""
    query = (
        sa.select(ProcessInstance)
        .join(InstanceVariant, InstanceVariant.instance_id == ProcessInstance.id)
        .where(InstanceVariant.variant_id == variant_id, *which.conditions())
        .order_by(InstanceVariant.instance_id.desc())
        .limit(most)
    )
    if before is not None:
        query = query.where(InstanceVariant.instance_id < before)
    return list(session.scalars(query))


# -- gathering -----------------------------------------------------------------------------------


def keep_up(engine: ProcessEngine, sessions: SessionFactory) -> bool:
    """Make out the paths of instances that have ended since, at most :data:`AT_ONCE` of them.

    Answers whether it was done now; any number of processes may call it at any time. An instance is looked
    for until the day after its end is over, so that one whose transaction ends late is not lost.
    """
    with sessions() as session:
        mark = session.get(Mark, NAME)
        if mark is not None and marks.is_fresh(mark, EVERY):
            return False
        seen, known, now = (mark.at, mark.day, clock.now()) if mark is not None else (None, None, clock.now())
        ended = session.execute(_without_path(known)).all()
        found = _paths(engine, session, ended)
        zone = ZoneInfo(engine.bindings.time_zone(session))
        session.rollback()
        with unit_of_work(session):
            mark = marks.take(session, NAME, seen)
            if mark is None:
                return False
            _keep(session, ended, found, zone)
            caught_up = len(ended) < AT_ONCE
            mark.day = now.date() if caught_up else ended[-1].ended_at.date()
            mark.at = now if caught_up else now - EVERY
    return True


def _without_path(known: date | None) -> sa.Executable:
    """The next instances that have ended and have no path yet; all that ended before ``known`` have one."""
    has_one = (
        sa.select(InstanceVariant.instance_id)
        .where(InstanceVariant.instance_id == ProcessInstance.id)
        .exists()
    )
    query = (
        sa.select(
            ProcessInstance.id,
            ProcessInstance.key,
            ProcessInstance.deployment_id,
            ProcessInstance.started_at,
            ProcessInstance.ended_at,
        )
        .where(
            # Only those have an end; by its index alone the few that are new are found.
            ProcessInstance.ended_at.is_not(None),
            ~has_one,
        )
        .order_by(ProcessInstance.ended_at, ProcessInstance.id)
        .limit(AT_ONCE)
    )
    if known is not None:
        begin = datetime.combine(known - timedelta(days=1), time(), UTC)
        query = query.where(ProcessInstance.ended_at >= begin)
    return query


def _paths(engine: ProcessEngine, session: Session, ended: Sequence[Any]) -> dict[int, list[Step]]:
    """The path of each instance, from one query."""
    if not ended:
        return {}
    columns = (
        HistoryEntry.instance_id,
        HistoryEntry.kind,
        HistoryEntry.element_id,
        HistoryEntry.element_name,
        HistoryEntry.element_type,
        HistoryEntry.detail,
    )
    query = (
        sa.select(*columns)
        .where(
            HistoryEntry.instance_id.in_([row.id for row in ended]),
            HistoryEntry.kind.in_(paths.KINDS),
            sa.or_(
                HistoryEntry.element_type.in_(paths.TOLD),
                HistoryEntry.kind.in_([HistoryKind.MOVED, HistoryKind.CANCELLED]),
            ),
        )
        .order_by(HistoryEntry.instance_id, HistoryEntry.id)
    )
    entries: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(query):
        entries[row.instance_id].append(row)
    return {
        row.id: paths.of(entries[row.id], engine.definition(session, row.deployment_id).diagram)
        for row in ended
    }


def _keep(session: Session, ended: Sequence[Any], found: dict[int, list[Step]], zone: ZoneInfo) -> None:
    if not ended:
        return
    digests = {instance_id: paths.digest(steps) for instance_id, steps in found.items()}
    query = sa.select(Variant.process_key, Variant.digest, Variant.id).where(
        Variant.process_key.in_({row.key for row in ended}), Variant.digest.in_(set(digests.values()))
    )
    ids = {(key, digest): variant_id for key, digest, variant_id in session.execute(query)}
    for row in ended:
        name = row.key, digests[row.id]
        if name not in ids:
            steps = found[row.id]
            variant = Variant(process_key=row.key, digest=name[1], length=len(steps), steps=paths.kept(steps))
            session.add(variant)
            session.flush()
            ids[name] = variant.id
    session.execute(
        sa.insert(InstanceVariant),
        [
            {
                "instance_id": row.id,
                "variant_id": ids[row.key, digests[row.id]],
                "process_key": row.key,
                "deployment_id": row.deployment_id,
                "day": row.ended_at.astimezone(zone).date(),
                "bucket": sketch.bucket(max(0.0, (row.ended_at - row.started_at).total_seconds())),
            }
            for row in ended
        ],
    )
