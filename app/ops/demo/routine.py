"""The weeks before the story: repairs as they happen every day, so that figures and trends tell something.

They are the same each time: what looks like chance comes from a fixed beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from app.ops.demo.scenes import Moment, Scene, accept, confirm, do, report, work

LENGTH = timedelta(weeks=8)
REPAIRS = 26
SEED = 26


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that breaks now and then; ``part`` is what it takes from the store, if anything.

    What costs little, such as a consumable, ``is_approved_by_itself``.
    """

    machine: str
    priority: str
    description: str
    failure: str
    found: str
    cause: str
    remedy: str
    part: tuple[str, int] | None = None
    is_approved_by_itself: bool = False


TROUBLES = (
    Trouble("M-0003", "MEDIUM", "The strip runs out of the middle.", "PROC-QUAL",
            "Guides measured", "Guide moved", "Guide set and locked"),
    Trouble("M-0006", "MEDIUM", "Edges stay sharp.", "PROC-QUAL",
            "Belt looked at", "Grinding belt worn", "Belt changed", ("CO-BELT", 2), True),
    Trouble("M-0009", "LOW", "A roller does not turn.", "MECH-BRG",
            "Roller taken out", "Bearing worn out", "Bearing changed", ("BR-6205", 1)),
    Trouble("M-0010", "MEDIUM", "Every tenth screw is not counted.", "SEN-LOST",
            "Sensor watched", "Sensor dirty", "Cleaned and set"),
    Trouble("M-0008", "MEDIUM", "Welds are weak.", "PROC-QUAL",
            "Current measured", "Contacts burnt", "Contactor changed", ("EL-CT9", 1)),
    Trouble("M-0012", "MEDIUM", "Pressure drops at noon.", "PNEU-LEAK",
            "Lines listened to", "Hose coupling loose", "Coupling tightened"),
    Trouble("M-0005", "LOW", "The conveyor stops when it is full.", "MECH-BELT",
            "Belt tension measured", "Belt slack", "Belt tightened"),
    Trouble("M-0001", "HIGH", "The ram comes down slowly.", "HYD-PRES",
            "Pressure measured", "Pressure valve dirty", "Valve cleaned"),
    Trouble("M-0011", "HIGH", "The bench reports a leak where there is none.", "SEN-LOST",
            "Compared with a tight part", "Seal of the fixture worn", "Seal turned"),
)  # fmt: skip
ASSEMBLY = ("M-0007", "M-0008", "M-0009", "M-0010", "M-0011", "M-0012")


def moments(until: timedelta) -> Iterator[Moment]:
    """The repairs of the weeks that end ``until`` before the demonstration is loaded."""
    chance = Random(SEED)  # noqa: S311 - nothing secret
    pace = (LENGTH - until) / REPAIRS
    for number in range(REPAIRS):
        trouble = TROUBLES[number % len(TROUBLES)]
        ago = LENGTH - number * pace - pace * chance.uniform(0, 0.3)
        # People become quicker over the weeks, and some repairs take their time all the same.
        slowness = (1.7 - number / REPAIRS) * chance.choice((0.6, 0.8, 1.0, 1.0, 1.3, 3.2))
        for after, scene in _repair(f"routine {number}", trouble, slowness, chance):
            ago -= after
            yield Moment(max(ago, until), scene)


def _repair(
    story: str, trouble: Trouble, slowness: float, chance: Random
) -> Iterator[tuple[timedelta, Scene]]:
    """What happens, each so long after what was before."""
    supervisor = "supervisor2" if trouble.machine in ASSEMBLY else "supervisor"
    technician = chance.choice(("technician", "technician2"))

    def hours(least: float, most: float) -> timedelta:
        return timedelta(hours=chance.uniform(least, most) * slowness)

    yield (
        timedelta(),
        report(
            story, supervisor, trouble.machine, trouble.priority, trouble.description, failure=trouble.failure
        ),
    )
    yield hours(0.2, 1.2), accept(story, technician)
    minutes = round(20 + 40 * slowness)
    if trouble.part is not None:
        number, quantity = trouble.part
        yield hours(0.5, 1.5), work(
            story, "request_parts", technician, steps=[(trouble.found, minutes)],
            needs=[(number, quantity, trouble.cause)],
        )  # fmt: skip
        if not trouble.is_approved_by_itself:
            yield hours(0.5, 4), do(story, "Approve parts", "manager", "approve")
        yield hours(0.3, 2), do(story, "Issue parts", "inventory", "issue")
    yield hours(1, 5), work(
        story, "complete", technician, steps=[(trouble.found, minutes)], type="CORR",
        cause=trouble.cause, remedy=trouble.remedy,
    )  # fmt: skip
    yield hours(0.2, 1.5), confirm(story, supervisor)
