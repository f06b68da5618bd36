"""What differs between two versions of a process, as a page tells it: lists, and tables cell by cell."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.engine import differences
from app.engine.decisions import DecisionTable, parse_dmn
from app.engine.differences import Attribute, Change, Differences, Group, Item
from app.engine.forms import load_schema
from app.engine.xml import parse as parse_xml
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
# What names another thing of the diagram by its id.
REFERENCES = {"parent", "lane", "attachedTo", "defaultFlow", "source", "target"}
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
CONTEXT_LINES = 3
MAXIMUM_LINES = 2000
# Longer texts are not compared: that takes time with the square of their length.
MAXIMUM_COMPARED = 6000


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


@dataclass(frozen=True, slots=True)
class Form:
    """A form that differs; ``fields`` names those of one that is new."""

    group: Group
    fields: list[str]


@dataclass(frozen=True, slots=True)
class TextDiff:
    """Lines of a text file: ``sign`` is +, −, @ for where they are, or nothing."""

    name: str
    change: str
    lines: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs, ready to be shown."""

    diagram: list[Item]
    tables: list[Table]
    forms: list[Form]
    texts: list[TextDiff]
    rewritten: list[str]

    @property
    def is_empty(self) -> bool:
        return not (self.diagram or self.tables or self.forms or self.texts)

    @property
    def marks(self) -> dict[str, list[str]]:
        """What became of the things on the drawing: change and kind, by id."""
        return {
            item.id: [item.change.value, item.kind]
            for item in self.diagram
            if item.kind in ("element", "flow", "lane")
        }

    @property
    def summary(self) -> list[str]:
        """What differs, in a few words each: “Diagram: 1 added, 2 changed”."""
        found: list[str] = []
        numbers = {change: sum(item.change is change for item in self.diagram) for change in Change}
        told = [f"{number} {change.value}" for change, number in numbers.items() if number]
        if told:
            found.append(f"Diagram: {', '.join(told)}")
        for number, what in (
            (len(self.tables), "decision"),
            (len(self.forms), "form"),
            (len(self.texts), "other file"),
        ):
            if number:
                found.append(f"{number} {what}{'s' if number > 1 else ''} differ{'' if number > 1 else 's'}")
        return found


def compare(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Comparison:
    """Compare two sets of files of one process. Raises one of ``FILE_ERRORS``, as ``differences`` does."""
    found = differences.compare(old, new)
    texts = [_text(item, old, new) for item in found.files if not _is_modelled(item.name)]
    return Comparison(
        diagram=_with_names(found.diagram, _names(old), _names(new)),
        tables=list(_tables(found.decisions, old, new)),
        forms=[Form(group, _labels(group, new)) for group in found.forms],
        texts=texts,
        rewritten=_rewritten(found, texts),
    )


def texts_only(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[TextDiff]:
    """All files that differ, line by line: for files that cannot be read as what they are."""
    found = []
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            change = Change.CHANGED if name in old and name in new else None
            change = change or (Change.ADDED if name in new else Change.REMOVED)
            found.append(_text(Item("file", change, name, name), old, new))
    return found


def _names(files: Mapping[str, bytes]) -> dict[str, str]:
    """What the things of a diagram are called, by their ids."""
    roots = [parse_xml(content) for name, content in files.items() if name.endswith(".bpmn")]
    nodes = (node for root in roots for node in root.iter() if node.get("id") and node.get("name"))
    return {str(node.get("id")): str(node.get("name")) for node in nodes}


def _with_names(items: Iterable[Item], old: Mapping[str, str], new: Mapping[str, str]) -> list[Item]:
    """The same with names in the places of ids, wherever those tell the two apart."""
    return [replace(item, attributes=[_named(each, old, new) for each in item.attributes]) for item in items]


def _named(attribute: Attribute, old: Mapping[str, str], new: Mapping[str, str]) -> Attribute:
    if attribute.name not in REFERENCES:
        return attribute
    before = old.get(attribute.before, attribute.before)
    after = new.get(attribute.after, attribute.after)
    if before == after:
        before, after = f"{before} ({attribute.before})", f"{after} ({attribute.after})"
    return replace(attribute, before=before, after=after)


def _is_modelled(name: str) -> bool:
    return name.endswith((".bpmn", ".dmn", ".form"))


def _rewritten(found: Differences, texts: Iterable[TextDiff]) -> list[str]:
    """Files whose bytes differ although nothing that they say does."""
    shown = {text.name for text in texts}
    changed = [item.name for item in found.files if item.change is Change.CHANGED]
    says_more = {".bpmn": found.diagram, ".dmn": found.decisions, ".form": found.forms}
    return [name for name in changed if name not in shown and not says_more["." + name.rpartition(".")[2]]]


# -- values ----------------------------------------------------------------------------------------


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


# -- decision tables -------------------------------------------------------------------------------


def _tables(groups: Iterable[Group], old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Iterator[Table]:
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


# -- forms and texts -------------------------------------------------------------------------------


def _labels(group: Group, new: Mapping[str, bytes]) -> list[str]:
    if group.change is not Change.ADDED:
        return []
    name = next(name for name in new if name.rpartition("/")[2] == f"{group.id}.form")
    return [field.label or field.path for field in load_schema(new[name]).fields]


def _text(item: Item, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> TextDiff:
    before, after = (
        files.get(item.name, b"").decode("utf-8", "replace").splitlines() for files in (old, new)
    )
    lines: list[tuple[str, str]] = []
    if max(len(before), len(after)) > MAXIMUM_COMPARED:
        too_long = f"The file has more than {MAXIMUM_COMPARED:,} lines: download both and compare them there."
        return TextDiff(item.name, item.change.value, [("@", too_long)])
    # The first two lines of a unified diff name files.
    for line in list(difflib.unified_diff(before, after, lineterm="", n=CONTEXT_LINES))[2:]:
        if len(lines) >= MAXIMUM_LINES:
            lines.append(("@", "There is more."))
            break
        sign = {"+": "+", "-": "−", "@": "@"}.get(line[:1], "")
        lines.append((sign, line if sign == "@" else line[1:]))
    return TextDiff(item.name, item.change.value, lines)
