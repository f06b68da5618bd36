"""The process “Tool calibration request”, made from the template by editing its files, as the Studio does."""

from __future__ import annotations

import json
from typing import Any

from app.engine.core import ProcessEngine
from app.processes.templates import new_process

KEY, NAME = "tool_calibration", "Tool calibration request"
TASKS = {"Approve request": "Approve calibration", "Carry out request": "Calibrate tool"}


def files(engine: ProcessEngine, key: str = KEY, name: str = NAME) -> dict[str, bytes]:
    """Diagram, decision table and forms: two user tasks, and a timer that reminds of the first."""
    made = new_process(engine, "request_with_approval", key, name)
    del made["scenarios.yaml"]
    diagram = made[f"{key}.bpmn"].decode()
    for old, new in TASKS.items():
        diagram = diagram.replace(f'name="{old}"', f'name="{new}"')
    made[f"{key}.bpmn"] = diagram.encode()
    table = made["approval_rules.dmn"].decode()
    table = table.replace("record.cost", "record.kind").replace('typeRef="number"', 'typeRef="string"')
    expression = "<text>record.kind</text>\n        </inputExpression>"
    values = '<inputValues id="kinds"><text>"GAUGE","WRENCH","SCALE"</text></inputValues>'
    assert expression in table
    table = table.replace(expression, expression + values)
    table = table.replace("&lt;= 100", '"SCALE"').replace("&gt; 100", '"GAUGE","WRENCH"')
    made["approval_rules.dmn"] = table.encode()
    urgency = _component(made, "request.form", "urgency")
    machine = _component(made, "request.form", "machineId")
    made["request.form"] = _form("request", *REQUEST, machine, urgency, PHOTOS)
    made["approve_request.form"] = _form("approve_request", SUMMARY, REASON)
    made["carry_out.form"] = _form("carry_out", POINTS, NEXT_DUE, RESULT)
    return made


# What a start form is answered with.
REQUESTED: dict[str, Any] = {
    "subject": "Torque wrench 20–100 Nm",
    "serialNumber": "TW-0042",
    "kind": "WRENCH",
    "urgency": "HIGH",
}
# And the form of the calibration itself.
CALIBRATED: dict[str, Any] = {
    "points": [{"nominal": 20, "found": 20.4}, {"nominal": 100, "found": 99.1}],
    "nextDue": "2027-03-02",
    "result": "Adjusted and sealed.",
}

REQUEST = (
    {"type": "textfield", "key": "subject", "label": "Which tool?", "validate": {"required": True}},
    {"type": "textfield", "key": "serialNumber", "label": "Serial number"},
    {
        "type": "radio",
        "key": "kind",
        "label": "Kind of tool",
        "validate": {"required": True},
        "values": [
            {"value": "GAUGE", "label": "Gauge"},
            {"value": "WRENCH", "label": "Torque wrench"},
            {"value": "SCALE", "label": "Scale"},
        ],
    },
)
PHOTOS = {"type": "filepicker", "key": "photos", "label": "Photos", "multiple": True, "accept": "image/*"}
SUMMARY = {"type": "text", "key": "text", "text": "{{record.createdByName}} asks for {{record.subject}}."}
REASON = {
    "type": "textarea",
    "key": "reason",
    "label": "Why not?",
    "properties": {"requiredIf": 'outcome = "reject"'},
}
POINTS = {
    "type": "dynamiclist",
    "path": "points",
    "label": "Points",
    "components": [
        {"type": "number", "id": "nominal", "key": "nominal", "label": "Nominal", "suffix": "Nm"},
        {
            "type": "number", "id": "found", "key": "found", "label": "Found",
            "decimalDigits": 1, "appearance": {"suffixAdorner": "Nm"},
        },
    ],
}  # fmt: skip
NEXT_DUE = {"type": "datetime", "subtype": "date", "key": "nextDue", "dateLabel": "Next calibration"}
RESULT = {"type": "textarea", "key": "result", "label": "Result", "validate": {"required": True}}


def _component(made: dict[str, bytes], name: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in json.loads(made[name])["components"] if each.get("key") == key
    )
    return found


def _form(name: str, *components: dict[str, Any]) -> bytes:
    given = [{"id": f"{name}_{each.get('key', each.get('path'))}", **each} for each in components]
    for each in given:
        if each["type"] == "text":
            each.pop("key", None)
    return json.dumps({"type": "default", "id": name, "schemaVersion": 18, "components": given}).encode()
