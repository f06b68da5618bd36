"""What can happen in the demonstration factory, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.ops.demo.stage import Stage

Scene = Callable[[Stage], None]
# What happens one after the other; each time it yields, so much time passes first.
Course = Iterator[timedelta]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happens, ``ago`` before the demonstration is loaded."""

    ago: timedelta
    scene: Scene


def moment(scene: Scene, *, days: float = 0, hours: float = 0, minutes: float = 0) -> Moment:
    return Moment(timedelta(days=days, hours=hours, minutes=minutes), scene)


def once(scene: Scene, stage: Stage) -> Course:
    """A course of one scene."""
    scene(stage)
    yield from ()


def report(story: str, by: str, machine: str, priority: str, description: str, **values: Any) -> Scene:
    values = {"machine": machine, "priority": priority, "description": description, **values}
    return lambda stage: stage.report(story, by, **values)


def accept(story: str, by: str = "technician") -> Scene:
    return lambda stage: stage.do(story, "Accept request", by, "accept")


def work(story: str, outcome: str, by: str = "technician", **values: Any) -> Scene:
    if "steps" in values:
        values["steps"] = [{"description": text, "minutes": minutes} for text, minutes in values["steps"]]
    if "needs" in values:
        values["partLines"] = [
            {"part": part, "quantity": quantity, "reason": reason}
            for part, quantity, reason in values.pop("needs")
        ]
    return lambda stage: stage.do(story, "Carry out work", by, outcome, **values)


def do(story: str, task: str, by: str, outcome: str, **values: Any) -> Scene:
    return lambda stage: stage.do(story, task, by, outcome, **values)


def cancel(story: str, by: str, reason: str) -> Scene:
    return lambda stage: stage.cancel(story, by, reason)
