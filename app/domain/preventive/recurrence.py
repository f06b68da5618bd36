"""Calendar rules: on which days something recurs, as an iCalendar RRULE (RFC 5545, section 3.3.10).

A rule names days, so it is reckoned in dates, without hours and time zones. As the standard has it, a
day that a month or a year does not have is left out: the 31st recurs in seven months a year and
29 February in leap years. ``BYMONTHDAY=-1`` is the last day of any month.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any

from dateutil import rrule

from app.errors import BusinessError

MAX_LENGTH = 200  # characters
MAX_INTERVAL = 1000
HORIZON_YEARS = 12  # a rule that names no day for so long is a mistake; 29 February may take eight

_FREQUENCIES: dict[str, Any] = {
    "DAILY": rrule.DAILY,
    "WEEKLY": rrule.WEEKLY,
    "MONTHLY": rrule.MONTHLY,
    "YEARLY": rrule.YEARLY,
}
_DAYS = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), rrule.weekdays, strict=True))
_BY_DAY = re.compile(r"(?P<nth>[+-]?[1-9]\d?)?(?P<day>MO|TU|WE|TH|FR|SA|SU)")
_BY_MONTH_DAY = re.compile(r"[+-]?(?:[1-9]|[12]\d|3[01])")
_PARTS = ("FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY")


def checked(text: str, starts_on: date, *, field: str = "rrule") -> str:
    """A rule as it is stored: upper case, parts in one order, without the prefix ``RRULE:``.

    Allowed are FREQ (DAILY, WEEKLY, MONTHLY, YEARLY), INTERVAL, BYDAY and BYMONTHDAY. A plan ends when
    somebody ends it, so COUNT and UNTIL are refused.

    :raises BusinessError: BAD_RULE, which says what is wrong with it; also when it names no day
    """
    parts = _parts(text, field)
    frequency = parts.get("FREQ", "")
    if frequency not in _FREQUENCIES:
        raise _bad(f"FREQ is one of {', '.join(_FREQUENCIES)}, as in FREQ=MONTHLY;INTERVAL=3.", field)
    _check_interval(parts.get("INTERVAL"), field)
    _check_days(parts.get("BYDAY"), frequency, field)
    _check_month_days(parts.get("BYMONTHDAY"), frequency, field)
    rule = ";".join(f"{name}={parts[name]}" for name in _PARTS if name in parts)
    first = first_on_or_after(rule, starts_on, starts_on)
    if first is None or first.year > starts_on.year + HORIZON_YEARS:
        raise _bad(f"{rule} from {starts_on} names no day in the next {HORIZON_YEARS} years.", field)
    return rule


@lru_cache(maxsize=4096)  # many plans have the same rule and start on the same day
def first_on_or_after(rule: str, starts_on: date, day: date) -> date | None:
    """The first day of a stored rule that is not before ``day``. Nothing is due before ``starts_on``."""
    found = _reckoned(rule, starts_on).after(_midnight(day), inc=True)
    return None if found is None else found.date()


def next_after(rule: str, starts_on: date, day: date) -> date | None:
    """The first day of a stored rule after ``day``."""
    found = _reckoned(rule, starts_on).after(_midnight(day))
    return None if found is None else found.date()


def between(rule: str, starts_on: date, first: date, last: date) -> list[date]:
    """All days of a stored rule from ``first`` to ``last``, both included."""
    found = _reckoned(rule, starts_on).between(_midnight(first), _midnight(last), inc=True)
    return [moment.date() for moment in found]


def _parts(text: str, field: str) -> dict[str, str]:
    """The rule taken apart: NAME=VALUE, separated by semicolons."""
    rule = text.strip().upper().removeprefix("RRULE:")
    if not rule or len(rule) > MAX_LENGTH:
        raise _bad(f"A rule has 1 to {MAX_LENGTH} characters, as in FREQ=WEEKLY;BYDAY=MO.", field)
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise _bad(f"{part!r} is no part of a rule; write NAME=VALUE, separated by semicolons.", field)
        if name in parts:
            raise _bad(f"{name} is given twice.", field)
        if name in ("COUNT", "UNTIL"):
            raise _bad(f"A plan goes on until it is deactivated; leave out {name}.", field)
        if name not in _PARTS:
            raise _bad(f"{name} is not understood; use {', '.join(_PARTS)}.", field)
        parts[name] = value
    return parts


def _check_interval(value: str | None, field: str) -> None:
    if value is not None and not (
        value.isascii() and value.isdecimal() and len(value) <= 4 and 1 <= int(value) <= MAX_INTERVAL
    ):
        raise _bad(f"INTERVAL is a whole number from 1 to {MAX_INTERVAL}, not {value}.", field)


def _check_days(value: str | None, frequency: str, field: str) -> None:
    for day in value.split(",") if value is not None else ():
        match = _BY_DAY.fullmatch(day)
        if match is None:
            raise _bad(f"{day!r} in BYDAY is no day; use MO, TU, WE, TH, FR, SA, SU.", field)
        if match["nth"] is None:
            continue
        most = {"MONTHLY": 5, "YEARLY": 53}.get(frequency)
        if most is None:
            raise _bad(f"{day} counts days of a month or a year; with {frequency} use {match['day']}.", field)
        if abs(int(match["nth"])) > most:
            raise _bad(f"{day} does not exist: there are at most {most}.", field)


def _check_month_days(value: str | None, frequency: str, field: str) -> None:
    if value is None:
        return
    if frequency == "WEEKLY":
        raise _bad("BYMONTHDAY does not go with FREQ=WEEKLY; use BYDAY.", field)
    for day in value.split(","):
        if not _BY_MONTH_DAY.fullmatch(day):
            raise _bad(f"{day!r} in BYMONTHDAY is no day; use 1 to 31, or -1 for the last one.", field)


def _reckoned(rule: str, starts_on: date) -> rrule.rrule:
    """The rule as dateutil reckons it."""
    parts = dict(part.split("=") for part in rule.split(";"))
    options: dict[str, Any] = {"interval": int(parts.get("INTERVAL", "1"))}
    if days := parts.get("BYDAY"):
        options["byweekday"] = [_weekday(day) for day in days.split(",")]
    if days := parts.get("BYMONTHDAY"):
        options["bymonthday"] = [int(day) for day in days.split(",")]
    return rrule.rrule(_FREQUENCIES[parts["FREQ"]], dtstart=_midnight(starts_on), wkst=rrule.MO, **options)


def _weekday(text: str) -> Any:
    day = _DAYS[text[-2:]]
    return day(int(text[:-2])) if len(text) > 2 else day


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _bad(message: str, field: str) -> BusinessError:
    return BusinessError("BAD_RULE", message, field=field)
