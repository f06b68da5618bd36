"""What differs between two versions of a decision table: columns, and rules cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from app.engine.decisions import DecisionTable, parse_dmn
from app.engine.differences import Change, Group, Item


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a decision table, before and after; equal where nothing changed."""

    before: str
    after: str
    is_result: bool

    @property
    def differs(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a decision table: an input or, with ``is_result``, an output."""

    label: str
    change: str
    is_result: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A rule; ``number`` is its place in the new table, or in the old one where it was removed."""

    number: int
    change: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """A decision that differs; without columns it is a single expression, or not readable as a table."""

    group: Group
    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def column_items(self) -> list[Item]:
        """Columns with what changed of them."""
        return [item for item in self.group.items if item.kind != "rule"]


def tables(groups: Iterable[Group], old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Table]:
    """The decisions that differ, by what differs of them. Raises ``DmnError`` for files that are none."""
    before, after = _decision_tables(old), _decision_tables(new)
    for group in groups:
        one, other = before.get(group.id), after.get(group.id)
        if one is None and other is None:
            yield Table(group)
        else:
            yield _table(group, one, other)


def _decision_tables(files: Mapping[str, bytes]) -> dict[str, DecisionTable]:
    return {
        decision.id: decision
        for name in sorted(files)
        if name.endswith(".dmn")
        for decision in parse_dmn(files[name]).decisions.values()
        if isinstance(decision, DecisionTable)
    }


def _table(group: Group, old: DecisionTable | None, new: DecisionTable | None) -> Table:
    columns = _columns(old, new)
    before, after = _cells(old), _cells(new)
    old_ids = [] if old is None else [rule.id for rule in old.rules]
    new_ids = [] if new is None else [rule.id for rule in new.rules]
    changes = {item.id: item.change for item in group.items if item.kind == "rule"}
    whole = group.change if group.change is not Change.CHANGED else None

    def row(number: int, change: Change | None, one: dict[str, str], other: dict[str, str]) -> Row:
        cells = [Cell(one.get(key, ""), other.get(key, ""), column.is_result) for key, column in columns]
        return Row(number, change.value if change else "", cells)

    rows: list[tuple[str, Row]] = []
    for number, rule_id in enumerate(new_ids, 1):
        change = whole or changes.get(rule_id)
        now = after[rule_id]
        if change is Change.ADDED:
            rows.append((rule_id, row(number, change, {}, now)))
        else:
            # A rule without an item says the same as before, be it under another id.
            rows.append((rule_id, row(number, change, before.get(rule_id, now) if change else now, now)))
    gone = [rule_id for rule_id in old_ids if (whole or changes.get(rule_id)) is Change.REMOVED]
    for rule_id in gone:
        place = old_ids.index(rule_id)
        # It is shown below the rule that it stood below.
        above = next((i for i in reversed(old_ids[:place]) if any(i == known for known, _ in rows)), None)
        at = 0 if above is None else 1 + max(i for i, (known, _) in enumerate(rows) if known == above)
        rows.insert(at, (rule_id, row(place + 1, Change.REMOVED, before[rule_id], {})))
    return Table(group, [column for _, column in columns], [each for _, each in rows])


def _columns(old: DecisionTable | None, new: DecisionTable | None) -> list[tuple[str, Column]]:
    """The columns of both tables with their keys: inputs first, and what is gone last of each."""
    before, after = _columns_of(old), _columns_of(new)
    found: list[tuple[str, Column]] = []
    for is_result in (False, True):
        for key, (label, result) in after.items():
            if result is is_result:
                change = "" if old is None or key in before else Change.ADDED.value
                found.append((key, Column(label, change, is_result)))
        for key, (label, result) in before.items():
            if result is is_result and key not in after:
                change = "" if new is None else Change.REMOVED.value
                found.append((key, Column(label, change, is_result)))
    note = Column("Annotation", "", False)
    if any(rule.annotation for table in (old, new) if table for rule in table.rules):
        found.append(("annotation", note))
    return found


def _columns_of(table: DecisionTable | None) -> dict[str, tuple[str, bool]]:
    if table is None:
        return {}
    columns = [
        *((c.id, c.label, False) for c in table.inputs),
        *((c.id, c.label, True) for c in table.outputs),
    ]
    return {key or str(position): (label, result) for position, (key, label, result) in enumerate(columns)}


def _cells(table: DecisionTable | None) -> dict[str, dict[str, str]]:
    """The texts of a table's rules by rule and column."""
    if table is None:
        return {}
    keys = list(_columns_of(table))
    return {
        rule.id: dict(zip(keys, [*rule.tests, *rule.outputs], strict=True)) | {"annotation": rule.annotation}
        for rule in table.rules
    }
