"""Awaited messages and timers have rows, from when they begin to wait until they do no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import migration, moving, operations
from app.engine.models import EventWait, ProcessInstance
from tests.support.desk import ACTORS, Desk
from tests.support.diagrams import Drawing

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def drawing(wait: str = "wait", **attributes: str) -> Drawing:
    return (
        Drawing().start("begin").user("ask").catch(wait, message="arrived", **attributes).user("after")
        .path("begin", "ask", wait, "after")
    )  # fmt: skip


def waits(desk: Desk, instance: ProcessInstance) -> list[EventWait]:
    with desk.sessions() as session:
        query = sa.select(EventWait).where(EventWait.instance_id == instance.id).order_by(EventWait.id)
        return list(session.scalars(query))


@pytest.mark.databases
def test_a_message_is_awaited_from_arrival_to_receipt(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(drawing(due="P2D"))
    assert waits(desk, instance) == []
    clock.advance(hours=1)
    desk.do("ask")
    (wait,) = waits(desk, instance)
    assert (wait.element_id, wait.event, wait.message) == ("wait", "message", "arrived")
    assert wait.since == NOW + timedelta(hours=1)
    assert wait.due_at == NOW + timedelta(days=2, hours=1)
    assert wait.ended_at is None
    clock.advance(hours=2)
    desk.send("arrived", instance.business_key)
    assert [wait.ended_at for wait in waits(desk, instance)] == [NOW + timedelta(hours=3)]


def test_a_timer_is_due_when_it_goes_off(desk: Desk, clock: ManualClock) -> None:
    instance = desk.run(
        Drawing().start("begin").catch("pause", after="PT90M").user("after").path("begin", "pause", "after")
    )
    (wait,) = waits(desk, instance)
    assert (wait.event, wait.due_at) == ("timer", NOW + timedelta(minutes=90))
    clock.advance(minutes=90)
    desk.fire()
    assert [wait.ended_at for wait in waits(desk, instance)] == [NOW + timedelta(minutes=90)]


def test_events_at_the_edge_of_a_task_have_no_row(desk: Desk) -> None:
    instance = desk.run(
        Drawing().start("begin").user("ask").boundary("late", on="ask", after="PT1H").end("over")
        .path("begin", "ask").path("late", "over")
    )  # fmt: skip
    assert waits(desk, instance) == []


def test_the_event_that_loses_a_race_waits_no_more(desk: Desk) -> None:
    instance = desk.run(
        Drawing().start("begin").race("first").catch("reply", message="arrived")
        .catch("patience", after="P1D").user("after")
        .path("begin", "first", "reply", "after").path("first", "patience", "after")
    )  # fmt: skip
    assert sorted(wait.element_id for wait in waits(desk, instance)) == ["patience", "reply"]
    desk.send("arrived", instance.business_key)
    assert all(wait.ended_at is not None for wait in waits(desk, instance))


def test_a_cancelled_instance_waits_for_nothing(desk: Desk) -> None:
    instance = desk.run(drawing())
    desk.do("ask")
    desk.operate(operations.cancel, instance)
    assert [wait.ended_at for wait in waits(desk, instance)] == [NOW]


def test_a_moved_token_waits_no_more(desk: Desk) -> None:
    instance = desk.run(drawing())
    desk.do("ask")
    with desk.acting() as session:
        moving.move(desk.engine, session, instance.id, ACTORS["boss"], "wait", "after", "it came by post")
    assert [wait.ended_at for wait in waits(desk, instance)] == [NOW]


def test_another_version_renames_what_is_awaited(desk: Desk) -> None:
    instance = desk.run(drawing())
    desk.do("ask")
    newer = desk.deploy(drawing("delivery"))
    with desk.acting() as session:
        migration.migrate(
            desk.engine, session, instance.id, newer.id, ACTORS["boss"], "renamed", {"wait": "delivery"}
        )
    (wait,) = waits(desk, instance)
    assert (wait.element_id, wait.element_name, wait.ended_at) == ("delivery", "Delivery", None)
    desk.send("arrived", instance.business_key)
    assert [wait.ended_at for wait in waits(desk, instance)] == [NOW]


def test_a_time_that_cannot_be_known_loses_no_wait(desk: Desk) -> None:
    instance = desk.run(drawing(due="=1 / 0 + unknown"))
    desk.do("ask")
    assert [wait.due_at for wait in waits(desk, instance)] == [None]
