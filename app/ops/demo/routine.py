"""The weeks before the story: repairs as they happen every day, so that figures and trends tell something.

They are the same each time: what looks like chance comes from a fixed beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from app.ops.demo import rounds
from app.ops.demo.families import Trouble
from app.ops.demo.scenes import Course
from app.ops.demo.stage import Stage

WEEKS = timedelta(weeks=8)
REPAIRS = 26
SEED = 26


@dataclass(frozen=True, slots=True)
class Beginning:
    """When a course of events begins, before the demonstration is loaded."""

    ago: timedelta
    course: Callable[[Stage], Course]

    # Whether it has ended when the story begins, however much of it is left; otherwise it goes on until now.
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Crew:
    """Who reports a fault and says that it is gone, and who repairs it."""

    supervisor: str
    technician: str


TROUBLES = (
    ("M-0003", Trouble("MEDIUM", "The strip runs out of the middle.", "PROC-QUAL",
                       "Guides measured", "Guide moved", "Guide set and locked")),
    ("M-0006", Trouble("MEDIUM", "Edges stay sharp.", "PROC-QUAL",
                       "Belt looked at", "Grinding belt worn", "Belt changed", ("CO-BELT", 2))),
    ("M-0009", Trouble("LOW", "A roller does not turn.", "MECH-BRG",
                       "Roller taken out", "Bearing worn out", "Bearing changed", ("BR-6205", 1))),
    ("M-0010", Trouble("MEDIUM", "Every tenth screw is not counted.", "SEN-LOST",
                       "Sensor watched", "Sensor dirty", "Cleaned and set")),
    ("M-0008", Trouble("MEDIUM", "Welds are weak.", "PROC-QUAL",
                       "Current measured", "Contacts burnt", "Contactor changed", ("EL-CT9", 1))),
    ("M-0012", Trouble("MEDIUM", "Pressure drops at noon.", "PNEU-LEAK",
                       "Lines listened to", "Hose coupling loose", "Coupling tightened")),
    ("M-0005", Trouble("LOW", "The conveyor stops when it is full.", "MECH-BELT",
                       "Belt tension measured", "Belt slack", "Belt tightened")),
    ("M-0001", Trouble("HIGH", "The ram comes down slowly.", "HYD-PRES",
                       "Pressure measured", "Pressure valve dirty", "Valve cleaned")),
    ("M-0011", Trouble("HIGH", "The bench reports a leak where there is none.", "SEN-LOST",
                       "Compared with a tight part", "Seal of the fixture worn", "Seal turned")),
)  # fmt: skip
ASSEMBLY = ("M-0007", "M-0008", "M-0009", "M-0010", "M-0011", "M-0012")


def beginnings(until: timedelta, length: timedelta = WEEKS, repairs: int = REPAIRS) -> Iterator[Beginning]:
    """So many repairs, over a time that ends ``until`` before the demonstration is loaded; and all rounds."""
    yield Beginning(length, rounds.of_the_store, ends=False)
    yield Beginning(length, rounds.of_the_technicians(), ends=False)
    chance = Random(SEED)  # noqa: S311  # nosec B311  # nothing secret
    pace = (length - until) / repairs
    for number in range(repairs):
        machine, trouble = TROUBLES[number % len(TROUBLES)]
        crew = Crew(
            "supervisor2" if machine in ASSEMBLY else "supervisor",
            chance.choice(("technician", "technician2")),
        )
        # People become quicker over the weeks, and some repairs take their time all the same.
        slowness = (1.7 - number / repairs) * chance.choice((0.6, 0.8, 1.0, 1.0, 1.3, 3.2))
        ago = length - number * pace - pace * chance.uniform(0, 0.3)
        yield Beginning(ago, repair(f"routine {number}", machine, trouble, crew, slowness, chance.random()))


def repair(
    story: str, machine: str, trouble: Trouble, crew: Crew, slowness: float, seed: float
) -> Callable[[Stage], Course]:
    """A fault from its report to its end; with parts, where the store has them."""

    def course(stage: Stage) -> Course:
        chance = Random(seed)  # noqa: S311  # nosec B311  # nothing secret

        def hours(least: float, most: float) -> timedelta:
            return timedelta(hours=chance.uniform(least, most) * slowness)

        def work(outcome: str, **values: object) -> None:
            steps = [{"description": trouble.found, "minutes": round(20 + 40 * min(slowness, 6))}]
            stage.do(story, "Carry out work", crew.technician, outcome, steps=steps, **values)

        stage.report(
            story, crew.supervisor, machine=machine, priority=trouble.priority,
            description=trouble.description, failure=trouble.failure, machineStopped=trouble.stops,
        )  # fmt: skip
        yield hours(0.2, 1.2)
        stage.do(story, "Accept request", crew.technician, "accept")
        if trouble.part is not None and stage.free(trouble.part[0]) >= trouble.part[1]:
            part, quantity = trouble.part
            yield hours(0.5, 1.5)
            work("request_parts", partLines=[{"part": part, "quantity": quantity, "reason": trouble.cause}])
            for approver in ("manager", "admin"):
                if stage.waits_for(story, "Approve parts"):
                    yield hours(0.5, 4)
                    stage.do(story, "Approve parts", approver, "approve")
            yield hours(0.3, 2)
            stage.do(story, "Issue parts", "inventory", "issue")
        yield hours(1, 5)
        work("complete", type="CORR", cause=trouble.cause, remedy=trouble.remedy)
        yield hours(0.2, 1.5)
        if stage.waits_for(story, "Confirm repair"):
            stage.do(story, "Confirm repair", crew.supervisor, "fixed")

    return course
