"""What a manager sees first: each process with what is open in it, what is stuck, and how it goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.engine.models import OPEN_STATES, InstanceState, ProcessInstance
from app.engine.monitor import statistics, stuck
from app.engine.monitor.models import Obstacle
from app.engine.monitor.obstacles import Reason
from app.engine.monitor.statistics import Figures
from app.engine.queries import list_processes

if TYPE_CHECKING:
    from app.engine.core import ProcessEngine

WEEKS = 8


@dataclass(frozen=True, slots=True)
class ProcessOverview:
    """A process: its open instances, how many are stuck for which reason, and the figures of eight weeks.

    ``instances`` are those that ended in that time, ``steps`` all their steps together, ``weeks`` the
    instances by the Monday of the week in which they ended.
    """

    key: str
    name: str
    version: int
    open: int
    stuck: dict[Reason, int]
    instances: Figures
    steps: Figures
    weeks: dict[date, Figures]


def processes(engine: ProcessEngine, session: Session, found: Iterable[stuck.Pile]) -> list[ProcessOverview]:
    """All processes, by name, with what was ``found`` stuck; as many statements however many there are."""
    today = statistics.today(engine, session)
    since = today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    numbers = stuck.by_process(found)
    figures = statistics.by_process(session, since, today)
    weeks = statistics.by_process_and_week(session, since, today)
    none = {since + timedelta(weeks=number): Figures() for number in range(WEEKS)}
    return [
        ProcessOverview(
            key=row.deployment.key,
            name=row.deployment.name,
            version=row.deployment.version,
            open=row.open_instances,
            stuck=numbers.get(row.deployment.key, {}),
            instances=figures.get(row.deployment.key, (Figures(), Figures()))[0],
            steps=figures.get(row.deployment.key, (Figures(), Figures()))[1],
            weeks=none | weeks.get(row.deployment.key, {}),
        )
        for row in list_processes(session)
    ]


def revision(session: Session) -> str:
    """Something that differs when what is open or stuck does, or when nobody surveys any more."""
    obstacles = sa.select(
        sa.func.count(Obstacle.id), sa.func.max(Obstacle.id), sa.func.max(Obstacle.found_at)
    )
    number, newest, found_at = session.execute(obstacles).one()
    states = (
        sa.select(ProcessInstance.state, sa.func.count(ProcessInstance.id))
        .where(ProcessInstance.state.in_(OPEN_STATES))
        .group_by(ProcessInstance.state)
    )
    counted = dict(session.execute(states).all())
    last = session.scalar(sa.select(sa.func.max(ProcessInstance.id)))
    parts = [number, newest, found_at and found_at.timestamp(), last]
    parts += [counted.get(state, 0) for state in InstanceState]
    parts.append(int(stuck.age(session).is_old))
    return ".".join(str(part or 0) for part in parts)
