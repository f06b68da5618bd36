"""What the check says of decision tables: overlaps, gaps, rules that never apply."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.check import Problem, cells, tables
from app.engine.decisions import DecisionTable, parse_dmn
from app.engine.feel import Feel
from tests.support import repair

NUMBERS = ("amount",)
BOTH = ("amount", "group")
LEVELS = '"LOW","HIGH"'


def problems(rules: Sequence[Sequence[str]], **settings: object) -> list[Problem]:
    data = repair.dmn(rules, outputs=("level",), **{"inputs": NUMBERS, "policy": "UNIQUE", **settings})  # type: ignore[arg-type]
    decision = parse_dmn(data).decisions["policy"]
    assert isinstance(decision, DecisionTable)
    return list(tables.table("policy.dmn", decision))


CASES: list[tuple[Sequence[Sequence[str]], dict[str, object], list[tuple[str, str | None, str]]]] = [
    ([["<= 5", "1"], ["> 5", "2"]], {}, []),
    ([["<= 5", "1"], [">= 5", "2"]], {}, [("rules-overlap", "rule2", "amount: 5")]),
    ([["< 5", "1"], ["> 5", "2"]], {}, [("table-gap", "policy", "amount: 5")]),
    ([["[1..5]", "1"], ["(5..9]", "2"], ["> 9, < 1", "3"]], {}, []),
    ([["[1..5]", "1"], ["]4..9]", "2"], ["not([1..9])", "3"]], {}, [("rules-overlap", "rule2", "amount: 5")]),
    ([["1, 2", "1"], ["not(1, 2)", "2"]], {}, []),
    ([["<= 1000", "1"], [">= 5000", "2"]], {}, [("table-gap", "policy", "amount: 3000")]),
    ([['"A"', "1"], ['"B"', "2"]], {}, [("table-gap", "policy", "amount: any other text")]),
    ([['"LOW"', "1"], ['"HIGH"', "2"]], {"values": LEVELS}, []),
    ([['"LOW"', "1"]], {"values": LEVELS}, [("table-gap", "policy", 'amount: "HIGH"')]),
    (
        [['"LOW"', "1"], ["-", "2"], ['"HIHG"', "2"]],
        {"values": LEVELS, "policy": "FIRST"},
        [("value-not-allowed", "rule3", '"HIHG"'), ("rule-unreachable", "rule3", "never applies")],
    ),
    ([["true", "1"], ["false", "2"]], {}, []),
    ([["true", "1"]], {}, [("table-gap", "policy", "amount: false")]),
    ([["true", "1"]], {"default": "9"}, []),
    ([["true", "1"]], {"policy": "COLLECT"}, []),
    ([["-", "1"], ["-", "2"]], {}, [("rules-overlap", "rule2", "both apply; the table allows one")]),
    ([["< 5", "1"], ["< 9", "1"], [">= 9", "1"]], {"policy": "ANY"}, []),
    (
        [["< 5", "1"], ["< 9", "2"], [">= 9", "1"]],
        {"policy": "ANY"},
        [("rules-contradict", "rule2", "amount: 4")],
    ),
    (
        [["< 5", "1"], ["< 3", "2"], ["-", "3"], ["> 7", "4"]],
        {"policy": "FIRST"},
        [("rule-unreachable", "rule2", ""), ("rule-unreachable", "rule4", "")],
    ),
    ([["< 5", "1"], [">= 5", "2"], ["-", "3"]], {"policy": "FIRST"}, [("rule-unreachable", "rule3", "")]),
    # Cells that are not simple are left alone.
    ([["> limit", "1"], ["<= 5", "2"]], {}, []),
    ([["> limit", "1"], ["> limit", "2"]], {}, [("rules-overlap", "rule2", "")]),
    ([["> limit", "1"], ["> 5", "2"]], {"policy": "FIRST"}, []),
    ([["-", "1"], ["> limit", "2"]], {"policy": "FIRST"}, [("rule-unreachable", "rule2", "")]),
    # Several columns.
    ([["< 5", '"A"', "1"], ["< 5", 'not("A")', "2"], [">= 5", "-", "3"]], {"inputs": BOTH}, []),
    (
        [["< 5", '"A"', "1"], ["< 9", "-", "2"], [">= 9", "-", "3"]],
        {"inputs": BOTH},
        [("rules-overlap", "rule2", 'amount: 4, group: "A"')],
    ),
    (
        [["< 5", '"A"', "1"], [">= 5", "-", "2"]],
        {"inputs": BOTH},
        [("table-gap", "policy", "amount: 4 and group: any other text")],
    ),
    ([], {}, [("no-rules", "policy", "")]),
]


@pytest.mark.parametrize(("rules", "settings", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_rules(
    rules: Sequence[Sequence[str]], settings: dict[str, object], expected: list[tuple[str, str | None, str]]
) -> None:
    found = problems(rules, **settings)
    assert [(problem.code, problem.element) for problem in found] == [(code, at) for code, at, _ in expected]
    for problem, (_, _, part) in zip(found, expected, strict=True):
        assert part in problem.message


def test_large_tables_are_looked_at_within_limits() -> None:
    rules = [[str(n), *(f'"{(n * k) % 97}"' for k in range(2, 9)), "1"] for n in range(300)]
    found = problems(rules, inputs=tuple(f"in{n}" for n in range(8)))
    assert {problem.code for problem in found} <= {"table-gap"}


NUMBER = st.integers(-4, 4).map(str)
SIMPLE = st.one_of(
    NUMBER,
    st.tuples(st.sampled_from(["<", "<=", ">", ">="]), NUMBER).map(" ".join),
    st.tuples(st.sampled_from("[(]"), st.integers(-4, 0), st.integers(0, 4), st.sampled_from("])[")).map(
        lambda parts: f"{parts[0]}{parts[1]}..{parts[2]}{parts[3]}"
    ),
    st.sampled_from(["-", "true", "false", '"a"', '"b"']),
)
CELLS = st.one_of(
    SIMPLE, st.lists(SIMPLE.filter(lambda text: text != "-"), min_size=1, max_size=3).map(", ".join)
)
NEGATED = st.one_of(CELLS, CELLS.filter(lambda text: text != "-").map(lambda text: f"not({text})"))
FEEL = Feel(timeout=5)


@settings(max_examples=150, deadline=None)
@given(NEGATED, st.sampled_from([Decimal(n) / 2 for n in range(-10, 11)]))
def test_simple_cells_mean_what_feel_says_of_numbers(text: str, value: Decimal) -> None:
    cell = cells.read(text)
    assert cell is not None
    assert cell.passes(value) is FEEL.test(text, float(value))


@pytest.mark.parametrize(
    "text", ["> x", "f(1)", "1..2", "not(1", "[5..1]", "1,", ",", "1 2", '"a\\"b"', "?", "not()"]
)
def test_other_cells_are_left_to_feel(text: str) -> None:
    assert cells.read(text) is None
