"""Reading BPMN: elements, flows, lanes and what the extensions say of them."""

from __future__ import annotations

from app.engine import diagram
from app.engine.diagram import Diagram
from app.engine.xml import parse
from tests.support.diagrams import Drawing

HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:millwright="https://millwright.example/schema/1.0" '
    'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" xmlns:camunda="http://camunda.org/schema/1.0/bpmn">'
)


def read(inside: str) -> Diagram:
    found = diagram.read(parse(f"{HEAD}{inside}</definitions>".encode()))
    assert found is not None
    return found


def drawn(drawing: Drawing) -> Diagram:
    found = diagram.read(parse(drawing.bpmn()))
    assert found is not None
    return found


def test_no_process_is_no_diagram() -> None:
    assert diagram.read(parse(f"{HEAD}</definitions>".encode())) is None


def test_the_executable_process_is_the_one_that_is_read() -> None:
    found = read('<process id="a"/><process id="b" name="B" isExecutable="true"><task id="t"/></process>')
    assert (found.key, found.name, found.executable, list(found.elements)) == ("b", "B", True, ["t"])


def test_a_process_without_a_name_takes_that_of_its_pool_or_its_id() -> None:
    pool = '<collaboration><participant id="p" name="Pool" processRef="{}"/></collaboration>'
    process = '<process id="a" isExecutable="true"/>'
    assert read(pool.format("a") + process).name == "Pool"
    assert read(process).name == "a"
    assert read(pool.format("it's") + "<process id=\"it's\" isExecutable='true'/>").key == "it's"


def test_flows_lead_from_and_to_elements_and_may_have_conditions() -> None:
    found = drawn(
        Drawing().start("begin").exclusive("which").end("a").end("b").path("begin", "which")
        .path("which", "a", when="n > 1").path("which", "b")
    )  # fmt: skip
    assert [flow.target for flow in found.outgoing("which")] == ["a", "b"]
    assert [flow.condition for flow in found.outgoing("which")] == ["n > 1", None]
    assert [flow.source for flow in found.incoming("which")] == ["begin"]
    assert found.elements["which"].default_flow == "which_to_b"
    assert found.between[("which", "a")] == ["which_to_a"]


def test_a_user_task_with_all_that_can_be_said_of_it() -> None:
    found = drawn(
        Drawing().start("begin").user(
            "ask", form="ask", outcomes=("yes", "no"), candidateRole="CLERK", apiVerb="accept, refuse",
            status="OPEN", due='="PT1H"', inputs={"n": "1 + 1"}, outputs={"m": "n"},
        ).path("begin", "ask")
    ).elements["ask"]  # fmt: skip
    assert (found.label, found.type, found.form, found.status) == ("Ask", "userTask", "ask", "OPEN")
    assert found.candidate_roles == ("CLERK",)
    assert list(found.api_verbs) == ["accept", "refuse"]
    assert [(o.value, o.label, o.kind, o.validates) for o in found.outcomes] == [
        ("yes", "Yes", "primary", True), ("no", "No", "primary", True),
    ]  # fmt: skip
    assert [(m.name, m.expression) for m in found.inputs + found.outputs] == [("n", "1 + 1"), ("m", "n")]
    assert found.attributes["due"] == '="PT1H"'
    assert found.line > 0


def test_the_lane_gives_the_role_also_inside_subprocesses() -> None:
    found = read(
        '<process id="p" isExecutable="true"><laneSet><lane id="l" name="Clerks" millwright:role="CLERK">'
        "<flowNodeRef> a </flowNodeRef><flowNodeRef>s</flowNodeRef></lane></laneSet>"
        '<userTask id="a"/><userTask id="b"/><userTask id="c" millwright:candidateRole="BOSS"/>'
        '<subProcess id="s"><subProcess id="s2"><userTask id="deep"/></subProcess></subProcess></process>'
    )
    roles = {name: element.candidate_roles for name, element in found.elements.items()}
    assert roles["a"] == roles["deep"] == ("CLERK",)
    assert (roles["b"], roles["c"]) == ((), ("BOSS",))
    assert found.elements["deep"].lane == "Clerks"
    assert found.lanes == {"l": "CLERK"}


def test_events_know_their_kind() -> None:
    found = drawn(
        Drawing().start("begin").user("ask").boundary("late", on="ask", after="PT1H", interrupting=False)
        .boundary("failed", on="ask", error="E1").boundary("any", on="ask", error="")
        .catch("wait", message="go").end("stop", terminate=True).send("tell", "news")
    ).elements  # fmt: skip
    assert (found["late"].event, found["late"].timer) == ("timer", ("timeDuration", '"PT1H"'))
    assert (found["late"].attached_to, found["late"].interrupting) == ("ask", False)
    assert [(found[name].event, found[name].error_code) for name in ("failed", "any")] == [
        ("error", "E1"), ("error", None),
    ]  # fmt: skip
    assert (found["wait"].message, found["tell"].message) == ("go", "news")
    assert found["stop"].event == "terminate"


def test_starts_are_those_of_the_process_itself() -> None:
    inside = Drawing().start("in").end("out").path("in", "out")
    found = drawn(Drawing().start("begin").start("called", message="call").inside("sub", inside))
    assert [start.id for start in found.starts] == ["begin", "called"]
    assert found.start_messages == ("call",)
    assert found.elements["in"].parent == "sub"


def test_what_the_engine_does_not_know_is_listed() -> None:
    found = read(
        '<process id="p" isExecutable="true"><callActivity id="call"/><transaction id="t"/>'
        '<complexGateway id="g"/><userTask id="many"><multiInstanceLoopCharacteristics/></userTask>'
        '<subProcess id="s" triggeredByEvent="true"/></process>'
    )
    assert [(name, kind) for name, kind, _ in found.unsupported] == [
        ("call", "callActivity"), ("t", "transaction"), ("g", "complexGateway"),
    ]  # fmt: skip
    assert found.elements["many"].markers == ("multiInstanceLoopCharacteristics",)
    assert found.elements["s"].markers == ("eventSubProcess",)


def test_form_ids_of_other_editors_are_understood() -> None:
    found = read(
        '<process id="p" isExecutable="true">'
        '<userTask id="a" camunda:formKey="camunda-forms:deployment:ask"/>'
        '<userTask id="b"><extensionElements><zeebe:formDefinition formId="ask"/></extensionElements>'
        "</userTask>"
        '<userTask id="c" millwright:form="own" camunda:formKey="ask"/></process>'
    )
    assert [found.elements[name].form for name in "abc"] == ["ask", "ask", "own"]


def test_names_over_several_lines_are_one_line() -> None:
    found = read('<process id="p" isExecutable="true"><userTask id="a" name="Ask&#10; them"/></process>')
    assert found.elements["a"].label == "Ask them"
