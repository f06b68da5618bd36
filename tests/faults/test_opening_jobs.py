"""Preventive jobs are opened once for each due date: with two schedulers at once, and killed at any point."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from app.domain.machines import Machine
from app.domain.preventive.models import PreventiveJob, PreventiveTask
from app.engine.models import ProcessInstance, UserTask
from tests import factories
from tests.support.actions import Opening, at_once, killed_at
from tests.support.factory_floor import Floor

pytestmark = pytest.mark.databases

NOW = datetime(2026, 3, 12, 6, tzinfo=UTC)
DUE = [date(2026, 3, day) for day in (9, 10, 11, 12)]


def planned(floor: Floor) -> list[int]:
    """Two plans that were missed for four days."""
    with floor.acting() as session:
        machine = session.get_one(Machine, floor.machine_id)
        return [
            factories.make_preventive_task(session, machine=machine, rrule="FREQ=DAILY", starts_on=DUE[0]).id
            for _ in range(2)
        ]


def opened(floor: Floor) -> Counter[tuple[int, date]]:
    """How many jobs there are for each due date; each has one instance and one open task."""
    with floor.sessions() as session:
        jobs = list(session.scalars(sa.select(PreventiveJob)))
        for model, column in (
            (ProcessInstance, ProcessInstance.business_key),
            (UserTask, UserTask.business_key),
        ):
            keys = session.scalars(sa.select(column).where(column.like("PM-%"))).all()
            assert sorted(keys) == sorted(job.business_key for job in jobs), model
        return Counter((job.task_id, job.due_on) for job in jobs)


def test_two_schedulers_at_once_open_each_due_date_once(floor: Floor, database_url: str) -> None:
    plans = planned(floor)
    answers = at_once(database_url, [Opening(NOW), Opening(NOW)])
    assert [answer.kind for answer in answers] == ["done", "done"]
    assert opened(floor) == Counter({(plan, day): 1 for plan in plans for day in DUE})
    with floor.sessions() as session:
        for plan in plans:
            task = session.get_one(PreventiveTask, plan)
            assert (task.next_due_on, task.next_job_on) == (DUE[0], date(2026, 3, 13))
            assert task.opening_error == ""


def test_a_scheduler_that_is_killed_half_way_has_opened_all_of_a_job_or_nothing(
    floor: Floor, database_url: str
) -> None:
    plans = planned(floor)
    point, killed = 1, 0
    while (answer := killed_at(database_url, Opening(NOW), point)) is None:
        killed += 1
        opened(floor)  # what there is, is whole
        point += 4 if point < 30 else 11
        assert point < 2000, "it never ended"
    assert answer.kind == "done"
    assert killed >= 5
    assert opened(floor) == Counter({(plan, day): 1 for plan in plans for day in DUE})
