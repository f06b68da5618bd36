"""Checklists: what can be asked, and what the answers mean."""

from __future__ import annotations

import pytest

from app.domain.preventive import checklist

ITEMS = checklist.checked_items(
    [
        {"text": "Guard closed", "kind": "pass_fail"},
        {"text": "Pressure", "kind": "value", "unit": "bar", "minimum": 4, "maximum": 6},
        {"text": "Remarks", "kind": "text"},
    ]
)


def answers(passed=True, value=5, text="none"):
    return [{"item": 1, "passed": passed}, {"item": 2, "value": value}, {"item": 3, "text": text}]


def test_items_keep_their_ids_and_new_ones_get_new_ones():
    changed = checklist.checked_items([{"text": "New"}, {**ITEMS[1], "text": "Oil pressure"}], [1, 2, 3])
    assert [(item["id"], item["text"]) for item in changed] == [(4, "New"), (2, "Oil pressure")]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "text"),
        ({"text": "x" * 501}, "text"),
        ({"text": "T", "kind": "number"}, "kind"),
        ({"text": "T", "unit": "bar"}, "unit"),
        ({"text": "T", "kind": "text", "minimum": 1}, "minimum"),
        ({"text": "T", "kind": "value", "unit": "x" * 21}, "unit"),
        ({"text": "T", "kind": "value", "minimum": "1"}, "minimum"),
        ({"text": "T", "kind": "value", "minimum": float("nan")}, "minimum"),
        ({"text": "T", "kind": "value", "minimum": 2, "maximum": 1}, "maximum"),
        ({"text": "T", "kind": "value", "maximum": True}, "maximum"),
        ({"text": "T", "id": 9}, "id"),
        ({"text": "T", "id": True}, "id"),
    ],
)
def test_items_that_make_no_sense_are_refused(refuses, item, field):
    with refuses("BAD_CHECKLIST", f"checklist.0.{field}"):
        checklist.checked_items([item], [1, 2])


def test_a_checklist_ends_somewhere_and_has_no_item_twice(refuses):
    with refuses("BAD_CHECKLIST", "checklist"):
        checklist.checked_items([{"text": "T"}] * 201)
    with refuses("BAD_CHECKLIST", "checklist.1.id"):
        checklist.checked_items([{"text": "A", "id": 1}, {"text": "B", "id": 1}], [1])


def test_answers_are_kept_with_what_was_asked_in_the_order_of_the_checklist():
    kept = checklist.checked_answers(ITEMS, list(reversed(answers())))
    assert kept == [
        {"item": 1, "asked": "Guard closed", "kind": "pass_fail", "passed": True},
        {
            "item": 2, "asked": "Pressure", "kind": "value", "unit": "bar",
            "minimum": 4, "maximum": 6, "value": 5, "passed": True,
        },
        {"item": 3, "asked": "Remarks", "kind": "text", "text": "none"},
    ]  # fmt: skip
    assert checklist.failed(kept) == []


@pytest.mark.parametrize(("value", "passed"), [(4, True), (6, True), (3.99, False), (6.01, False)])
def test_the_limits_belong_to_what_passes(value, passed):
    kept = checklist.checked_answers(ITEMS, answers(value=value))
    assert kept[1]["passed"] is passed


def test_a_failed_item_is_named_and_may_say_why():
    given = answers(passed=False)
    given[0]["note"] = " bent "
    (failed,) = checklist.failed(checklist.checked_answers(ITEMS, given))
    assert (failed["asked"], failed["note"]) == ("Guard closed", "bent")


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        (answers()[:2], "ANSWER_MISSING", "answers"),
        ([*answers(), {"item": 9, "passed": True}], "BAD_ANSWER", "answers.3.item"),
        ([{"item": True, "passed": True}], "BAD_ANSWER", "answers.0.item"),
        ([*answers(), {"item": 1, "passed": True}], "BAD_ANSWER", "answers.3.item"),
        (answers(passed="yes"), "BAD_ANSWER", "answers.0.passed"),
        (answers(passed=None), "BAD_ANSWER", "answers.0.passed"),
        (answers(value="5"), "BAD_ANSWER", "answers.1.value"),
        (answers(value=float("inf")), "BAD_ANSWER", "answers.1.value"),
        (answers(text=" "), "BAD_ANSWER", "answers.2.text"),
        (answers(text="x" * 2001), "BAD_ANSWER", "answers.2.text"),
        ([{"item": 1, "passed": True, "value": 1}], "BAD_ANSWER", "answers.0.value"),
        ([{"item": 1, "passed": True, "note": "x" * 2001}], "BAD_ANSWER", "answers.0.note"),
    ],
)
def test_answers_must_fit_what_was_asked(refuses, given, code, field):
    with refuses(code, field):
        checklist.checked_answers(ITEMS, given)
