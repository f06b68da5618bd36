"""A small process with nothing wrong in it, and the engine it is made for: tests change one thing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from app.engine.bindings import Bindings, Fact, ProcessBinding, Subject, SubjectSummary
from app.engine.core import ProcessEngine
from app.engine.services import Input, Output, ServiceRegistry, ServiceTask

BOX = (
    '<bpmndi:BPMNShape id="di_{0}" bpmnElement="{0}">'
    '<dc:Bounds x="0" y="0" width="9" height="9"/></bpmndi:BPMNShape>'
)
LINE = '<bpmndi:BPMNEdge id="di_{0}" bpmnElement="{0}"><di:waypoint x="0" y="0"/></bpmndi:BPMNEdge>'

PROCESS = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
    xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"
    xmlns:di="http://www.omg.org/spec/DD/20100524/DI" xmlns:millwright="https://millwright.example/schema/1.0"
    xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
    xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" id="definitions">
  <bpmn:message id="m_go" name="go on"/>
  <bpmn:message id="m_ended" name="repair ended"/>
  <bpmn:error id="e_open" errorCode="STILL_OPEN"/>
  <bpmn:process id="repair" name="Repair" isExecutable="true" millwright:subject="request">
    <bpmn:laneSet id="lanes">
      <bpmn:lane id="lane_tech" name="Technician" millwright:role="TECHNICIAN">
        <bpmn:flowNodeRef>reported</bpmn:flowNodeRef>
        <bpmn:flowNodeRef>fix</bpmn:flowNodeRef>
      </bpmn:lane>
    </bpmn:laneSet>
    <bpmn:startEvent id="reported" name="Reported" millwright:form="report" millwright:status="OPEN"/>
    <bpmn:sequenceFlow id="f1" sourceRef="reported" targetRef="decide"/>
    <bpmn:businessRuleTask id="decide" name="Decide" millwright:decision="policy"
        millwright:resultVariable="rule"/>
    <bpmn:sequenceFlow id="f2" sourceRef="decide" targetRef="to_do"/>
    <bpmn:exclusiveGateway id="to_do" name="To do"/>
    <bpmn:sequenceFlow id="f3" sourceRef="to_do" targetRef="fix"/>
    <bpmn:userTask id="fix" name="Fix it" millwright:form="fix" millwright:due="=rule.within"
        millwright:priority="=request.priority" millwright:apiVerb="fix=done,give_back=back">
      <bpmn:extensionElements>
        <millwright:outcomes>
          <millwright:outcome value="done" label="Done" kind="primary"/>
          <millwright:outcome value="back" label="Give back" kind="danger"/>
        </millwright:outcomes>
      </bpmn:extensionElements>
    </bpmn:userTask>
    <bpmn:boundaryEvent id="late" name="Late" attachedToRef="fix" cancelActivity="false">
      <bpmn:timerEventDefinition id="t_late">
        <bpmn:timeCycle>="R/" + rule.within</bpmn:timeCycle>
      </bpmn:timerEventDefinition>
    </bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="f4" sourceRef="late" targetRef="tell"/>
    <bpmn:serviceTask id="tell" name="Tell the manager" millwright:service="people.tell">
      <bpmn:extensionElements>
        <millwright:inputs>
          <millwright:input name="role" expression="=&quot;MANAGER&quot;"/>
          <millwright:input name="text" expression="=request.title"/>
        </millwright:inputs>
        <millwright:outputs>
          <millwright:output name="told" expression="=result.count"/>
        </millwright:outputs>
      </bpmn:extensionElements>
    </bpmn:serviceTask>
    <bpmn:sequenceFlow id="f5" sourceRef="tell" targetRef="told"/>
    <bpmn:endEvent id="told" name="Told"/>
    <bpmn:sequenceFlow id="f6" sourceRef="fix" targetRef="fixed"/>
    <bpmn:exclusiveGateway id="fixed" name="Fixed?" default="f7"/>
    <bpmn:sequenceFlow id="f7" name="Yes" sourceRef="fixed" targetRef="close"/>
    <bpmn:sequenceFlow id="f8" name="No" sourceRef="fixed" targetRef="give_back">
      <bpmn:conditionExpression>=outcome = "back"</bpmn:conditionExpression>
    </bpmn:sequenceFlow>
    <bpmn:scriptTask id="give_back" name="Count" scriptFormat="feel" millwright:resultVariable="tries">
      <bpmn:script>=if tries = null then 1 else tries + 1</bpmn:script>
    </bpmn:scriptTask>
    <bpmn:sequenceFlow id="f9" sourceRef="give_back" targetRef="wait"/>
    <bpmn:intermediateCatchEvent id="wait" name="Go on">
      <bpmn:messageEventDefinition id="d_wait" messageRef="m_go"/>
    </bpmn:intermediateCatchEvent>
    <bpmn:sequenceFlow id="f10" sourceRef="wait" targetRef="to_do"/>
    <bpmn:serviceTask id="close" name="Close" millwright:service="request.close" millwright:status="CLOSED"/>
    <bpmn:boundaryEvent id="failed_close" name="Still open" attachedToRef="close">
      <bpmn:errorEventDefinition id="d_fail" errorRef="e_open"/>
    </bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="f11" sourceRef="failed_close" targetRef="failed"/>
    <bpmn:endEvent id="failed" name="Failed"/>
    <bpmn:sequenceFlow id="f12" sourceRef="close" targetRef="notice"/>
    <bpmn:intermediateThrowEvent id="notice" name="Say so" millwright:to="=request.key">
      <bpmn:extensionElements>
        <millwright:inputs><millwright:input name="cause" expression="=cause"/></millwright:inputs>
      </bpmn:extensionElements>
      <bpmn:messageEventDefinition id="d_notice" messageRef="m_ended"/>
    </bpmn:intermediateThrowEvent>
    <bpmn:sequenceFlow id="f13" sourceRef="notice" targetRef="finished"/>
    <bpmn:endEvent id="finished" name="Finished"/>
  </bpmn:process>
"""


def drawn(process: str) -> str:
    """A diagram's text with a place for each of its elements and flows."""
    parts = [
        (LINE if tag == "sequenceFlow" else BOX).format(element)
        for tag, element in re.findall(
            r'<bpmn:(\w+(?:Task|Event|Gateway|Process|Flow)) id="([^"]+)"', process
        )
    ]
    plane = f'<bpmndi:BPMNPlane id="plane" bpmnElement="repair">{"".join(parts)}</bpmndi:BPMNPlane>'
    return f'{process}<bpmndi:BPMNDiagram id="di">{plane}</bpmndi:BPMNDiagram></bpmn:definitions>'


BPMN = drawn(PROCESS)
MESSAGES = ("go on", "repair ended")
REQUEST = {
    "id": "number",
    "key": "string",
    "title": "string",
    "priority": "string",
    "openedAt": "date and time",
}


def field(key: str, kind: str = "textfield", **settings: Any) -> dict[str, Any]:
    """A field of a form."""
    return {"type": kind, "id": f"field_{key}", "key": key, "label": key.title(), **settings}


def form(*components: dict[str, Any]) -> bytes:
    """The content of a form file."""
    return json.dumps({"type": "default", "components": list(components)}).encode()


def dmn(
    rules: Sequence[Sequence[str]] = (("", '"PT4H"', "1"),),
    *,
    inputs: Sequence[str] = ("request.priority",),
    outputs: Sequence[str] = ("within", "level"),
    policy: str = "FIRST",
    values: str = "",
    default: str = "",
) -> bytes:
    """The content of a file with a decision table; a rule lists its input cells, then its output cells."""

    def texts(tag: str, cells: Sequence[str]) -> str:
        return "".join(f"<{tag}><text><![CDATA[{cell}]]></text></{tag}>" for cell in cells)

    possible = f"<inputValues><text>{values}</text></inputValues>" if values else ""
    otherwise = f"<defaultOutputEntry><text>{default}</text></defaultOutputEntry>" if default else ""
    columns = "".join(
        f'<input id="in{n}" label="{text}"><inputExpression id="ie{n}">'
        f"<text><![CDATA[{text}]]></text></inputExpression>{possible}</input>"
        for n, text in enumerate(inputs)
    )
    columns += "".join(
        f'<output id="out{n}" name="{name}">{otherwise}</output>' for n, name in enumerate(outputs)
    )
    rows = "".join(
        f'<rule id="rule{n}">{texts("inputEntry", rule[: len(inputs)])}'
        f"{texts('outputEntry', rule[len(inputs) :])}</rule>"
        for n, rule in enumerate(rules, start=1)
    )
    return (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">'
        f'<decision id="policy" name="Policy"><decisionTable id="t" hitPolicy="{policy}">{columns}{rows}'
        "</decisionTable></decision></definitions>"
    ).encode()


def files() -> dict[str, bytes]:
    """The files of the process."""
    return {
        "repair.bpmn": BPMN.encode(),
        "policy.dmn": dmn(),
        "report.form": form(field("title")),
        "fix.form": form(field("cause"), field("minutes", "number", validate={"max": "=60"})),
    }


def engine() -> ProcessEngine:
    """An engine that knows the process."""
    fact = Fact("The request", REQUEST, lambda session, subject_id: {})
    binding = ProcessBinding(
        key="repair",
        subject_type="request",
        statuses=("OPEN", "CLOSED"),
        facts={"request": fact},
        create_subject=lambda context: Subject(1, "R-1"),
        set_status=lambda context, status: None,
        describe=lambda session, subject_id: SubjectSummary("Repair"),
    )
    bindings = Bindings(
        processes={"repair": binding},
        options={"machines": lambda session: []},
        roles={"TECHNICIAN": "Technician", "MANAGER": "Manager"},
    )
    services = ServiceRegistry()
    services.add(
        ServiceTask(
            "people.tell",
            "Tell people",
            "",
            lambda context, **given: {},
            {"role": Input("string", "Whom"), "text": Input("string", "What", required=False)},
            {"count": Output("number", "How many")},
            {},
        )
    )
    services.add(
        ServiceTask(
            "request.close", "Close", "", lambda context: {}, {}, {}, {"STILL_OPEN": "Something is open"}
        )
    )
    return ProcessEngine(services=services, bindings=bindings)
