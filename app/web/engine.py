"""The process engine of the running application."""

from __future__ import annotations

from app.current import engine

__all__ = ["engine"]
