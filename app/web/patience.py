"""What people do on pages is tried again while the database gives it up: they need not know."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, request

from app.extensions import db
from app.patience import with_patience

View = Callable[..., Any]

ATTEMPTS = 4


def init_patience(app: Flask, pages: tuple[Blueprint, ...]) -> None:
    """Have all views of these pages that take forms be tried again where nothing has been answered yet."""
    names = {blueprint.name for blueprint in pages}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] in names and "POST" in (rule.methods or ()):
            app.view_functions[rule.endpoint] = _patient(app.view_functions[rule.endpoint])


def _patient(view: View) -> View:
    if getattr(view, "is_patient", False):
        return view

    @wraps(view)
    def patient(**path: Any) -> Any:
        def act() -> Any:
            for _, file in request.files.items(multi=True):
                file.stream.seek(0)  # an attempt before this one may have read it
            return view(**path)

        if request.method != "POST":
            return view(**path)
        return with_patience(db.session(), act, attempts=ATTEMPTS, what=f"POST {request.endpoint}")

    patient.is_patient = True  # type: ignore[attr-defined]
    return patient
