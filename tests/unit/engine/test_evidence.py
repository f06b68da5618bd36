"""What history keeps of the values that rules were given."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.engine import evidence
from app.engine.feel import Feel, Temporal
from app.engine.models import HistoryKind
from tests.support.desk import Desk
from tests.support.diagrams import Drawing

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
ORDER = {
    "total": 12.5,
    "placed": AT,
    "note": "n" * 200,
    "customer": {"name": "Ada", "city": "Turin"},
    "lines": [{"part": "A", "cost": 3, "text": "x" * 90}, {"part": "B", "cost": 4, "text": "y" * 90}],
    "tags": ["a", "b"],
}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        # What was read, and small values beside it; neither long texts nor what is nested.
        ({("order", "total")}, {"total": 12.5, "placed": {"@": "2026-03-02T08:00:00.000Z"}}),
        (
            {("order", "tags")},
            {"total": 12.5, "placed": {"@": "2026-03-02T08:00:00.000Z"}, "tags": ["a", "b"]},
        ),
        (
            {("order", "lines", "cost"), ("order", "note")},
            {
                "total": 12.5,
                "placed": {"@": "2026-03-02T08:00:00.000Z"},
                "note": "n" * 200,
                "lines": [{"cost": 3}, {"cost": 4}],
            },
        ),
        (
            {("order", "customer", "name")},
            {"total": 12.5, "placed": {"@": "2026-03-02T08:00:00.000Z"}, "customer": {"name": "Ada"}},
        ),
    ],
)
def test_what_rules_read_is_kept(paths: set[tuple[str, ...]], expected: dict[str, Any]) -> None:
    assert evidence.kept({"order": ORDER}, paths) == {"order": expected}


def test_a_name_that_is_used_as_a_whole_is_kept_as_a_whole() -> None:
    assert evidence.kept({"lines": ORDER["lines"]}, {("lines",)}) == {"lines": ORDER["lines"]}


def test_what_is_large_is_left_out() -> None:
    values = {
        "text": "x" * 2_000,
        "list": list(range(60)),
        "small": 1,
        "many": {f"field{n}": "v" * 90 for n in range(100)},
    }
    kept = evidence.kept(values, {("text",), ("list",), ("small",), ("many", "field7")})
    assert kept == {"small": 1, "many": {"field7": "v" * 90}}
    assert len(json.dumps(kept)) < evidence.MAXIMUM_SIZE


def test_dates_and_durations_come_back_as_what_they_were(factory_engine: Any) -> None:
    feel: Feel = factory_engine.feel
    given = {"at": AT, "wait": timedelta(hours=3), "plain": "2026-03-02"}
    stored = json.loads(json.dumps(evidence.kept(given, {("at",), ("wait",), ("plain",)})))
    back = evidence.restored(stored)
    assert back["plain"] == "2026-03-02"
    assert isinstance(back["at"], Temporal)
    assert feel.evaluate('at + wait > date and time("2026-03-02T10:59:00Z")', back) is True


@pytest.mark.parametrize(
    ("path", "held"),
    [
        (("order",), True),
        (("order", "total"), True),
        (("order", "total", "anything"), True),
        (("order", "nobody"), True),
        (("order", "nobody", "name"), True),
        (("order", "owner"), False),
        (("order", "lines", "cost"), True),
        (("order", "lines", "text"), False),
        (("order", "placed", "year"), True),
        (("machine", "name"), False),
    ],
)
def test_what_is_not_held_is_known_to_be_that(path: tuple[str, ...], held: bool) -> None:
    stored = {"order": {"total": 1, "nobody": None, "lines": [{"cost": 1}], "placed": {"@": "2026-03-02"}}}
    assert evidence.holds(stored, path) is held


def test_history_keeps_what_the_conditions_of_a_gateway_read(desk: Desk) -> None:
    drawing = (
        Drawing().start("begin").exclusive("large").user("check").end("done")
        .path("begin", "large", "done")
        .path("large", "check", when="amount > 100 and colour != null").path("check", "done")
    )  # fmt: skip
    instance = desk.run(drawing, amount=250, colour="red", other=1)
    (passed,) = [
        entry
        for entry in desk.history(instance)
        if entry.kind == HistoryKind.PASSED and entry.element_id == "large"
    ]
    assert passed.detail == {"flows": ["large_to_check"], "read": {"amount": 250, "colour": "red"}}
