"""What is said about answers, in plain English, with the label of the field."""

from __future__ import annotations

from app.engine.forms.schema import CHOICES, FORM_ROWS_LIMIT, Component


def inside(label: str) -> str:
    """A label as it stands within a sentence: “how many”, but “QR code” and “Is it safe?” in quotes."""
    label = label.strip().rstrip("*:").strip()
    if not label:
        return "this"
    if label.endswith("?"):
        return f"“{label}”"
    if len(label) > 1 and label[0].isupper() and (label[1].islower() or label[1] == " "):
        return label[0].lower() + label[1:]
    return label


def start(label: str) -> str:
    """A label as it begins a sentence."""
    label = inside(label)
    return "This" if label == "this" else label[0].upper() + label[1:]


def missing(component: Component, label: str) -> str:
    """What to do about a required answer that is not there."""
    if component.type == "checkbox":
        return f"Tick “{label.strip() or 'this'}”."
    if label.strip().endswith("?"):
        return f"Answer {inside(label)}."
    if component.type in CHOICES:
        return f"Choose {inside(label)}."
    if component.type == "filepicker":
        return f"Add {inside(label)}."
    return f"Enter {inside(label)}."


def unreadable(component: Component, label: str, code: str) -> str:
    """What is wrong with an answer that could not be read, by the code of the field that tried."""
    said = start(label)
    decimals = component.decimals or 0
    if code.startswith("long:"):
        return too_long(label, int(code.removeprefix("long:")))
    if code == "decimals" and decimals:
        return f"{said} must have at most {decimals} decimal {'place' if decimals == 1 else 'places'}."
    return {
        "number": f"{said} must be a {'whole ' if component.decimals == 0 else ''}number"
        f", such as {12 if component.decimals == 0 else 3.5}.",
        "decimals": f"{said} must be a whole number, such as 12.",
        "thousands": f"Write {inside(label)} without a separator between the thousands.",
        "big": f"{said} is too large.",
        "choice": f"Choose one of the answers offered for {inside(label)}.",
        "date": f"{said} must be a date, such as 2026-03-27.",
        "time": f"{said} must be a time, such as 14:30.",
        "datetime": f"{said} must be a date and a time, such as 2026-03-27T14:30.",
        "skipped": f"{said}: there is no such time on that day, because the clocks are put forward.",
        "json-text": f"{said} must be a text.",
        "json-number": f"{said} must be a number.",
        "json-bool": f"{said} must be true or false.",
        "json-list": f"{said} must be a list.",
        "json-rows": f"{said} must be a list of objects.",
        "json-file": f"{said} must be a list of the ids of uploaded files.",
        "rows-beyond": f"{said}: a form can have at most {FORM_ROWS_LIMIT:,} rows in all.",
        "rows-changed": f"{said}: the list has changed meanwhile. Check it again.",
        "rows-fixed": f"{said}: rows cannot be added here.",
        "rows-twice": f"{said}: a row is there twice.",
        "read-only": f"{said} cannot be changed here.",
    }.get(code, f"{said} cannot be read.")


def too_long(label: str, limit: int) -> str:
    return f"{start(label)} must be at most {limit:,} {'character' if limit == 1 else 'characters'}."


def too_short(label: str, limit: int) -> str:
    return f"{start(label)} must be at least {limit:,} {'character' if limit == 1 else 'characters'}."


def too_few_rows(label: str, limit: int) -> str:
    return f"{start(label)} must have at least {limit} {'row' if limit == 1 else 'rows'}."


def too_many_rows(label: str, limit: int) -> str:
    return f"{start(label)} must have at most {limit} {'row' if limit == 1 else 'rows'}."
