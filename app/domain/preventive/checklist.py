"""Checklists: what a preventive task looks at, and whether the answers say that all is well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from app.domain import values
from app.errors import BusinessError

MAX_ITEMS = 200
TEXT_LENGTH = 500  # characters
UNIT_LENGTH = 20  # characters
ANSWER_LENGTH = 2000  # characters


class ItemKind(StrEnum):
    """How an item is answered: by yes or no, by a number, or in words."""

    PASS_FAIL = "pass_fail"  # noqa: S105 - passed, not a password
    VALUE = "value"
    TEXT = "text"


def checked_items(items: Iterable[Mapping[str, Any]], known: Sequence[int] = ()) -> list[dict[str, Any]]:
    """The items of a checklist as they are stored, each with an ``id`` by which it is answered.

    An item has ``text`` and ``kind``; one of kind ``value`` may have ``unit``, ``minimum`` and
    ``maximum``. Items that bring an id from ``known`` keep it; others get a new one.

    :raises BusinessError: BAD_CHECKLIST (fields ``checklist.0.text`` ...)
    """
    given = list(items)
    if len(given) > MAX_ITEMS:
        raise _bad(f"A checklist has at most {MAX_ITEMS} items.", "checklist")
    checked: list[dict[str, Any]] = []
    taken: set[int] = set()
    free = max(known, default=0)
    for index, item in enumerate(given):
        row = _checked_item(item, f"checklist.{index}")
        item_id = item.get("id")
        if item_id is None:
            free += 1
            item_id = free
        elif isinstance(item_id, bool) or item_id not in known:
            raise _bad("There is no such item; leave out the id of a new one.", f"checklist.{index}.id")
        if item_id in taken:
            raise _bad("This item is there twice.", f"checklist.{index}.id")
        taken.add(item_id)
        checked.append({"id": item_id, **row})
    return checked


def _checked_item(item: Mapping[str, Any], field: str) -> dict[str, Any]:
    text = values.text(
        item.get("text"), code="BAD_CHECKLIST", message="Say what to look at.", field=f"{field}.text"
    )
    if len(text) > TEXT_LENGTH:
        raise _bad(f"An item has at most {TEXT_LENGTH} characters.", f"{field}.text")
    kind = values.one_of(
        item.get("kind", ItemKind.PASS_FAIL), list(ItemKind),
        code="BAD_CHECKLIST", what="kind of item", field=f"{field}.kind",
    )  # fmt: skip
    row: dict[str, Any] = {"text": text, "kind": kind}
    if kind != ItemKind.VALUE:
        for name in ("unit", "minimum", "maximum"):
            if item.get(name) not in (None, ""):
                raise _bad("Only an item of kind value has a unit and limits.", f"{field}.{name}")
        return row
    unit = (item.get("unit") or "").strip()
    if len(unit) > UNIT_LENGTH:
        raise _bad(f"A unit has at most {UNIT_LENGTH} characters.", f"{field}.unit")
    limits = {
        name: _number(item[name], f"{field}.{name}", "A limit is a number.")
        for name in ("minimum", "maximum")
        if item.get(name) is not None
    }
    if len(limits) == 2 and limits["minimum"] > limits["maximum"]:
        raise _bad("The upper limit is below the lower one.", f"{field}.maximum")
    return {**row, **({"unit": unit} if unit else {}), **limits}


def checked_answers(
    items: Sequence[Mapping[str, Any]], answers: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The answers as they are kept: one for each item, in the checklist's order, with what was asked.

    An answer names its ``item`` and has ``passed`` (for pass_fail), ``value`` (a number) or ``text``, and
    perhaps a ``note``. A value outside the limits has not passed; a text has neither passed nor failed.

    :raises BusinessError: BAD_ANSWER (fields ``answers.0.value`` ...), ANSWER_MISSING
    """
    by_id = {item["id"]: item for item in items}
    found: dict[int, dict[str, Any]] = {}
    for index, answer in enumerate(answers):
        field = f"answers.{index}"
        item = None if isinstance(answer.get("item"), bool) else by_id.get(answer.get("item"))
        if item is None:
            message = "The checklist has no such item; it may have been changed. Load it again."
            raise BusinessError("BAD_ANSWER", message, field=f"{field}.item")
        if item["id"] in found:
            raise BusinessError("BAD_ANSWER", "This item is answered twice.", field=f"{field}.item")
        found[item["id"]] = _checked_answer(item, answer, field)
    for item in items:
        if item["id"] not in found:
            message = f"“{item['text']}” is not answered."
            raise BusinessError("ANSWER_MISSING", message, field="answers")
    return [found[item["id"]] for item in items]


def _checked_answer(item: Mapping[str, Any], answer: Mapping[str, Any], field: str) -> dict[str, Any]:
    kind = item["kind"]
    expected = {ItemKind.PASS_FAIL: "passed", ItemKind.VALUE: "value", ItemKind.TEXT: "text"}[kind]
    for name in ("passed", "value", "text"):
        if name != expected and answer.get(name) is not None:
            message = f"“{item['text']}” is answered by {expected}."
            raise BusinessError("BAD_ANSWER", message, field=f"{field}.{name}")
    row = {"item": item["id"], "asked": item["text"], "kind": kind}
    given = answer.get(expected)
    if kind == ItemKind.PASS_FAIL:
        if not isinstance(given, bool):
            raise BusinessError("BAD_ANSWER", "Passed or not?", field=f"{field}.passed")
        row["passed"] = given
    elif kind == ItemKind.VALUE:
        number = _number(given, f"{field}.value", "The answer is a number.", code="BAD_ANSWER")
        least, most = item.get("minimum"), item.get("maximum")
        row.update({name: item[name] for name in ("unit", "minimum", "maximum") if name in item})
        row["value"] = number
        row["passed"] = (least is None or number >= least) and (most is None or number <= most)
    else:
        row["text"] = values.text(given, code="BAD_ANSWER", message="Say it in words.", field=f"{field}.text")
        _check_length(row["text"], f"{field}.text")
    if note := (answer.get("note") or "").strip():
        _check_length(note, f"{field}.note")
        row["note"] = note
    return row


def _check_length(text: str, field: str) -> None:
    if len(text) > ANSWER_LENGTH:
        raise BusinessError("BAD_ANSWER", f"Use at most {ANSWER_LENGTH} characters.", field=field)


def failed(answers: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The kept answers that did not pass."""
    return [answer for answer in answers if answer.get("passed") is False]


def _number(value: Any, field: str, message: str, *, code: str = "BAD_CHECKLIST") -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BusinessError(code, message, field=field)
    if abs(value) > 1e15:
        raise BusinessError(code, f"{value} is too large to be meant.", field=field)
    return value


def _bad(message: str, field: str) -> BusinessError:
    return BusinessError("BAD_CHECKLIST", message, field=field)
