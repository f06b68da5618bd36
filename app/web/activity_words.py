"""The activity log told to people: what was done in words, to what by its name, and what changed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.activity import ActivityLog
from app.domain.entities import EntityType
from app.web import labels
from app.web.formatting import day, minute
from app.web.things import address_of, names_of, words_of

LONGEST = 300  # characters of a value

# What an id in a changed value is the id of, by the value's name.
_REFERENCES: dict[str, str] = {
    "department_id": EntityType.DEPARTMENT,
    "machine_id": EntityType.MACHINE,
    "failure_code_id": EntityType.FAILURE_CODE,
    "maintenance_type_id": EntityType.MAINTENANCE_TYPE,
    "spare_part_id": EntityType.SPARE_PART,
    "default_location_id": EntityType.STOCK_LOCATION,
    "location_id": EntityType.STOCK_LOCATION,
    "user_id": EntityType.USER,
    "substitute_id": EntityType.USER,
    "reporter_id": EntityType.USER,
    "requester_id": EntityType.USER,
    "technician_id": EntityType.USER,
    "assigned_technician_id": EntityType.USER,
    "assigned_to": EntityType.USER,
    "uploaded_by": EntityType.USER,
}
_ACTIONS = {
    "SIGN_IN": "signed in",
    "SIGN_OUT": "signed out",
    "SIGN_IN_FAILED": "a sign-in failed",
    "LOCKED": "locked after too many failures",
    "UNLOCK": "unlocked",
    "TOKEN_REUSED": "a copied token was refused",
    "MAKE_RESET_LINK": "made a link to set a password",
    "REFUSE_VIRUS": "a file with a virus was refused",
    "METER_MOVED_TASK": "a meter reading moved the due date",
    "SET_SUBSTITUTE": "entered an absence",
    "REMOVE_SUBSTITUTE": "removed an absence",
    "LOG_PREVENTIVE_TASK": "logged preventive work",
    "READ_METER": "read the meter",
    "STOCK_IN": "booked stock in",
    "REGISTER": "registered",
    "EXPORT_NAMED_EVENT_LOG": "exported the event log with people's names",
}
_VERBS = {
    "CREATE": "added", "UPDATE": "changed", "CHANGE": "changed", "DELETE": "deleted", "REMOVE": "removed",
    "ADD": "added", "ASSIGN": "assigned", "CLOSE": "closed", "END": "ended", "EXPORT": "exported",
    "IMPORT": "imported", "RECORD": "recorded", "REOPEN": "reopened", "REQUEST": "requested",
    "REVISE": "revised", "APPROVE": "approved", "REJECT": "rejected", "ISSUE": "issued",
    "CANCEL": "cancelled",
    "COMPLETE": "completed", "START": "started", "REFUSE": "refused", "MAKE": "made", "MIGRATE": "moved",
    "OPEN": "opened", "PLACE": "placed", "PLAN": "planned", "RECEIVE": "received", "COUNT": "counted",
    "DEPLOY": "deployed", "ACCEPT": "accepted", "SET": "set", "RETURN": "returned", "LOG": "logged",
}  # fmt: skip
_STATUSES: dict[str, str] = {
    EntityType.MACHINE: "machine",
    EntityType.MAINTENANCE_REQUEST: "request",
    EntityType.SPARE_PARTS_REQUEST: "parts_request",
    EntityType.PROCESS_RECORD: "record",
}


@dataclass(frozen=True)
class Change:
    """One value that changed: its name, what it was, and what it is."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Told:
    """An entry as people read it. ``subject`` is what it was done to, ``address`` its page, if it has one."""

    entry: ActivityLog
    who: str
    what: str
    subject: str
    address: str
    changes: tuple[Change, ...]

    @property
    def has_before(self) -> bool:
        return self.entry.before is not None


def action_words(action: str) -> str:
    """What somebody did, in words: ``CREATE_MACHINE`` is “added machine”."""
    if action in _ACTIONS:
        return _ACTIONS[action]
    verb, _, rest = action.partition("_")
    words = rest.replace("_", " ").lower()
    return f"{_VERBS.get(verb, verb.lower())} {words}".strip()


def kinds() -> list[tuple[str, str]]:
    """Code and name of every kind of thing, by name."""
    return sorted(((str(one), words_of(one)) for one in EntityType), key=lambda pair: pair[1])


def told(session: Session, entries: Iterable[ActivityLog]) -> list[Told]:
    """Entries in words. At most one statement for each kind of thing that they name."""
    rows = list(entries)
    names = _names(session, rows)
    return [_told(entry, names) for entry in rows]


def _told(entry: ActivityLog, names: Mapping[tuple[str, int], str]) -> Told:
    values = _values(entry.before), _values(entry.after)
    changes = tuple(
        Change(
            _field(name),
            *(
                _value(entry.entity_type, name, side.get(name), names) if name in side else ""
                for side in values
            ),
        )
        for name in dict.fromkeys([*values[0], *values[1]])
    )
    key = (entry.entity_type, entry.entity_id or 0)
    name = ""
    if entry.entity_id:
        name = names.get(key) or _former_name(*values) or f"no. {entry.entity_id}"
    what = action_words(entry.action)
    return Told(
        entry=entry,
        who=entry.user.name if entry.user else "The system",
        what=what,
        subject=_subject(entry, what, name),
        address=address_of(entry.entity_type, entry.entity_id) if key in names or not entry.entity_id else "",
        changes=changes,
    )


def _subject(entry: ActivityLog, what: str, name: str) -> str:
    """What an entry is about, without what the action says already; nothing for what people do themselves."""
    if entry.entity_type == EntityType.USER and entry.entity_id == entry.user_id:
        return ""
    kind = words_of(entry.entity_type)
    return name if kind.lower() in what else f"{kind} {name}".strip()


def _names(session: Session, entries: Iterable[ActivityLog]) -> dict[tuple[str, int], str]:
    """The names of all that the entries are about, or name in their values."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        if entry.entity_id:
            wanted[entry.entity_type].add(entry.entity_id)
        for side in (_values(entry.before), _values(entry.after)):
            for name, value in side.items():
                kind = _REFERENCES.get(_snake(name))
                if kind and isinstance(value, int) and not isinstance(value, bool):
                    wanted[kind].add(value)
    return names_of(session, wanted)


def _values(given: Any) -> dict[str, Any]:
    """What an entry keeps, as named values."""
    if given is None:
        return {}
    return given if isinstance(given, dict) else {"value": given}


def _former_name(*sides: Mapping[str, Any]) -> str:
    """What a thing that is gone was called, where its entry says so."""
    for side in sides:
        for name in ("name", "code", "business_key", "part_name", "title", "file_name", "fileName", "email"):
            if isinstance(side.get(name), str):
                return str(side[name])
    return ""


def _field(name: str) -> str:
    words = re.sub(r"_id$", "", _snake(name)).replace("_", " ")
    return words.capitalize().replace("Qr code", "QR code")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _value(entity_type: str, name: str, value: Any, names: Mapping[tuple[str, int], str]) -> str:
    """A value as people write it; long ones are cut."""
    snake = _snake(name)
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if kind := _REFERENCES.get(snake):
        return names.get((kind, value) if isinstance(value, int) else ("", 0), f"no. {value}")
    if isinstance(value, str):
        return _text(entity_type, snake, value)[:LONGEST]
    if isinstance(value, list):
        listed = "; ".join(_value(entity_type, name, one, names) for one in value[:20])
        return (listed or "nothing")[:LONGEST]
    if isinstance(value, dict):
        return ", ".join(f"{_field(k)}: {_value(entity_type, k, v, names)}" for k, v in value.items())[
            :LONGEST
        ]
    return str(value)


def _text(entity_type: str, name: str, value: str) -> str:
    """A text: codes by their names, times and days as the reader writes them."""
    if name == "status" and entity_type in _STATUSES:
        return labels.label(_STATUSES[entity_type], value).text
    if name in ("criticality", "priority"):
        return labels.label(name, value).text
    if name == "role":
        return labels.role_name(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return day(date.fromisoformat(value))
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)", value):
        return minute(datetime.fromisoformat(value))
    return value
