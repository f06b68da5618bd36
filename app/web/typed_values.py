"""Values of variables as people type them: text, numbers, yes or no, lists and objects."""

from __future__ import annotations

import json
import re
from typing import Any

from app.errors import BusinessError

KINDS = {
    "text": "Text",
    "number": "Number",
    "yesno": "Yes or no",
    "json": "List or object",
}
NOTHING = "nothing"
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
LONGEST_NUMBER = 400
YES, NO = ("yes", "true"), ("no", "false")


def kind_of(value: Any) -> str:
    """The kind of a stored value."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yesno"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "json"


def written(value: Any, *, short: bool = False) -> str:
    """A value as somebody would type it; lists and objects over several lines unless ``short``."""
    match kind_of(value):
        case "nothing":
            return ""
        case "yesno":
            return "yes" if value else "no"
        case "json":
            return json.dumps(value, ensure_ascii=False, indent=None if short else 2)
        case _:
            return str(value)


def read(kind: str, text: str, field: str) -> Any:
    """The value that somebody typed.

    :raises BusinessError: BAD_KIND, BAD_NUMBER, BAD_YES_NO, BAD_JSON (at ``field``)
    """
    match kind:
        case "nothing":
            return None
        case "text":
            return text.replace("\r\n", "\n")
        case "number":
            return _number(text, field)
        case "yesno":
            return _yes_or_no(text, field)
        case "json":
            return _json(text, field)
    raise BusinessError("BAD_KIND", "Say what kind of value it is.", field=field)


def _number(text: str, field: str) -> int | float:
    given = text.strip()
    if not NUMBER.fullmatch(given[: LONGEST_NUMBER + 1]) or len(given) > LONGEST_NUMBER:
        raise BusinessError("BAD_NUMBER", "Write a number, such as 12 or -3.5.", field=field)
    number = float(given)
    return int(given) if re.fullmatch(r"[+-]?\d+", given) else number


def _yes_or_no(text: str, field: str) -> bool:
    given = text.strip().lower()
    if given not in (*YES, *NO):
        raise BusinessError("BAD_YES_NO", "Write “yes” or “no”.", field=field)
    return given in YES


def _json(text: str, field: str) -> Any:
    try:
        found = json.loads(text, parse_constant=_not_json)
    except json.JSONDecodeError as error:
        message = f"Line {error.lineno}, column {error.colno}: {_said(error)}."
        raise BusinessError("BAD_JSON", message, field=field) from None
    except (ValueError, RecursionError):
        raise BusinessError("BAD_JSON", "This is no JSON that can be stored.", field=field) from None
    if not isinstance(found, list | dict):
        message = 'Write a list, such as [1, 2], or an object, such as {"name": "value"}.'
        raise BusinessError("BAD_JSON", message, field=field)
    return found


def _not_json(name: str) -> Any:
    raise ValueError(name)


def _said(error: json.JSONDecodeError) -> str:
    """What the parser found wrong, in the middle of a sentence."""
    return error.msg[:1].lower() + error.msg[1:]
