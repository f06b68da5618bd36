"""What the domain tells whoever listens, in the transaction in which it happens.

The domain knows no processes. Those who let processes answer to what happens in the factory listen here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class PartIsLow:
    """A part has fallen below its minimum. Its row is locked."""

    part_id: int


@dataclass(frozen=True, slots=True)
class JobsCalledOff:
    """Open preventive jobs, by their business keys, are not to be done any more."""

    business_keys: tuple[str, ...]
    reason: str


Event = TypeVar("Event", PartIsLow, JobsCalledOff)
_listeners: dict[type[Any], list[Callable[[Session, Any], None]]] = {}


def listen(kind: type[Event], listener: Callable[[Session, Event], None]) -> None:
    """Call ``listener`` with each event of a kind; one that listens already is not called twice."""
    found = _listeners.setdefault(kind, [])
    if listener not in found:
        found.append(listener)


def announce(session: Session, event: Event) -> None:
    """Tell those who listen. What they raise is the announcer's to bear: all is one transaction."""
    for listener in _listeners.get(type(event), ()):
        listener(session, event)
