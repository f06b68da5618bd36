"""Which row of a submission is which row that the process knows of, also where its list has changed since."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from app.engine.forms import paths
from app.engine.forms.formulas import Evaluator
from app.engine.forms.plain import as_key
from app.engine.forms.schema import ANSWERED, Component

CHANGED = "rows-changed"
FIXED = "rows-fixed"
TWICE = "rows-twice"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the index it has on the page, in the submission (if it was sent), and in the known list."""

    index: int
    sent: int | None = None
    known: int | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """The rows of a list as they were sent, and what is wrong with them as a whole."""

    rows: list[Row]
    fault: str | None = None


class KnownRows:
    """The rows that the process knows of, and how they are told apart.

    A row is known by its ``id``, where it has one that nobody may change: in its data or computed.
    Else by its hidden fields, or by all that its fields begin with.
    """

    def __init__(
        self,
        component: Component,
        rows: Sequence[Mapping[str, Any]],
        evaluator: Evaluator,
        context: Mapping[str, Any],
    ) -> None:
        self.fixed = component.rows_fixed
        fields = [field for field in _flat(component.children) if field.holds_value]
        ids = _ids(fields, rows, evaluator, context)
        self.by_id = bool(rows) and None not in ids
        carried = [field.path for field in fields if field.unseen]
        shown = [field.path for field in fields if field.type != "expression"]
        keys = []
        for row, row_id in zip(rows, ids, strict=True):
            told = [paths.get(row, path) for path in carried]
            if set(map(str, told)) <= {"None"}:
                told = [paths.get(row, path) for path in shown]
            keys.append(id_key(row_id) if self.by_id else json.dumps(told, sort_keys=True))
        self.keys = _numbered(keys)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def marks(self) -> list[str]:
        """What the page carries to say which rows it shows. They tell nothing that it does not show."""
        return [sha256(key.encode()).hexdigest()[:12] for key in self.keys]


def id_key(value: Any) -> str:
    """How a row with this id is known; the same for 7 and "7"."""
    return f"id {as_key(value)}" if isinstance(value, str | int | float) else "no id"


def _flat(components: Sequence[Component]) -> Iterator[Component]:
    for component in components:
        yield component
        if component.type == "group":
            yield from _flat(component.children)


def _ids(
    fields: list[Component],
    rows: Sequence[Mapping[str, Any]],
    evaluator: Evaluator,
    context: Mapping[str, Any],
) -> list[Any]:
    field = next((field for field in fields if field.path == ("id",)), None)
    found: list[Any] = [row.get("id") for row in rows]
    if field is not None and field.type == "expression" and field.formula is not None:
        found = evaluator.evaluate([(field.formula, {**context, **row, "this": row}) for row in rows])
    elif field is not None and not (field.type in ANSWERED and field.always_locked):
        return [None] * len(rows)
    simple = [isinstance(value, str | int | float) for value in found]
    return [value if usable else None for value, usable in zip(found, simple, strict=True)]


def _numbered(keys: list[str]) -> list[str]:
    """Keys that are all different: the second row with the same one is its second."""
    count: Counter[str] = Counter()
    different = []
    for key in keys:
        count[key] += 1
        different.append(key if count[key] == 1 else f"{key} ({count[key]})")
    return different


# -- matching --------------------------------------------------------------------------------------


def by_position(sent: Sequence[int], known: KnownRows) -> Matching:
    """Rows whose sender did not say which they are: the first is the first known, and so on."""
    if known.fixed:
        fault = FIXED if len(sent) > len(known) else None
        return Matching([Row(index, index, index) for index in range(len(known))], fault)
    return Matching([Row(index, index, index if index < len(known) else None) for index in sent])


def by_marks(sent: Sequence[int], seen: Sequence[str], known: KnownRows) -> Matching:
    """Rows of a page that showed the rows ``seen``: index 0 is the first of those, and so on."""
    shown = {mark: index for index, mark in enumerate(seen)}
    places = [shown.get(mark) for mark in known.marks]
    changed = None in places or len(seen) > len(places)
    kept = [
        Row(index, place, index)
        for index, place in enumerate(places)
        if known.fixed or place is None or place in sent
    ]
    added = [Row(len(known) + index - len(seen), index) for index in sent if index >= len(seen)]
    fault = CHANGED if changed else FIXED if known.fixed and added else None
    return Matching(kept if known.fixed else kept + added, fault)


def by_ids(given: Sequence[Any], known: KnownRows) -> Matching:
    """Rows of JSON by the ids they give (None: none); a row without one goes by its position."""
    places = {key: index for index, key in enumerate(known.keys)}
    named = {n: places.get(id_key(row_id)) for n, row_id in enumerate(given) if row_id is not None}
    fault = CHANGED if None in named.values() else None
    if len(set(named.values())) < len(named):
        fault = fault or TWICE
    taken = set(named.values())
    rows = []
    for n in range(len(given)):
        free = n if n < len(known) and n not in taken else None
        place = named.get(n) if n in named else free
        rows.append(Row(n, n, place))
    if not known.fixed:
        return Matching(rows, fault)
    if any(row.known is None for row in rows):
        fault = fault or (TWICE if len(given) <= len(known) else FIXED)
    sent = {row.known: row.sent for row in rows}
    return Matching([Row(index, sent.get(index), index) for index in range(len(known))], fault)
