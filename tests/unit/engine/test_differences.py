"""What differs between two versions of a process."""

from __future__ import annotations

from typing import Any

import pytest

from app.engine.differences import FILE_ERRORS, Differences, Item, compare
from app.processes.shipped import folders, read_folder
from tests.support import repair


def change(name: str = "repair.bpmn", *edits: tuple[str, str]) -> Differences:
    files = repair.files()
    content = files[name].decode()
    for old, new in edits:
        assert old in content
        content = content.replace(old, new)
    return compare(files, {**files, name: content.encode()})


def told(items: list[Item]) -> list[tuple[Any, ...]]:
    return [
        (item.kind, item.change.value, item.id, *((a.name, a.before, a.after) for a in item.attributes))
        for item in items
    ]


def only(found: Differences) -> list[tuple[Any, ...]]:
    """What the diagram says, where nothing else differs but its file."""
    assert (found.decisions, found.forms) == ([], [])
    assert told(found.files) == [("file", "changed", "repair.bpmn")]
    return told(found.diagram)


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.name))
def test_the_same_files_do_not_differ(folder: Any) -> None:
    files = read_folder(folder)
    assert compare(files, dict(reversed(files.items()))) == Differences([], [], [], [])


def test_the_same_drawing_written_another_way_differs_as_a_file_only() -> None:
    assert only(change("repair.bpmn", ("\n", "\n\n"))) == []


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (('name="Fix it"', 'name="Mend it"'), ("element", "changed", "fix", ("name", "Fix it", "Mend it"))),
        (
            ('millwright:service="request.close"', 'millwright:service="request.open"'),
            ("element", "changed", "close", ("service", "request.close", "request.open")),
        ),
        (
            ('millwright:status="CLOSED"', ""),
            ("element", "changed", "close", ("status", "CLOSED", None)),
        ),
        (
            ('millwright:status="CLOSED"', 'millwright:status="CLOSED" millwright:name="a"'),
            ("element", "changed", "close", ("millwright:name", None, "a")),
        ),
        (
            ('"R/" + rule.within', '"R/PT1H"'),
            ("element", "changed", "late",
             ("timer", {"timeCycle": '"R/" + rule.within'}, {"timeCycle": '"R/PT1H"'})),
        ),
        (
            ('cancelActivity="false"', 'cancelActivity="true"'),
            ("element", "changed", "late", ("interrupting", False, True)),
        ),
        (('outcome = "back"', 'outcome = "no"'),
         ("flow", "changed", "f8", ("condition", 'outcome = "back"', 'outcome = "no"'))),
        (('id="f7" name="Yes"', 'id="f7" name="Yes!"'), ("flow", "changed", "f7", ("name", "Yes", "Yes!"))),
        (('name="go on"', 'name="go"'),
         ("element", "changed", "wait", ("message", "go on", "go"))),
    ],
)  # fmt: skip
def test_one_thing_changed_in_a_diagram(edit: tuple[str, str], expected: tuple[Any, ...]) -> None:
    assert only(change("repair.bpmn", edit)) == [expected]


def test_outcomes_inputs_and_scripts_are_told_whole() -> None:
    found = change("repair.bpmn", ('label="Done"', 'label="Ready"'), ("tries + 1", "tries + 2"))
    (fix, count) = only(found)
    (outcomes,) = fix[3:]
    assert [o["label"] for o in outcomes[1]] == ["Done", "Give back"]
    assert [o["label"] for o in outcomes[2]] == ["Ready", "Give back"]
    assert count[3] == (
        "script",
        "if tries = null then 1 else tries + 1",
        "if tries = null then 1 else tries + 2",
    )


def test_what_was_added_and_what_is_gone() -> None:
    task = '<bpmn:scriptTask id="give_back"'
    found = change(
        "repair.bpmn",
        (task, '<bpmn:manualTask id="look" name="Look"/>' + task),
        ('<bpmn:sequenceFlow id="f13" sourceRef="notice" targetRef="finished"/>', ""),
        ('<bpmn:endEvent id="finished" name="Finished"/>', ""),
    )
    assert only(found) == [
        ("element", "added", "look"),
        ("element", "removed", "finished"),
        ("flow", "removed", "f13"),
    ]
    assert [item.name for item in found.diagram] == ["Look", "Finished", "Say so → Finished"]


def test_what_was_only_moved_on_the_drawing() -> None:
    before = 'bpmnElement="fix"'
    text = repair.BPMN
    box = text[text.index(before) :]
    bounds = box[box.index("<dc:Bounds") : box.index("/>") + 2]
    at = text.index(before) + box.index("<dc:Bounds")
    moved = text[:at] + bounds.replace('x="0"', 'x="40"') + text[at + len(bounds) :]
    assert moved != text
    files = repair.files()
    assert only(compare(files, {**files, "repair.bpmn": moved.encode()})) == [("element", "moved", "fix")]


# -- decision tables -------------------------------------------------------------------------------

RULES = (('"HIGH"', '"PT4H"', "1"), ('"LOW"', '"PT8H"', "2"), ("", '"P1D"', "3"))


def tables(*rules: tuple[str, ...], old: tuple[tuple[str, ...], ...] = RULES, **options: Any) -> list[Any]:
    files = repair.files()
    before = {**files, "policy.dmn": repair.dmn(old)}
    found = compare(before, {**files, "policy.dmn": repair.dmn(rules, **options)})
    assert (found.diagram, found.forms) == ([], [])
    return found.decisions


def test_one_cell_of_a_rule() -> None:
    (group,) = tables(RULES[0], ('"LOW"', '"PT9H"', "2"), RULES[2])
    assert (group.id, group.change, group.attributes) == ("policy", "changed", [])
    assert told(group.items) == [("rule", "changed", "rule2", ("within", '"PT8H"', '"PT9H"'))]


def test_a_rule_more_and_a_rule_less() -> None:
    (group,) = tables(*RULES, ('"X"', '"PT1H"', "9"))
    assert told(group.items) == [("rule", "added", "rule4")]
    first = repair.dmn((('"X"', '"PT1H"', "9"),)).decode().partition('<rule id="rule1"')[2]
    first = '<rule id="new"' + first.partition("</rule>")[0] + "</rule>"
    files, table = repair.files(), repair.dmn(RULES).decode()
    in_front = table.replace('<rule id="rule1"', first + '<rule id="rule1"').encode()
    found = compare({**files, "policy.dmn": table.encode()}, {**files, "policy.dmn": in_front})
    assert told(found.decisions[0].items) == [("rule", "added", "new")]
    (group,) = tables(*RULES[:2])
    assert told(group.items) == [("rule", "removed", "rule3")]


def test_rules_are_known_by_what_they_say_where_their_ids_are_others() -> None:
    files = repair.files()
    table = repair.dmn(RULES)
    renamed = table.replace(b'id="rule', b'id="row')
    found = compare({**files, "policy.dmn": table}, {**files, "policy.dmn": renamed})
    assert found.decisions == []


def test_where_the_order_decides_a_rule_that_moved_is_told() -> None:
    files = repair.files()
    text = repair.dmn(RULES).decode()
    first, second = text[text.index('<rule id="rule1"') : text.index('<rule id="rule2"')], ""
    second = text[text.index('<rule id="rule2"') : text.index('<rule id="rule3"')]
    swapped = text.replace(first + second, second + first)
    for policy, expected in (("FIRST", ["rule2", "rule1"]), ("UNIQUE", [])):
        old, new = (t.replace('"FIRST"', f'"{policy}"').encode() for t in (text, swapped))
        found = compare({**files, "policy.dmn": old}, {**files, "policy.dmn": new})
        assert [item.id for group in found.decisions for item in group.items] == expected


def test_the_policy_and_the_columns() -> None:
    (group,) = tables(*RULES, policy="UNIQUE", outputs=("until", "level"), default='"P2D"')
    assert [(a.name, a.before, a.after) for a in group.attributes] == [("hitPolicy", "FIRST", "UNIQUE")]
    assert [item[:3] for item in told(group.items)] == [
        ("output", "changed", "out0"), ("output", "changed", "out1"),
    ]  # fmt: skip


# -- forms -----------------------------------------------------------------------------------------


def test_fields_of_a_form() -> None:
    files = repair.files()
    rows = {"type": "dynamiclist", "id": "rows", "path": "rows", "components": [repair.field("part")]}
    new = repair.form(repair.field("minutes", "number", validate={"max": "=90"}), rows)
    found = compare(files, {**files, "fix.form": new})
    (group,) = found.forms
    assert (group.kind, group.id, group.change) == ("form", "fix", "changed")
    assert told(group.items) == [
        ("field", "changed", "minutes", ("validate.max", "=60", "=90")),
        ("field", "added", "rows"),
        ("field", "added", "rows.part"),
        ("field", "removed", "cause"),
    ]


def test_fields_in_another_order_have_moved() -> None:
    files = repair.files()
    both = repair.field("cause"), repair.field("minutes", "number", validate={"max": "=60"})
    found = compare(files, {**files, "fix.form": repair.form(*reversed(both))})
    assert told(found.forms[0].items) == [("field", "moved", "minutes"), ("field", "moved", "cause")]


# -- files -----------------------------------------------------------------------------------------


def test_whole_files() -> None:
    files = repair.files()
    more = {**files, "extra.form": repair.form(), "more.dmn": repair.dmn().replace(b'"policy"', b'"other"')}
    found = compare(files, more)
    assert told(found.files) == [("file", "added", "extra.form"), ("file", "added", "more.dmn")]
    assert [(g.kind, g.change.value, g.id) for g in (*found.decisions, *found.forms)] == [
        ("decision", "added", "other"), ("form", "added", "extra"),
    ]  # fmt: skip
    back = compare(more, files)
    assert [(g.kind, g.change.value, g.id) for g in (*back.decisions, *back.forms)] == [
        ("decision", "removed", "other"), ("form", "removed", "extra"),
    ]  # fmt: skip
    assert [item.kind for item in compare({}, files).diagram][:2] == ["process", "lane"]


@pytest.mark.parametrize("name", ["repair.bpmn", "policy.dmn", "fix.form"])
def test_what_cannot_be_read_is_refused(name: str) -> None:
    files = repair.files()
    with pytest.raises(FILE_ERRORS):
        compare(files, {**files, name: b"<what"})
