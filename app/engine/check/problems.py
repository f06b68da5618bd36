"""What a check finds, in words for a process owner."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

NAME_LENGTH = 80
TEXT_LENGTH = 600


class Severity(StrEnum):
    """An error keeps files from being deployed; a warning says what may not be meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a problem is: the file, and the element in it that people can be shown."""

    file: str
    element: str | None = None
    name: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. ``code`` is stable; ``hint`` says what to do; ``line`` counts from 1."""

    file: str
    element: str | None
    element_name: str
    severity: Severity
    code: str
    message: str
    hint: str
    line: int | None = None

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def as_dict(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {**asdict(self), "severity": self.severity.value}

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f" “{self.element_name}”" if self.element_name else ""
        return f"{place}: {self.severity}{subject}: {self.message} {self.hint} [{self.code}]".replace(
            "  ", " "
        )


def problem(severity: Severity, place: Place, code: str, message: str, hint: str = "") -> Problem:
    """A problem whose texts are fit to be shown, whatever the file had in them."""
    return Problem(
        file=shown(place.file, 300),
        element=shown(place.element, 200) if place.element else None,
        element_name=shown(place.name),
        severity=severity,
        code=code,
        message=shown(message, TEXT_LENGTH),
        hint=shown(hint, TEXT_LENGTH),
        line=place.line or None,
    )


def error(place: Place, code: str, message: str, hint: str = "") -> Problem:
    return problem(Severity.ERROR, place, code, message, hint)


def warning(place: Place, code: str, message: str, hint: str = "") -> Problem:
    return problem(Severity.WARNING, place, code, message, hint)


def shown(text: object, limit: int = NAME_LENGTH) -> str:
    """A text on one line, without what cannot be shown, and not too long."""
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    plain = " ".join("".join(c if c.isprintable() else " " for c in plain[: limit * 4]).split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Names as a sentence lists them: a, b and c."""
    parts = [shown(name) for name in names]
    if len(parts) > limit:
        parts = [*parts[:limit], f"{len(parts) - limit} more"]
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def similar(name: str, candidates: Iterable[str], prefix: str = "") -> str:
    """“Did you mean …?”, where one of the candidates is close; else empty."""
    by_fold = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name[:NAME_LENGTH].casefold(), list(by_fold)[:2000], n=1, cutoff=0.7)
    return f"Did you mean “{prefix}{by_fold[close[0]]}”?" if close else ""


def suggestion(name: str, candidates: Iterable[str], what: str) -> str:
    """A near match, or else all there are."""
    known = sorted(candidates)
    return similar(name, known) or (f"{what}: {listed(known)}." if known else "")
