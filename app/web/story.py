"""What happened, told to people: the engine's history and the activity log as one list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.activity import ActivityLog
from app.engine.models import HistoryEntry, HistoryKind
from app.web.labels import role_name


@dataclass(frozen=True)
class Event:
    """One line of a timeline. ``said`` is in somebody's own words."""

    at: datetime
    who: str
    what: str
    icon: str = "dot"
    tone: str = ""
    said: str = ""


def of_history(entries: Iterable[HistoryEntry], outcomes: Mapping[tuple[str, str], str]) -> list[Event]:
    """What people did in an instance and what befell it; the engine's own small steps are left out.

    ``outcomes`` names the outcomes of user tasks by element and value.
    """
    return [event for entry in entries if (event := _from_history(entry, outcomes)) is not None]


def of_activity(entries: Iterable[ActivityLog]) -> list[Event]:
    """What was done to the records."""
    return [event for entry in entries if (event := _from_activity(entry)) is not None]


def newest_first(*stories: list[Event]) -> list[Event]:
    """Several stories as one."""
    return sorted((event for story in stories for event in story), key=lambda event: event.at, reverse=True)


def _from_history(entry: HistoryEntry, outcomes: Mapping[tuple[str, str], str]) -> Event | None:
    detail: dict[str, Any] = entry.detail or {}
    name = f"“{entry.element_name}”" if entry.element_name else "the process"
    who = entry.actor_name
    if entry.acted_for:
        who = f"{who} for {entry.acted_for}"

    def event(what: str, icon: str, tone: str = "", said: str = "", by: str = who) -> Event:
        return Event(entry.at, by, what, icon, tone, said)

    match entry.kind:
        case HistoryKind.STARTED:
            return event(entry.element_name or "started it", "play", "info")
        case HistoryKind.LEFT if entry.element_type == "userTask":
            outcome = outcomes.get((entry.element_id or "", str(detail.get("outcome"))))
            return event(f"finished {name}" + (f": {outcome}" if outcome else ""), "check", "good")
        case HistoryKind.CLAIMED:
            return event(f"took {name}", "hand")
        case HistoryKind.RELEASED:
            return event(f"gave {name} back to the group", "undo")
        case HistoryKind.DELEGATED:
            to = detail.get("name", "somebody else")
            return event(f"handed {name} over to {to}", "forward", said=_reason(detail))
        case HistoryKind.ESCALATED:
            to = role_name(str(detail.get("role", ""))).lower()
            if "reason" in detail:
                return event(f"escalated {name} to the {to}", "chevrons-up", "warn", said=_reason(detail))
            return event(f"{name} was escalated to the {to}", "chevrons-up", "warn", by="")
        case HistoryKind.INCIDENT:
            return event(f"{name} failed", "alert", "bad", said=str(detail.get("message", "")), by="")
        case HistoryKind.NUDGED:
            told = detail.get("told", "somebody")
            return event(f"reminded {told} of {name}", "bell", said=_reason(detail))
        case HistoryKind.RETRIED if detail.get("timers"):
            return event("let its timers go off", "clock", said=_reason(detail))
        case HistoryKind.RETRIED:
            return event(f"retried {name}", "undo", said=_reason(detail))
        case HistoryKind.RESOLVED:
            return event(f"said that {name} was done outside", "check", "warn", said=_reason(detail))
        case HistoryKind.SUSPENDED:
            return event("suspended it", "pause", "warn", said=str(detail.get("reason", "")))
        case HistoryKind.RESUMED:
            return event("let it go on", "play", said=str(detail.get("reason", "")))
        case HistoryKind.VARIABLES:
            return event("corrected its data", "wrench", "warn", said=str(detail.get("reason", "")))
        case HistoryKind.MOVED:
            to = f"“{detail.get('toName', '')}”"
            return event(
                f"moved it from {name} to {to}", "forward", "warn", said=str(detail.get("reason", ""))
            )
        case HistoryKind.MIGRATED:
            what = f"moved it to version {detail.get('toVersion', '')} of the process"
            return event(what, "forward", "warn", said=str(detail.get("reason", "")))
        case HistoryKind.COMPLETED:
            return event("The process has ended", "flag", "good", by="")
        case HistoryKind.CANCELLED if not entry.element_id:
            return event("stopped the process", "ban", "bad", said=str(detail.get("reason", "")))
    return None


def _reason(detail: Mapping[str, Any]) -> str:
    return str(detail.get("reason") or detail.get("note") or "")


# Activities that say more than the steps of the process do; the others would tell them twice.
_ACTIVITIES: dict[str, tuple[str, str, str]] = {
    "CREATE_REQUEST": ("reported the problem", "megaphone", "info"),
    "ACCEPT_REQUEST": ("accepted the request", "hand", ""),
    "ASSIGN_REQUEST": ("put somebody else in charge", "forward", ""),
    "HAND_BACK_REQUEST": ("handed the request back", "undo", "warn"),
    "RECORD_WORK": ("recorded work", "wrench", ""),
    "CLOSE_WORK": ("closed the work", "check", "good"),
    "REOPEN_WORK": ("opened the work again", "undo", "warn"),
    "COMPLETE_REQUEST": ("completed the request", "check", "good"),
    "CANCEL_REQUEST": ("cancelled the request", "ban", "bad"),
    "REQUEST_PARTS": ("asked for parts", "cart", "wait"),
    "APPROVE_PARTS": ("approved the parts", "thumb", "good"),
    "REJECT_PARTS": ("rejected the parts", "x", "bad"),
    "ISSUE_PARTS": ("issued parts", "box", "good"),
    "CANCEL_PARTS": ("cancelled the parts request", "ban", ""),
}


def _from_activity(entry: ActivityLog) -> Event | None:
    known = _ACTIVITIES.get(entry.action)
    if known is None:
        return None
    what, icon, tone = known
    after = entry.after if isinstance(entry.after, dict) else {}
    said = str(after.get("reason") or after.get("remedy") or "")
    return Event(entry.at, entry.user.name if entry.user else "Millwright", what, icon, tone, said)
