"""How much time scenarios may take, held wherever a scenario could go on for ever."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from app.engine.feel import Feel, FeelTimeout
from app.engine.scenario_files import ScenarioError

# Waiting for a busy machine is no fault of a scenario: work is counted apart from the time it takes.
SECONDS_OF_WORK = 30.0
SECONDS_IN_ALL = 120.0


@dataclass(slots=True)
class Allowance:
    """Seconds of work of this thread, and seconds in all, from now on."""

    work: float = SECONDS_OF_WORK
    in_all: float = SECONDS_IN_ALL
    _work_began: float = field(default_factory=time.thread_time)
    _began: float = field(default_factory=time.monotonic)

    @classmethod
    def unlimited(cls) -> Allowance:
        return cls(float("inf"), float("inf"))

    @property
    def is_used_up(self) -> bool:
        return (
            time.thread_time() - self._work_began >= self.work
            or time.monotonic() - self._began >= self.in_all
        )

    def require(self) -> None:
        """Go on only while there is time left. Raises :class:`ScenarioError`."""
        if self.is_used_up:
            raise ScenarioError(f"It was stopped: {self}.")

    def __str__(self) -> str:
        return f"all scenarios together may take {self.work:g} seconds"


class LimitedFeel(Feel):
    """An interpreter that shares another one's V8 for as long as the allowance lasts."""

    def __init__(self, shared: Feel, allowance: Allowance) -> None:
        self.__dict__.update(shared.__dict__)
        self._allowance = allowance

    def _call(self, items: list[dict[str, Any]], *, tagged: bool = False) -> list[dict[str, Any]]:
        if self._allowance.is_used_up:
            raise FeelTimeout(f"It was stopped: {self._allowance}.")
        return super()._call(items, tagged=tagged)
