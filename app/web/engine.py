"""The process engine of the running application."""

from __future__ import annotations

from typing import cast

from flask import current_app

from app.engine.core import ProcessEngine


def engine() -> ProcessEngine:
    """The engine that the factory has made."""
    return cast(ProcessEngine, current_app.extensions["millwright"])
