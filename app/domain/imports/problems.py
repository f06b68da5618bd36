"""What is wrong with a file, cell by cell, told so that somebody can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.errors import BusinessError

KEPT = 500  # of more problems only the number is kept
_VALUE = 200  # characters of a value


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one place, and what to do. ``line`` counts from 1, as editors do.

    ``column`` is the header as the file has it; empty where a whole line or the file is meant. ``value``
    is what stands there.
    """

    line: int
    column: str
    message: str
    value: str = ""

    def __str__(self) -> str:
        place = f"Line {self.line}, {self.column}" if self.column else f"Line {self.line}"
        return f"{place}: {self.message}"


@dataclass
class Problems:
    """The first problems of a file, :data:`KEPT` unless ``most`` says otherwise, and how many there are."""

    kept: list[Problem] = field(default_factory=list)
    total: int = 0
    most: int | None = None

    def add(self, line: int, column: str, message: str, value: str = "") -> None:
        """Note one more."""
        self.total += 1
        if len(self.kept) < (KEPT if self.most is None else self.most):
            self.kept.append(Problem(line, column, message, value.strip()[:_VALUE]))

    def sorted(self) -> list[Problem]:
        """The problems that were kept, in the order of the file."""
        return sorted(self.kept, key=lambda problem: problem.line)


class ImportRefused(BusinessError):
    """A file has problems; nothing of it was taken."""

    def __init__(self, problems: Iterable[Problem], total: int) -> None:
        self.problems = list(problems)
        self.total = total
        more = f" It has {total - 1} more problems." if total > 2 else ""
        more = " It has 1 more problem." if total == 2 else more
        message = f"Nothing was imported. {self.problems[0]}{more}"
        super().__init__("IMPORT_REFUSED", message, field="file")
