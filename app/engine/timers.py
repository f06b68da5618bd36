"""Timer events whose expressions are FEEL and whose time is the product's own clock.

SpiffWorkflow's timers read the system's time and evaluate Python; these keep its protocol
(``has_fired``, ``update_task``) and its arithmetic of ISO 8601 durations.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.timer import TimerEventDefinition
from SpiffWorkflow.task import Task

from app import clock
from app.errors import MillwrightError
from app.patience import will_pass

MAXIMUM_CYCLES = 1000
MINIMUM_PERIOD = timedelta(seconds=1)
# Months are counted one by one.
MANY_MONTHS = re.compile(r"\d{4}[.,\d]*[YM]")
# Set on a waiting timer whose expression failed, until somebody retries.
FAILED = "failed"
# What every database and every calculation with it can hold.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class TimerError(MillwrightError):
    """A timer's expression does not give a duration, an instant or a cycle."""


def duration(text: str, start: datetime) -> timedelta:
    """The length of an ISO 8601 duration counted from ``start`` (months have their real length)."""
    if not isinstance(text, str) or not text.upper().startswith("P") or len(text) < 3:
        raise TimerError(f"{text!r} is no duration such as PT4H or P2D.")
    if MANY_MONTHS.search(text.upper().partition("T")[0]):
        raise TimerError(f"{text!r} is too long.")
    try:
        parsed = TimerEventDefinition.parse_iso_duration(text)
        return TimerEventDefinition.get_timedelta_from_start(parsed, start)
    except Exception as error:
        raise TimerError(f"{text!r} is no duration such as PT4H or P2D.") from error


def instant(text: str, start: datetime) -> datetime:
    """The instant that ``text`` names: an ISO 8601 date and time, or a duration from ``start``."""
    try:
        if isinstance(text, str) and text.upper().startswith("P"):
            found = start + duration(text, start)
        else:
            found = datetime.fromisoformat(text.replace("Z", "+00:00"))
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except OverflowError as error:
        raise TimerError(f"{text!r} is too far away.") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise TimerError(f"{text!r} is neither a date and time nor a duration.") from error
    if not EARLIEST <= found < LATEST:
        raise TimerError(f"{text!r} is too far away.")
    return found


def cycle(text: str, start: datetime) -> tuple[int, timedelta]:
    """Repetitions (-1: without end) and period of an ISO 8601 cycle such as ``R3/PT1H``."""
    parts = text.upper().split("/") if isinstance(text, str) else []
    if len(parts) != 2 or not parts[0].startswith("R") or not (parts[0][1:].isdigit() or parts[0] == "R"):
        raise TimerError(f"{text!r} is no cycle such as R/PT4H or R3/P1D.")
    period = duration(parts[1], start)
    if period < MINIMUM_PERIOD:
        raise TimerError(f"{text!r} repeats more often than once a second.")
    return (int(parts[0][1:]) if parts[0][1:] else -1), period


class Timer(TimerEventDefinition):
    """What the timers share: a FEEL expression, and its value, stored when the timer is entered.

    An expression that has no value is an incident of the timer alone: whatever else the instance
    waits for goes on.
    """

    def __init__(self, name: str, expression: str, **kwargs: Any) -> None:
        super().__init__(name, expression, **kwargs)

    def has_fired(self, my_task: Task) -> bool:
        data = my_task.internal_data
        if data.get("event_value") is None:
            if FAILED in data:
                return False
            script_engine = my_task.workflow.script_engine
            try:
                data["event_value"] = self._begin(script_engine.evaluate(my_task, self.expression))
            except Exception as error:
                if will_pass(error):
                    raise
                data[FAILED] = True
                script_engine.park_timer(my_task, error)
                return False
        if not data.get("event_fired") and self._goes_off(my_task):
            data["event_fired"] = True
        return bool(data.get("event_fired", False))

    def _begin(self, value: Any) -> Any:
        """What is stored for the value of the expression. Raises :class:`TimerError`."""
        raise NotImplementedError

    def _goes_off(self, my_task: Task) -> bool:
        due = self.due(my_task)
        return due is not None and due <= clock.now()

    @staticmethod
    def due(task: Task) -> datetime | None:
        """When this task's timer goes off next, if that is known."""
        value = task.internal_data.get("event_value")
        if isinstance(value, dict):
            value = None if value.get("cycles") == 0 else value.get("next")
        return None if value is None else datetime.fromisoformat(value)


class DateTimer(Timer):
    """Goes off at an instant, or a duration after it was entered."""

    def _begin(self, value: Any) -> str:
        return instant(value, clock.now()).isoformat()


class CycleTimer(Timer):
    """Goes off once in each period; its boundary event then waits for the next one."""

    def _begin(self, value: Any) -> dict[str, Any]:
        now = clock.now()
        cycles, period = cycle(value, now)
        return {
            "cycles": min(cycles, MAXIMUM_CYCLES),
            "next": (now + period).isoformat(),
            "period": period.total_seconds(),
        }

    def _goes_off(self, my_task: Task) -> bool:
        if not super()._goes_off(my_task):
            return False
        value = my_task.internal_data["event_value"]
        due, period = datetime.fromisoformat(value["next"]), timedelta(seconds=value["period"])
        # After an outage the missed periods are caught up with once, not one by one.
        value["next"] = (due + period * ((clock.now() - due) // period + 1)).isoformat()
        value["cycles"] = value["cycles"] - 1 if value["cycles"] > 0 else -1
        return True
