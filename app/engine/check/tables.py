"""Rules of decision tables that overlap, never apply, or leave gaps.

Each column is cut into the values at which some cell changes its mind, and one value between each
two of them; a table is then a finite thing, and everything said here comes with an example.
Columns with cells that are not simple are judged so that nothing is claimed that may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, pairwise

from app.engine.check.cells import ANYTHING, Cell, Value, read, shown
from app.engine.check.problems import Place, Problem, error, listed, similar, warning
from app.engine.decisions import DecisionTable, HitPolicy, TableInput

MAXIMUM_RULES = 300
MAXIMUM_FINDINGS = 20
MAXIMUM_STEPS = 20_000
OTHER_TEXT = "any other text"
SINGLE = {HitPolicy.UNIQUE, HitPolicy.FIRST, HitPolicy.ANY, HitPolicy.PRIORITY}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of conditions: example values, and for each rule the cell and the examples that pass.

    Sets of examples are bits of a number, so that they are compared quickly. A cell that is not
    simple has no set: ``sets`` holds None.
    """

    label: str
    texts: tuple[str, ...]
    examples: tuple[Value, ...]
    sets: tuple[int | None, ...]

    @property
    def everything(self) -> int:
        return (1 << len(self.examples)) - 1

    def example(self, bits: int) -> str:
        """An example out of a set, preferably one that people would name."""
        chosen = [value for at, value in enumerate(self.examples) if bits >> at & 1]
        whole = [v for v in chosen if not isinstance(v, Decimal) or v == v.to_integral_value()]
        value = (whole or chosen)[0]
        return f"{self.label}: {OTHER_TEXT if value == OTHER_TEXT else shown(value)}"


def table(file: str, decision: DecisionTable) -> Iterator[Problem]:
    """What is wrong with the rules of a table."""
    place = Place(file, decision.id, decision.name)
    if not decision.rules:
        hint = "Add a rule."
        yield warning(place, "no-rules", f"“{decision.name}” has no rules.", hint)
        return
    for number, column in enumerate(decision.inputs):
        yield from _outside(file, decision, number, column)
    if len(decision.rules) > MAXIMUM_RULES or not decision.inputs:
        return
    columns = [
        _column(column, tuple(rule.tests[number] for rule in decision.rules))
        for number, column in enumerate(decision.inputs)
    ]
    policy = decision.hit_policy
    if policy in (HitPolicy.UNIQUE, HitPolicy.ANY):
        yield from _overlaps(file, decision, columns)
    if policy is HitPolicy.FIRST:
        yield from _never(file, decision, columns)
    if policy in SINGLE and not all(output.default for output in decision.outputs):
        yield from _gaps(place, decision, columns)


def _column(column: TableInput, texts: tuple[str, ...]) -> Column:
    cells = [read(text) for text in texts]
    allowed = read(column.values) if column.values.strip() else None
    examples = _examples([cell for cell in (*cells, allowed) if cell is not None], allowed)
    sets = tuple(None if cell is None else _bits(cell, examples) for cell in cells)
    return Column(column.label, texts, examples, sets)


def _examples(cells: Sequence[Cell], allowed: Cell | None) -> tuple[Value, ...]:
    literals = [value for cell in cells for value in cell.literals()]
    found: list[Value] = []
    if points := sorted({value for value in literals if isinstance(value, Decimal)}):
        between = [_between(low, high) for low, high in pairwise(points)]
        found += [points[0] - 1, *sorted([*points, *between]), points[-1] + 1]
    if any(isinstance(value, bool) for value in literals):
        found += [True, False]
    if texts := sorted({value for value in literals if isinstance(value, str)}):
        found += [*texts, OTHER_TEXT]
    if allowed is not None:
        found = [value for value in found if allowed.passes(value)]
    return tuple(found) or (OTHER_TEXT,)


def _between(low: Decimal, high: Decimal) -> Decimal:
    middle = (low + high) / 2
    whole = middle.to_integral_value()
    return whole if low < whole < high else middle


def _bits(cell: Cell, examples: Sequence[Value]) -> int:
    return sum(1 << at for at, value in enumerate(examples) if cell.passes(value))


# -- findings --------------------------------------------------------------------------------------


def _outside(file: str, decision: DecisionTable, number: int, column: TableInput) -> Iterator[Problem]:
    """Literals that are not among the values of their column."""
    allowed = read(column.values) if column.values.strip() else None
    if allowed is None or allowed.negated:
        return
    for at, rule in enumerate(decision.rules, start=1):
        cell = read(rule.tests[number])
        for value in (v for v in cell.values if not allowed.passes(v)) if cell else ():
            possible = [str(each) for each in allowed.values]
            message = f"Rule {at} of “{decision.name}”: {column.label} is never {shown(value)}."
            hint = similar(str(value), possible) or f"It is one of: {column.values}."
            yield warning(Place(file, rule.id, decision.name), "value-not-allowed", message, hint)


def _overlaps(file: str, decision: DecisionTable, columns: Sequence[Column]) -> Iterator[Problem]:
    found = 0
    for first, second in combinations(range(len(decision.rules)), 2):
        same = decision.rules[first].outputs == decision.rules[second].outputs
        if same and decision.hit_policy is HitPolicy.ANY:
            continue
        shared = _shared(columns, first, second)
        if shared is None:
            continue
        found += 1
        if found > MAXIMUM_FINDINGS:
            return
        place = Place(file, decision.rules[second].id, decision.name)
        rules = f"Rules {first + 1} and {second + 1} of “{decision.name}”"
        example = f", for example with {shared}" if shared else ""
        if decision.hit_policy is HitPolicy.ANY:
            message = f"{rules} both apply{example}, but give different results."
            hint = "Give both the same results, or use the hit policy FIRST."
            yield error(place, "rules-contradict", message, hint)
        else:
            message = f"{rules} both apply{example}; the table allows one."
            hint = "Narrow one of them, or use the hit policy FIRST."
            yield error(place, "rules-overlap", message, hint)


def _shared(columns: Sequence[Column], first: int, second: int) -> str | None:
    """An example to which two rules both apply; None where there is none, or where that is not sure."""
    examples = []
    for column in columns:
        one, other = column.sets[first], column.sets[second]
        if one is None or other is None:
            same = column.texts[first] == column.texts[second]
            everything = read(column.texts[first]) == ANYTHING or read(column.texts[second]) == ANYTHING
            if not same and not everything:
                return None
        elif one & other == 0:
            return None
        elif one & other != column.everything:
            examples.append(column.example(one & other))
    return ", ".join(examples)


def _never(file: str, decision: DecisionTable, columns: Sequence[Column]) -> Iterator[Problem]:
    for number in range(1, len(decision.rules)):
        # Only rules of which it is known what they cover count as covering anything.
        before = [r for r in range(number) if all(column.sets[r] is not None for column in columns)]
        own = [_widest(column, number) for column in columns]
        found = _uncovered(columns, before, own)
        if found == ():
            rule = decision.rules[number]
            message = f"Rule {number + 1} of “{decision.name}” never applies: rules before it always do."
            hint = "Move it up, or remove it."
            yield warning(Place(file, rule.id, decision.name), "rule-unreachable", message, hint)


def _gaps(place: Place, decision: DecisionTable, columns: Sequence[Column]) -> Iterator[Problem]:
    # A cell of which it is not known what it covers may cover everything.
    wide = [
        Column(c.label, c.texts, c.examples, tuple(_widest(c, r) for r in range(len(c.sets))))
        for c in columns
    ]
    found = _uncovered(wide, list(range(len(decision.rules))), [column.everything for column in columns])
    if found:
        example = listed(
            column.example(bits)
            for column, bits in zip(wide, found, strict=True)
            if bits != column.everything
        )
        message = f"No rule of “{decision.name}” applies with {example}."
        hint = "Add a rule for it; a last row with “-” in every column, say."
        yield warning(place, "table-gap", message, hint)


def _widest(column: Column, rule: int) -> int:
    given = column.sets[rule]
    return column.everything if given is None else given


def _uncovered(
    columns: Sequence[Column], rules: Sequence[int], within: Sequence[int]
) -> tuple[int, ...] | None:
    """A part of ``within`` that none of ``rules`` covers, as a set of examples for each column.

    Empty where they cover it all; None where looking takes too long.
    """
    covered: set[tuple[int, frozenset[int]]] = set()
    steps = 0

    def search(at: int, active: frozenset[int], chosen: tuple[int, ...]) -> tuple[int, ...]:
        nonlocal steps
        steps += 1
        if steps > MAXIMUM_STEPS:
            raise TimeoutError
        if not active:
            return (*chosen, *within[at:])
        if at == len(columns) or (at, active) in covered:
            return ()
        column = columns[at]
        parts: dict[frozenset[int], int] = {}
        for number in range(len(column.examples)):
            if within[at] >> number & 1:
                still = frozenset(r for r in active if (column.sets[r] or 0) >> number & 1)
                parts[still] = parts.get(still, 0) | 1 << number
        for still, bits in parts.items():
            if found := search(at + 1, still, (*chosen, bits)):
                return found
        covered.add((at, active))
        return ()

    try:
        return search(0, frozenset(rules), ())
    except TimeoutError:
        return None
