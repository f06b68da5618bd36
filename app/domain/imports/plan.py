"""What a file does, or would do: each row adds something, changes it, or leaves it as it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.domain.imports.problems import Problem, Problems

SHOWN = 20  # rows of a preview


class ImportAction(StrEnum):
    """What a line of the file does."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    KEEP = "KEEP"


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """What one line does: the values before (none for what is new) and after, by column of the API.

    ``key`` is by what the thing is known, ``name`` is what it is called.
    """

    line: int
    action: ImportAction
    key: str
    name: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Something to be added (no id) or changed: the columns concerned, before and after.

    ``opening`` is the opening stock of a new part.
    """

    line: int
    row_id: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    opening: int = 0


@dataclass(frozen=True)
class Report:
    """What a file does, or would do: how much it adds, changes and leaves as it is.

    With problems nothing is imported; the counts are then those of the lines without one. ``fingerprint``
    is the same as long as the file would do the same.
    """

    rows: int
    created: int
    updated: int
    unchanged: int
    first_rows: list[PlannedRow]
    problems: list[Problem]
    problems_total: int
    fingerprint: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether the file can be imported."""
        return not self.problems_total


@dataclass
class Plan:
    """All that a file does, in its order. ``shown`` is how many rows a preview keeps."""

    rows: int = 0
    created: list[Change] = field(default_factory=list)
    updated: list[Change] = field(default_factory=list)
    unchanged: int = 0
    first_rows: list[PlannedRow] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    shown: int = SHOWN

    def show(
        self,
        line: int,
        action: ImportAction,
        key: str,
        name: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        """Keep the first rows for the preview."""
        if len(self.first_rows) < self.shown:
            self.first_rows.append(PlannedRow(line, action, key, name, before, after))

    def report(self) -> Report:
        """What is told of it."""
        return Report(
            rows=self.rows,
            created=len(self.created),
            updated=len(self.updated),
            unchanged=self.unchanged,
            first_rows=self.first_rows,
            problems=self.problems.sorted(),
            problems_total=self.problems.total,
            fingerprint=self._fingerprint(),
        )

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self.rows} {self.unchanged} {self.problems.total}".encode())
        for change in (*self.created, *self.updated):
            told = [change.line, change.row_id, dict(change.before), _stable(change.after), change.opening]
            digest.update(json.dumps(told, default=str, sort_keys=True).encode())
        return digest.hexdigest()[:32]


def _stable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without what is made anew each time."""
    return {name: value for name, value in values.items() if not name.startswith("made_")}
