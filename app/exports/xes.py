"""Event logs as XES: the XML that IEEE 1849 describes, and that process mining reads.

The standard's schema has no namespace of its own, so neither have these documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

VERSION = "1849.2016"
CASES_A_CHUNK = 20

EXTENSIONS = (
    ("Concept", "concept", "http://www.xes-standard.org/concept.xesext"),
    ("Time", "time", "http://www.xes-standard.org/time.xesext"),
    ("Lifecycle", "lifecycle", "http://www.xes-standard.org/lifecycle.xesext"),
    ("Organizational", "org", "http://www.xes-standard.org/org.xesext"),
)
# What every event has, so that events can be told apart by it.
CLASSIFIERS = (
    ("Activity", "concept:name"),
    ("ActivityAndTransition", "concept:name lifecycle:transition"),
    ("Resource", "org:resource"),
)

# What XML 1.0 has no way to write, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


class Event(Protocol):
    """An event, as :class:`app.engine.monitor.event_log.Event` is one."""

    @property
    def activity(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def transition(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, str]: ...


class Case(Protocol):
    """A case with its events."""

    @property
    def key(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def events(self) -> Sequence[Event]: ...


def chunks(name: str, cases: Iterable[Case]) -> Iterator[bytes]:
    """The log of the process ``name``, some cases at a time."""
    yield "".join(_head(name)).encode()
    lines: list[str] = []
    for number, case in enumerate(cases, 1):
        lines += _trace(case)
        if number % CASES_A_CHUNK == 0:
            yield "".join(lines).encode()
            lines = []
    yield "".join([*lines, "</log>\n"]).encode()


def _head(name: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<log xes.version="{VERSION}" xes.features="">\n'
    for title, prefix, address in EXTENSIONS:
        yield f'  <extension name="{title}" prefix="{prefix}" uri="{address}"/>\n'
    yield f'  <global scope="trace">\n    {text("concept:name", "")}\n  </global>\n'
    yield '  <global scope="event">\n'
    for key in ("concept:name", "lifecycle:transition", "org:resource"):
        yield f"    {text(key, '')}\n"
    yield f"    {_date('time:timestamp', datetime.fromtimestamp(0, UTC))}\n  </global>\n"
    for title, keys in CLASSIFIERS:
        yield f'  <classifier name="{title}" scope="event" keys="{keys}"/>\n'
    yield f"  {text('concept:name', name)}\n  {text('lifecycle:model', 'standard')}\n"


def _trace(case: Case) -> Iterator[str]:
    yield f"  <trace>\n    {text('concept:name', case.key)}\n"
    yield f'    <int key="version" value="{case.version}"/>\n    {text("state", case.state)}\n'
    for event in case.events:
        yield "    <event>\n"
        for attribute in _attributes(event):
            yield f"      {attribute}\n"
        yield "    </event>\n"
    yield "  </trace>\n"


def _attributes(event: Event) -> Iterator[str]:
    yield text("concept:name", event.activity)
    yield text("lifecycle:transition", event.transition)
    yield _date("time:timestamp", event.at)
    yield text("org:resource", event.resource)
    if event.role:
        yield text("org:role", event.role)
    for key, value in event.attributes.items():
        yield text(key, value)


def text(key: str, value: str) -> str:
    """A string attribute. Characters that XML cannot hold are replaced."""
    return f'<string key="{key}" value="{_FORBIDDEN.sub(chr(0xFFFD), value).translate(_ESCAPES)}"/>'


def _date(key: str, value: datetime) -> str:
    return f'<date key="{key}" value="{value.astimezone(UTC).isoformat(timespec="milliseconds")}"/>'
