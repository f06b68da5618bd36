"""The form of an alert: what it asks for, by what is measured, and the rule that was typed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.engine import deployments
from app.engine.core import ProcessEngine
from app.engine.monitor.alerts import Wanted
from app.engine.monitor.measures import KINDS, AlertMeasure, Unit
from app.engine.monitor.models import AlertRule
from app.errors import BusinessError
from app.web.operation_forms import LARGEST_ID, Group

UNITS = {"minutes": 60, "hours": 3600, "days": 86_400}
NUMBER = re.compile(r"[0-9]{1,12}([.,][0-9]{1,6})?", re.ASCII)
# Between the process and the step, in the values of the choice of steps.
AT = "/"
DEFAULT_DAYS = 7


def steps(engine: ProcessEngine, session: Session) -> list[Group]:
    """The steps of all processes, those that people do or that are waited for."""
    found = []
    for one in deployments.latest_of_all(session):
        elements = engine.definition(session, one.id).diagram.elements.values()
        options = [
            (f"{one.key}{AT}{each.id}", each.label)
            for each in elements
            if each.type == "userTask" or each.type.endswith("CatchEvent")
        ]
        found.append(Group(one.name, sorted(options, key=lambda each: each[1].casefold())))
    return [group for group in found if group.options]


def of_rule(rule: AlertRule) -> MultiDict[str, str]:
    """A rule as the form has it."""
    kind = KINDS[AlertMeasure(rule.measure)]
    values: list[tuple[str, str]] = [
        ("name", rule.name),
        ("process", rule.process_key),
        ("element", f"{rule.process_key}{AT}{rule.element_id}" if rule.element_id else ""),
        ("reason", rule.reason),
        ("days", str(rule.days or DEFAULT_DAYS)),
        ("emails", "\n".join(rule.recipients["emails"])),
        ("webhookUrl", rule.webhook_url),
    ]
    values += [("roles", role) for role in rule.recipients["roles"]]
    values += [("people", str(person)) for person in rule.recipients["people"]]
    if rule.active:
        values.append(("active", "1"))
    threshold, unit = rule.threshold, ""
    if kind.unit == Unit.SECONDS:
        unit = next(
            name
            for name in ("days", "hours", "minutes")
            if _is_whole(threshold / UNITS[name]) or name == "minutes"
        )
        threshold /= UNITS[unit]
    elif kind.unit == Unit.SHARE:
        threshold *= 100
    return MultiDict([*values, ("threshold", f"{round(threshold, 4):g}"), ("unit", unit)])


def wanted(measure: AlertMeasure, given: MultiDict[str, str], active: bool) -> Wanted:
    """The rule that was typed; what its measure has not is left out.

    :raises BusinessError: BAD_THRESHOLD (``threshold``), BAD_DAYS (``days``), OTHER_PROCESS (``element``)
    """
    kind = KINDS[measure]
    process, element = given.get("process", "")[:100], ""
    if kind.of_step and (chosen := given.get("element", "")):
        of, _, element = chosen[:300].partition(AT)
        if process and of != process:
            message = "This step is one of another process: choose the process or the step again."
            raise BusinessError("OTHER_PROCESS", message, field="element")
        process = of
    return Wanted(
        name=given.get("name", ""),
        measure=measure.value,
        threshold=_threshold(kind.unit, given),
        process_key=process,
        element_id=element,
        reason=given.get("reason", "")[:20] if kind.of_reason else "",
        days=_days(given.get("days", "")) if kind.of_days else None,
        active=active,
        roles=tuple(given.getlist("roles")),
        people=tuple(_ids(given.getlist("people"))),
        emails=tuple(given.get("emails", "").replace(",", " ").replace(";", " ").split()),
        webhook_url=given.get("webhookUrl", "").strip(),
        webhook_secret=given.get("webhookSecret") or None,
    )


def _threshold(unit: Unit, given: Mapping[str, Any]) -> float:
    text = str(given.get("threshold", "")).strip()
    if not NUMBER.fullmatch(text):
        raise BusinessError("BAD_THRESHOLD", "Write a number, such as 3.", field="threshold")
    number = float(text.replace(",", "."))
    if unit == Unit.SHARE:
        return number / 100
    if unit == Unit.SECONDS:
        return number * UNITS.get(str(given.get("unit", "")), UNITS["hours"])
    return number


def _days(text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text) < 6):
        raise BusinessError("BAD_DAYS", "Write a number of days, such as 7.", field="days")
    return int(text)


def _ids(texts: list[str]) -> list[int]:
    """Numbers of people; 0, which nobody has, for what is none."""
    return [
        int(text) if text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= LARGEST_ID else 0
        for text in texts
    ]


def _is_whole(number: float) -> bool:
    return number >= 1 and math.isclose(number, round(number))
