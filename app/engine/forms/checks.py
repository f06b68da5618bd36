"""Whether an answer keeps the rules of its component; each check says what is wrong, or nothing."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from app import clock
from app.engine.forms import patterns, wording
from app.engine.forms.formulas import FAILED, Feel, shown
from app.engine.forms.schema import Component, Formula

MAXIMUM_FILES = 10

_EMAIL = re.compile(r"[^@\s\"<>(),;:\\]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}\Z")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{3,28}[0-9]\Z", re.ASCII)

Value = Callable[[Formula], Any]


class _Untold(Exception):
    """Whether an answer keeps a rule cannot be told: then it is refused."""


def problems(
    component: Component,
    label: str,
    answer: Any,
    files: list[Any],
    value: Value,
    feel: Feel,
    zone: ZoneInfo,
) -> list[str]:
    """All that is wrong with an answer that could be read. ``value`` evaluates an expression.

    ``files`` are new ones, or the ids by which a program names them.
    """
    missing = answer is None or answer is False or answer in ("", [])
    try:
        if missing and not files:
            return [wording.missing(component, label)] if _required(component, value) else []
        if component.type == "datetime":
            past = component.not_past and _is_past(component, answer, zone)
            return [f"{wording.start(label)} must not be in the past."] if past else []
        return list(_problems(component, label, answer, files, value, feel))
    except _Untold:
        return [f"{wording.start(label)} could not be checked. Try again."]


def _required(component: Component, value: Value) -> bool:
    rules = component.rules
    if rules.required or rules.required_if is None:
        return rules.required
    found = value(rules.required_if)
    if found is FAILED:
        raise _Untold
    return found is True


def _problems(
    component: Component, label: str, answer: Any, files: list[Any], value: Value, feel: Feel
) -> Iterator[str]:
    if component.type in ("textfield", "textarea"):
        yield from _text(component, label, answer, value, feel)
    elif component.type == "number":
        yield from _number(component, label, answer, value)
    elif component.type == "filepicker":
        yield from _files(component, label, files)


def _text(component: Component, label: str, text: str, value: Value, feel: Feel) -> Iterator[str]:
    rules, said = component.rules, wording.start(label)
    shortest, longest = _limit(rules.min_length, value), _limit(rules.max_length, value)
    if shortest is not None and len(text) < shortest:
        yield wording.too_short(label, int(shortest))
    if longest is not None and len(text) > longest:
        yield wording.too_long(label, int(longest))
    if rules.kind == "email" and not (len(text) <= 254 and _EMAIL.match(text)):
        yield f"{said} must be an e-mail address, such as name@example.com."
    if rules.kind == "phone" and not _PHONE.match(text):
        yield f"{said} must be a phone number, such as +44 20 7946 0000."
    if rules.pattern is not None:
        try:
            if not patterns.matches(feel, rules.pattern, text):
                yield rules.pattern_message or f"{said} is not in the expected form."
        except patterns.Unanswerable as error:
            yield f"{said} could not be checked: {error}"


def _number(component: Component, label: str, answer: int | float | str, value: Value) -> Iterator[str]:
    number, said = Decimal(str(answer)), wording.start(label)
    lowest, highest = _limit(component.rules.minimum, value), _limit(component.rules.maximum, value)
    if lowest is not None and number < lowest:
        yield f"{said} must be at least {_written(lowest)}."
    if highest is not None and number > highest:
        yield f"{said} must be at most {_written(highest)}."


def _limit(bound: Decimal | int | Formula | None, value: Value) -> Decimal | None:
    """A bound as a number; None where there is none, or its expression gives null."""
    given = value(bound) if isinstance(bound, Formula) else bound
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float | str | Decimal):
        raise _Untold
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        raise _Untold from None
    if not number.is_finite():
        raise _Untold
    return number


def _written(number: Decimal) -> str:
    return shown(int(number) if number == number.to_integral_value() else float(number))


def _is_past(component: Component, text: str, zone: ZoneInfo) -> bool:
    now = clock.now()
    if component.subtype == "date":
        return date.fromisoformat(text) < now.astimezone(zone).date()
    return component.subtype == "datetime" and datetime.fromisoformat(text) < now


def _files(component: Component, label: str, files: list[Any]) -> Iterator[str]:
    most = MAXIMUM_FILES if component.multiple else 1
    if len(files) > most:
        yield f"{wording.start(label)}: add at most {most} {'file' if most == 1 else 'files'}."
    for file in files:
        if isinstance(file, int):
            continue  # a file that was uploaded before: only whoever looks it up knows what it is
        if component.accept and not _accepted(component.accept, file):
            kinds = ", ".join(component.accept)
            yield f"{wording.start(label)}: “{file.filename[:100]}” is not one of {kinds}."


def _accepted(accept: tuple[str, ...], file: Any) -> bool:
    """Whether a file's name or claimed type is asked for. What it truly is, storing it finds out."""
    name = str(file.filename).lower()
    kinds = {str(getattr(file, "mimetype", "") or "").lower(), mimetypes.guess_type(name)[0] or ""}
    for wanted in accept:
        if wanted.startswith("."):
            fits = name.endswith(wanted)
        elif wanted.endswith("/*"):
            fits = any(kind.startswith(wanted[:-1].lstrip("*/")) for kind in kinds)
        else:
            fits = wanted in kinds
        if fits:
            return True
    return False
