"""Alerts: raised once when a figure passes its threshold, told to some, cleared when it is over."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from app.clock import ManualClock
from app.engine import monitor
from app.engine.models import Job
from app.engine.monitor import alerts, measures
from app.engine.monitor.alerts import Wanted
from app.engine.monitor.models import AlertEvent, AlertRule
from app.errors import BusinessError, NotFound
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

HOOK = "https://hooks.example.com/alerts"


def asking(**attributes: str) -> Drawing:
    return Drawing().start("begin").user("ask", **attributes).end("over").path("begin", "ask", "over")


def add(desk: Desk, measure: str = "open", threshold: float = 1, **given: Any) -> int:
    """A rule about errands that tells the clerks; its id."""
    values = {"name": "Too much", "roles": ("CLERK",), "process_key": "errand", **given}
    with desk.acting() as session:
        rule = alerts.create(desk.engine, session, Wanted(measure=measure, threshold=threshold, **values), 3)
        session.add(rule)
        session.flush()
        return rule.id


def change(desk: Desk, rule_id: int, **given: Any) -> None:
    values: dict[str, Any] = {"name": "Too much", "roles": ("CLERK",), "process_key": "errand", **given}
    with desk.acting() as session:
        alerts.apply(desk.engine, session, alerts.get(session, rule_id, lock=True), Wanted(**values))


def look(desk: Desk, clock: ManualClock, **later: float) -> None:
    """Let time pass until the scheduler looks the next time, and let it look."""
    clock.advance(**(later or {"seconds": 61}))
    monitor.keep_up(desk.engine, desk.sessions)


def rule_of(desk: Desk, rule_id: int) -> AlertRule:
    with desk.sessions() as session:
        return alerts.get(session, rule_id)


def raised(desk: Desk) -> list[AlertEvent]:
    with desk.sessions() as session:
        return list(session.scalars(sa.select(AlertEvent).order_by(AlertEvent.id)))


def queued(desk: Desk) -> list[Job]:
    kinds = (alerts.MAIL, alerts.WEBHOOK)
    with desk.sessions() as session:
        return list(session.scalars(sa.select(Job).where(Job.kind.in_(kinds)).order_by(Job.id)))


# -- raised and cleared ----------------------------------------------------------------------------


@pytest.mark.databases
def test_raised_once_and_cleared_when_it_has_been_over_for_a_while(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    rule = add(desk, emails=("plant@example.com",), webhook_url=HOOK)
    desk.start()
    look(desk, clock)
    assert raised(desk) == [] and rule_of(desk, rule).value == 1
    desk.start()
    look(desk, clock)
    (event,) = raised(desk)
    assert (event.rule_id, event.value, event.threshold, event.cleared_at) == (rule, 2, 1, None)
    assert event.told == "2 instances of Errand are open: more than 1."
    assert desk.told == [
        (who, "Alert: Too much", event.told, "/monitor/instances?process=errand") for who in (1, 2)
    ]
    mail, hook = queued(desk)
    assert (mail.kind, mail.payload["to"], mail.payload["text"]) == (
        alerts.MAIL, "plant@example.com", event.told,
    )  # fmt: skip
    assert (hook.kind, hook.payload["body"]["type"], hook.payload["body"]["value"]) == (
        alerts.WEBHOOK, "alert.raised", 2,
    )  # fmt: skip
    assert HOOK not in str(hook.payload) and rule_of(desk, rule).webhook_secret not in str(hook.payload)
    # It goes on, and gets worse: nobody is told again.
    desk.start()
    look(desk, clock)
    assert (len(raised(desk)), len(desk.told), len(queued(desk))) == (1, 2, 2)
    for _ in range(3):
        desk.do("ask")
    look(desk, clock)
    assert raised(desk)[0].cleared_at is None and rule_of(desk, rule).calm_since is not None
    look(desk, clock, minutes=5)
    assert raised(desk)[0].cleared_at is not None and rule_of(desk, rule).calm_since is None
    *_, over = queued(desk)
    assert (over.payload["body"]["type"], over.payload["body"]["value"]) == ("alert.cleared", 0)
    assert over.payload["body"]["alert"] == event.id and len(desk.told) == 2
    # From now on it may be told again.
    desk.start(), desk.start()
    look(desk, clock)
    assert (len(raised(desk)), len(desk.told)) == (2, 4)


def test_a_figure_about_its_threshold_tells_nobody_twice(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    rule = add(desk)
    for _ in range(2):
        desk.start()
    for _ in range(4):
        look(desk, clock)
        desk.do("ask")
        look(desk, clock, minutes=2)
        assert rule_of(desk, rule).calm_since is not None
        desk.start()
    look(desk, clock)
    (event,) = raised(desk)
    assert event.cleared_at is None and len(desk.told) == 2
    assert rule_of(desk, rule).calm_since is None


def test_it_is_looked_at_every_half_minute_by_one(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    add(desk)
    clock.advance(minutes=1)
    assert alerts.keep_up(desk.engine, desk.sessions)
    clock.advance(seconds=20)
    assert not alerts.keep_up(desk.engine, desk.sessions)
    clock.advance(seconds=11)
    assert alerts.keep_up(desk.engine, desk.sessions)


def test_one_that_cannot_be_measured_keeps_no_other_from_it(
    desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.deploy(asking())
    broken, rule = add(desk, process_key=""), add(desk, threshold=0)
    whole = measures.measure

    def fails(engine: Any, session: Any, subject: AlertRule) -> float | None:
        if subject.id == broken:
            raise RuntimeError("the disk is full")
        return whole(engine, session, subject)

    monkeypatch.setattr(measures, "measure", fails)
    desk.start()
    look(desk, clock)
    assert [event.rule_id for event in raised(desk)] == [rule]


def test_off_changed_or_deleted(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    desk.start()
    rule = add(desk, threshold=0, webhook_url=HOOK)
    look(desk, clock)
    change(desk, rule, measure="open", threshold=0, name="Another name", webhook_url=HOOK)
    assert raised(desk)[0].cleared_at is None
    change(desk, rule, measure="open", threshold=5, webhook_url=HOOK)
    assert raised(desk)[0].cleared_at is not None
    assert queued(desk)[-1].payload["body"]["type"] == "alert.cleared"
    look(desk, clock)
    assert len(raised(desk)) == 1
    change(desk, rule, measure="open", threshold=0, webhook_url=HOOK)
    look(desk, clock)
    assert len(raised(desk)) == 2
    with desk.acting() as session:
        alerts.switch(session, alerts.get(session, rule, lock=True), active=False)
    assert raised(desk)[1].cleared_at is not None
    look(desk, clock)
    assert len(raised(desk)) == 2
    with desk.acting() as session:
        alerts.delete(session, alerts.get(session, rule, lock=True))
    assert raised(desk) == []
    with desk.sessions() as session, pytest.raises(NotFound):
        alerts.get(session, rule)


# -- what is measured ------------------------------------------------------------------------------


def test_stuck_instances_for_any_reason_or_one(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking(due="PT1H"))
    any_reason = add(desk, "stuck", 1)
    overdue = add(desk, "stuck", 1, reason="overdue", process_key="")
    failed = add(desk, "stuck", 0, reason="incident")
    desk.start(), desk.start()
    look(desk, clock)
    assert raised(desk) == []
    look(desk, clock, hours=2)
    assert [event.rule_id for event in raised(desk)] == [any_reason, overdue]
    assert [event.told for event in raised(desk)] == [
        "2 instances of Errand are stuck: more than 1.",
        "2 instances are stuck (overdue): more than 1.",
    ]
    assert rule_of(desk, failed).value == 0
    assert desk.told[0][3] == "/monitor/instances?show=stuck&process=errand"


def test_what_one_in_ten_took_longer_than(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    step = add(desk, "p90", 3600, element_id="ask", days=7)
    whole = add(desk, "p90", 86_400, days=7)
    for _ in range(4):
        desk.start()
    clock.advance(hours=2)
    for _ in range(4):
        desk.do("ask")
    look(desk, clock)
    assert raised(desk) == [] and rule_of(desk, step).value is None  # too few to say anything
    desk.start()
    clock.advance(hours=2)
    desk.do("ask")
    look(desk, clock)
    (event,) = raised(desk)
    assert event.rule_id == step and 7000 < event.value < 7500
    assert (
        event.told
        == "“Ask” of Errand took longer than 2 hours one time in ten within 7 days: over 60 minutes."
    )
    assert 7000 < (rule_of(desk, whole).value or 0) < 7500
    # A week later none of them counts any more, and it is over.
    look(desk, clock, days=8)
    look(desk, clock, minutes=6)
    assert raised(desk)[0].cleared_at is not None


@pytest.mark.parametrize("key", ["errand", ""])
def test_less_than_a_share_was_on_time(desk: Desk, clock: ManualClock, key: str) -> None:
    desk.deploy(asking(due="PT1H"))
    rule = add(desk, "on_time", 0.8, days=7, process_key=key)
    for _ in range(5):
        desk.start()
    for _ in range(4):
        desk.do("ask")
    look(desk, clock)
    assert rule_of(desk, rule).value is None
    clock.advance(hours=2)
    desk.do("ask")
    look(desk, clock)
    assert raised(desk) == [] and rule_of(desk, rule).value == pytest.approx(0.8)  # as much as wanted
    desk.start()
    clock.advance(hours=2)
    desk.do("ask")
    look(desk, clock)
    (event,) = raised(desk)
    of = " of Errand" if key else ""
    assert event.told == f"66.7 % of the tasks{of} were done on time within 7 days: below 80 %."


def test_the_oldest_task_waits_too_long(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    anywhere, other = (
        add(desk, "waiting", 7200, process_key=""),
        add(desk, "waiting", 7200, element_id="begin"),
    )
    desk.start()
    look(desk, clock, hours=1)
    assert raised(desk) == []
    look(desk, clock, hours=2)
    (event,) = raised(desk)
    assert (event.rule_id, event.told) == (anywhere, "A task has waited 3 hours: over 2 hours.")
    assert rule_of(desk, other).value is None
    desk.do("ask")
    look(desk, clock)
    assert rule_of(desk, anywhere).value is None


# -- who is told -----------------------------------------------------------------------------------


def test_people_by_role_and_by_name_each_once(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    add(desk, threshold=0, roles=("VISITOR",), people=(3, 4))
    desk.start()
    look(desk, clock)
    assert [who for who, *_ in desk.told] == [3, 4]


def test_a_test_tells_all_and_raises_nothing(desk: Desk) -> None:
    desk.deploy(asking())
    rule = add(desk, emails=("a@example.com", "b@example.com"), webhook_url=HOOK)
    for _ in range(2):
        with desk.acting() as session:
            alerts.send_test(desk.engine, session, alerts.get(session, rule))
    assert len(desk.told) == 4 and "This is a test" in desk.told[0][2]
    assert [job.kind for job in queued(desk)] == [alerts.MAIL, alerts.MAIL, alerts.WEBHOOK] * 2
    assert queued(desk)[-1].payload["body"]["type"] == "alert.test"
    assert raised(desk) == []


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": " "}, "NAME_MISSING", "name"),
        ({"name": "x" * 121}, "NAME_TOO_LONG", "name"),
        ({"measure": "mood"}, "UNKNOWN_MEASURE", "measure"),
        ({"process_key": "nothing"}, "UNKNOWN_PROCESS", "process"),
        ({"measure": "p90", "process_key": "", "days": 7}, "PROCESS_MISSING", "process"),
        ({"measure": "waiting", "process_key": "", "element_id": "ask"}, "PROCESS_MISSING", "process"),
        ({"measure": "waiting", "element_id": "nowhere"}, "UNKNOWN_ELEMENT", "element"),
        ({"element_id": "ask"}, "NOT_MEASURED", "element"),
        ({"reason": "overdue"}, "NOT_MEASURED", "reason"),
        ({"days": 7}, "NOT_MEASURED", "days"),
        ({"measure": "stuck", "reason": "bored"}, "UNKNOWN_REASON", "reason"),
        ({"measure": "p90"}, "BAD_DAYS", "days"),
        ({"measure": "p90", "days": 91}, "BAD_DAYS", "days"),
        ({"threshold": 1.5}, "BAD_THRESHOLD", "threshold"),
        ({"threshold": -1}, "BAD_THRESHOLD", "threshold"),
        ({"measure": "waiting", "threshold": 0}, "BAD_THRESHOLD", "threshold"),
        ({"measure": "on_time", "days": 7, "threshold": 1.1}, "BAD_THRESHOLD", "threshold"),
        ({"roles": ("KING",)}, "UNKNOWN_ROLE", "roles"),
        ({"people": (4711,)}, "UNKNOWN_PERSON", "people"),
        ({"emails": ("nobody",)}, "BAD_EMAIL", "emails"),
        ({"emails": ("a@b.example\nBcc: all@b.example",)}, "BAD_EMAIL", "emails"),
        ({"emails": ("a@b.example",) * 51}, "TOO_MANY", "emails"),
        ({"webhook_url": "http://example.com/"}, "BAD_URL", "webhookUrl"),
        ({"webhook_url": "https://127.0.0.1/"}, "BAD_URL", "webhookUrl"),
        ({"webhook_url": HOOK, "webhook_secret": "short"}, "BAD_SECRET", "webhookSecret"),
        ({"roles": ()}, "NOBODY_TO_TELL", "roles"),
    ],
)
def test_a_rule_that_is_none(desk: Desk, given: dict[str, Any], code: str, field: str) -> None:
    desk.deploy(asking())
    with pytest.raises(BusinessError) as refused:
        add(desk, **given)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_there_is_an_end_to_rules(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.deploy(asking())
    monkeypatch.setattr(alerts, "MAXIMUM_RULES", 1)
    add(desk)
    with pytest.raises(BusinessError, match="delete one first"):
        add(desk)


def test_a_secret_is_made_and_kept_and_replaced(desk: Desk) -> None:
    desk.deploy(asking())
    values: dict[str, Any] = {"measure": "open", "threshold": 1}
    rule = add(desk, webhook_url=HOOK)
    first = rule_of(desk, rule).webhook_secret
    assert len(first) >= 24
    change(desk, rule, **values, webhook_url="https://other.example/")
    assert rule_of(desk, rule).webhook_secret == first
    change(desk, rule, **values, webhook_url=HOOK, webhook_secret="another_secret_of_24_signs")
    assert rule_of(desk, rule).webhook_secret == "another_secret_of_24_signs"
    change(desk, rule, **values)
    assert rule_of(desk, rule).webhook_secret == ""


def test_what_is_raised_comes_first(desk: Desk, clock: ManualClock) -> None:
    desk.deploy(asking())
    add(desk, name="Calm", threshold=9)
    loud = add(desk, name="Loud", threshold=0)
    desk.start()
    look(desk, clock)
    with desk.sessions() as session:
        states = alerts.states(desk.engine, session)
        assert [each.rule.name for each in states] == ["Loud", "Calm"]
        assert states[0].event is not None and states[1].event is None
        assert states[1].condition == "More than 9 instances of Errand open"
        told = alerts.events(session, rule_id=loud, raised=True)
        assert (told.total, told.items[0].name) == (1, "Loud")
        assert alerts.events(session, raised=False).total == 0
