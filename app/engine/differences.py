"""What differs between two versions of a process: diagram, decision tables and forms.

Plain data, by the ids that editors keep: what was added, removed, changed (which attributes, from
what to what) or only moved on the drawing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from lxml import etree

from app.engine import diagram
from app.engine.decisions import DecisionTable, HitPolicy, parse_dmn
from app.engine.decisions.model import Decision, Output, Rule, TableInput
from app.engine.definitions import FILE_ERRORS
from app.engine.diagram import BPMN, Diagram, Element, Flow, local
from app.engine.forms import load_schema
from app.engine.xml import parse as parse_xml

__all__ = ["FILE_ERRORS", "Attribute", "Change", "Differences", "Group", "Item", "compare"]

ORDERED = (HitPolicy.FIRST, HitPolicy.RULE_ORDER)


class Change(StrEnum):
    """What became of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # on the drawing only, or within its form


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing that is said of something, before and after, as JSON; None where nothing is said."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that differs. ``kind``: process, lane, element, flow; input, output, rule; field; file.

    ``type`` is an element's or a field's type.
    """

    kind: str
    change: Change
    id: str
    name: str
    type: str = ""
    attributes: list[Attribute] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Group:
    """A decision or a form that differs, with its columns and rules, or its fields."""

    kind: str
    change: Change
    id: str
    name: str
    attributes: list[Attribute]
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything that differs; empty lists where nothing does."""

    files: list[Item]
    diagram: list[Item]
    decisions: list[Group]
    forms: list[Group]


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something that is compared: what is said of it, and where it lies."""

    kind: str
    id: str
    name: str
    type: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    place: Any = None
    # What people call a fact, where that is not its key.
    labels: Mapping[str, str] = field(default_factory=dict)


def compare(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Differences:
    """What differs between two sets of files of one process.

    Raises one of ``FILE_ERRORS`` for a file that cannot be read.
    """
    return Differences(
        files=_files(old, new),
        diagram=_items(_drawn(old), _drawn(new)),
        decisions=_groups("decision", _decisions(old), _decisions(new)),
        forms=_groups("form", _forms(old), _forms(new)),
    )


def _files(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[Item]:
    before = [_Thing("file", name, name, facts={"content": old[name]}) for name in sorted(old)]
    after = [_Thing("file", name, name, facts={"content": new[name]}) for name in sorted(new)]
    return [Item(item.kind, item.change, item.id, item.name) for item in _items(before, after)]


# -- comparing -----------------------------------------------------------------------------------


def _items(old: Iterable[_Thing], new: Iterable[_Thing]) -> list[Item]:
    """What differs between two lists, in the order of the new one; what is gone comes last."""
    before = {(thing.kind, thing.id): thing for thing in old}
    found: list[Item] = []
    for thing in new:
        earlier = before.pop((thing.kind, thing.id), None) or _same_rule(before, thing)
        if earlier is None:
            found.append(Item(thing.kind, Change.ADDED, thing.id, thing.name, thing.type))
        elif attributes := _attributes(earlier, thing):
            found.append(Item(thing.kind, Change.CHANGED, thing.id, thing.name, thing.type, attributes))
        elif earlier.place != thing.place:
            found.append(Item(thing.kind, Change.MOVED, thing.id, thing.name, thing.type))
    found += [Item(thing.kind, Change.REMOVED, thing.id, thing.name, thing.type) for thing in before.values()]
    return found


def _same_rule(before: dict[tuple[str, str], _Thing], rule: _Thing) -> _Thing | None:
    """A rule that says the same under another id, as after a table was imported anew."""
    if rule.kind != "rule":
        return None
    key = next((key for key, thing in before.items() if key[0] == "rule" and thing.facts == rule.facts), None)
    return before.pop(key) if key is not None else None


def _attributes(old: _Thing, new: _Thing) -> list[Attribute]:
    labels = {**old.labels, **new.labels}
    return [
        Attribute(labels.get(name, name), old.facts.get(name), new.facts.get(name))
        for name in dict.fromkeys((*old.facts, *new.facts))
        if old.facts.get(name) != new.facts.get(name)
    ]


def _groups(
    kind: str, old: Mapping[str, tuple[_Thing, list[_Thing]]], new: Mapping[str, tuple[_Thing, list[_Thing]]]
) -> list[Group]:
    found: list[Group] = []
    for name in dict.fromkeys((*new, *old)):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            thing, _ = after or before or (_Thing(kind, name, name), [])
            change = Change.ADDED if before is None else Change.REMOVED
            found.append(Group(kind, change, thing.id, thing.name, [], []))
            continue
        attributes, items = _attributes(before[0], after[0]), _items(*_ranked(before[1], after[1]))
        if attributes or items:
            found.append(Group(kind, Change.CHANGED, after[0].id, after[0].name, attributes, items))
    return found


def _ranked(old: list[_Thing], new: list[_Thing]) -> tuple[list[_Thing], list[_Thing]]:
    """Rules with their place among those that both tables have, so that a new one moves no other."""
    common = {rule.id for rule in old} & {rule.id for rule in new}
    ordered = all(rule.place is not None for rule in (*old, *new) if rule.kind == "rule")

    def ranked(things: list[_Thing]) -> list[_Thing]:
        places = [thing.id for thing in things if thing.kind == "rule" and thing.id in common]
        return [
            replace(thing, place=places.index(thing.id) if ordered and thing.id in common else None)
            if thing.kind == "rule"
            else thing
            for thing in things
        ]

    return ranked(old), ranked(new)


def _said(**facts: Any) -> dict[str, Any]:
    """Facts without those that say nothing."""
    return {name: value for name, value in facts.items() if value not in (None, "", [], {}, ())}


# -- diagrams ------------------------------------------------------------------------------------


def _drawn(files: Mapping[str, bytes]) -> list[_Thing]:
    found: list[_Thing] = []
    for name in sorted(files):
        if name.endswith(".bpmn"):
            root = parse_xml(files[name])
            drawn = diagram.read(root)
            if drawn is not None:
                found += _things(drawn, _lanes(root), _layout(root))
    return found


def _things(drawn: Diagram, lanes: dict[str, str], layout: Mapping[str, Any]) -> list[_Thing]:
    process = _said(name=drawn.name, documentation=drawn.documentation, subject=drawn.subject)
    return [
        _Thing("process", drawn.key, drawn.name, facts=process),
        *(
            _Thing("lane", lane, lanes.get(lane, lane), facts=_said(name=lanes.get(lane), role=role),
                   place=layout.get(lane))
            for lane, role in drawn.lanes.items()
        ),
        *(_element(element, layout.get(element.id)) for element in drawn.elements.values()),
        *(_flow(flow, drawn, layout.get(flow.id)) for flow in drawn.flows.values()),
    ]  # fmt: skip


def _element(element: Element, place: Any) -> _Thing:
    own = _said(
        name=element.name,
        type=element.type,
        documentation=element.documentation,
        parent=element.parent,
        lane=element.lane,
        outcomes=[
            {"value": o.value, "label": o.label, "kind": o.kind, "validates": o.validates}
            for o in element.outcomes
        ],
        inputs={mapping.name: mapping.expression for mapping in element.inputs},
        outputs={mapping.name: mapping.expression for mapping in element.outputs},
        event=element.event,
        message=element.message,
        errorCode=element.error_code,
        timer=dict([element.timer]) if element.timer else None,
        attachedTo=element.attached_to,
        defaultFlow=element.default_flow,
        script=element.script,
        markers=list(element.markers),
    )
    if element.attached_to:
        own["interrupting"] = element.interrupting
    given = {name: value for name, value in element.attributes.items() if value}
    facts = {**own, **{f"millwright:{name}" if name in own else name: given[name] for name in given}}
    return _Thing("element", element.id, element.label, element.type, facts, place)


def _flow(flow: Flow, drawn: Diagram, place: Any) -> _Thing:
    facts = _said(name=flow.name, source=flow.source, target=flow.target, condition=flow.condition)
    ends = [drawn.elements[end].label if end in drawn.elements else end for end in (flow.source, flow.target)]
    return _Thing("flow", flow.id, flow.name or " → ".join(ends), facts=facts, place=place)


def _lanes(root: etree._Element) -> dict[str, str]:
    return {node.get("id", ""): node.get("name", "") for node in root.iter(f"{{{BPMN}}}lane")}


def _layout(root: etree._Element) -> dict[str, Any]:
    """Where each element and flow lies on the drawing, by its id."""
    found: dict[str, Any] = {}
    for node in root.iter():
        if local(node) in ("BPMNShape", "BPMNEdge"):
            points = [child for child in node if local(child) in ("Bounds", "waypoint")]
            found[node.get("bpmnElement", "")] = [dict(point.attrib) for point in points]
    return found


# -- decision tables -----------------------------------------------------------------------------


def _decisions(files: Mapping[str, bytes]) -> dict[str, tuple[_Thing, list[_Thing]]]:
    found: dict[str, tuple[_Thing, list[_Thing]]] = {}
    for name in sorted(files):
        if name.endswith(".dmn"):
            for decision in parse_dmn(files[name]).decisions.values():
                found[decision.id] = _decision(decision)
    return found


def _decision(decision: Decision) -> tuple[_Thing, list[_Thing]]:
    facts = _said(name=decision.name, variable=decision.variable, requires=list(decision.requires))
    if not isinstance(decision, DecisionTable):
        facts["expression"] = decision.text
        return _Thing("decision", decision.id, decision.name, facts=facts), []
    facts |= _said(hitPolicy=str(decision.hit_policy), aggregation=decision.aggregation)
    inputs = [
        _Thing("input", column.id, column.label,
               facts=_said(label=column.label, expression=column.expression, values=column.values))
        for column in decision.inputs
    ]  # fmt: skip
    outputs = [
        _Thing("output", column.id, column.label,
               facts=_said(name=column.name, label=column.label, values=column.values,
                           default=column.default))
        for column in decision.outputs
    ]  # fmt: skip
    rules = [_rule(decision, number, rule) for number, rule in enumerate(decision.rules, 1)]
    return _Thing("decision", decision.id, decision.name, facts=facts), [*inputs, *outputs, *rules]


def _rule(table: DecisionTable, number: int, rule: Rule) -> _Thing:
    columns: list[TableInput | Output] = [*table.inputs, *table.outputs]
    keys = [column.id or str(position) for position, column in enumerate(columns)]
    cells = zip(keys, [*rule.tests, *rule.outputs], strict=True)
    facts = {key: text for key, text in cells if text} | _said(annotation=rule.annotation)
    labels = dict(zip(keys, [column.label for column in columns], strict=True))
    # A rule further up wins only where the order decides.
    place = number if table.hit_policy in ORDERED else None
    return _Thing("rule", rule.id, f"Rule {number}", facts=facts, place=place, labels=labels)


# -- forms ---------------------------------------------------------------------------------------


def _forms(files: Mapping[str, bytes]) -> dict[str, tuple[_Thing, list[_Thing]]]:
    found: dict[str, tuple[_Thing, list[_Thing]]] = {}
    for name in sorted(files):
        if name.endswith(".form"):
            load_schema(files[name])  # refuses what is no form, and what is nested too deeply
            stem = PurePosixPath(name).stem
            fields = _fields(json.loads(files[name]).get("components") or [], "")
            found[stem] = (_Thing("form", stem, stem), fields)
    return found


def _fields(components: list[dict[str, Any]], above: str) -> list[_Thing]:
    """The components of a form, those of groups and rows too, by the value they hold or their id."""
    found: list[_Thing] = []
    for position, component in enumerate(components):
        own = str(component.get("path") or component.get("key") or component.get("id") or position)
        key, kind = f"{above}{own}", str(component.get("type", ""))
        plain = {k: v for k, v in component.items() if k not in ("id", "components", "layout")}
        facts: dict[str, Any] = {}
        for name, value in plain.items():
            if isinstance(value, dict):
                facts |= {f"{name}.{inner}": each for inner, each in value.items()}
            else:
                facts[name] = value
        place = (position, component.get("layout"))
        label = str(component.get("label") or own)
        found.append(_Thing("field", key, label, kind, facts, place))
        found += _fields(component.get("components") or [], f"{key}." if kind == "dynamiclist" else above)
    return found
