"""A long list is gone through part by part, forwards and back, and no row is missed or seen twice."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.database import unit_of_work
from app.engine.monitor.keyset import cut
from app.engine.monitor.models import SavedView

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
COLUMNS = (SavedView.created_at, SavedView.name, SavedView.id)


@pytest.fixture
def rows(session: Session) -> list[int]:
    """Ids in the order of the columns; most rows are equal in the first of them."""
    views = [
        SavedView(user_id=n, name=name, query="", created_at=START + timedelta(microseconds=moment))
        for n, (moment, name) in enumerate(
            [(1, "b"), (0, "a"), (1, "a"), (1, "b"), (2, "ä"), (1, "a"), (1, "b"), (0, "z"), (2, "c")]
        )
    ]
    with unit_of_work(session):
        session.add_all(views)
    return list(session.scalars(sa.select(SavedView.id).order_by(*COLUMNS)))


def walk(session: Session, size: int, **options: Any) -> list[list[int]]:
    """All parts from the first to the last."""
    parts, after = [], ""
    while True:
        found = cut(session, sa.select(SavedView), COLUMNS, size=size, after=after, **options)
        parts.append([row[0].id for row in found.items])
        if found.after is None:
            return parts
        after = found.after


@pytest.mark.databases
@pytest.mark.parametrize("size", [1, 2, 4, 9, 20])
def test_every_row_is_seen_once_in_order(session: Session, rows: list[int], size: int) -> None:
    parts = walk(session, size)
    assert [row for part in parts for row in part] == rows
    assert all(len(part) == size for part in parts[:-1])
    down = list(session.scalars(sa.select(SavedView.id).order_by(*(column.desc() for column in COLUMNS))))
    assert [row for part in walk(session, size, descending=True) for row in part] == down


@pytest.mark.databases
@pytest.mark.parametrize("descending", [False, True])
def test_the_way_back_leads_through_the_same_parts(
    session: Session, rows: list[int], descending: bool
) -> None:
    def part(**place: str) -> Any:
        return cut(session, sa.select(SavedView), COLUMNS, size=4, descending=descending, **place)

    first = part()
    second = part(after=first.after)
    third = part(after=second.after)
    assert first.before is None and third.after is None
    for later, earlier in ((third, second), (second, first)):
        back = part(before=later.before)
        assert [row[0].id for row in back.items] == [row[0].id for row in earlier.items]
        assert back.after is not None
    assert part(before=second.before).before is None


def test_a_part_whose_neighbours_have_gone_leads_to_the_beginning(session: Session, rows: list[int]) -> None:
    def part(**place: str) -> Any:
        return cut(session, sa.select(SavedView), COLUMNS, size=4, **place)

    second = part(after=part().after)
    with unit_of_work(session):
        session.execute(sa.delete(SavedView).where(SavedView.id.in_(rows[:4])))
    back = part(before=second.before)
    assert [row[0].id for row in back.items] == rows[4:8]
    assert back.before is None and back.after is not None


def _coded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "ä", "=", "a" * 401, _coded("text"), _coded({}), _coded([]), _coded([1, "a", 1]),
        _coded(["2026-03-02T08:00:00", "a", 1]), _coded(["2026-03-02T08:00:00+00:00", 1, 1]),
        _coded(["2026-03-02T08:00:00+00:00", "a", "1"]), _coded(["2026-03-02T08:00:00+00:00", "a", 2**64]),
        _coded(["2026-03-02T08:00:00+00:00", "\ud800", 1]), _coded(["2026-03-02T08:00:00+00:00", "a", True]),
        "W" * 300,
    ],
)  # fmt: skip
def test_what_is_no_place_in_the_list_leads_to_its_beginning(
    session: Session, rows: list[int], text: str
) -> None:
    for place in ({"after": text}, {"before": text}):
        found = cut(session, sa.select(SavedView), COLUMNS, size=4, **place)
        assert [row[0].id for row in found.items] == rows[:4]
        assert found.before is None
