"""How times, amounts and names are written on pages: for the reader, in the site's zone and currency."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal

from babel import Locale, dates, numbers
from flask import Flask
from flask_login import current_user

from app import clock
from app.web import people
from app.web.devices import device

# The pages are English; the choice is how dates and numbers are written.
LANGUAGES = {"en": "English (24 Nov 2026)", "en-US": "English, United States (Nov 24, 2026)"}
_LOCALES = {"en": Locale.parse("en_150"), "en-US": Locale.parse("en_US")}
DUE_SOON = timedelta(hours=2)


def locale() -> Locale:
    """The reader's locale."""
    language = getattr(current_user, "language", "en")
    return _LOCALES.get(language, _LOCALES["en"])


def ago(moment: datetime) -> str:
    """A time as it lies from now: “5 minutes ago”, “in 2 days”."""
    distance = moment - clock.now()
    if abs(distance) < timedelta(seconds=45):
        return "just now" if distance <= timedelta() else "in a moment"
    return dates.format_timedelta(distance, add_direction=True, threshold=0.9, locale=locale())


def minute(value: datetime) -> str:
    """Date and time without seconds."""
    local = value.astimezone(people.site().zone)
    return f"{day(local.date())}, {dates.format_time(local.time(), 'short', locale=locale())}"


def second(value: datetime) -> str:
    """The time of day to the second, for what is looked at while it happens."""
    local = value.astimezone(people.site().zone)
    return str(dates.format_time(local.time(), "medium", locale=locale()))


def zone_name(value: datetime) -> str:
    """The zone in which a time is shown, for scripts that show later ones."""
    return people.site().time_zone


def day(value: date) -> str:
    """A date."""
    return str(dates.format_date(value, "medium", locale=locale()))


def month(first: date) -> str:
    """The month that begins on a day: “Nov 2026”."""
    return str(dates.format_skeleton("yMMM", first, locale=locale()))


def span(distance: timedelta) -> str:
    """How long something lasts or has lasted: “3 hours”."""
    return str(dates.format_timedelta(abs(distance), threshold=0.9, locale=locale()))


def minutes(value: int) -> str:
    """Minutes as people say them: 95 is “1 h 35 min”."""
    hours, rest = divmod(int(value), 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def lasting(seconds: float) -> str:
    """A duration as figures have it, to two digits where it is short: “40 s”, “5.3 h”, “12 days”."""
    for unit, length, limit in (("s", 1, 60), ("min", 60, 60), ("h", 3600, 48), ("days", 86400, math.inf)):
        value = seconds / length
        digits = 1 if value < 9.95 and unit in ("h", "days") else 0
        if round(value, digits) < limit:
            break
    if unit == "s" and round(value) < 1:
        return "under 1\xa0s"
    return f"{numbers.format_decimal(round(value, digits), locale=locale())}\xa0{unit}"


def percent(value: float) -> str:
    """A share of 0 to 1 as people say it: “43 %”."""
    if 0 < value < 0.005:
        return "under 1\xa0%"
    return f"{round(value * 100)}\xa0%"


def money(amount: Decimal) -> str:
    """An amount in the site's currency."""
    return str(numbers.format_currency(amount, people.site().currency, locale=locale()))


def currency() -> str:
    """The sign of the site's currency."""
    return str(numbers.get_currency_symbol(people.site().currency, locale=locale()))


def number(value: int | Decimal) -> str:
    """A number with separators for thousands."""
    return str(numbers.format_decimal(value, locale=locale()))


def initials(name: str) -> str:
    """Two letters that stand for a person."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()[:2]


def due_state(due: datetime | None) -> str:
    """``late``, ``soon`` (two hours or less), ``later``, or nothing without a due time."""
    if due is None:
        return ""
    left = due - clock.now()
    if left < timedelta():
        return "late"
    return "soon" if left <= DUE_SOON else "later"


def from_now(value: datetime) -> timedelta:
    """How far away a time is."""
    return value - clock.now()


def init_formatting(app: Flask) -> None:
    """Give templates these functions as filters."""
    for function in (
        ago, minute, second, zone_name, day, span, minutes, lasting, percent, money, number, initials,
        due_state, from_now, device,
    ):  # fmt: skip
        app.add_template_filter(function)
