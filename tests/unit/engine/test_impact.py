"""Impact: what real decisions would have been by other rules."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.clock import ManualClock
from app.engine import deployments, impact
from app.engine.impact import Impact, Step
from app.engine.models import HistoryEntry, ProcessInstance
from app.engine.specs import DefinitionError
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

RULES = """<?xml version="1.0"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="x">
  <decision id="size" name="Size"><decisionTable hitPolicy="{policy}">
    <input label="Amount"><inputExpression><text>{read}</text></inputExpression></input>
    <output name="size"/>
    <rule id="large"><inputEntry><text>&gt; {limit}</text></inputEntry>
      <outputEntry><text>"large"</text></outputEntry></rule>
    <rule id="small"><inputEntry><text>{otherwise}</text></inputEntry>
      <outputEntry><text>"small"</text></outputEntry></rule>
  </decisionTable></decision>
</definitions>"""


def rules(limit: int = 100, read: str = "amount", policy: str = "FIRST", otherwise: str = "-") -> bytes:
    return RULES.format(limit=limit, read=read, policy=policy, otherwise=otherwise).encode()


def drawing(condition: str = 'size = "large"', inputs: dict[str, str] | None = None) -> Drawing:
    """A table says how large an amount is; large ones are looked at by somebody else, and so are red ones."""
    return (
        Drawing().start("begin").decide("measure", "size", "size", inputs=inputs)
        .exclusive("is_large", "is_red").user("check").user("sign").user("paint").end("done")
        .path("begin", "measure", "is_large", "sign", "is_red", "done")
        .path("is_large", "check", when=condition).path("check", "is_red")
        .path("is_red", "paint", when='colour = "red"').path("paint", "done")
    )  # fmt: skip


@pytest.fixture
def busy(desk: Desk, clock: ManualClock) -> Desk:
    """Errands of 50, 150 and 250, an hour apart."""
    desk.deploy(drawing(), dmn_rule=rules())
    for amount in (50, 150, 250):
        desk.start(amount=amount, colour="blue")
        clock.advance(hours=1)
    return desk


def replayed(desk: Desk, draft: Drawing, dmn: bytes, **options: int) -> Impact:
    with desk.sessions() as session:
        given = {"days": 30, **options}
        return impact.replay(desk.engine, session, "errand", draft.files(dmn_rule=dmn), **given)


def step(found: Impact, element: str) -> Step:
    return next(step for step in found.steps if step.element == element)


def told(found: Impact, element: str) -> tuple[int, int, int]:
    each = step(found, element)
    return each.replayed, each.same, each.different


def test_the_same_rules_decide_the_same(busy: Desk) -> None:
    found = replayed(busy, drawing(), rules())
    assert (found.different, found.decisions, found.complete) == (0, 6, True)
    assert told(found, "measure") == told(found, "is_large") == (3, 3, 0)
    assert [each.element for each in found.steps] == ["measure", "is_large"]


@pytest.mark.databases
def test_another_limit_shows_whom_it_would_have_concerned(busy: Desk) -> None:
    found = replayed(busy, drawing(), rules(limit=200))
    assert told(found, "measure") == (3, 2, 1)
    (case,) = step(found, "measure").cases
    assert (case.business_key, case.inputs, case.then, case.now) == ("E-2", {"Amount": 150}, "large", "small")
    assert case.at.isoformat() == "2026-03-02T09:00:00+00:00"

    # What the table gives reaches the gateway after it.
    assert told(found, "is_large") == (3, 2, 1)
    (way,) = step(found, "is_large").cases
    assert (way.business_key, way.inputs) == ("E-2", {"size": "small"})
    assert (way.then, way.now) == (["to “Check”"], ["to “Sign”"])


def test_another_condition_shows_which_way_would_have_been_gone(busy: Desk) -> None:
    found = replayed(busy, drawing('size = "small"'), rules())
    assert told(found, "measure") == (3, 3, 0)
    assert [case.business_key for case in step(found, "is_large").cases] == ["E-3", "E-2", "E-1"]


def test_what_came_after_another_way_is_not_guessed(busy: Desk) -> None:
    for _ in range(2):
        busy.do("check")
    found = replayed(busy, drawing(), rules(limit=200))
    assert told(found, "is_red") == (1, 1, 0)  # the errand of 250
    assert dict(step(found, "is_red").not_replayed) == {impact.AFTER_ANOTHER_WAY: 1}


def test_what_history_does_not_hold_is_said(busy: Desk) -> None:
    found = replayed(busy, drawing('errand.note = "x"'), rules(read="weight"))
    assert dict(step(found, "measure").not_replayed) == {"History does not hold weight.": 3}
    assert dict(step(found, "is_large").not_replayed) == {"History does not hold errand.note.": 3}
    assert found.different == 0


def test_steps_and_decisions_that_the_draft_has_no_more_are_said(busy: Desk) -> None:
    draft = Drawing().start("begin").user("is_large").end("done").path("begin", "is_large", "done")
    found = replayed(busy, draft, rules())
    assert {s.element: dict(s.not_replayed) for s in found.steps} == {
        "is_large": {impact.NO_STEP: 3},
        "measure": {impact.NO_STEP: 3},
    }
    renamed = rules().replace(b'id="size"', b'id="length"')
    other = replayed(busy, drawing(), renamed)
    assert dict(step(other, "measure").not_replayed) == {"The draft has no decision named size.": 3}


def test_rules_that_give_nothing_count_as_different(busy: Desk) -> None:
    found = replayed(busy, drawing(), rules(policy="UNIQUE"))
    assert told(found, "measure") == (3, 1, 2)
    case = step(found, "measure").cases[0]
    assert (case.business_key, case.now) == ("E-3", None)
    assert "rules 1, 2 match" in case.problem
    assert dict(step(found, "is_large").not_replayed) == {impact.AFTER_ANOTHER_WAY: 2}


def test_inputs_that_the_draft_says_in_other_words_are_computed_anew(desk: Desk) -> None:
    desk.deploy(drawing(inputs={"measured": "amount"}), dmn_rule=rules(read="measured + amount"))
    desk.start(amount=60)
    same = replayed(desk, drawing(inputs={"measured": "amount"}), rules(read="measured + amount"))
    assert told(same, "measure") == (1, 1, 0)
    found = replayed(desk, drawing(inputs={"measured": "amount * 0"}), rules(read="measured + amount"))
    assert told(found, "measure") == (1, 0, 1)


def test_each_decision_is_made_at_its_own_time(desk: Desk, clock: ManualClock) -> None:
    noon = 'if date and time("2026-03-02T12:00:00Z") &gt; now() then 50 else 150'
    desk.deploy(drawing(), dmn_rule=rules(read=f"amount * 0 + ({noon})"))
    for _ in range(3):
        desk.start(amount=1)
        clock.advance(hours=3)
    clock.advance(days=1)
    assert told(replayed(desk, drawing(), rules(read=f"amount * 0 + ({noon})")), "measure") == (3, 3, 0)


def test_only_the_last_days_count(busy: Desk, clock: ManualClock) -> None:
    clock.advance(days=10)
    busy.start(amount=150)
    assert replayed(busy, drawing(), rules(), days=3).decisions == 2
    assert replayed(busy, drawing(), rules(), days=11).decisions == 8


def test_the_newest_decisions_are_looked_at_where_there_are_many(busy: Desk) -> None:
    found = replayed(busy, drawing(), rules(limit=200), limit=4)
    assert (found.complete, found.decisions) == (False, 4)
    assert [case.business_key for case in step(found, "measure").cases] == ["E-2"]
    assert replayed(busy, drawing(), rules(), limit=6).complete
    assert not replayed(busy, drawing(), rules(), seconds=0).complete


def test_decisions_of_a_time_before_inputs_were_kept_are_counted(desk: Desk) -> None:
    made = desk.deploy(drawing(), dmn_rule=rules())
    instance = desk.start(amount=150)
    with desk.acting() as session:
        for entry in session.query(HistoryEntry).filter_by(instance_id=instance.id):
            if entry.detail:
                entry.detail = {name: value for name, value in entry.detail.items() if name != "read"}
    found = replayed(desk, drawing(), rules())
    assert dict(step(found, "measure").not_replayed) == {impact.NOT_KEPT: 1}
    assert made.version == 1


def test_a_draft_that_cannot_be_run_is_refused(busy: Desk) -> None:
    with busy.sessions() as session, pytest.raises(DefinitionError):
        impact.replay(busy.engine, session, "errand", {}, days=3)


def test_an_inclusive_gateway_may_go_more_ways(desk: Desk) -> None:
    def draft(limit: int) -> Drawing:
        return (
            Drawing().start("begin").inclusive("which").user("a").user("b").user("c").end("done")
            .path("begin", "which", "c", "done")
            .path("which", "a", when=f"amount > {limit}").path("a", "done")
            .path("which", "b", when="amount > 10").path("b", "done")
        )  # fmt: skip

    desk.deploy(draft(100))
    desk.start(amount=150)
    with desk.sessions() as session:
        same = impact.replay(desk.engine, session, "errand", draft(100).files(), days=1)
        other = impact.replay(desk.engine, session, "errand", draft(200).files(), days=1)
    assert told(same, "which") == (1, 1, 0)
    (case,) = step(other, "which").cases
    assert (case.then, case.now) == (["to “A”", "to “B”"], ["to “B”"])


def test_thousands_of_decisions_take_seconds(desk: Desk, session: Session) -> None:
    """Equal questions are asked once, and rows are read by the page."""
    made = desk.deploy(drawing(), dmn_rule=rules())
    desk.start(amount=150)
    with desk.acting() as acting:
        entries = list(acting.query(HistoryEntry).filter(HistoryEntry.detail.is_not(None)))
        instance = acting.query(ProcessInstance).one()
        for number in range(1_200):
            for entry in entries:
                acting.add(
                    HistoryEntry(
                        instance_id=instance.id, process_key="errand", kind=entry.kind, at=entry.at,
                        element_id=entry.element_id, element_type=entry.element_type,
                        detail={**entry.detail, "read": {"amount": number, "size": "large"}},
                    )
                )  # fmt: skip
    assert deployments.latest(session, "errand") is not None and made.version == 1
    found = replayed(desk, drawing(), rules(limit=1))
    assert found.decisions == 2_402
    assert found.complete
