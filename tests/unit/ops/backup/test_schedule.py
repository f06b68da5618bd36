"""When the process that makes backups makes one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from app.clock import ManualClock
from app.ops.backup.schedule import keep_going, slot

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-25T02:00", "2026-11-25T02:00"),
        ("2026-11-25T07:59", "2026-11-25T02:00"),
        ("2026-11-25T08:00", "2026-11-25T08:00"),
        ("2026-11-25T01:59", "2026-11-24T20:00"),
        ("2026-11-25T23:59", "2026-11-25T20:00"),
        ("2026-03-29T08:30", "2026-03-29T08:00"),  # the clocks went forwards at two
        ("2026-10-25T08:30", "2026-10-25T08:00"),  # and back at three
    ],
)
def test_the_last_time_at_which_one_was_due(now: str, due: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=BERLIN)
    assert slot(at.astimezone(UTC), BERLIN, time(2, 0), 6) == datetime.fromisoformat(due).replace(
        tzinfo=BERLIN
    )


class Days:
    """Lets days pass in moments: each wait is half an hour."""

    def __init__(self, clock: ManualClock, hours: float) -> None:
        self.clock, self.left = clock, hours
        self.made: list[tuple[str, bool]] = []
        self.last: datetime | None = None
        self.failing = 0

    def make(self, thorough: bool) -> None:
        if self.failing:
            self.failing -= 1
            raise RuntimeError("the storage does not answer")
        self.last = self.clock()
        self.made.append((f"{self.last:%a %H:%M}", thorough))

    def is_set(self) -> bool:
        return self.left <= 0

    def wait(self, seconds: float) -> None:
        self.clock.advance(minutes=30)
        self.left -= 0.5

    def run(self) -> list[tuple[str, bool]]:
        stopping: threading.Event = self  # type: ignore[assignment]
        zone: tzinfo = UTC
        keep_going(
            self.make, lambda: self.last, zone=lambda: zone, first=time(2, 0), every=6, stopping=stopping
        )
        return self.made


def test_a_backup_is_made_whenever_one_is_due(clock: ManualClock) -> None:
    days = Days(clock, 24)
    days.last = clock() - timedelta(minutes=5)  # Monday, 07:55: that of two o'clock was made
    assert days.run() == [
        ("Mon 08:00", False),
        ("Mon 14:00", False),
        ("Mon 20:00", False),
        ("Tue 02:00", False),
    ]


def test_one_is_made_for_all_that_were_missed_and_the_first_of_a_week_is_thorough(clock: ManualClock) -> None:
    days = Days(clock, 7)
    days.last = clock() - timedelta(days=3)
    assert days.run() == [("Mon 08:00", True), ("Mon 14:00", False)]


def test_a_failure_is_tried_again_after_a_while(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    days = Days(clock, 3)
    days.failing = 2
    assert days.run() == [("Mon 09:00", True)]
    assert caplog.text.count("a backup could not be made") == 2
