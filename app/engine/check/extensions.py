"""Settings in the ``millwright`` namespace, and the languages of expressions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from app.engine.check.checked import Checked, Drawn
from app.engine.check.foreign import around
from app.engine.check.problems import Problem, error, listed, similar, warning
from app.engine.diagram import BPMN, FLOW_NODES, MILLWRIGHT, local

DESCRIPTOR = Path(__file__).parents[1] / "schema" / "millwright.json"
NOT_PYTHON = "Process files hold FEEL, not Python."
LANGUAGES = {
    "scriptFormat": "The script is written in",
    "expressionLanguage": "The expression language is",
    "language": "The expression is written in",
}
KINDS = {"primary", "secondary", "danger"}
SENDS = {"intermediateThrowEvent", "endEvent", "sendTask"}
CATCHES = {"startEvent", "intermediateCatchEvent", "boundaryEvent", "receiveTask"}
HOLDERS = {
    "outcomes": {"userTask"},
    "inputs": {"userTask", "serviceTask", "businessRuleTask"} | SENDS,
    "outputs": {"userTask", "serviceTask"} | CATCHES,
}


@cache
def descriptor() -> dict[str, Any]:
    """The moddle descriptor of the namespace, as the Studio reads it too."""
    read: dict[str, Any] = json.loads(DESCRIPTOR.read_text("utf-8"))
    return read


@cache
def attributes_of(kind: str) -> frozenset[str]:
    """The millwright attributes that a BPMN element of this kind takes."""
    bpmn = {f"bpmn:{kind[:1].upper()}{kind[1:]}"} | ({"bpmn:FlowNode"} if kind in FLOW_NODES else set())
    return frozenset(
        prop["name"]
        for entry in descriptor()["types"]
        if bpmn & set(entry.get("extends", ()))
        for prop in entry["properties"]
        if prop.get("isAttr")
    )


@cache
def all_attributes() -> dict[str, list[str]]:
    """Every attribute, with the kinds of element that take it."""
    found: dict[str, list[str]] = {}
    for entry in descriptor()["types"]:
        for prop in entry["properties"] if "extends" in entry else ():
            found.setdefault(prop["name"], []).extend(name.removeprefix("bpmn:") for name in entry["extends"])
    return found


@cache
def feel_attributes() -> frozenset[str]:
    """The attributes that may hold an expression."""
    return frozenset(
        prop["name"] for entry in descriptor()["types"] for prop in entry["properties"] if "feel" in prop
    )


@cache
def tags() -> dict[str, tuple[frozenset[str], str | None]]:
    """Element names of the namespace: their attributes, and the name of what they hold."""
    found = {}
    for entry in descriptor()["types"]:
        if "extends" not in entry:
            inner = next((p["type"] for p in entry["properties"] if p.get("isMany")), None)
            plain = frozenset(p["name"] for p in entry["properties"] if p.get("isAttr"))
            found[_lower(entry["name"])] = (plain, _lower(inner) if inner else None)
    return found


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def extensions(checked: Checked) -> Iterator[Problem]:
    """Every setting of the namespace is known, and in a place where it counts; every language is FEEL."""
    drawn = checked.drawn
    if drawn is None:
        return
    for node in drawn.root.iter(etree.Element):
        namespace = etree.QName(node).namespace
        if namespace == BPMN:
            yield from _attributes(drawn, node)
        elif namespace == MILLWRIGHT:
            yield from _tag(drawn, node)


def _attributes(drawn: Drawn, node: etree._Element) -> Iterator[Problem]:
    kind, place = local(node), drawn.at_node(node)
    for key, value in node.attrib.items():
        name = etree.QName(key)
        if name.namespace == MILLWRIGHT:
            yield from _attribute(drawn, node, kind, name.localname, str(value))
        elif name.namespace in (None, BPMN) and name.localname in LANGUAGES and not _is_feel(str(value)):
            message = f"{LANGUAGES[name.localname]} {value}. {NOT_PYTHON}"
            yield error(place, "not-feel", message, "Write it in FEEL and set the language to feel.")


def _is_feel(language: str) -> bool:
    plain = language.strip().lower()
    # BPMN's default stands for whatever the product evaluates, which is FEEL here.
    return plain in ("", "feel", "http://www.w3.org/1999/xpath") or "/feel" in plain


def _attribute(drawn: Drawn, node: etree._Element, kind: str, name: str, value: str) -> Iterator[Problem]:
    place, takes = drawn.at_node(node), attributes_of(kind)
    if name in takes:
        if value.strip().startswith("=") and name not in feel_attributes():
            message = f"“{name}” is a fixed value; an expression is not evaluated there."
            yield error(place, "not-an-expression", message, "Write the value itself, without “=”.")
        return
    if name in all_attributes():
        message = f"“{name}” means nothing on a {kind}."
        yield error(place, "misplaced-setting", message, f"It belongs on: {listed(all_attributes()[name])}.")
        return
    hint = similar(name, takes) or f"A {kind} takes: {listed(sorted(takes))}."
    yield error(place, "unknown-setting", f"There is no setting named “{name}”.", hint)


def _tag(drawn: Drawn, node: etree._Element) -> Iterator[Problem]:
    name, parent = local(node), node.getparent()
    place = around(drawn, node)
    if name not in tags():
        hint = similar(name, tags()) or f"Known are: {listed(tags())}."
        yield error(place, "unknown-setting", f"There is no setting named “{name}”.", hint)
        return
    takes, _ = tags()[name]
    for key in node.attrib:
        if str(key) not in takes:
            hint = similar(str(key), takes) or f"Known are: {listed(sorted(takes))}."
            yield error(place, "unknown-setting", f"“{name}” has no setting named “{key}”.", hint)
    holder = local(parent) if parent is not None else ""
    belongs = [outer for outer, (_, inner) in tags().items() if inner == name] or ["extensionElements"]
    if holder not in belongs:
        message = f"“{name}” is in the wrong place."
        yield error(place, "misplaced-setting", message, f"It belongs in: {listed(belongs)}.")
    elif name in HOLDERS and parent is not None and parent.getparent() is not None:
        kind = local(parent.getparent())
        if kind not in HOLDERS[name]:
            message = f"“{name}” means nothing on a {kind}."
            hint = f"It belongs on: {listed(sorted(HOLDERS[name]))}."
            yield error(place, "misplaced-setting", message, hint)
        yield from _rows(drawn, node, name)


def _rows(drawn: Drawn, node: etree._Element, name: str) -> Iterator[Problem]:
    """Rows of outcomes, inputs or outputs: named, and named differently."""
    place, key = around(drawn, node), "value" if name == "outcomes" else "name"
    seen: set[str] = set()
    for row in node.iterchildren(etree.Element):
        given = (row.get(key) or "").strip()
        if not given:
            hint = f"Give it a {key}, or remove it."
            yield error(place, "setting-incomplete", f"A row of the {name} has no {key}.", hint)
        elif given in seen:
            message = f"“{given}” is among the {name} twice."
            yield error(place, "setting-twice", message, "Remove one of them.")
        seen.add(given)
        if name == "outcomes" and row.get("kind", "primary") not in KINDS:
            message = f"The outcome “{given}” has the unknown kind “{row.get('kind')}”."
            yield warning(place, "unknown-kind", message, f"Kinds are: {listed(sorted(KINDS))}.")
        elif name != "outcomes" and not (row.get("expression") or "").strip().removeprefix("=").strip():
            message = f"“{given}” among the {name} has no expression."
            yield error(place, "setting-incomplete", message, "Give it one; =null for nothing.")
