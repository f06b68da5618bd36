"""Reads event logs in XES, and refuses what IEEE 1849 does not allow.

The grammar below is written from the standard's rules in words of our own, as RELAX NG; what no grammar can
say is looked at afterwards: keys that occur twice, extensions that are not declared, classifiers by
attributes that not every event has, events without what the log promises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any

from lxml import etree

_ATTRIBUTES = "".join(
    f"""
    <element name="{name}">
      <attribute name="key"><data type="Name"/></attribute>
      <attribute name="value"><data type="{kind}"/></attribute>
      <ref name="attributes"/>
    </element>"""
    for name, kind in {
        "string": "string",
        "date": "dateTime",
        "int": "long",
        "float": "double",
        "boolean": "boolean",
        "id": "string",
    }.items()
)
GRAMMAR = f"""
<grammar xmlns="http://relaxng.org/ns/structure/1.0"
         datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <start>
    <element name="log">
      <attribute name="xes.version"><data type="decimal"/></attribute>
      <optional><attribute name="xes.features"><data type="token"/></attribute></optional>
      <zeroOrMore>
        <element name="extension">
          <attribute name="name"><data type="NCName"/></attribute>
          <attribute name="prefix"><data type="NCName"/></attribute>
          <attribute name="uri"><data type="anyURI"/></attribute>
        </element>
      </zeroOrMore>
      <zeroOrMore>
        <element name="global">
          <attribute name="scope"><choice><value>trace</value><value>event</value></choice></attribute>
          <ref name="attributes"/>
        </element>
      </zeroOrMore>
      <zeroOrMore>
        <element name="classifier">
          <attribute name="name"><data type="NCName"/></attribute>
          <optional><attribute name="scope"><data type="NCName"/></attribute></optional>
          <attribute name="keys"><data type="token"/></attribute>
        </element>
      </zeroOrMore>
      <ref name="attributes"/>
      <zeroOrMore>
        <element name="trace"><ref name="attributes"/><ref name="events"/></element>
      </zeroOrMore>
      <ref name="events"/>
    </element>
  </start>
  <define name="events">
    <zeroOrMore><element name="event"><ref name="attributes"/></element></zeroOrMore>
  </define>
  <define name="attributes"><zeroOrMore><choice>{_ATTRIBUTES}</choice></zeroOrMore></define>
</grammar>
"""
_schema = etree.RelaxNG(etree.fromstring(GRAMMAR))
# The transitions of the standard's own life cycle, as its extension lists them.
TRANSITIONS = {
    "schedule", "assign", "withdraw", "reassign", "start", "suspend", "resume", "pi_abort", "ate_abort",
    "complete", "autoskip", "manualskip", "unknown",
}  # fmt: skip

_READ: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "date": datetime.fromisoformat}

Attributes = dict[str, Any]


@dataclass
class Trace:
    """A case: its attributes, and those of each of its events."""

    attributes: Attributes
    events: list[Attributes] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.attributes["concept:name"])

    def told(self, transition: str | None = None) -> list[str]:
        """The activities of the events, or of those with a transition."""
        return [
            event["concept:name"]
            for event in self.events
            if transition in (None, event["lifecycle:transition"])
        ]


@dataclass
class Log:
    """What a file holds."""

    attributes: Attributes
    traces: list[Trace]

    def __getitem__(self, name: str) -> Trace:
        return next(trace for trace in self.traces if trace.name == name)


class NotXes(AssertionError):
    """A rule of the standard is broken; the message says which."""


def read(data: bytes | Iterable[bytes]) -> Log:
    """Read a log. Raises :class:`NotXes`."""
    content = data if isinstance(data, bytes) else b"".join(data)
    root = etree.parse(BytesIO(content)).getroot()
    if not _schema.validate(root):
        raise NotXes(str(_schema.error_log.last_error))
    prefixes = {node.get("prefix") for node in root.iter("extension")}
    for node in root.iter("string", "date", "int", "float", "boolean", "id"):
        prefix, colon, _ = node.get("key").partition(":")
        if colon and prefix not in prefixes:
            raise NotXes(f"{node.get('key')} belongs to no extension of the log")
    promised = {node.get("scope"): _attributes(node) for node in root.iter("global")}
    for node in root.iter("classifier"):
        if missing := set(node.get("keys").split()) - set(promised[node.get("scope", "event")]):
            raise NotXes(f"the classifier {node.get('name')} needs {missing}, which is not promised")
    log = Log(_attributes(root), [])
    for node in root.iter("trace"):
        trace = Trace(_attributes(node), [_attributes(event) for event in node.iter("event")])
        log.traces.append(trace)
        _keeps_promises(trace, promised)
    return log


def _keeps_promises(trace: Trace, promised: dict[str, Attributes]) -> None:
    if missing := set(promised.get("trace", {})) - set(trace.attributes):
        raise NotXes(f"a trace has no {missing}")
    for event in trace.events:
        if missing := set(promised.get("event", {})) - set(event):
            raise NotXes(f"an event of {trace.name} has no {missing}")
        if event["lifecycle:transition"] not in TRANSITIONS:
            raise NotXes(f"{event['lifecycle:transition']} is no transition of the standard")


def _attributes(node: etree._Element) -> Attributes:
    found: Attributes = {}
    for child in node.iterchildren("string", "date", "int", "float", "boolean", "id"):
        key, value = child.get("key"), child.get("value")
        if key in found:
            raise NotXes(f"{key} occurs twice in one {node.tag}")
        found[key] = _READ.get(str(child.tag), str)(value)
    return found
