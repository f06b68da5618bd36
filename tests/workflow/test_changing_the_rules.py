"""A process owner changes only files; who gets which task changes with them, without a restart."""

from __future__ import annotations

import pytest
from lxml import etree

from app.engine import deployments
from app.engine.actors import SYSTEM
from app.processes.shipped import WORKFLOWS, read_folder
from tests.support.factory_floor import Floor

FOLDER = WORKFLOWS / "parts_approval"


def deploy(floor: Floor, files: dict[str, bytes]) -> int:
    with floor.acting() as session:
        return deployments.deploy(floor.engine, session, files, by=SYSTEM, note="test").version


def with_threshold(amount: str) -> dict[str, bytes]:
    """The shipped files with another amount above which the administrator decides too."""
    files = read_folder(FOLDER)
    table = files["approval_policy.dmn"].decode()
    assert table.count("&gt; 5000") >= 1 or table.count("> 5000") >= 1
    files["approval_policy.dmn"] = (
        table.replace("&gt; 5000", f"&gt; {amount}").replace("> 5000", f"> {amount}").encode()
    )
    return files


ROWS = (
    "=for line in partsRequest.lines return {id: line.id, partNumber: line.partNumber, "
    "partName: line.partName, quantityRequested: line.requested, available: line.available, "
    "lineCost: line.lineCost, reason: line.reason, quantityApproved: line.requested}"
)


def with_second_approval() -> dict[str, bytes]:
    """The shipped files with one more user task between the manager's approval and the issue."""
    files = read_folder(FOLDER)
    diagram = files["parts_approval.bpmn"].decode()
    flow_id, target = _flow_into_approving(diagram)
    second = (
        '<bpmn:userTask id="second_look" name="Second look" millwright:form="approve_parts" '
        'millwright:candidateRole="INVENTORY_MANAGER"><bpmn:extensionElements><millwright:inputs>'
        f'<millwright:input name="lines" expression="{ROWS}" />'
        "</millwright:inputs></bpmn:extensionElements></bpmn:userTask>"
        f'<bpmn:sequenceFlow id="flow_second_look" sourceRef="second_look" targetRef="{target}" />'
    )
    diagram = _retarget(diagram, flow_id, "second_look")
    files["parts_approval.bpmn"] = diagram.replace("</bpmn:process>", second + "</bpmn:process>").encode()
    return files


def _flow_into_approving(diagram: str) -> tuple[str, str]:
    """The flow into the service task that approves, and that task."""
    root = etree.fromstring(diagram.encode())
    space = {"b": "http://www.omg.org/spec/BPMN/20100524/MODEL"}
    key = "{https://millwright.example/schema/1.0}service"
    (service,) = [
        node for node in root.iterfind(".//b:serviceTask", space) if node.get(key) == "parts.approve"
    ]
    flows = [f for f in root.iterfind(".//b:sequenceFlow", space) if f.get("targetRef") == service.get("id")]
    assert len(flows) == 1, "the approving task has one way in"
    return flows[0].get("id", ""), service.get("id", "")


def _retarget(diagram: str, flow_id: str, target: str) -> str:
    root = etree.fromstring(diagram.encode())
    (flow,) = [node for node in root.iter() if node.get("id") == flow_id]
    flow.set("targetRef", target)
    return etree.tostring(root, encoding="unicode")


@pytest.fixture
def expensive(floor: Floor) -> int:
    return floor.part(10, part_number="SPINDLE", unit_price=1500)


def test_a_lower_threshold_sends_the_next_request_to_the_administrator_too(
    floor: Floor, expensive: int
) -> None:
    first = floor.parts_wanted(expensive, 2)
    assert floor.names(first) == ["Approve parts"]

    assert deploy(floor, with_threshold("1000")) == 2

    # The running request keeps its version: the manager alone decides.
    floor.do("Approve parts", "manager", "approve")
    assert floor.names(first) == ["Issue parts"]

    second = floor.parts_wanted(expensive, 2)
    floor.do("Approve parts", "manager", "approve")
    assert floor.names(second) == ["Approve parts (administrator)"]


def test_a_second_approval_in_the_diagram_is_asked_of_the_next_request(floor: Floor, expensive: int) -> None:
    first = floor.parts_wanted(expensive, 1)

    deploy(floor, with_second_approval())

    floor.do("Approve parts", "manager", "approve")
    assert floor.names(first) == ["Issue parts"]

    second = floor.parts_wanted(expensive, 1)
    floor.do("Approve parts", "manager", "approve")
    assert floor.names(second) == ["Second look"]
    assert floor.task("Second look").candidate_role == "INVENTORY_MANAGER"
    floor.do("Second look", "inventory")
    assert floor.names(second) == ["Issue parts"]


def test_the_same_files_again_are_no_new_version(floor: Floor) -> None:
    assert deploy(floor, read_folder(FOLDER)) == 1
