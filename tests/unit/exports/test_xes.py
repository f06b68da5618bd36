"""Event logs as XES: valid whatever the texts hold, and written while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exports import xes as writer
from tests.support import xes

MOMENT = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)


@dataclass
class Event:
    activity: str = "Accept"
    at: datetime = MOMENT
    transition: str = "complete"
    resource: str = "Ann"
    role: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class Case:
    key: str = "E-1"
    version: int = 3
    state: str = "completed"
    events: list[Event] = field(default_factory=list)


def written(*cases: Case, name: str = "Errand") -> xes.Log:
    return xes.read(writer.chunks(name, cases))


def test_a_log_has_its_cases_with_their_events() -> None:
    log = written(
        Case(events=[Event(role="CLERK", attributes={"outcome": "yes"}), Event("Do")]), name="Errand"
    )
    assert log.attributes == {"concept:name": "Errand", "lifecycle:model": "standard"}
    (trace,) = log.traces
    assert trace.attributes == {"concept:name": "E-1", "version": 3, "state": "completed"}
    assert trace.told() == ["Accept", "Do"]
    assert trace.events[0] == {
        "concept:name": "Accept",
        "lifecycle:transition": "complete",
        "time:timestamp": datetime(2026, 3, 2, 8, 0, 0, 123000, tzinfo=UTC),
        "org:resource": "Ann",
        "org:role": "CLERK",
        "outcome": "yes",
    }


def test_an_empty_log_is_one_too() -> None:
    assert written().traces == []
    assert written(Case()).traces[0].events == []


@given(st.text(), st.text())
def test_any_text_can_be_written(name: str, outcome: str) -> None:
    event = written(Case(events=[Event(name, attributes={"outcome": outcome})])).traces[0].events[0]
    for text, read in ((name, event["concept:name"]), (outcome, event["outcome"])):
        assert len(read) == len(text)
        assert all(a == b or b == "\ufffd" for a, b in zip(text, read, strict=True))


@pytest.mark.parametrize("text", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_hold_is_replaced(text: str) -> None:
    event = written(Case(events=[Event(f"a{text}b")])).traces[0].events[0]
    assert event["concept:name"] == "a\ufffdb"


@pytest.mark.parametrize(
    "text", ["<&>\"'", "]]>", "\t tab \n line \r\n return", "🔧 \x7f \x85 \u2028", "  two  "]
)
def test_what_xml_can_hold_is_kept(text: str) -> None:
    event = written(Case(events=[Event(text)])).traces[0].events[0]
    assert event["concept:name"] == text


def test_it_is_written_while_the_cases_are_read() -> None:
    taken = 0

    def cases() -> Iterator[Case]:
        nonlocal taken
        while True:
            taken += 1
            yield Case(str(taken), events=[Event()] * 3)

    chunks = writer.chunks("Errand", cases())
    next(chunks)
    assert taken == 0
    next(chunks)
    assert taken == writer.CASES_A_CHUNK
    assert len(next(chunks)) < 50_000


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ('<string key="concept:name" value="a"/><string key="concept:name" value="b"/>', "twice"),
        ('<string key="cost:total" value="a"/>', "no extension"),
        ('<date key="when" value="yesterday"/>', "date"),
        ('<string key="not a name" value="a"/>', "attributes"),
        ('<string key="concept:name" value="a"/>', "no {"),
    ],
)
def test_the_reader_of_these_tests_refuses_what_the_standard_does(wrong: str, why: str) -> None:
    good = b"".join(writer.chunks("Errand", [Case()])).decode()
    with pytest.raises(xes.NotXes, match=why):
        xes.read(good.replace("  </trace>", f"<event>{wrong}</event></trace>").encode())
