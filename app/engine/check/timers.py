"""Timers, due times and other settings whose value is known before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from app import clock
from app.engine import timers
from app.engine.check.checked import Checked
from app.engine.check.inspector import was_stopped
from app.engine.check.problems import Place, Problem, error, listed, similar
from app.engine.feel import FeelError
from app.engine.projection import PRIORITIES
from app.engine.timers import TimerError

# A duration, an instant or a cycle written without the quotation marks of a FEEL text.
UNQUOTED = re.compile(r"(R\d*/)?P(?=[\dT])[\dYMWDTHS.]+|\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?")
FAR = re.compile(r"\d{5,}[YMWD]")
EXAMPLES = {
    "timeDuration": '="PT4H" for four hours, or ="P2D" for two days',
    "timeDate": '="2026-03-02T08:00:00Z", or an expression that gives a date and time',
    "timeCycle": '="R/PT4H" for every four hours, or ="R3/P1D" for three days running',
}


def timer_events(checked: Checked) -> Iterator[Problem]:
    """Timers have an expression, and one that gives a time as far as that can be known."""
    for drawn, element in checked.elements:
        if element.event != "timer":
            continue
        place, label = drawn.at(element), element.label
        kind, text = element.timer or ("timeDuration", "")
        hint = f"Write for example {EXAMPLES[kind]}."
        if not text:
            yield error(place, "timer-missing", f"The timer “{label}” has no time.", hint)
            continue
        if element.type == "boundaryEvent" and kind == "timeCycle" and element.interrupting:
            message = f"“{label}” repeats, but it interrupts the task the first time."
            fix = "Let it not interrupt, or use a duration instead of a cycle."
            yield error(place, "interrupting-cycle", message, fix)
        if element.type != "boundaryEvent" and kind == "timeCycle":
            message = f"“{label}” repeats, but the process passes it once."
            yield error(place, "cycle-misplaced", message, "Use a duration, and draw the loop.")
        if UNQUOTED.fullmatch(text):
            message = f"The time of “{label}” is a text, and has to be written in quotation marks."
            yield error(place, "timer-unquoted", message, f'Write ="{text}".')
            continue
        known, value = yield from _constant(checked, place, f"the timer “{label}”", text)
        if known:
            yield from _time(place, f"the timer “{label}”", kind, value, hint)


def _time(place: Place, what: str, kind: str, value: Any, hint: str) -> Iterator[Problem]:
    far = f"The time of {what} is too far away."
    if isinstance(value, str) and FAR.search(value):
        # Counting on month by month takes for ever.
        yield error(place, "bad-timer", far, hint)
        return
    try:
        if kind == "timeCycle":
            timers.cycle(value, clock.now())
        else:
            timers.instant(value, clock.now())
    except TimerError as fault:
        yield error(place, "bad-timer", f"The time of {what} cannot be used: {fault}", hint)
    except (OverflowError, ValueError):
        yield error(place, "bad-timer", far, hint)


def settings(checked: Checked) -> Iterator[Problem]:
    """Due times, priorities and people of user tasks and awaited messages that are written down."""
    for drawn, element in checked.elements:
        if element.type not in ("userTask", "intermediateCatchEvent", "receiveTask"):
            continue
        for name in ("due", "priority", "assignee", "candidateDepartment"):
            given = element.attributes.get(name, "").strip()
            if not given:
                continue
            place, what = drawn.at(element), f"“{name}” of “{element.label}”"
            known, value = True, given
            if given.startswith("="):
                known, value = yield from _constant(checked, place, what, given[1:].strip())
            if known and value is not None:
                yield from _setting(place, what, name, value)


def _setting(place: Place, what: str, name: str, value: Any) -> Iterator[Problem]:
    if name == "due":
        yield from _time(place, what, "timeDuration", value, f"Write for example {EXAMPLES['timeDuration']}.")
    elif name == "priority":
        if value not in PRIORITIES:
            hint = similar(str(value), PRIORITIES) or f"Priorities are: {listed(PRIORITIES)}."
            yield error(place, "unknown-priority", f"{what} is no priority: {value}.", hint)
    elif isinstance(value, bool) or not re.fullmatch(r"\d{1,18}", str(value)):
        hint = "Write an expression that gives an id, such as =machine.departmentId."
        yield error(place, "not-an-id", f"{what} is no id: {value}.", hint)


def conditions(checked: Checked) -> Iterator[Problem]:
    """Conditions that use no variables are still true or false."""
    drawn = checked.drawn
    for flow in drawn.diagram.flows.values() if drawn else ():
        if drawn is not None and flow.condition:
            what = f"the condition “{flow.name or flow.id}”"
            known, value = yield from _constant(checked, drawn.at_flow(flow), what, flow.condition)
            if known and not isinstance(value, bool):
                message = f"The value of {what} is neither true nor false, whatever happens."
                hint = 'Compare something, as in outcome = "approve".'
                yield error(drawn.at_flow(flow), "condition-not-boolean", message, hint)


def _constant(checked: Checked, place: Place, what: str, text: str) -> Any:
    """Whether an expression's value is known beforehand, and the value. What it says of errors is
    left to the check of expressions, but for those that only evaluating shows."""
    try:
        if checked.inspector.paths(text, "expression") or checked.inspector.faults(text, "expression"):
            return False, None
        return True, checked.inspector.constant(text)
    except FeelError as fault:
        if was_stopped(fault):
            message = f"Evaluating {what} takes too much time or memory."
            yield error(place, "too-slow", message, "Use a simpler expression.")
    return False, None
