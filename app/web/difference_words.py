"""What is said of the things of a process, in words: names of attributes, of kinds, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.engine.differences import Item
from app.web.labels import role_name

# What is said of elements, flows, decisions and form fields, in words.
NAMES = {
    "name": "Name",
    "documentation": "Documentation",
    "subject": "Kind of record",
    "role": "Role",
    "type": "Type",
    "parent": "Subprocess",
    "lane": "Lane",
    "outcomes": "Buttons",
    "inputs": "Inputs",
    "outputs": "Outputs",
    "event": "Event",
    "message": "Message",
    "errorCode": "Error code",
    "timer": "Timer",
    "attachedTo": "Attached to",
    "interrupting": "Interrupts",
    "defaultFlow": "Default flow",
    "script": "Expression",
    "markers": "Markers",
    "form": "Form",
    "candidateRole": "Role",
    "candidateDepartment": "Department",
    "assignee": "Assignee",
    "due": "Due",
    "priority": "Priority",
    "status": "Status from here on",
    "summary": "Summary",
    "apiVerb": "API verb",
    "service": "Service",
    "decision": "Decision",
    "resultVariable": "Result variable",
    "to": "Sent to",
    "allowed": "Who may send it",
    "source": "From",
    "target": "To",
    "condition": "Condition",
    "variable": "Variable",
    "requires": "Needs the decisions",
    "expression": "Expression",
    "hitPolicy": "Hit policy",
    "aggregation": "Aggregation",
    "label": "Label",
    "values": "Choices",
    "default": "Default",
    "annotation": "Annotation",
    "valuesKey": "Choices come from",
    "conditional.hide": "Hidden when",
    "validate.required": "Must be filled in",
    "validate.min": "At least",
    "validate.max": "At most",
    "validate.minLength": "Shortest length",
    "validate.maxLength": "Longest length",
    "validate.pattern": "Pattern",
    "readonly": "Only to be read",
    "description": "Description",
    "key": "Variable",
    "text": "Text",
}
ROLES = {"role", "candidateRole"}
KINDS = {
    "startEvent": "start event",
    "endEvent": "end event",
    "userTask": "user task",
    "serviceTask": "service task",
    "businessRuleTask": "decision",
    "scriptTask": "script task",
    "sendTask": "send task",
    "receiveTask": "receive task",
    "subProcess": "subprocess",
    "exclusiveGateway": "exclusive gateway",
    "parallelGateway": "parallel gateway",
    "inclusiveGateway": "inclusive gateway",
    "eventBasedGateway": "event-based gateway",
    "intermediateCatchEvent": "catch event",
    "intermediateThrowEvent": "throw event",
    "boundaryEvent": "boundary event",
    "flow": "flow",
}
BLANK = "–"


def attribute_name(name: str) -> str:
    """What an attribute is called."""
    plain = name.removeprefix("millwright:")
    return NAMES.get(plain, plain)


def attribute_value(value: Any, name: str = "") -> str:
    """An attribute's value as text, on as many lines as it has parts."""
    if value is None or value == "":
        return BLANK
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        if "value" in value and "label" in value:
            return _outcome(value)
        return "\n".join(f"{key} = {attribute_value(each)}" for key, each in value.items())
    if isinstance(value, list):
        return "\n".join(attribute_value(each) for each in value)
    if name.removeprefix("millwright:") in ROLES:
        return ", ".join(role_name(role.strip()) for role in str(value).split(","))
    return str(value)


def _outcome(value: Mapping[str, Any]) -> str:
    told = [str(value["value"])]
    if value.get("kind"):
        told.append(str(value["kind"]))
    if value.get("validates") is False:
        told.append("takes an unfinished form")
    return f"{value['label']} ({', '.join(told)})"


def kind_name(item: Item) -> str:
    """What sort of thing an item is."""
    return KINDS.get(item.type) or KINDS.get(item.kind) or item.type or item.kind
