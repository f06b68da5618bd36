"""The year before the story in the whole factory: what broke where, who repaired it, and how long it took."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random

from app.ops.demo import rounds, routine
from app.ops.demo.factory import machines_of, supervisor_of
from app.ops.demo.families import FAMILIES
from app.ops.demo.routine import Beginning, Crew, repair

LENGTH = timedelta(weeks=52)
SEED = 1952
TECHNICIANS = ("technician", "technician2", "technician3", "technician4", "technician5", "technician6")
FIRST_SHIFT, LAST_SHIFT = 6, 21  # o'clock, between which something is reported
SUNDAY = 6
STORY_REPAIRS = 80  # of the machines that the story is about


def beginnings(now: datetime, until: timedelta) -> Iterator[Beginning]:
    """All repairs of the year that ends ``until`` before ``now``.

    Faults come by chance, as many a year as the kind of machine has; over the year people become quicker.
    """
    yield Beginning(LENGTH, rounds.of_the_meters, ends=False)
    yield from routine.beginnings(until, LENGTH, STORY_REPAIRS)
    for family in FAMILIES:
        for code in machines_of(family):
            chance = Random(f"{SEED} {code}")  # noqa: S311  # nosec B311  # nothing secret
            time = now - LENGTH
            for number in count(1):
                time = _at_work(time + timedelta(days=chance.expovariate(family.faults / 365)), chance)
                if time >= now - until - timedelta(days=2):
                    break
                passed = 1 - (now - time) / LENGTH
                slowness = (1.5 - 0.5 * passed) * chance.choice((0.5, 0.7, 0.9, 1.0, 1.1, 1.4, 3.0))
                crew = Crew(supervisor_of(family.department), chance.choice(TECHNICIANS))
                course = repair(
                    f"{code} {number}", code, chance.choice(family.troubles), crew, slowness, chance.random()
                )
                yield Beginning(now - time, course)


def _at_work(time: datetime, chance: Random) -> datetime:
    """The same day at an hour at which people work; Monday instead of Sunday."""
    if time.weekday() == SUNDAY:
        time += timedelta(days=1)
    hour = chance.uniform(FIRST_SHIFT, LAST_SHIFT)
    return time.replace(hour=int(hour), minute=int(hour % 1 * 60), second=0, microsecond=0)
