"""Millwright: factory maintenance run by BPMN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The web application, set up from the environment; ``config`` overrides single settings.

    Importing :mod:`app` alone stays light: domain and engine are used without Flask.
    """
    from app.factory import build

    return build(config)
