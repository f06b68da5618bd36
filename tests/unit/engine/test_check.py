"""What the check says of a process in which one thing is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.check import Problem, Severity, check_files
from app.engine.core import ProcessEngine
from app.engine.feel import sandbox
from app.errors import Unavailable
from tests.support import repair


@pytest.fixture(scope="module")
def engine() -> Iterator[ProcessEngine]:
    made = repair.engine()
    yield made
    made.feel.close()


def check(engine: ProcessEngine, files: dict[str, bytes]) -> list[Problem]:
    return check_files(engine, files, known_messages=repair.MESSAGES)


def changed(old: str, new: str) -> dict[str, bytes]:
    """The process with one text of its diagram replaced wherever it is."""
    assert old in repair.BPMN
    return {**repair.files(), "repair.bpmn": repair.BPMN.replace(old, new).encode()}


def found(problems: list[Problem]) -> set[tuple[str, str, str | None]]:
    return {(problem.severity.value, problem.code, problem.element) for problem in problems}


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(repair.BPMN.splitlines(), start=1) if text in line)


def test_a_process_with_nothing_wrong(engine: ProcessEngine) -> None:
    assert check(engine, repair.files()) == []


def without_flow(flow: str) -> tuple[str, str]:
    line = next(line for line in repair.BPMN.splitlines() if f'sequenceFlow id="{flow}"' in line)
    return line, ""


TIMER = '<bpmn:timeCycle>="R/" + rule.within</bpmn:timeCycle>'
MULTIPLE = '<bpmn:multiInstanceLoopCharacteristics isSequential="true"/>'
END_TOLD = '<bpmn:endEvent id="told" name="Told"/>'
AGAIN = '<bpmn:endEvent id="told"/><bpmn:sequenceFlow id="f14" sourceRef="again" targetRef="told"/>'
CONDITION = '=outcome = "back"'
SCRIPT = "=if tries = null then 1 else tries + 1"
CLOSE = next(line.strip() for line in repair.BPMN.splitlines() if '<bpmn:serviceTask id="close"' in line)

DIAGRAMS: list[tuple[tuple[str, str], tuple[str, str, str | None]]] = [
    # the process
    (('isExecutable="true"', ""), ("error", "not-executable", "repair")),
    (('process id="repair"', 'process id="repairs"'), ("error", "unbound-process", "repairs")),
    (('process id="repair" ', "process "), ("error", "id-missing", None)),
    (('subject="request"', 'subject="machine"'), ("warning", "wrong-subject", "repair")),
    (
        ("</bpmn:process>", '</bpmn:process><bpmn:process id="other" isExecutable="true"/>'),
        ("error", "several-processes", "repair"),
    ),
    # ids
    (('"told"', '"Start"'), ("error", "id-reserved", "Start")),
    (('"told"', '"told.BoundaryEventSplit"'), ("error", "id-invalid", "told.BoundaryEventSplit")),
    (('"told"', '"told[child]"'), ("error", "id-invalid", "told[child]")),
    (('id="m_go"', 'id="told"'), ("error", "id-duplicate", "told")),
    (('endEvent id="told" ', "endEvent "), ("error", "id-missing", None)),
    # elements
    ((END_TOLD, '<bpmn:callActivity id="told"/>'), ("error", "unsupported-element", "told")),
    ((END_TOLD, '<bpmn:transaction id="told"/>'), ("error", "unsupported-element", "told")),
    (
        ('millwright:status="CLOSED"/>', f'millwright:status="CLOSED">{MULTIPLE}</bpmn:serviceTask>'),
        ("error", "unsupported-marker", "close"),
    ),
    (
        (END_TOLD, '<bpmn:endEvent id="told"><bpmn:signalEventDefinition id="s"/></bpmn:endEvent>'),
        ("error", "unsupported-event", "told"),
    ),
    (
        (
            '<bpmn:messageEventDefinition id="d_wait"',
            '<bpmn:timerEventDefinition id="x"/><bpmn:messageEventDefinition',
        ),
        ("error", "unsupported-marker", "wait"),
    ),
    ((CLOSE, '<bpmn:manualTask id="close" name="Close"/>'), ("warning", "does-nothing", "close")),
    # settings
    (('millwright:due="=rule', 'millwright:deu="=rule'), ("error", "unknown-setting", "fix")),
    (("millwright:outcome value", "millwright:outcom value"), ("error", "unknown-setting", "fix")),
    (('millwright:input name="role"', 'millwright:input nam="role"'), ("error", "unknown-setting", "tell")),
    (
        ('"Close" millwright:service', '"Close" millwright:form="fix" millwright:service'),
        ("error", "misplaced-setting", "close"),
    ),
    (('millwright:form="fix"', 'millwright:form="=fix"'), ("error", "not-an-expression", "fix")),
    (('kind="danger"', 'kind="red"'), ("warning", "unknown-kind", "fix")),
    (('value="done"', 'value="back"'), ("error", "setting-twice", "fix")),
    (('value="done"', 'value=""'), ("error", "setting-incomplete", "fix")),
    (('expression="=request.title"', 'expression="="'), ("error", "setting-incomplete", "tell")),
    (('scriptFormat="feel"', 'scriptFormat="python"'), ("error", "not-feel", "give_back")),
    (
        ("<bpmn:conditionExpression>", '<bpmn:conditionExpression language="python">'),
        ("error", "not-feel", None),
    ),
    (
        ('id="definitions"', 'id="definitions" expressionLanguage="juel"'),
        ("error", "not-feel", "definitions"),
    ),
    (('"Close" millwright', '"Close" camunda:class="x.Y" millwright'), ("error", "foreign-code", "close")),
    (
        (
            "<bpmn:extensionElements>",
            "<bpmn:extensionElements><spiffworkflow:preScript>os</spiffworkflow:preScript>",
        ),
        ("error", "foreign-code", "fix"),
    ),
    (
        ('"Close" millwright', '"Close" camunda:asyncBefore="true" millwright'),
        ("warning", "foreign-extension", "close"),
    ),
    # ways
    (without_flow("f13"), ("error", "dead-end", "notice")),
    (without_flow("f13"), ("error", "unreachable", "finished")),
    (('targetRef="told"', 'targetRef="nowhere"'), ("error", "flow-unconnected", "f5")),
    (
        ('sourceRef="tell" targetRef="told"', 'sourceRef="told" targetRef="tell"'),
        ("error", "flow-from-end", "told"),
    ),
    (('targetRef="told"', 'targetRef="late"'), ("error", "flow-to-start", "late")),
    (
        ('sourceRef="notice" targetRef="finished"', 'sourceRef="notice" targetRef="close"'),
        ("error", "endless-loop", "close"),
    ),
    (('targetRef="told"', 'targetRef="tell"'), ("error", "endless-loop", "tell")),
    (
        ('sourceRef="failed_close" targetRef="failed"', 'sourceRef="failed_close" targetRef="close"'),
        ("error", "endless-loop", "close"),
    ),
    (
        (END_TOLD, END_TOLD + '<bpmn:sequenceFlow id="f14" sourceRef="close" targetRef="told"/>'),
        ("error", "several-flows", "close"),
    ),
    (
        (END_TOLD, f'<bpmn:startEvent id="again"/>{AGAIN}'),
        ("error", "several-starts", "again"),
    ),
    # gateways and outcomes
    ((' default="f7"', ""), ("error", "condition-missing", "f7")),
    ((' default="f7"', ' default=""'), ("warning", "outcome-without-flow", "fix")),
    ((' default="f7"', ' default="f1"'), ("error", "default-missing", "fixed")),
    ((' default="f7"', ' default="f1"'), ("error", "condition-missing", "f7")),
    ((' default="f7"', ' default="f8"'), ("warning", "condition-on-default", "f8")),
    (('"back"</bpmn:cond', '"bakc"</bpmn:cond'), ("warning", "unknown-outcome", "f8")),
    (('"back"</bpmn:cond', '"back" and tries = 1</bpmn:cond'), ("ok", "", None)),
    ((CONDITION, "=tries > 3"), ("warning", "outcomes-unused", "fix")),
    ((' default="f7"', ""), ("warning", "outcome-without-flow", "fix")),
    (
        (
            '<bpmn:sequenceFlow id="f6" sourceRef="fix" targetRef="fixed"/>',
            '<bpmn:sequenceFlow id="f6" sourceRef="fix" targetRef="fixed"><bpmn:conditionExpression>=true'
            "</bpmn:conditionExpression></bpmn:sequenceFlow>",
        ),
        ("warning", "condition-ignored", "f6"),
    ),
    (('name="Fixed?"', ""), ("warning", "name-missing", "fixed")),
    (('name="Fix it"', ""), ("warning", "name-missing", "fix")),
    # people
    (('millwright:role="TECHNICIAN"', 'millwright:role="TECHNICAN"'), ("error", "unknown-role", "lane_tech")),
    (('millwright:role="TECHNICIAN"', ""), ("warning", "lane-without-role", "lane_tech")),
    (('millwright:role="TECHNICIAN"', ""), ("error", "nobody", "fix")),
    (('millwright:role="TECHNICIAN"', ""), ("warning", "start-without-role", "reported")),
    (
        ('"Fix it" ', '"Fix it" millwright:candidateRole="MANAGER,TECHNICIAN" '),
        ("error", "several-roles", "fix"),
    ),
    (('"Fix it" ', '"Fix it" millwright:candidateRole="BOSS" '), ("error", "unknown-role", "fix")),
    (('millwright:form="fix"', 'millwright:form="fx"'), ("error", "unknown-form", "fix")),
    (('millwright:form="report"', 'millwright:form="reprot"'), ("error", "unknown-form", "reported")),
    (("fix=done,give_back=back", "fix=done,give back=back"), ("error", "bad-verb", "fix")),
    (("fix=done,give_back=back", "fix=done,give_back=bakc"), ("error", "verb-outcome", "fix")),
    (("fix=done,give_back=back", "fix,give_back=back"), ("warning", "verb-without-outcome", "fix")),
    # services, decisions, scripts, statuses
    (('service="request.close"', 'service="request.clos"'), ("error", "unknown-service", "close")),
    (('millwright:service="request.close"', ""), ("error", "no-service", "close")),
    (('input name="role"', 'input name="rule"'), ("error", "input-missing", "tell")),
    (('input name="text"', 'input name="txt"'), ("warning", "input-unknown", "tell")),
    (("&quot;MANAGER&quot;", "&quot;MANGER&quot;"), ("error", "unknown-role", "tell")),
    (('errorCode="STILL_OPEN"', 'errorCode="CLOSED"'), ("warning", "unknown-error", "failed_close")),
    (('decision="policy"', 'decision="polcy"'), ("error", "unknown-decision", "decide")),
    (('millwright:decision="policy"', ""), ("error", "no-decision", "decide")),
    ((SCRIPT, ""), ("error", "script-missing", "give_back")),
    (('millwright:resultVariable="tries"', ""), ("warning", "no-result", "give_back")),
    (('resultVariable="tries"', 'resultVariable="request"'), ("error", "shadows-fact", "give_back")),
    (('resultVariable="tries"', 'resultVariable="my tries"'), ("error", "bad-variable", "give_back")),
    (('status="CLOSED"', 'status="COLSED"'), ("error", "unknown-status", "close")),
    # boundary events and timers
    (('attachedToRef="close"', 'attachedToRef="nothing"'), ("error", "boundary-unattached", "failed_close")),
    (('attachedToRef="close"', 'attachedToRef="fixed"'), ("error", "boundary-misplaced", "failed_close")),
    (('attachedToRef="close"', 'attachedToRef="fix"'), ("error", "boundary-misplaced", "failed_close")),
    ((' cancelActivity="false"', ""), ("error", "interrupting-cycle", "late")),
    ((TIMER, ""), ("error", "timer-missing", "late")),
    ((TIMER, "<bpmn:timeCycle>R/PT4H</bpmn:timeCycle>"), ("error", "timer-unquoted", "late")),
    ((TIMER, '<bpmn:timeCycle>="every day"</bpmn:timeCycle>'), ("error", "bad-timer", "late")),
    ((TIMER, '<bpmn:timeCycle>="R/PT0S"</bpmn:timeCycle>'), ("error", "bad-timer", "late")),
    ((TIMER, "<bpmn:timeDuration>=4</bpmn:timeDuration>"), ("error", "bad-timer", "late")),
    ((TIMER, '<bpmn:timeDate>="2026-13-45"</bpmn:timeDate>'), ("error", "bad-timer", "late")),
    ((TIMER, '<bpmn:timeDuration>="PT4H"</bpmn:timeDuration>'), ("ok", "", None)),
    ((TIMER, '<bpmn:timeDuration>=duration("P1D")</bpmn:timeDuration>'), ("ok", "", None)),
    ((TIMER, "<bpmn:timeDate>=request.openedAt</bpmn:timeDate>"), ("ok", "", None)),
    (('due="=rule.within"', 'due="soon"'), ("error", "bad-timer", "fix")),
    (('due="=rule.within"', 'due="PT8H"'), ("ok", "", None)),
    (('priority="=request.priority"', 'priority="URGENT"'), ("error", "unknown-priority", "fix")),
    (('"Fix it" ', '"Fix it" millwright:assignee="Bob" '), ("error", "not-an-id", "fix")),
    # messages
    (('messageRef="m_go"', 'messageRef="m_no"'), ("error", "message-missing", "wait")),
    (('name="go on"', 'name="go onn"'), ("warning", "message-unsent", "wait")),
    (('name="repair ended"', 'name="repair endet"'), ("warning", "message-unreceived", "notice")),
    # expressions
    (("=request.title", "=request.titel"), ("error", "unknown-field", "tell")),
    (("=request.title", "=request.title.length"), ("error", "unknown-field", "tell")),
    (("=request.title", "=string(request.openedAt.year)"), ("ok", "", None)),
    (("=request.title", "=actor.name"), ("ok", "", None)),
    (("=request.title", "=string(now)"), ("warning", "unknown-variable", "tell")),
    (("=request.title", "=requst.title"), ("warning", "unknown-variable", "tell")),
    (("=request.title", "=request.title +"), ("error", "feel-syntax", "tell")),
    (("=request.title", "=upper(request.title)"), ("error", "unknown-function", "tell")),
    (("=result.count", "=result.cuont"), ("error", "unknown-field", "tell")),
    (('"=rule.within"', '"=rule.witin"'), ("error", "unknown-field", "fix")),
    (("=outcome = ", "=outcme = "), ("warning", "unknown-variable", "f8")),
    ((CONDITION, "=lambda x: x"), ("error", "python", "f8")),
    ((CONDITION, '="back"'), ("error", "condition-not-boolean", "f8")),
    ((SCRIPT, "tries += 1"), ("error", "python", "give_back")),
    ((SCRIPT, "tries.constructor"), ("error", "reserved-name", "give_back")),
    # drawing
    (('bpmnElement="told"', 'bpmnElement="none"'), ("warning", "not-drawn", "told")),
    (('bpmnElement="f5"', 'bpmnElement="none"'), ("warning", "not-drawn", "f5")),
]


@pytest.mark.parametrize(("change", "expected"), DIAGRAMS, ids=lambda value: "-".join(map(str, value))[-60:])
def test_one_wrong_thing_in_the_diagram(
    engine: ProcessEngine, change: tuple[str, str], expected: tuple[str, str, str | None]
) -> None:
    problems = check(engine, changed(*change))
    if expected[0] == "ok":
        assert problems == []
    else:
        assert expected in found(problems)
    assert not {"check-failed", "not-runnable"} & {problem.code for problem in problems}
    assert all(problem.message and problem.hint for problem in problems)


def test_messages_name_the_element_and_say_what_was_meant(engine: ProcessEngine) -> None:
    problems = check(engine, changed("=request.title", "=request.titel"))
    assert [problem.as_dict() for problem in problems] == [
        {
            "file": "repair.bpmn",
            "element": "tell",
            "element_name": "Tell the manager",
            "severity": "error",
            "code": "unknown-field",
            "message": "In the input “text” of “Tell the manager”: there is no “request.titel”.",
            "hint": "Did you mean “request.title”?",
            "line": line_of('service="people.tell"'),
        }
    ]


def test_variables_are_known_for_sure_where_no_message_can_bring_others(engine: ProcessEngine) -> None:
    payload = (
        "<bpmn:extensionElements><millwright:outputs>"
        '<millwright:output name="why" expression="=payload.why"/>'
    )
    text = repair.BPMN.replace("=request.title", "=requst.title").replace(
        '<bpmn:messageEventDefinition id="d_wait"',
        f'{payload}</millwright:outputs></bpmn:extensionElements><bpmn:messageEventDefinition id="d_wait"',
    )
    problems = check(engine, {**repair.files(), "repair.bpmn": text.encode()})
    assert found(problems) == {("error", "unknown-variable", "tell")}
    assert problems[0].hint == "Did you mean “request”?"


def test_a_message_tells_its_fields_to_who_waits_for_it_in_the_same_diagram(engine: ProcessEngine) -> None:
    text = repair.BPMN.replace('messageRef="m_go"', 'messageRef="m_ended"').replace("=request.title", "=caus")
    problems = check(engine, {**repair.files(), "repair.bpmn": text.encode()})
    assert ("error", "unknown-variable", "tell") in found(problems)


FORMS: list[tuple[str, bytes, tuple[str, str, str | None]]] = [
    ("fix.form", b"{", ("error", "bad-form", None)),
    ("fix.form", repair.form(repair.field("a", "camera")), ("error", "bad-form", "field_a")),
    (
        "fix.form",
        repair.form(repair.field("request"), repair.field("cause")),
        ("error", "shadows-fact", "field_request"),
    ),
    (
        "fix.form",
        repair.form(
            repair.field("cause", conditional={"hide": "=minuts > 3"}), repair.field("minutes", "number")
        ),
        ("warning", "unknown-variable", "field_cause"),
    ),
    (
        "fix.form",
        repair.form(repair.field("cause", conditional={"hide": "=request.prio = 3"})),
        ("error", "unknown-field", "field_cause"),
    ),
    (
        "fix.form",
        repair.form(repair.field("cause", description="{{requests.title[}}")),
        ("error", "feel-syntax", "field_cause"),
    ),
    (
        "fix.form",
        repair.form(repair.field("cause", "select", valuesKey="machine")),
        ("error", "unknown-options", "field_cause"),
    ),
    (
        "report.form",
        repair.form(repair.field("title", description="{{request.title}}")),
        ("error", "unknown-variable", "field_title"),
    ),
    ("fix.form", repair.form(repair.field("minutes", "number")), ("warning", "unknown-variable", "notice")),
    (
        "fix.form",
        repair.form(
            repair.field("cause", "textfield"),
            {
                "type": "dynamiclist",
                "id": "rows",
                "path": "rows",
                "components": [
                    repair.field("part"),
                    repair.field("why", conditional={"hide": "=part = null or cause = null or prt = 1"}),
                ],
            },
        ),
        ("warning", "unknown-variable", "field_why"),
    ),
]


@pytest.mark.parametrize(("name", "content", "expected"), FORMS, ids=lambda value: str(value)[-40:])
def test_one_wrong_thing_in_a_form(
    engine: ProcessEngine, name: str, content: bytes, expected: tuple[str, str, str | None]
) -> None:
    assert expected in found(check(engine, {**repair.files(), name: content}))


FILES: list[tuple[dict[str, bytes | None], tuple[str, str, str | None]]] = [
    ({"repair.bpmn": None}, ("error", "no-diagram", None)),
    ({"other.bpmn": repair.BPMN.encode()}, ("error", "several-diagrams", None)),
    ({"repair.bpmn": b"<bpmn>"}, ("error", "not-parsable", None)),
    ({"repair.bpmn": b"<svg/>"}, ("error", "not-bpmn", None)),
    (
        {"repair.bpmn": b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>'},
        ("error", "no-process", None),
    ),
    ({"policy.dmn": b"<definitions/>"}, ("error", "not-dmn", None)),
    ({"policy.dmn": b"no"}, ("error", "not-dmn", None)),
    ({"forms/fix.form": repair.form()}, ("error", "duplicate-file", None)),
    ({"photo.png": b""}, ("warning", "unused-file", None)),
    ({"EXTRA.FORM": repair.form()}, ("error", "unused-file", None)),
    (
        {"policy.dmn": repair.dmn(outputs=("within",), rules=[("", '"PT4H"')])},
        ("error", "unknown-field", "fix"),
    ),
]


@pytest.mark.parametrize(("change", "expected"), FILES, ids=lambda value: str(value)[:40])
def test_one_wrong_file(
    engine: ProcessEngine, change: dict[str, bytes | None], expected: tuple[str, str, str | None]
) -> None:
    files = {name: data for name, data in {**repair.files(), **change}.items() if data is not None}
    assert expected in found(check(engine, files))


def test_scenarios_and_notes_may_lie_beside_a_process(engine: ProcessEngine) -> None:
    story = b"- name: A fault\n  start: {process: repair, by: technician}\n  expect: {state: running}\n"
    assert check(engine, {**repair.files(), "scenarios.yaml": story, "README.md": b""}) == []


def test_errors_are_told_from_warnings(engine: ProcessEngine) -> None:
    (problem,) = check(engine, changed('name="Fix it"', ""))
    line = line_of('millwright:apiVerb="fix')
    assert problem.severity is Severity.WARNING
    assert not problem.is_error
    assert str(problem).startswith(f"repair.bpmn:{line}: warning: The user task has no name")


def test_a_missing_interpreter_says_nothing_about_the_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is for whoever runs the installation, and no problem of the process owner's."""
    monkeypatch.setattr(sandbox, "BUNDLE", tmp_path / "feel.js")
    sandbox.bundle.cache_clear()
    bare = repair.engine()
    bare.feel.close()  # a run of the tests shares one V8, which was started long ago
    try:
        with pytest.raises(Unavailable, match="make assets"):
            check(bare, repair.files())
    finally:
        sandbox.bundle.cache_clear()
        bare.feel.close()


def test_a_process_may_begin_in_several_ways_but_in_each_only_once(engine: ProcessEngine) -> None:
    def starts(*messages: str) -> set[tuple[str, str, str | None]]:
        drawn = "".join(
            f'<bpmn:startEvent id="again{n}" name="Again {n}"><bpmn:outgoing>g{n}</bpmn:outgoing>'
            f'<bpmn:messageEventDefinition id="d_again{n}" messageRef="{message}"/></bpmn:startEvent>'
            f'<bpmn:endEvent id="e{n}" name="Told {n}"/>'
            f'<bpmn:sequenceFlow id="g{n}" sourceRef="again{n}" targetRef="e{n}"/>'
            for n, message in enumerate(messages)
        )
        return {
            each for each in found(check(engine, changed(END_TOLD, END_TOLD + drawn))) if "start" in each[1]
        }

    known = re.search(r'<bpmn:message id="(\w+)"', repair.BPMN)
    assert known is not None
    message = known[1]
    assert ("error", "several-starts", "again0") not in starts(message)
    assert ("error", "several-starts", "again1") in starts(message, message)
