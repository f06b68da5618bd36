"""Decision tables with every hit policy, decisions that require others, and files that are refused."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.decisions import DecisionError, DmnError, decide, parse_dmn
from app.engine.feel import Feel

DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"
Row = tuple[Sequence[str], Sequence[str]]


@pytest.fixture(scope="module")
def feel() -> Iterator[Feel]:
    feel = Feel(timeout=2.0)
    yield feel
    feel.close()


def text(tag: str, value: str, attributes: str = "") -> str:
    return f"<{tag}{attributes}><text>{escape(value)}</text></{tag}>" if value else f"<{tag}{attributes}/>"


def table(
    rows: Sequence[Row],
    *,
    policy: str = "UNIQUE",
    aggregation: str = "",
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("result",),
    values: Sequence[str] = (),
    defaults: Sequence[str] = (),
) -> str:
    """The XML of a decision table; its rules have the ids r1, r2 …"""
    parts = [f'<decisionTable id="table" hitPolicy="{policy}"']
    parts.append(f' aggregation="{aggregation}">' if aggregation else ">")
    for number, expression in enumerate(inputs, 1):
        parts.append(
            f'<input id="i{number}" label={quoteattr(expression)}>'
            f"{text('inputExpression', expression)}</input>"
        )
    for number, name in enumerate(outputs):
        possible = text("outputValues", values[number]) if number < len(values) else ""
        default = text("defaultOutputEntry", defaults[number]) if number < len(defaults) else ""
        parts.append(f'<output id="o{number}" name="{name}">{possible}{default}</output>')
    for number, (tests, results) in enumerate(rows, 1):
        cells = "".join(text("inputEntry", cell) for cell in tests)
        cells += "".join(text("outputEntry", cell) for cell in results)
        parts.append(f'<rule id="r{number}">{cells}</rule>')
    return "".join(parts) + "</decisionTable>"


def decision(body: str, key: str = "main", requires: Sequence[str] = (), variable: str = "") -> str:
    needed = "".join(
        f'<informationRequirement><requiredDecision href="#{other}"/></informationRequirement>'
        for other in requires
    )
    named = f'<variable name="{variable}"/>' if variable else ""
    return f'<decision id="{key}" name="Decision {key}">{named}{needed}{body}</decision>'


def file(*decisions: str, namespace: str = DMN) -> bytes:
    body = "".join(decisions)
    return f'<definitions xmlns="{namespace}" id="d" name="d" namespace="here">{body}</definitions>'.encode()


# Matching rules for x = 5: the second, the third and the fourth.
ROWS: Sequence[Row] = [
    (["< 5"], ['"low"']),
    ([">= 5"], ['"middle"']),
    (["[1..9]"], ['"high"']),
    (["-"], ['"middle"']),
]
NUMBERS: Sequence[Row] = [(["< 5"], ["100"]), ([">= 5"], ["0.1"]), (["-"], ["0.2"]), ([""], ["0.3"])]
ORDER = '"high", "middle", "low"'


@pytest.mark.parametrize(
    ("settings", "outputs", "rules"),
    [
        ({"policy": "FIRST"}, "middle", ["r2"]),
        ({"policy": "RULE ORDER"}, ["middle", "high", "middle"], ["r2", "r3", "r4"]),
        ({"policy": "PRIORITY", "values": [ORDER]}, "high", ["r3"]),
        ({"policy": "OUTPUT ORDER", "values": [ORDER]}, ["high", "middle", "middle"], ["r3", "r2", "r4"]),
        ({"policy": "COLLECT"}, ["middle", "high", "middle"], ["r2", "r3", "r4"]),
        ({"policy": "COLLECT", "aggregation": "COUNT"}, 3, ["r2", "r3", "r4"]),
    ],
)
def test_hit_policies(feel: Feel, settings: dict[str, Any], outputs: Any, rules: list[str]) -> None:
    result = parse_dmn(file(decision(table(ROWS, **settings)))).evaluate(None, {"x": 5}, feel)
    assert result.outputs == outputs
    assert result.matched_rules == rules
    assert result.inputs == {"x": 5}


@pytest.mark.parametrize(("operator", "value"), [("SUM", 0.6), ("MIN", 0.1), ("MAX", 0.3), ("COUNT", 3)])
def test_aggregations_count_in_decimals(feel: Feel, operator: str, value: float) -> None:
    model = parse_dmn(file(decision(table(NUMBERS, policy="COLLECT", aggregation=operator))))
    assert model.evaluate(None, {"x": 5}, feel).outputs == value


@pytest.mark.parametrize("rows", [[(["> 1"], ["1"]), (["> 2"], ["1"])], [(["> 1"], ["1"])]])
def test_any_accepts_rules_that_agree(feel: Feel, rows: Sequence[Row]) -> None:
    assert parse_dmn(file(decision(table(rows, policy="ANY")))).evaluate(None, {"x": 5}, feel).outputs == 1


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (table(ROWS), "allows one matching rule, but rules 2, 3, 4 match"),
        (table(ROWS, policy="ANY"), "rules 2, 3, 4 match, and their outputs differ"),
        (table(ROWS, policy="PRIORITY", values=['"high"']), "rule 2 gives 'middle', which is not"),
        (table(ROWS, policy="COLLECT", aggregation="SUM"), "rule 2 gives 'middle', but SUM needs numbers"),
        (table([(["> +"], ["1"])]), "rule 1, input “x”: The expression is incomplete"),
        (table([(["-"], ["1 +"])]), "rule 1, output “result”: The expression is incomplete"),
        (table([], inputs=["x +"]), "input “x \\+”: The expression is incomplete"),
        (
            "<literalExpression><text>1 +</text></literalExpression>",
            "“Decision main”: The expression is incomplete",
        ),
        (table([(["-"], ["for i in 1..1000000000 return i"])]), "“Decision main”: The expression"),
    ],
)
def test_a_decision_without_a_result_says_where(feel: Feel, xml: str, message: str) -> None:
    model = parse_dmn(file(decision(xml)))
    with pytest.raises(DecisionError, match=message):
        model.evaluate(None, {"x": 5}, feel)


@pytest.mark.parametrize(
    ("settings", "outputs"),
    [
        ({}, None),
        ({"policy": "FIRST"}, None),
        ({"policy": "COLLECT"}, []),
        ({"policy": "RULE ORDER"}, []),
        ({"policy": "COLLECT", "aggregation": "SUM"}, None),
        ({"policy": "COLLECT", "aggregation": "COUNT"}, 0),
        ({"defaults": ["x + 1"]}, 6),
        ({"policy": "RULE ORDER", "defaults": ["x + 1"]}, [6]),
        ({"policy": "COLLECT", "aggregation": "MAX", "defaults": ["0"]}, 0),
    ],
)
def test_nothing_matches(feel: Feel, settings: dict[str, Any], outputs: Any) -> None:
    result = parse_dmn(file(decision(table([(["> 9"], ["1"])], **settings)))).evaluate(None, {"x": 5}, feel)
    assert (result.outputs, result.matched_rules) == (outputs, [])


def test_several_outputs_make_a_dictionary(feel: Feel) -> None:
    rows = [(["< 5", "-"], ['"a"', "1"]), ([">= 5", '"HIGH"'], ['"b"', ""]), ([">= 5", "-"], ['"a"', "2"])]
    xml = table(rows, policy="PRIORITY", inputs=["x", "priority"], outputs=["step", "n"], values=['"a","b"'])
    model = parse_dmn(file(decision(xml)))
    assert model.evaluate(None, {"x": 5, "priority": "HIGH"}, feel).outputs == {"step": "a", "n": 2}
    assert model.evaluate(None, {"x": 1, "priority": "LOW"}, feel).outputs == {"step": "a", "n": 1}


def test_required_decisions_come_first_and_keep_their_dates(feel: Feel) -> None:
    xml = file(
        decision(table([(["> 2"], ["due + duration(wait)"])], inputs=["level"]), requires=["due", "level"]),
        decision(table([(["true"], ["3"])], inputs=["urgent"]), "level", variable="level"),
        decision(
            '<literalExpression><text>start + duration("P1D")</text></literalExpression>',
            "due",
            variable="due",
        ),
    )
    model = parse_dmn(xml)
    assert model.default_decision == "main"
    assert model.names(None, feel) == {"urgent", "start", "wait"}
    result = model.evaluate(None, {"urgent": True, "start": date(2026, 3, 1), "wait": "P2D"}, feel)
    assert result.outputs == "2026-03-04"
    assert result.required["due"].outputs == "2026-03-02"
    assert result.required["level"].matched_rules == ["r1"]


def test_decide_answers_json(feel: Feel) -> None:
    assert decide(file(decision(table(ROWS, policy="FIRST"))), None, {"x": 1}, feel) == {
        "decision": "main",
        "outputs": "low",
        "rules": ["r1"],
        "inputs": {"x": 1},
    }


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
        "http://www.omg.org/spec/DMN/20180521/MODEL/",
        "https://www.omg.org/spec/DMN/20191111/MODEL/",
        "https://www.omg.org/spec/DMN/20211108/MODEL/",
        "https://www.omg.org/spec/DMN/20230324/MODEL/",
    ],
)
def test_every_version_is_read(feel: Feel, namespace: str) -> None:
    model = parse_dmn(file(decision(table(ROWS, policy="FIRST")), namespace=namespace))
    assert model.evaluate("main", {"x": 1}, feel).outputs == "low"


LITERAL = "<literalExpression><text>1</text></literalExpression>"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<a/>", "no DMN file"),
        (b"<!DOCTYPE a><a/>", "DOCTYPE"),
        (file(namespace="http://www.omg.org/spec/DMN/20130901"), "no DMN file"),
        (file(), "no decision"),
        (file(decision("")), "neither a decision table nor an expression"),
        (file(decision("<context/>")), "neither a decision table nor an expression"),
        (file(decision(LITERAL), '<businessKnowledgeModel id="b"/>'), "Business knowledge models"),
        (file(decision(LITERAL), '<import namespace="x"/>'), "Imports"),
        (file(decision(LITERAL), decision(LITERAL)), "Two decisions"),
        (file(decision(LITERAL, requires=["other"])), "requires other, which is not in the file"),
        (file(decision(LITERAL, "a", ["b"]), decision(LITERAL, "b", ["a"])), "requires itself"),
        (file(decision(LITERAL, requires=["main"])), "requires itself"),
        (file(decision(table(ROWS, policy="LAST"))), "unknown hit policy LAST"),
        (file(decision(table(ROWS, policy="COLLECT", aggregation="AVG"))), "unknown aggregation AVG"),
        (file(decision(table(ROWS, policy="PRIORITY"))), "needs the possible output values"),
        (file(decision(table([(["-", "-"], ["1"])]))), "rule r1 does not have one cell for every column"),
        (file(decision(table([], inputs=[""]))), "input 1 has no expression"),
        (file(decision(table([], outputs=["a", "a"]))), "a name of its own"),
        (file(decision(table([], outputs=[]))), "no output"),
        (
            file(decision(table([], policy="COLLECT", aggregation="SUM", outputs=["a", "b"]))),
            "one output only",
        ),
        (
            file(decision('<literalExpression expressionLanguage="juel"><text>1</text></literalExpression>')),
            "juel",
        ),
        (file(decision("<literalExpression/>")), "empty expression"),
    ],
)
def test_files_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(DmnError, match=message) as caught:
        parse_dmn(data)
    assert any(message in problem.message for problem in caught.value.problems)


def test_every_problem_is_named() -> None:
    with pytest.raises(DmnError) as caught:
        parse_dmn(file(decision("", "a"), decision(table([], outputs=[], policy="LAST"), "b")))
    assert [problem.element for problem in caught.value.problems] == ["a", "table", "table"]
    assert all(problem.line == 1 for problem in caught.value.problems)


def test_one_of_several_decisions_must_be_named(feel: Feel) -> None:
    model = parse_dmn(file(decision(LITERAL, "a"), decision(LITERAL, "b")))
    assert model.default_decision is None
    assert model.evaluate("b", {}, feel).outputs == 1
    with pytest.raises(DecisionError, match="a, b"):
        model.evaluate(None, {}, feel)
    with pytest.raises(DecisionError, match="no decision c"):
        model.evaluate("c", {}, feel)


def test_every_expression_can_be_checked(feel: Feel) -> None:
    model = parse_dmn(file(decision(table([(["> 1"], ["oops("]), (["-"], ["1"])], defaults=["0"]))))
    found = {cell.where: feel.check(cell.text, cell.kind) for _, cell in model.expressions()}
    assert list(found) == [
        "input “x”",
        "default of output “result”",
        "rule 1, input “x”",
        "rule 1, output “result”",
        "rule 2, output “result”",
    ]
    assert [where for where, problems in found.items() if problems] == ["rule 1, output “result”"]


# -- properties ----------------------------------------------------------------------------------

limits = st.integers(0, 9)
rules = st.lists(st.tuples(limits, limits, st.integers(0, 3)), min_size=1, max_size=6)
_shared = Feel(timeout=2.0)


def _decide(found: list[tuple[int, int, int]], x: int, policy: str, **attributes: Any) -> Any:
    rows = [([f"[{min(a, b)}..{max(a, b)}]"], [str(output)]) for a, b, output in found]
    xml = file(decision(table(rows, policy=policy, **attributes)))
    return parse_dmn(xml).evaluate(None, {"x": x}, _shared)


@settings(deadline=None)
@given(rules, limits)
def test_policies_agree_with_each_other(found: list[tuple[int, int, int]], x: int) -> None:
    expected = [output for a, b, output in found if min(a, b) <= x <= max(a, b)]
    ordered = _decide(found, x, "RULE ORDER")
    assert ordered.outputs == expected
    assert _decide(found, x, "FIRST").outputs == (expected[0] if expected else None)
    assert _decide(found, x, "OUTPUT ORDER", values=["3, 2, 1, 0"]).outputs == sorted(expected, reverse=True)
    assert _decide(found, x, "PRIORITY", values=["3, 2, 1, 0"]).outputs == max(expected, default=None)
    assert _decide(found, x, "COLLECT", aggregation="SUM").outputs == (sum(expected) if expected else None)


@given(rules, limits)
def test_unique_and_any_refuse_exactly_what_they_must(found: list[tuple[int, int, int]], x: int) -> None:
    expected = [output for a, b, output in found if min(a, b) <= x <= max(a, b)]
    for policy, refused in (("UNIQUE", len(expected) > 1), ("ANY", len(set(expected)) > 1)):
        if refused:
            with pytest.raises(DecisionError):
                _decide(found, x, policy)
        else:
            assert _decide(found, x, policy).outputs == (expected[0] if expected else None)


def test_a_large_table_is_quick(feel: Feel) -> None:
    rows = [([f"[{n}..{n + 1})", f'"P{n}", "Q{n}"'], [str(n)]) for n in range(500)]
    model = parse_dmn(file(decision(table(rows, inputs=["x", "part"], policy="FIRST"))))
    started = time.monotonic()
    assert model.evaluate(None, {"x": 499, "part": "Q499"}, feel).outputs == 499
    assert time.monotonic() - started < 2
