"""The filters of the list of instances, as its address has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from app import clock
from app.engine.models import InstanceState
from app.engine.monitor.filters import Filters
from app.engine.monitor.instance_list import SORTS, URGENT
from app.engine.monitor.obstacles import Reason

NAMES = (
    "show", "process", "version", "state", "reason", "element", "age", "machine", "department", "person",
    "q", "sort",
)  # fmt: skip
TABS = {"open": "Open", "stuck": "Stuck", "ended": "Ended", "every": "All"}
STATES_OF = {
    "open": (InstanceState.RUNNING, InstanceState.INCIDENT, InstanceState.SUSPENDED),
    "stuck": (InstanceState.RUNNING, InstanceState.INCIDENT),
    "ended": (InstanceState.COMPLETED, InstanceState.CANCELLED),
    "every": tuple(InstanceState),
}
ORDERS = {
    URGENT: "Most urgent first",
    "newest": "Newest first",
    "oldest": "Oldest first",
    "ended": "Ended last first",
    "key": "By business key",
}


class Age(NamedTuple):
    """How long ago an instance started: less than so long, or more."""

    text: str
    distance: timedelta
    is_older: bool


AGES = {
    "under-1d": Age("Started within a day", timedelta(days=1), False),
    "under-7d": Age("Started within a week", timedelta(days=7), False),
    "over-1d": Age("Older than a day", timedelta(days=1), True),
    "over-7d": Age("Older than a week", timedelta(days=7), True),
    "over-30d": Age("Older than 30 days", timedelta(days=30), True),
    "over-90d": Age("Older than 90 days", timedelta(days=90), True),
}
LARGEST = 2**31 - 1


def values(args: Mapping[str, str]) -> dict[str, str]:
    """What an address asks for, by the names of the filters; what means nothing is left out."""
    found = {name: args.get(name, "").strip()[:200] for name in NAMES}
    allowed = {"show": TABS, "reason": list(Reason), "age": AGES, "sort": (*SORTS, URGENT)}
    for name, known in allowed.items():
        if found[name] not in known:
            found[name] = ""
    for name in ("version", "machine", "department", "person"):
        number = found[name]
        # No more digits than an id has, and only plain ones.
        if not (number.isascii() and number.isdecimal() and len(number) < 11 and int(number) <= LARGEST):
            found[name] = ""
    for name in ("process", "element", "q"):
        found[name] = "".join(sign for sign in found[name] if sign.isprintable())
    if found["state"] not in STATES_OF[found["show"] or "open"]:
        found["state"] = ""
    if found["sort"] == URGENT and not _is_about_stuck(found):
        found["sort"] = ""
    if found["sort"] == "ended" and found["show"] not in ("ended", "every"):
        found["sort"] = ""
    return {name: value for name, value in found.items() if value}


def query(args: Mapping[str, str]) -> str:
    """The filters as the query string of an address, always in the same order."""
    return urlencode(values(args))


def read(args: Mapping[str, str]) -> Filters:
    """The filters of an address, as the list takes them."""
    found = values(args)
    show = found.get("show", "open")
    reasons: tuple[Reason, ...] = ()
    if "reason" in found:
        reasons = (Reason(found["reason"]),)
    elif show == "stuck":
        reasons = tuple(Reason)
    age, now = AGES.get(found.get("age", "")), clock.now()
    return Filters(
        process=found.get("process"),
        version=_number(found, "version"),
        states=(found["state"],) if "state" in found else (),
        ended={"open": False, "stuck": False, "ended": True}.get(show),
        element=found.get("element"),
        reasons=reasons,
        machine_id=_number(found, "machine"),
        department_id=_number(found, "department"),
        person_id=_number(found, "person"),
        started_from=now - age.distance if age and not age.is_older else None,
        started_until=now - age.distance if age and age.is_older else None,
        q=found.get("q", ""),
    )


def order(args: Mapping[str, str]) -> str:
    """How the list is sorted: as asked, else what is stuck by urgency and what has ended by its end."""
    found = values(args)
    if "sort" in found:
        return found["sort"]
    if _is_about_stuck(found):
        return URGENT
    return "ended" if found.get("show") == "ended" else "newest"


def orders(args: Mapping[str, str]) -> dict[str, str]:
    """The orders that make sense for what is listed."""
    found = values(args)
    left_out = set() if _is_about_stuck(found) else {URGENT}
    if found.get("show") not in ("ended", "every"):
        left_out.add("ended")
    return {name: text for name, text in ORDERS.items() if name not in left_out}


def _is_about_stuck(found: Mapping[str, str]) -> bool:
    return found.get("show") == "stuck" or bool(found.get("reason"))


def _number(found: Mapping[str, str], name: str) -> int | None:
    return int(found[name]) if name in found else None
