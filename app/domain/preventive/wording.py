"""Rules in words, and taken apart into what a form asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

DAYS = {
    "MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday",
    "SU": "Sunday",
}  # fmt: skip
UNITS = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last", -2: "last but one"}


@dataclass(frozen=True, slots=True)
class Simple:
    """A calendar rule as a form asks for it: every N units, on some weekdays or on a day of the month.

    ``month_day`` is 1 to 31, or -1 for the last day; None is the day that the plan starts on.
    """

    unit: str
    every: int = 1
    weekdays: tuple[str, ...] = field(default=())
    month_day: int | None = None

    @property
    def rule(self) -> str:
        """The rule as it is stored."""
        parts = [f"FREQ={self.unit}"]
        if self.every != 1:
            parts.append(f"INTERVAL={self.every}")
        if self.weekdays and self.unit == "WEEKLY":
            parts.append("BYDAY=" + ",".join(day for day in DAYS if day in self.weekdays))
        if self.month_day is not None and self.unit == "MONTHLY":
            parts.append(f"BYMONTHDAY={self.month_day}")
        return ";".join(parts)


def simple(rule: str) -> Simple | None:
    """A stored rule taken apart; None where it says more than a form asks for."""
    parts = _parts(rule)
    unit, days, month_days = parts.get("FREQ", ""), parts.get("BYDAY", ""), parts.get("BYMONTHDAY", "")
    every = int(parts.get("INTERVAL", "1"))
    if days and (unit != "WEEKLY" or any(day not in DAYS for day in days.split(","))):
        return None
    if month_days and (unit != "MONTHLY" or not _is_plain(month_days)):
        return None
    if unit not in UNITS:
        return None
    return Simple(
        unit, every, tuple(days.split(",")) if days else (), int(month_days) if month_days else None
    )


def in_words(rule: str | None, meter_interval: int | None = None) -> str:
    """When something is due, in words: ``every 2 weeks on Monday and Friday``, ``every 500 hours run``."""
    if rule is None:
        return f"every {meter_interval:,} hours run" if meter_interval else "never"
    parts = _parts(rule)
    every, unit = int(parts.get("INTERVAL", "1")), UNITS.get(parts.get("FREQ", ""), "")
    said = f"every {unit}" if every == 1 else f"every {every} {unit}s"
    if month_days := parts.get("BYMONTHDAY"):
        said += f" on the {_listed([_day_of_month(int(day)) for day in month_days.split(',')])}"
    if days := parts.get("BYDAY"):
        joined = " if it is " if month_days else " on "
        said += joined + _listed([_weekday(day) for day in days.split(",")])
    return said


def _parts(rule: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rule.split(";") if "=" in part)


def _is_plain(text: str) -> bool:
    return text == "-1" or (text.isdecimal() and 1 <= int(text) <= 31)


def _weekday(text: str) -> str:
    nth = text[:-2]
    day = DAYS[text[-2:]]
    return day if not nth else f"the {_NTH.get(int(nth), f'{abs(int(nth))}.')} {day}"


def _day_of_month(day: int) -> str:
    if day == -1:
        return "last day"
    if day < 0:
        return f"{_ordinal(-day)} day from the end"
    return _ordinal(day)


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
