"""What lists share: reading filters from the address, and links that keep them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from flask import Flask, request, url_for

PAGE_SIZE = 25
LAST_PAGE = 1_000_000


def page_number() -> int:
    """The page asked for; whatever is no page is the first."""
    return min(max(1, request.args.get("page", 1, type=int)), LAST_PAGE)


def one_of(name: str, allowed: Collection[str], default: str = "") -> str:
    """A filter's value, when it is one of those allowed."""
    value = request.args.get(name, "")
    return value if value in allowed else default


def yes_or_no(name: str) -> bool | None:
    """A filter that is ``yes`` or ``no``; None where neither is asked for."""
    return {"yes": True, "no": False}.get(request.args.get(name, ""))


def sort(sorts: Mapping[str, Any], default: str) -> str:
    """The order asked for: a name of ``sorts``, or one with a minus before it; else the default."""
    value = request.args.get("sort", "")
    return value if value.removeprefix("-") in sorts else default


def in_words(**names: str) -> list[str]:
    """Which filters hold, for the heading of a file; ``names`` says what each is called."""
    return [f"{name}: {request.args[key][:200]}" for key, name in names.items() if request.args.get(key)]


def words(name: str = "q") -> str:
    """What somebody is looking for."""
    return request.args.get(name, "").strip()[:200]


def kept(*leave_out: str) -> dict[str, Any]:
    """What the address of this page says, for links that keep it: without what ``url_for`` takes for itself.

    Anybody can write an address, also one with ``endpoint`` or ``_external`` in it.
    """
    said = {key: value for key, value in request.args.items() if not key.startswith("_")}
    return {key: value for key, value in said.items() if key not in ("endpoint", *leave_out)}


def url_with(**changes: Any) -> str:
    """The address of this list with other filters; None removes one. Filters start at the first page."""
    values: dict[str, Any] = {**kept(), **(request.view_args or {}), "page": None, **changes}
    return url_for(str(request.endpoint), **{k: v for k, v in values.items() if v not in (None, "")})


def init_listing(app: Flask) -> None:
    """Give templates ``kept_arguments(...)``."""
    app.add_template_global(kept, "kept_arguments")
