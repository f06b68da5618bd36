"""Timer events whose expressions are FEEL and whose time is the product's own clock.

SpiffWorkflow's timers read the system's time and evaluate Python; these keep its protocol
(``has_fired``, ``update_task``) and its arithmetic of ISO 8601 durations.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.timer import CycleTimerEventDefinition, TimerEventDefinition
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from app import clock
from app.errors import MillwrightError

MAXIMUM_CYCLES = 1000
MINIMUM_PERIOD = timedelta(seconds=1)


class TimerError(MillwrightError):
    """A timer's expression does not give a duration, an instant or a cycle."""


def duration(text: str, start: datetime) -> timedelta:
    """The length of an ISO 8601 duration counted from ``start`` (months have their real length)."""
    if not isinstance(text, str) or not text.upper().startswith("P") or len(text) < 3:
        raise TimerError(f"{text!r} is no duration such as PT4H or P2D.")
    try:
        parsed = TimerEventDefinition.parse_iso_duration(text)
        return TimerEventDefinition.get_timedelta_from_start(parsed, start)
    except Exception as error:
        raise TimerError(f"{text!r} is no duration such as PT4H or P2D.") from error


def instant(text: str, start: datetime) -> datetime:
    """The instant that ``text`` names: an ISO 8601 date and time, or a duration from ``start``."""
    if isinstance(text, str) and text.upper().startswith("P"):
        return start + duration(text, start)
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (TypeError, ValueError, AttributeError) as error:
        raise TimerError(f"{text!r} is neither a date and time nor a duration.") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


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
    """What the three kinds of timer share: the FEEL expression and the stored due time."""

    def __init__(self, name: str, expression: str, **kwargs: Any) -> None:
        super().__init__(name, expression, **kwargs)

    def _evaluate(self, task: Task) -> Any:
        return task.workflow.script_engine.evaluate(task, self.expression)

    @staticmethod
    def due(task: Task) -> datetime | None:
        """When this task's timer goes off next, if that is known."""
        value = task.internal_data.get("event_value")
        if isinstance(value, dict):
            value = None if value.get("cycles") == 0 else value.get("next")
        return None if value is None else datetime.fromisoformat(value)


class DateTimer(Timer):
    """Goes off at an instant, or a duration after it was entered."""

    def has_fired(self, my_task: Task) -> bool:
        if my_task.internal_data.get("event_value") is None:
            due = instant(self._evaluate(my_task), clock.now())
            my_task.internal_data["event_value"] = due.isoformat()
        if datetime.fromisoformat(my_task.internal_data["event_value"]) <= clock.now():
            my_task.internal_data["event_fired"] = True
        return bool(my_task.internal_data.get("event_fired", False))


class CycleTimer(Timer, CycleTimerEventDefinition):
    """Goes off again and again; each time, a new token leaves and the timer keeps waiting."""

    def has_fired(self, my_task: Task) -> bool:
        return bool(my_task.internal_data.get("event_fired", False))

    def update_task(self, my_task: Task) -> None:
        now = clock.now()
        value = my_task.internal_data.get("event_value")
        if value is None:
            cycles, period = cycle(self._evaluate(my_task), now)
            value = {
                "cycles": min(cycles, MAXIMUM_CYCLES),
                "next": (now + period).isoformat(),
                "period": period.total_seconds(),
            }
            my_task.internal_data["event_value"] = value
        due = datetime.fromisoformat(value["next"])
        if value["cycles"] == 0 or due > now:
            return
        # After an outage the missed periods are caught up with once, not one by one.
        while due <= now:
            due += timedelta(seconds=value["period"])
        value["next"] = due.isoformat()
        value["cycles"] = value["cycles"] - 1 if value["cycles"] > 0 else -1
        for output in my_task.task_spec.outputs:
            if output.name.endswith(".BoundaryEventJoin"):
                continue
            child = my_task._add_child(output, TaskState.FUTURE)
            child.task_spec._predict(child, mask=TaskState.NOT_FINISHED_MASK)
            child.task_spec._update(child)
