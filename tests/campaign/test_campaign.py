"""The whole production set under load, while whatever can break breaks: nothing that was acknowledged is
lost, nothing is done twice, and once all is mended nothing is left over.

One minute of faults, ten with MILLWRIGHT_LONG=1. The figures are printed (``pytest -s``), with the number
that the faults were drawn from. ``MILLWRIGHT_CAMPAIGN_SEED`` draws the same again,
``MILLWRIGHT_CAMPAIGN_SECONDS`` says how long it takes, and ``MILLWRIGHT_CAMPAIGN_NETWORK=relays`` leaves the
network namespaces alone.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.engine.core import ProcessEngine
from tests.campaign.audit import Audit, drained, in_quiet
from tests.campaign.faults import BadLuck
from tests.campaign.installation import Installation, connect, installation
from tests.campaign.ledger import Ledger, latencies
from tests.campaign.people import Crew, Errands, Plans, Repairs, Shift, Store
from tests.campaign.setting_up import set_up
from tests.conftest import LONG
from tests.support.servers import MissingProgram

SECONDS = float(os.environ.get("MILLWRIGHT_CAMPAIGN_SECONDS", "") or (600 if LONG else 60))
SEED = int(os.environ.get("MILLWRIGHT_CAMPAIGN_SEED", "") or secrets.randbelow(1_000_000))
# How long a fault lasts, in seconds: some of the long run outlast every time limit.
LENGTHS = (2.0, 4.0, 8.0, 15.0, 35.0) if LONG else (2.0, 4.0, 7.0)
GO_HOME = 300.0  # seconds in which people finish what they have begun
WARM_UP = 3.0  # seconds of work before anything breaks
AT_REST = 90.0  # seconds in which the backlog is worked off


def test_nothing_is_lost_and_nothing_is_done_twice(engine: ProcessEngine, tmp_path: Path) -> None:
    try:
        with installation(tmp_path) as site:
            problems = campaign(engine, site)
    except MissingProgram as missing:
        pytest.skip(str(missing))
    assert problems == []


@dataclass
class Course:
    """How it went: times in seconds, what was counted, and all that is wrong."""

    started: float = 0.0
    went_home: float = 0.0
    drained: float = 0.0
    timers: int = 0
    problems: list[str] = field(default_factory=list)


def campaign(engine: ProcessEngine, site: Installation) -> list[str]:
    """Run it, and print the figures; answers what is wrong."""
    course = Course()
    database = connect(site.url)
    factory = set_up(engine, database)
    began = time.monotonic()
    site.start()
    course.started = time.monotonic() - began
    ledger = Ledger(site.folder / "ledger.jsonl")
    shift = Shift(site.addresses(), ledger, site.network.enter)
    people: list[Crew] = [
        *(Repairs(factory, shift, number) for number in range(3)),
        Store(factory, shift),
        Errands(factory, shift),
        Plans(factory, shift),
    ]
    for crew in people:
        crew.start()
    time.sleep(WARM_UP)
    luck = BadLuck(SEED, site, LENGTHS, shift.tell)
    luck.last(SECONDS)
    mended = time.monotonic()
    shift.end()
    course.problems += go_home(people, site)
    course.went_home = time.monotonic() - mended
    with Session(database) as session:
        course.drained, left = drained(session, AT_REST)
        audit = Audit(engine, session, ledger, site.uploads)
        course.problems += [*(f"left over: {what}" for what in left), *audit.problems()]
        course.timers = audit.timers_fired()
    ledger.close()
    database.dispose()
    report(site, ledger, luck, course)
    return course.problems


def go_home(people: list[Crew], site: Installation) -> list[str]:
    """Wait for people to finish; answers who has not."""
    deadline = time.monotonic() + GO_HOME
    while (busy := [crew for crew in people if crew.is_alive()]) and time.monotonic() < deadline:
        site.supervise()
        busy[0].join(0.2)
    return [f"{crew.name} has not finished" for crew in busy]


def report(site: Installation, ledger: Ledger, luck: BadLuck, course: Course) -> None:
    """Print the figures."""
    entries = ledger.entries
    quiet, loud = in_quiet(entries)
    again = [entry for entry in entries if entry.tries > 1]
    ended = Counter({node.name: node.ended_by_itself for node in site.nodes.values()})
    lines = [
        f"campaign of {SECONDS:.0f} s, seed {SEED}, network by {site.network.name}, "
        f"small disks: {', '.join(site.disks) or 'none'}; nodes up after {course.started:.1f} s",
        f"acknowledged: {len(entries)} actions: {_counted(Counter(entry.action for entry in entries))}",
        f"sent again: {len(again)} of them, {sum(entry.tries - 1 for entry in again)} times; "
        f"answered from what was kept: {sum(entry.replayed for entry in entries)}; "
        f"why, calls that only read included: {_counted(ledger.retries)}",
        f"faults: {luck.struck.total()}: {_counted(luck.struck)}",
        f"ended by themselves, and started again: {_counted(ended)}",
        f"timers fired: {course.timers}; due dates opened: {len(ledger.of('plan')) * Plans.DAYS}",
        f"latency while nothing was broken: {latencies(quiet)}",
        f"latency while something was: {latencies(loud)}",
        f"all mended, people had finished after {course.went_home:.1f} s, "
        f"and the backlog {course.drained:.1f} s later",
        f"problems: {len(course.problems)}",
        *course.problems[:40],
        "what struck when:",
        *luck.diary,
    ]
    print("\n" + "\n".join(lines), flush=True)  # noqa: T201


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.most_common() if number) or "none"
